//! A passkey beside a password or a magic link.

use super::CeremonyOptions;
use super::ceremony::{Binding, Purpose, SessionKey};
use super::registration::methods;
use super::relying_party::descriptor;
use super::verdict::Verdict;
use crate::db;
use crate::domain::{SessionNames, UserId};
use crate::mfa::second_factor::Proof;
use crate::mfa::{Actor, Mfa, MfaError};

/// The end of an attempt to show a passkey as a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondFactorOutcome {
    Proven,
    /// No challenge waits for this answer, or the account has no such passkey.
    Unknown,
    /// The answer proves nothing.
    Refused,
}

impl Mfa {
    /// Options to show one of the passkeys of `user`, who is signed in, in the browser session `session`.
    ///
    /// # Errors
    /// When the database or the shared state does not answer.
    pub async fn second_factor_options(
        &self,
        user: UserId,
        session: &SessionKey,
    ) -> Result<CeremonyOptions, MfaError> {
        let known = {
            let client = self.services.pool.get().await?;
            db::authenticators::keys_of_user(&client, user).await?
        };
        let allowed: Vec<_> = known.iter().filter_map(descriptor).collect();
        let purpose = Purpose::SecondFactor;
        self.ask_for_passkey(&allowed, Some(user), Binding { session, purpose })
            .await
    }

    /// Takes `answer` (the browser's JSON) as a second factor in the session of `actor`, which gets the next of `names`.
    ///
    /// # Errors
    /// When the database or the shared state does not answer.
    pub async fn use_passkey_as_second_factor(
        &self,
        actor: Actor<'_>,
        names: &SessionNames,
        answer: &str,
    ) -> Result<SecondFactorOutcome, MfaError> {
        let Some(session) = &names.former_digest else {
            return Ok(SecondFactorOutcome::Unknown);
        };
        let binding = Binding {
            session,
            purpose: Purpose::SecondFactor,
        };
        let user = Some(actor.user);
        let verdict = self.judge(binding, user, answer, actor.device).await?;
        let passkey = match verdict {
            Verdict::Proven(passkey) => passkey,
            Verdict::Unknown => return Ok(SecondFactorOutcome::Unknown),
            Verdict::Refused => return Ok(SecondFactorOutcome::Refused),
        };
        let now = self.services.clock.now();
        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        if !db::authenticators::record_use(&transaction, &passkey, now).await? {
            return Ok(SecondFactorOutcome::Refused);
        }
        let recorded = self
            .record_factor(
                &transaction,
                actor,
                names,
                methods(passkey.user_verified),
                Proof::Used,
                now,
            )
            .await?;
        if recorded.is_none() {
            return Ok(SecondFactorOutcome::Unknown);
        }
        transaction.commit().await?;
        Ok(SecondFactorOutcome::Proven)
    }
}
