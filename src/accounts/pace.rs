//! What one account bears, wherever it comes from. Nobody can lock out somebody else this way, unless each of their guesses comes from
//! another network.
//!
//! * Guessing at a password becomes slow; a browser that the owner has used before does not wait. A guess counts before it is checked, so
//!   that it does not matter how many come at once; one that was right, or that was refused unchecked, does not count any more. One whose
//!   sender did not wait for the answer does.
//! * Networks that have not guessed wrongly have turns of their own: whoever keeps guessing competes with others who do.
//! * A mailbox is not flooded with links: beyond a few an hour, the last one that was sent stays good and is not replaced.
//!
//! All of it is counted over all nodes, and while the shared state is away by each node for itself (`RateLimiter`).

use std::time::Duration;

use chrono::TimeDelta;
use identite_actors::rate_limiter::{Attempt, Budget, Charge};
use sha2::{Digest, Sha256};

use super::{Accounts, AccountsError};
use crate::db;
use crate::domain::{Device, Email, UserId};

/// Wrong passwords for one account after which guessing is paced, and how long they are remembered.
const FAILURES: Budget = Budget {
    points: 10,
    window: Duration::from_mins(15),
};
/// A network has turns with those that have not guessed wrongly as long as the guess that is about to be checked is the first one.
const FIRST_FAILURE: Budget = Budget {
    points: 1,
    window: FAILURES.window,
};
/// Guesses that are admitted in a window, one after the other.
const TURNS: Budget = Budget {
    points: 10,
    window: Duration::from_secs(10),
};
/// Links of one kind that an address is sent in a window.
const LINKS: Budget = Budget {
    points: 10,
    window: Duration::from_hours(1),
};

/// A link that was sent less than this ago is not replaced: it is about to arrive.
pub(super) const SPACING: TimeDelta = TimeDelta::seconds(30);

/// Links that are sent on the word of whoever types an address.
#[derive(Debug, Clone, Copy)]
pub(super) enum Link {
    SignIn,
    PasswordReset,
}

/// A guess at the password of an account, as it was counted.
pub(super) struct Guess {
    /// Digest of the account's address.
    account: String,
    /// Against the account, and against the network there.
    attempt: Attempt<2>,
}

impl Accounts {
    /// Whether the link that is about to be sent to `email` may be, and counts it: of many at once no more than the window grants. Wishes
    /// that send nothing do not count: a stranger would use up the owner's links with them.
    ///
    /// # Errors
    /// [`AccountsError::Overloaded`] when nobody could count it.
    pub(super) async fn claims_link(&self, link: Link, email: &Email) -> Result<bool, AccountsError> {
        let limiter = match link {
            Link::SignIn => "magic-links-sent",
            Link::PasswordReset => "password-resets-sent",
        };
        let subject = digest(email.as_str());
        let verdict = self.services.rate_limiter.hit(limiter, &subject, LINKS).await;
        if verdict.was_counted() {
            Ok(verdict.allowed)
        } else {
            Err(AccountsError::Overloaded {
                retry_after: verdict.retry_after,
            })
        }
    }

    /// Counts a guess from `device` at the password of `email`, before it is checked. It stays counted, as a wrong one, unless it is given
    /// back.
    pub(super) async fn count_guess(&self, email: &Email, device: &Device) -> Guess {
        let account = digest(email.as_str());
        let network = digest(&format!("{}|{}", email.as_str(), device.network()));
        let charges = [
            Charge {
                limiter: "password-failures",
                subject: &account,
                budget: FAILURES,
            },
            Charge {
                limiter: "password-failures-of-network",
                subject: &network,
                budget: FIRST_FAILURE,
            },
        ];
        let attempt = self.services.rate_limiter.attempt(charges).await;
        Guess { account, attempt }
    }

    /// Waits for the turn of `guess`, at the account of `user` if there is one.
    ///
    /// # Errors
    /// [`AccountsError::Overloaded`] when too many wait for their turn already.
    pub(super) async fn wait_for_turn(
        &self,
        guess: &Guess,
        user: Option<UserId>,
        device: &Device,
    ) -> Result<(), AccountsError> {
        let [account, network] = guess.attempt.verdicts;
        if account.allowed || self.is_known_browser(user, device).await? {
            return Ok(());
        }
        let limiter = if network.allowed {
            "password-turns-of-newcomers"
        } else {
            "password-turns"
        };
        let turn = self
            .services
            .rate_limiter
            .hit(limiter, &guess.account, TURNS)
            .await;
        if !turn.allowed {
            return Err(AccountsError::Overloaded {
                retry_after: turn.retry_after,
            });
        }
        let share = TURNS.window / TURNS.points;
        tokio::time::sleep(share * u32::try_from(turn.count).unwrap_or(TURNS.points)).await;
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

    /// Gives `guess` back, which was right or was not checked, once the answer is on its way: nobody waits for that.
    pub(super) fn give_back_later(&self, guess: Guess) {
        let rate_limiter = self.services.rate_limiter.clone();
        actix::spawn(async move { rate_limiter.give_back(guess.attempt).await });
    }
}

/// Addresses are no business of whoever looks at the store.
pub(super) fn key(prefix: &str, email: &Email) -> String {
    format!("{prefix}:{}", digest(email.as_str()))
}

fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}
