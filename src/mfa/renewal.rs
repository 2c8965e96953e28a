//! After the key of the deployment was replaced: the keys of one-time codes are encrypted with the current one, in portions,
//! beside a server that serves. What is done already is recognised by its seal, so that whoever stops it starts it again.

use chrono::{DateTime, Utc};
use tokio::sync::watch;

use super::MfaError;
use crate::db::renewal::{self, Renewal};
use crate::db::{self, GenericClient};
use crate::domain::{SecurityEvent, TotpKeyCipher};

/// Accounts that a report names one by one; the rest is counted.
const LISTED_ACCOUNTS: usize = 1_000;

/// What became of the keys of one-time codes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RenewedTotpKeys {
    /// Keys that were looked at.
    pub seen: u64,
    /// Encrypted with the current key now, or, in a dry run, to be.
    pub renewed: u64,
    /// Encrypted with the current key before, or replaced by their owners meanwhile.
    pub current: u64,
    /// Encrypted with a key that nobody gave, or tampered with.
    pub unreadable: u64,
    /// The first accounts with such a key.
    pub unreadable_accounts: Vec<i32>,
    /// Whether all were looked at.
    pub is_finished: bool,
}

/// Encrypts the keys of one-time codes with the current key, `portion` accounts a statement, until `stop` becomes true. `progress` is told
/// after each portion.
///
/// # Errors
/// When the database does not answer, or the cipher fails.
pub async fn renew_totp_keys(
    client: &impl GenericClient,
    cipher: &TotpKeyCipher,
    portion: u32,
    is_dry_run: bool,
    stop: &watch::Receiver<bool>,
    mut progress: impl FnMut(&RenewedTotpKeys),
) -> Result<RenewedTotpKeys, MfaError> {
    let mut outcome = RenewedTotpKeys::default();
    let mut last = i32::MIN;
    while !*stop.borrow() {
        let stored = renewal::totp_keys_after(client, last, portion.into()).await?;
        let Some((highest, _)) = stored.last() else {
            outcome.is_finished = true;
            break;
        };
        last = *highest;
        outcome.seen += stored.len() as u64;
        let mut renewals = Vec::new();
        for (id, before) in stored {
            match cipher.renewed(&before, &mut rand::rng()) {
                Ok(Some(after)) => renewals.push(Renewal { id, before, after }),
                Ok(None) => outcome.current += 1,
                Err(_) => {
                    outcome.unreadable += 1;
                    if outcome.unreadable_accounts.len() < LISTED_ACCOUNTS {
                        outcome.unreadable_accounts.push(id);
                    }
                }
            }
        }
        let due = renewals.len() as u64;
        let renewed = if is_dry_run || renewals.is_empty() {
            due
        } else {
            renewal::renew_totp_keys(client, &renewals).await?
        };
        outcome.renewed += renewed;
        outcome.current += due - renewed;
        progress(&outcome);
    }
    Ok(outcome)
}

/// Forgets the recovery codes that were made with another key than the one named `current`, `portion` accounts a statement, until `stop`
/// becomes true. Their owners find it in their history, and none left to rely on. Gives how many accounts.
///
/// # Errors
/// When the database does not answer.
pub async fn forget_recovery_codes(
    client: &impl GenericClient,
    current: &str,
    portion: u32,
    stop: &watch::Receiver<bool>,
    now: DateTime<Utc>,
) -> Result<u64, db::Error> {
    let event = SecurityEvent::RecoveryCodesForgotten.as_str();
    let mut forgotten = 0;
    while !*stop.borrow() {
        let accounts =
            renewal::forget_former_recovery_codes(client, current, event, portion.into(), now).await?;
        if accounts == 0 {
            break;
        }
        forgotten += accounts;
    }
    Ok(forgotten)
}
