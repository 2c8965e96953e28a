//! One-time codes: giving one, adding and removing an application (spec/accounts.md §5.10).

use chrono::TimeDelta;

use super::second_factor::Proof;
use super::{Actor, Mfa, MfaError};
use crate::db;
use crate::domain::{Amr, SecurityEvent, SessionNames, TotpCode, TotpKey, UserId};
use crate::mail::messages::{Add2fa, DeleteFreeTotp};

/// A key that was shown and not proven for this long is dropped for another.
const TRIAL_LIFETIME: TimeDelta = TimeDelta::hours(1);

/// What became of a second factor that was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactorOutcome {
    Accepted,
    /// Wrong, too old or used before: never told apart.
    Invalid,
    /// The account has no such factor.
    NotConfigured,
}

/// What a person puts into their application.
#[derive(Debug, Clone)]
pub struct TotpEnrolment {
    /// For the QR code.
    pub uri: String,
    /// To type, in groups of four.
    pub human_readable_key: String,
}

/// What became of the code that is to prove a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TotpEnrolmentOutcome {
    Enrolled,
    InvalidCode,
    /// No key was shown in this session, or too long ago.
    NoKeyOnTrial,
    /// The account has a second factor, which was not shown in this session.
    Refused,
}

impl Mfa {
    /// Checks a code of `actor` and uses it up: of requests with the same code one is accepted, and its browser may be trusted. The session
    /// gets the next of `names` then.
    ///
    /// # Errors
    /// When the database does not answer or the stored key cannot be read.
    pub async fn show_totp(
        &self,
        actor: Actor<'_>,
        names: &SessionNames,
        typed: &str,
    ) -> Result<FactorOutcome, MfaError> {
        let now = self.services.clock.now();
        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        let Some(stored) = db::second_factors::totp_key(&transaction, actor.user).await? else {
            return Ok(FactorOutcome::NotConfigured);
        };
        let key = self.services.totp_keys.decrypt(&stored)?;
        let Some(step) = TotpCode::parse(typed).and_then(|code| key.step_of(&code, now)) else {
            return Ok(FactorOutcome::Invalid);
        };
        if !db::second_factors::use_step(&transaction, actor.user, step.0).await? {
            return Ok(FactorOutcome::Invalid);
        }
        let recorded = self
            .record_factor(&transaction, actor, names, &[Amr::Totp], Proof::Used, now)
            .await?;
        if recorded.is_none() {
            return Ok(FactorOutcome::Invalid);
        }
        transaction.commit().await?;
        Ok(FactorOutcome::Accepted)
    }

    /// The key that the session named `session_uid` has on trial: a fresh one the first time, the same until it is proven.
    ///
    /// # Errors
    /// When the database does not answer or the session has ended.
    pub async fn totp_enrolment(
        &self,
        user: UserId,
        session_uid: &str,
        email: &str,
    ) -> Result<TotpEnrolment, MfaError> {
        let now = self.services.clock.now();
        let cipher = &self.services.totp_keys;
        let fresh = {
            let mut rng = rand::rng();
            cipher.encrypt(&TotpKey::draw(&mut rng), &mut rng)?
        };
        let client = self.services.pool.get().await?;
        let not_before = now - TRIAL_LIFETIME;
        let stored =
            db::second_factors::key_on_trial(&client, session_uid, user, &fresh, not_before, now).await?;
        let stored = stored.ok_or(MfaError::Fault("the session of an enrolment has ended"))?;
        let key = cipher.decrypt(&stored)?;
        Ok(TotpEnrolment {
            uri: key.uri(&self.services.issuer, email),
            human_readable_key: key.human_readable(),
        })
    }

    /// Checks the code that proves the key on trial, and makes the key the account's; a former one is worthless then, and the other
    /// sessions that were opened with it end. This one gets the next of `names`. Nothing is said about the browser.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn enrol_totp(
        &self,
        actor: Actor<'_>,
        names: &SessionNames,
        typed: &str,
    ) -> Result<TotpEnrolmentOutcome, MfaError> {
        let now = self.services.clock.now();
        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        let session = names.former_digest.as_ref();
        let Some(holder) = self.lock_for_enrolment(&transaction, actor, session, now).await? else {
            return Ok(TotpEnrolmentOutcome::Refused);
        };
        let not_before = now - TRIAL_LIFETIME;
        let uid = actor.session_uid;
        let Some(stored) =
            db::second_factors::lock_key_on_trial(&transaction, uid, actor.user, not_before).await?
        else {
            return Ok(TotpEnrolmentOutcome::NoKeyOnTrial);
        };
        let cipher = &self.services.totp_keys;
        let key = cipher.decrypt(&stored)?;
        let Some(step) = TotpCode::parse(typed).and_then(|code| key.step_of(&code, now)) else {
            return Ok(TotpEnrolmentOutcome::InvalidCode);
        };
        db::second_factors::forget_key_on_trial(&transaction, uid).await?;
        let encrypted = cipher.encrypt(&key, &mut rand::rng())?;
        db::second_factors::set_totp_key(&transaction, actor.user, &encrypted, step.0, now).await?;
        if holder.user.has_totp {
            db::sessions::end_those_that_used(&transaction, actor.user, Amr::Totp, uid, now).await?;
        }
        let proof = Proof::Enrolled(SecurityEvent::TotpAdded);
        let recorded = self
            .record_factor(&transaction, actor, names, &[Amr::Totp], proof, now)
            .await?;
        if recorded.is_none() {
            return Ok(TotpEnrolmentOutcome::Refused);
        }
        let (given_name, family_name) = holder.user.names();
        let message = Add2fa {
            given_name,
            family_name,
            email: holder.user.email.clone(),
        };
        self.post(&transaction, &holder.user.email, &message, now).await?;
        transaction.commit().await?;
        self.services.outbox.poke();
        Ok(TotpEnrolmentOutcome::Enrolled)
    }

    /// Takes the application away. Gives whether there was one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn remove_totp(&self, actor: Actor<'_>) -> Result<bool, MfaError> {
        let now = self.services.clock.now();
        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        let Some(holder) = db::second_factors::lock(&transaction, actor.user).await? else {
            return Ok(false);
        };
        if !db::second_factors::remove_totp_key(&transaction, actor.user, now).await? {
            return Ok(false);
        }
        self.after_removal(&transaction, actor, Amr::Totp, holder.has_passkey, now)
            .await?;
        db::events::record(&transaction, &actor.event(SecurityEvent::TotpRemoved), now).await?;
        let (given_name, family_name) = holder.user.names();
        let message = DeleteFreeTotp {
            given_name,
            family_name,
        };
        self.post(&transaction, &holder.user.email, &message, now).await?;
        transaction.commit().await?;
        self.services.outbox.poke();
        Ok(true)
    }
}
