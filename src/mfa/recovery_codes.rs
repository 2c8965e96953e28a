//! Recovery codes: ten that stand in for a second factor that was lost, each once.

use super::second_factor::Proof;
use super::{Actor, Mfa, MfaError};
use crate::db;
use crate::db::sessions::SessionDigest;
use crate::domain::amr::is_two_factor;
use crate::domain::one_time_secret::Purpose;
use crate::domain::{Amr, RecoveryCode, SecurityEvent, SessionNames, UserId, calendar};
use crate::mail::messages::{RecoveryCodeUsed, RecoveryCodesDrawn};

/// What became of a recovery code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecoveryOutcome {
    /// It stood in for the second factor.
    Accepted,
    /// Wrong, replaced or used before: never told apart.
    Invalid,
}

impl Mfa {
    /// How many recovery codes `user` has left; `None` when none were drawn.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn recovery_codes_left(&self, user: UserId) -> Result<Option<i64>, MfaError> {
        let client = self.services.pool.get().await?;
        Ok(db::recovery_codes::left(&client, user).await?)
    }

    /// Draws ten codes for `actor`; those of before are worthless then. `None`, and nothing changes, for an account without a second
    /// factor, or when none was shown in `session`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn draw_recovery_codes(
        &self,
        actor: Actor<'_>,
        session: Option<&SessionDigest>,
    ) -> Result<Option<Vec<RecoveryCode>>, MfaError> {
        let now = self.services.clock.now();
        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        let Some(holder) = self
            .lock_for_enrolment(&transaction, actor, session, now)
            .await?
            .filter(db::second_factors::Holder::is_capable)
        else {
            return Ok(None);
        };
        let codes = RecoveryCode::draw_all(&mut rand::rng());
        let purpose = Purpose::RecoveryCode(actor.user);
        let digests: Vec<String> = codes
            .iter()
            .map(|code| code.digest(&self.services.secrets, purpose))
            .collect();
        let key_name = self.services.secrets.key_name();
        db::recovery_codes::replace(&transaction, actor.user, &digests, &key_name, now).await?;
        let event = actor.event(SecurityEvent::RecoveryCodesDrawn);
        db::events::record(&transaction, &event, now).await?;
        let (given_name, family_name) = holder.user.names();
        let message = RecoveryCodesDrawn {
            given_name,
            family_name,
            drawn_at: calendar::absolute(now),
        };
        self.post(&transaction, &holder.user.email, &message, now).await?;
        transaction.commit().await?;
        self.services.outbox.poke();
        Ok(Some(codes))
    }

    /// Checks a recovery code of `actor` and uses it up: of requests with the same code one is accepted, and the session gets the next of
    /// `names`. The browser is not trusted for it: a list of codes can be copied.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn show_recovery_code(
        &self,
        actor: Actor<'_>,
        names: &SessionNames,
        typed: &str,
    ) -> Result<RecoveryOutcome, MfaError> {
        let Some(code) = RecoveryCode::parse(typed) else {
            return Ok(RecoveryOutcome::Invalid);
        };
        let digests = code.digests(&self.services.secrets, Purpose::RecoveryCode(actor.user));
        let now = self.services.clock.now();
        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        if !db::recovery_codes::consume(&transaction, actor.user, &digests, now).await? {
            return Ok(RecoveryOutcome::Invalid);
        }
        let methods = self
            .record_factor(
                &transaction,
                actor,
                names,
                &[Amr::RecoveryCode],
                Proof::StoodIn,
                now,
            )
            .await?;
        // Beside a passkey that verified nobody a code is no second factor: it is not wasted on that.
        if !methods.is_some_and(|methods| is_two_factor(&methods)) {
            return Ok(RecoveryOutcome::Invalid);
        }
        let Some(user) = db::users::find_by_id(&transaction, actor.user).await? else {
            return Ok(RecoveryOutcome::Invalid);
        };
        let left = db::recovery_codes::left(&transaction, actor.user)
            .await?
            .unwrap_or_default();
        let (given_name, family_name) = user.names();
        let message = RecoveryCodeUsed {
            given_name,
            family_name,
            used_at: calendar::absolute(now),
            left,
        };
        self.post(&transaction, &user.email, &message, now).await?;
        transaction.commit().await?;
        self.services.outbox.poke();
        Ok(RecoveryOutcome::Accepted)
    }
}
