//! Signing in with a passkey (spec/accounts.md §5.11): it was proven before, here the session is opened.

use super::session::SignIn;
use super::{Accounts, AccountsError};
use crate::db;
use crate::domain::{Amr, Device, ProvenPasskey, SessionNames, UserId};

/// The end of a sign-in with a passkey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasskeySignInOutcome {
    SignedIn(UserId),
    /// The passkey was removed, or used elsewhere, since it was proven.
    Refused,
}

impl Accounts {
    /// Signs in the owner of `passkey`, which has verified them, and opens the session that `names` announces. The use of the passkey is
    /// counted in the same transaction: of uses that race with one counter, one opens a session.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sign_in_with_passkey(
        &self,
        passkey: &ProvenPasskey,
        names: &SessionNames,
        device: &Device,
    ) -> Result<PasskeySignInOutcome, AccountsError> {
        if !passkey.user_verified {
            return Ok(PasskeySignInOutcome::Refused);
        }
        let now = self.services.clock.now();
        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        if !db::authenticators::record_use(&transaction, passkey, now).await? {
            return Ok(PasskeySignInOutcome::Refused);
        }
        let sign_in = SignIn {
            user: passkey.user,
            method: Amr::Pop,
            names,
            device,
        };
        if self.record_sign_in(&transaction, sign_in, now).await?.is_none() {
            return Ok(PasskeySignInOutcome::Refused);
        }
        transaction.commit().await?;
        self.services.outbox.poke();
        Ok(PasskeySignInOutcome::SignedIn(passkey.user))
    }
}
