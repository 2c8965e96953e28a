//! What one account bears, wherever it comes from. Nobody can lock out somebody else this way.
//!
//! * Guessing at a password becomes slow; a browser that the owner has used before does not wait.
//! * A mailbox is not flooded with links: beyond a few an hour, the last one that was sent stays good and is not replaced.

use std::time::Duration;

use chrono::TimeDelta;
use sha2::{Digest, Sha256};

use super::{Accounts, AccountsError};
use crate::db;
use crate::domain::Device;
use crate::domain::{Email, UserId};

/// Wrong passwords for one account after which guessing is paced.
const FAILURES_TOLERATED: u64 = 10;
/// How long wrong passwords are remembered.
const FAILURES_WINDOW: Duration = Duration::from_mins(15);
/// Guesses that are admitted in a window, one after the other.
const GUESSES_PER_WINDOW: u64 = 10;
const PACE_WINDOW: Duration = Duration::from_secs(10);

/// Links of one kind that an address is sent in a window.
const LINKS_PER_WINDOW: u64 = 10;
const LINKS_WINDOW: Duration = Duration::from_hours(1);

/// A link that was sent less than this ago is not replaced: it is about to arrive.
pub(super) const SPACING: TimeDelta = TimeDelta::seconds(30);

/// Links that are sent on the word of whoever types an address.
#[derive(Debug, Clone, Copy)]
pub(super) enum Link {
    SignIn,
    PasswordReset,
}

impl Accounts {
    /// Whether the link that is about to be sent to `email` may be, and counts it: of many at once no more than the window grants. Wishes
    /// that send nothing do not count: a stranger would use up the owner's links with them. Without the shared state it may be sent: the
    /// budgets by address still hold.
    pub(super) async fn claims_link(&self, link: Link, email: &Email) -> bool {
        let prefix = match link {
            Link::SignIn => "magic-links-sent",
            Link::PasswordReset => "password-resets-sent",
        };
        let sent = self
            .services
            .state
            .increment(&key(prefix, email), LINKS_WINDOW)
            .await;
        sent.map_or(true, |sent| sent.count <= LINKS_PER_WINDOW)
    }

    /// Waits for the turn of one more guess at the password of `email`, the account of `user` if there is one. Without the shared
    /// state there is no pace: the budgets by address still hold.
    ///
    /// # Errors
    /// [`AccountsError::Overloaded`] when too many wait for their turn already.
    pub(super) async fn wait_for_turn(
        &self,
        email: &Email,
        user: Option<UserId>,
        device: &Device,
    ) -> Result<(), AccountsError> {
        let state = &self.services.state;
        let Ok(failures) = state.get(&key("password-failures", email)).await else {
            return Ok(());
        };
        if count_of(failures.as_deref()) < FAILURES_TOLERATED || self.is_known_browser(user, device).await? {
            return Ok(());
        }
        let Ok(turn) = state.increment(&key("password-turns", email), PACE_WINDOW).await else {
            return Ok(());
        };
        if turn.count > GUESSES_PER_WINDOW {
            return Err(AccountsError::Overloaded {
                retry_after: turn.resets_in,
            });
        }
        let share = PACE_WINDOW.as_secs() / GUESSES_PER_WINDOW;
        tokio::time::sleep(Duration::from_secs(share * turn.count)).await;
        Ok(())
    }

    /// Whether `device` has proven to be a browser of `user`, and they have not changed their credentials since.
    async fn is_known_browser(&self, user: Option<UserId>, device: &Device) -> Result<bool, AccountsError> {
        let (Some(user), Some(claim)) = (user, device.trusted) else {
            return Ok(false);
        };
        let changed_at = {
            let client = self.services.pool.get().await?;
            db::credentials::changed_at(&client, user).await?
        };
        let max_age = self.services.rules.trusted_browser_max_age;
        Ok(claim.holds_for(user, changed_at, max_age, self.services.clock.now()))
    }

    /// Remembers a wrong password for `email`.
    pub(super) async fn remember_failure(&self, email: &Email) {
        let counted = self
            .services
            .state
            .increment(&key("password-failures", email), FAILURES_WINDOW)
            .await;
        if let Err(error) = counted {
            tracing::debug!(%error, "a wrong password was not counted");
        }
    }
}

/// Addresses are no business of whoever looks at the store.
pub(super) fn key(prefix: &str, email: &Email) -> String {
    format!(
        "{prefix}:{}",
        hex::encode(Sha256::digest(email.as_str().as_bytes()))
    )
}

fn count_of(counter: Option<&[u8]>) -> u64 {
    counter
        .and_then(|bytes| str::from_utf8(bytes).ok())
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}
