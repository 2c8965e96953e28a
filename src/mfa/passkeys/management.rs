//! What the owner of an account does with its passkeys.

use crate::db;
use crate::domain::passkey::name_of_unnamed;
use crate::domain::{Amr, CredentialId, PasskeyName, SecurityEvent, UserId};
use crate::mail::messages::DeleteAccessKey;
use crate::mfa::{Actor, Mfa, MfaError};

/// The end of a change of a passkey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasskeyChange {
    Done,
    /// The account has no such passkey.
    Unknown,
}

impl Mfa {
    /// What a passkey of `user` is called on its card; `None` when they have no such passkey.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn passkey_name(
        &self,
        user: UserId,
        credential_id: &CredentialId,
    ) -> Result<Option<String>, MfaError> {
        let client = self.services.pool.get().await?;
        let id = credential_id.to_string();
        let passkeys = db::authenticators::of_user(&client, user).await?;
        let passkey = passkeys.into_iter().find(|passkey| passkey.credential_id == id);
        Ok(passkey.map(|passkey| passkey.display_name.unwrap_or_else(|| name_of_unnamed(&id))))
    }

    /// Gives a passkey of the account another name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn rename_passkey(
        &self,
        actor: Actor<'_>,
        credential_id: &CredentialId,
        name: &PasskeyName,
    ) -> Result<PasskeyChange, MfaError> {
        let now = self.services.clock.now();
        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        if !db::authenticators::rename(&transaction, actor.user, credential_id, name).await? {
            return Ok(PasskeyChange::Unknown);
        }
        db::events::record(&transaction, &actor.event(SecurityEvent::PasskeyRenamed), now).await?;
        transaction.commit().await?;
        Ok(PasskeyChange::Done)
    }

    /// Takes a passkey from the account; the owner is told by e-mail. Without any second factor left, none is asked for everywhere.
    ///
    /// # Errors
    /// When the database does not answer: nothing is removed.
    pub async fn remove_passkey(
        &self,
        actor: Actor<'_>,
        credential_id: &CredentialId,
    ) -> Result<PasskeyChange, MfaError> {
        let now = self.services.clock.now();
        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        let Some(holder) = db::second_factors::lock(&transaction, actor.user).await? else {
            return Ok(PasskeyChange::Unknown);
        };
        if !db::authenticators::delete(&transaction, actor.user, credential_id).await? {
            return Ok(PasskeyChange::Unknown);
        }
        let has_other = db::authenticators::has_any(&transaction, actor.user).await?;
        let remains = holder.user.has_totp || has_other;
        self.after_removal(&transaction, actor, Amr::Pop, remains, now)
            .await?;
        db::events::record(&transaction, &actor.event(SecurityEvent::PasskeyRemoved), now).await?;
        let (given_name, family_name) = holder.user.names();
        let message = DeleteAccessKey {
            given_name,
            family_name,
        };
        self.post(&transaction, &holder.user.email, &message, now).await?;
        transaction.commit().await?;
        self.services.outbox.poke();
        Ok(PasskeyChange::Done)
    }
}
