//! Deleting an account (spec/accounts.md §5.15).

use super::{Accounts, AccountsError};
use crate::db;
use crate::db::sessions::EndReason;
use crate::domain::Device;
use crate::domain::{SecurityEvent, UserId};
use crate::mail::messages::DeleteAccount;

impl Accounts {
    /// Deletes the account of `user` with everything that belongs to it: every session ends, every token dies. An e-mail tells so,
    /// once it is done. Gives `false` when the account was gone.
    ///
    /// # Errors
    /// When the database does not answer: nothing is deleted then, and nothing told.
    pub async fn delete_account(&self, user: UserId, device: &Device) -> Result<bool, AccountsError> {
        let now = self.services.clock.now();
        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        // First, as every sign-in does: none opens a session that nobody would be told of.
        db::users::lock(&transaction, user).await?;
        // Before their rows go with the account: the relying parties that asked for it are told.
        db::sessions::end_all_of_user(&transaction, user, None, EndReason::AccountDeleted, now).await?;
        let Some(gone) = db::users::delete(&transaction, user).await? else {
            return Ok(false);
        };
        db::events::record(
            &transaction,
            &device.event(user, SecurityEvent::AccountDeleted),
            now,
        )
        .await?;
        let (given_name, family_name) = gone.names();
        let message = DeleteAccount {
            given_name,
            family_name,
        };
        self.post(&transaction, &gone.email, &message).await?;
        transaction.commit().await?;
        self.services.outbox.poke();
        Ok(true)
    }
}
