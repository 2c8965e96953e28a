//! Every node follows the calendar of the signing keys, without a restart.

use std::time::Duration;

use identite_actors::clock::SharedClock;
use identite_actors::keys::{KeyStage, Keys};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

use crate::db::Pool;
use crate::oidc::signing_keys::SigningKeys;

/// How often the calendar is looked at. Keys are published for much longer before they sign.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Arranges the keys of this process by the calendar, now and for as long as the process lives.
pub(super) async fn follow(keys: Keys, calendar: SigningKeys, pool: Pool, clock: SharedClock, io: &Handle) {
    let mut follower = Follower {
        keys,
        calendar,
        pool,
        clock,
        followed: Vec::new(),
        complaint: None,
    };
    follower.look().await;
    io.spawn(async move {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            follower.look().await;
        }
    });
}

struct Follower {
    keys: Keys,
    calendar: SigningKeys,
    pool: Pool,
    clock: SharedClock,
    /// What the keys were told last: reading a key costs more than comparing its digest.
    followed: Vec<([u8; 32], KeyStage)>,
    /// What the operator was told last: each trouble is told once.
    complaint: Option<String>,
}

impl Follower {
    async fn look(&mut self) {
        let complaint = match self.arrange().await {
            Ok(unreadable) if unreadable.is_empty() => None,
            Ok(unreadable) => Some(format!(
                "no key of the deployment opens {}",
                unreadable.join(", ")
            )),
            Err(error) => Some(error),
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
    }

    /// Gives the keys that cannot be opened.
    async fn arrange(&mut self) -> Result<Vec<String>, String> {
        let database = self.pool.get().await.map_err(|error| error.to_string())?;
        let arrangement = self
            .calendar
            .arrangement(&database, self.clock.now())
            .await
            .map_err(|error| error.to_string())?;
        drop(database);
        let digests: Vec<_> = arrangement
            .keys
            .iter()
            .map(|key| (Sha256::digest(key.jwk.expose_secret()).into(), key.stage))
            .collect();
        if digests != self.followed {
            self.keys
                .arrange(arrangement.keys)
                .await
                .map_err(|error| error.to_string())?;
            self.followed = digests;
        }
        Ok(arrangement.unreadable)
    }
}
