//! A passkey instead of a password: it verifies the person, and is both factors.

use webauthn_rs_core::proto::PublicKeyCredentialDescriptor;

use super::CeremonyOptions;
use super::ceremony::{Binding, Purpose, SessionKey};
use super::relying_party::{describe, descriptor};
use super::verdict::Verdict;
use crate::db;
use crate::domain::{Device, Email, ProvenPasskey};
use crate::mfa::{Mfa, MfaError};

/// The end of an attempt to sign in with a passkey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FirstFactorOutcome {
    /// To be recorded together with the sign-in.
    Proven(ProvenPasskey),
    /// No challenge waits for this answer, or the account has no such passkey.
    Unknown,
    /// The answer proves nothing.
    Refused,
}

impl From<Verdict> for FirstFactorOutcome {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Proven(passkey) => Self::Proven(passkey),
            Verdict::Unknown => Self::Unknown,
            Verdict::Refused => Self::Refused,
        }
    }
}

impl Mfa {
    /// Options to show one of the passkeys of the account with the address `email`, in the browser session `session`. For an
    /// address without account or without passkey they look the same, and no answer to them will do.
    ///
    /// # Errors
    /// When the database or the shared state does not answer.
    pub async fn first_factor_options(
        &self,
        email: &Email,
        session: &SessionKey,
    ) -> Result<CeremonyOptions, MfaError> {
        let (user, allowed) = {
            let client = self.services.pool.get().await?;
            match db::users::find_sign_in_facts(&client, email.as_str()).await? {
                Some(facts) if facts.has_passkey => {
                    let known = db::authenticators::keys_of_user(&client, facts.id).await?;
                    (Some(facts.id), known.iter().filter_map(descriptor).collect())
                }
                _ => (None, self.decoys(email)),
            }
        };
        let purpose = Purpose::FirstFactor;
        self.ask_for_passkey(&allowed, user, Binding { session, purpose })
            .await
    }

    /// What `answer` (the browser's JSON) proves about the account with the address `email`.
    ///
    /// # Errors
    /// When the database or the shared state does not answer.
    pub async fn prove_first_factor(
        &self,
        email: &Email,
        session: &SessionKey,
        answer: &str,
        device: &Device,
    ) -> Result<FirstFactorOutcome, MfaError> {
        let known = {
            let client = self.services.pool.get().await?;
            db::users::find_sign_in_facts(&client, email.as_str()).await?
        };
        let Some(facts) = known else {
            return Ok(FirstFactorOutcome::Unknown);
        };
        let purpose = Purpose::FirstFactor;
        let binding = Binding { session, purpose };
        let verdict = self.judge(binding, Some(facts.id), answer, device).await?;
        Ok(verdict.into())
    }

    /// Options to show any passkey of ours that the browser knows of, in the browser session `session`: the passkey will say whose it is.
    ///
    /// # Errors
    /// When the shared state does not answer.
    pub async fn discoverable_options(&self, session: &SessionKey) -> Result<CeremonyOptions, MfaError> {
        let purpose = Purpose::Discoverable;
        self.ask_for_passkey(&[], None, Binding { session, purpose })
            .await
    }

    /// Whose passkey `answer` (the browser's JSON) proves to be at hand.
    ///
    /// # Errors
    /// When the database or the shared state does not answer.
    pub async fn prove_discoverable(
        &self,
        session: &SessionKey,
        answer: &str,
        device: &Device,
    ) -> Result<FirstFactorOutcome, MfaError> {
        let purpose = Purpose::Discoverable;
        let binding = Binding { session, purpose };
        let verdict = self.judge(binding, None, answer, device).await?;
        Ok(verdict.into())
    }

    fn decoys(&self, email: &Email) -> Vec<PublicKeyCredentialDescriptor> {
        let decoys = self.services.passkeys.decoys.of(email.as_str());
        let transports = ["internal".to_owned(), "hybrid".to_owned()];
        decoys.iter().map(|id| describe(id, &transports)).collect()
    }
}
