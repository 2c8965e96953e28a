//! Asking for a passkey, and what the answer comes to, before anything is recorded. Whether the person is to be verified follows, in both,
//! from what the passkey is asked for.

use std::time::Duration;

use chrono::{DateTime, Utc};
use identite_actors::state::Write;
use webauthn_rs_core::proto::{AuthenticationState, PublicKeyCredential, PublicKeyCredentialDescriptor};

use super::ceremony::Binding;
use super::relying_party::user_of_handle;
use super::{CeremonyOptions, Refusal};
use crate::db;
use crate::db::users::User;
use crate::domain::{CredentialId, Device, ProvenPasskey, SecurityEvent, UserId};
use crate::mail::messages::PasskeyRefused;
use crate::mfa::{Mfa, MfaError};

/// Whoever holds a copied key may try again and again: the owner is told once in this time.
const TOLD_ONCE_IN: Duration = Duration::from_hours(24);

/// What an answer comes to.
pub(super) enum Verdict {
    Proven(ProvenPasskey),
    /// No challenge waits for it, or there is no such passkey.
    Unknown,
    Refused,
}

impl Mfa {
    /// Options to show one of the passkeys `allowed`, of `user` where it is known whose they are.
    pub(super) async fn ask_for_passkey(
        &self,
        allowed: &[PublicKeyCredentialDescriptor],
        user: Option<UserId>,
        binding: Binding<'_>,
    ) -> Result<CeremonyOptions, MfaError> {
        let relying_party = &self.services.passkeys.relying_party;
        let challenged = relying_party.challenge_assertion(allowed, binding.purpose.verification())?;
        let store = self.services.state.as_ref();
        binding
            .keep(store, &challenged.challenge, user, challenged.state)
            .await?;
        Ok(challenged.options)
    }

    /// What `answer` proves: that a passkey of `user` is at hand, or of whomever it names when `user` is `None`. Its challenge is used
    /// up; nothing else is recorded, except that the counter went backwards.
    pub(super) async fn judge(
        &self,
        binding: Binding<'_>,
        user: Option<UserId>,
        answer: &str,
        device: &Device,
    ) -> Result<Verdict, MfaError> {
        let Ok(answer) = serde_json::from_str::<PublicKeyCredential>(answer) else {
            return Ok(Verdict::Refused);
        };
        let store = self.services.state.as_ref();
        let waiting = binding
            .take::<AuthenticationState>(store, &answer.response.client_data_json)
            .await?;
        let Some((expected, state)) = waiting else {
            return Ok(Verdict::Unknown);
        };
        // An empty handle is how some security keys say that they keep none.
        let handle = answer.get_user_unique_id().filter(|handle| !handle.is_empty());
        let named = handle.map(user_of_handle);
        let owner = match (user, named) {
            (Some(user), None) => user,
            (Some(user), Some(Some(named))) if named == user => user,
            (None, Some(Some(named))) => named,
            _ => return Ok(Verdict::Unknown),
        };
        if user != expected {
            return Ok(Verdict::Unknown);
        }
        let Ok(credential_id) = CredentialId::from_bytes(&answer.raw_id) else {
            return Ok(Verdict::Unknown);
        };
        let passkey = {
            let client = self.services.pool.get().await?;
            db::authenticators::find(&client, owner, &credential_id).await?
        };
        let Some(passkey) = passkey else {
            return Ok(Verdict::Unknown);
        };
        let relying_party = &self.services.passkeys.relying_party;
        let verification = binding.purpose.verification();
        match relying_party.verify_assertion(&answer, &state, &passkey, verification) {
            Ok(proof) => Ok(Verdict::Proven(ProvenPasskey {
                user: owner,
                credential_id,
                counter: proof.counter,
                user_verified: proof.user_verified,
            })),
            Err(Refusal::CounterWentBackwards) => {
                self.report_copy(owner, &credential_id, device).await?;
                Ok(Verdict::Refused)
            }
            Err(Refusal::Invalid(reason)) => {
                tracing::info!(user = owner.0, reason, "a passkey was refused");
                Ok(Verdict::Refused)
            }
        }
    }

    /// Tells the operator, the history and the owner that a passkey was used whose counter went backwards: somebody may have copied it.
    async fn report_copy(
        &self,
        owner: UserId,
        credential_id: &CredentialId,
        device: &Device,
    ) -> Result<(), MfaError> {
        tracing::warn!(
            user = owner.0,
            %credential_id,
            "a passkey was refused because its counter went backwards: it may have been copied"
        );
        let now = self.services.clock.now();
        let told_key = format!("passkey-copy-told:{credential_id}");
        let told = Write::Put {
            key: told_key.clone(),
            value: Vec::new(),
            ttl: TOLD_ONCE_IN,
        };
        let is_news = self.services.state.write(&[told_key], vec![told]).await?;
        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        let event = device.event(owner, SecurityEvent::PasskeyRefused);
        db::events::record(&transaction, &event, now).await?;
        if let (true, Some(user)) = (is_news, db::users::find_by_id(&transaction, owner).await?) {
            self.tell_of_copy(&transaction, &user, now).await?;
        }
        transaction.commit().await?;
        self.services.outbox.poke();
        Ok(())
    }

    async fn tell_of_copy(
        &self,
        transaction: &db::Transaction<'_>,
        user: &User,
        now: DateTime<Utc>,
    ) -> Result<(), MfaError> {
        let (given_name, family_name) = user.names();
        let message = PasskeyRefused {
            given_name,
            family_name,
        };
        self.post(transaction, &user.email, &message, now).await
    }
}
