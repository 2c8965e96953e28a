//! Every node follows the calendar of the signing keys, without a restart.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use identite_actors::clock::SharedClock;
use identite_actors::keys::{KeyStage, Keys};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

use super::ServeError;
use crate::db::Pool;
use crate::oidc::signing_keys::{Arrangement, SigningKeys};
use crate::web::operator::Probe;

/// How often the calendar is looked at. Keys are published for much longer before they sign.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// … until it was seen for the first time: what was retired is not to sign again meanwhile.
const FIRST_LOOK_EVERY: Duration = Duration::from_millis(250);

/// Whether the calendar was followed since the start, and with every key whose turn it is to sign, or what stands in the way. The node
/// is not ready otherwise: it would announce and sign less than its sisters.
#[derive(Debug, Clone)]
pub(super) struct CalendarSeen(Arc<Mutex<Result<(), String>>>);

impl CalendarSeen {
    fn state(&self) -> MutexGuard<'_, Result<(), String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Probe for CalendarSeen {
    fn name(&self) -> &'static str {
        "signing-keys"
    }

    fn is_required(&self) -> bool {
        true
    }

    async fn look(&self) -> Result<(), String> {
        self.state().clone()
    }
}

/// Arranges the keys of this process by the calendar, now and for as long as the process lives.
///
/// # Errors
/// When the calendar was read and leaves nothing to sign with: retired keys do not come back because others cannot be opened.
pub(super) async fn follow(
    keys: Keys,
    calendar: SigningKeys,
    pool: Pool,
    clock: SharedClock,
    io: &Handle,
) -> Result<CalendarSeen, ServeError> {
    let mut follower = Follower {
        keys,
        calendar,
        pool,
        clock,
        opened: HashMap::new(),
        followed: Vec::new(),
        complaint: None,
        has_followed: false,
        seen: CalendarSeen(Arc::new(Mutex::new(Err("not read yet".to_owned())))),
    };
    if let Err(NotFollowed::Unusable(problem)) = follower.look().await {
        return Err(ServeError::Refused(format!(
            "the calendar of the signing keys cannot be followed: {problem}"
        )));
    }
    let seen = follower.seen.clone();
    io.spawn(async move {
        loop {
            let pause = if follower.has_followed {
                LOOK_EVERY
            } else {
                FIRST_LOOK_EVERY
            };
            tokio::time::sleep(pause).await;
            // Told by the look itself.
            let _ = follower.look().await;
        }
    });
    Ok(seen)
}

/// Why the keys do not do what the calendar says.
#[derive(Debug, thiserror::Error)]
enum NotFollowed {
    /// Nobody knows what it says.
    #[error("{0}")]
    Unread(String),
    /// What it says cannot be done.
    #[error("{0}")]
    Unusable(String),
}

struct Follower {
    keys: Keys,
    calendar: SigningKeys,
    pool: Pool,
    clock: SharedClock,
    /// The keys of the calendar that were opened, by their `kid`: they stay good when the key of the deployment is no longer at hand.
    opened: HashMap<String, SecretString>,
    /// What the keys were told last: reading a key costs more than comparing its digest.
    followed: Vec<([u8; 32], KeyStage)>,
    /// What the operator was told last: each trouble is told once.
    complaint: Option<String>,
    /// Whether the calendar was followed at all since the start.
    has_followed: bool,
    seen: CalendarSeen,
}

/// The keys that stand in the way of following the calendar as a whole, by their `kid`.
#[derive(Debug, Default)]
struct Closed {
    /// Those that cannot be opened now.
    unreadable: Vec<String>,
    /// Those among them that are to sign, and never were opened here.
    missing: Vec<String>,
}

impl Follower {
    /// Follows the calendar, and tells the operator what stands in the way.
    async fn look(&mut self) -> Result<(), NotFollowed> {
        let looked = self.arrange().await;
        let complaint = match &looked {
            Ok(closed) if closed.unreadable.is_empty() => None,
            Ok(closed) => Some(told_unreadable(&closed.unreadable)),
            Err(error) => Some(error.to_string()),
        };
        if self.complaint != complaint {
            if let Some(problem) = &complaint {
                // Sister nodes may sign with what this one neither knows nor publishes.
                tracing::error!(
                    problem,
                    "the calendar of the signing keys is not followed as a whole"
                );
            } else {
                tracing::info!("the calendar of the signing keys is followed again");
            }
            self.complaint = complaint;
        }
        self.has_followed |= looked.is_ok();
        let mut seen = self.seen.state();
        match &looked {
            Ok(closed) => *seen = readiness(closed),
            Err(error) if seen.is_err() => *seen = Err(error.to_string()),
            // What was followed once goes on.
            Err(_) => {}
        }
        drop(seen);
        looked.map(drop)
    }

    /// Gives the keys that cannot be opened.
    async fn arrange(&mut self) -> Result<Closed, NotFollowed> {
        let unread = |error: &dyn std::fmt::Display| NotFollowed::Unread(error.to_string());
        let database = self.pool.get().await.map_err(|error| unread(&error))?;
        let Arrangement {
            keys,
            unreadable,
            missing,
        } = self
            .calendar
            .arrangement(&database, &mut self.opened, self.clock.now())
            .await
            .map_err(|error| unread(&error))?;
        drop(database);
        let digests: Vec<_> = keys
            .iter()
            .map(|key| (Sha256::digest(key.jwk.expose_secret()).into(), key.stage))
            .collect();
        if digests != self.followed {
            self.keys.arrange(keys).await.map_err(|error| {
                let mut problem = error.to_string();
                if !unreadable.is_empty() {
                    problem = format!("{problem}; {}", told_unreadable(&unreadable));
                }
                NotFollowed::Unusable(problem)
            })?;
            self.followed = digests;
        }
        Ok(Closed { unreadable, missing })
    }
}

fn told_unreadable(kids: &[String]) -> String {
    format!("no key of the deployment opens {}", kids.join(", "))
}

/// Whether the node may serve, or which keys it lacks. What was opened before goes on.
fn readiness(closed: &Closed) -> Result<(), String> {
    if closed.missing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "keys whose turn it is to sign are missing: {}",
        told_unreadable(&closed.missing)
    ))
}

#[cfg(test)]
mod tests {
    use super::{Closed, readiness};

    #[test]
    fn a_node_that_lacks_a_key_whose_turn_it_is_tells_which() {
        let named = |kids: &[&str]| kids.iter().map(|kid| (*kid).to_owned()).collect();
        let mut closed = Closed::default();
        assert_eq!(readiness(&closed), Ok(()));
        closed.unreadable = named(&["a", "b", "c"]);
        assert_eq!(readiness(&closed), Ok(()), "opened before, or not to sign");
        closed.missing = named(&["a", "b"]);
        let why = readiness(&closed).unwrap_err();
        assert!(why.ends_with("no key of the deployment opens a, b"), "{why}");
    }
}
