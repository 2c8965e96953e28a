//! Proving an address with a code (spec/accounts.md §5.5).

use chrono::{DateTime, TimeDelta, Utc};

use super::{Accounts, AccountsError};
use crate::db;
use crate::db::events::NewEvent;
use crate::domain::Device;
use crate::domain::calendar;
use crate::domain::one_time_secret::Purpose;
use crate::domain::{Amr, EmailCode, SecurityEvent, UserId};
use crate::mail::messages::VerifyEmail;

/// Clocks of browsers, which count down to the next code, are not ours.
const SPACING_TOLERANCE: TimeDelta = TimeDelta::seconds(2);

/// Why a code is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeRequest {
    /// The page is shown: a code is sent unless a valid one is on its way.
    PageShown,
    /// The person wants another code: the former one dies, unless it was sent a moment ago.
    AnotherOne,
    /// The page is fetched before anybody wants to see it: nothing is sent.
    Prefetch,
}

/// What the page of the code shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodePage {
    /// A code was sent just now.
    pub is_sent: bool,
    /// From then on another code may be asked for.
    pub next_code_at: DateTime<Utc>,
}

/// What became of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailCodeOutcome {
    /// The address is proven, and the browser is the person's.
    Verified,
    /// Wrong, too old or used: never told apart.
    Invalid,
}

impl Accounts {
    /// Sends a code to the address `email` of `user`, if it is time. Of requests that race, one sends.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn request_email_code(
        &self,
        user: UserId,
        email: &str,
        request: CodeRequest,
    ) -> Result<CodePage, AccountsError> {
        let rules = &self.services.rules;
        let now = self.services.clock.now();
        let unless_sent_since = match request {
            CodeRequest::PageShown => now - rules.email_code_lifetime,
            CodeRequest::AnotherOne => now - rules.email_code_spacing + SPACING_TOLERANCE,
            CodeRequest::Prefetch => {
                return Ok(CodePage {
                    is_sent: false,
                    next_code_at: now,
                });
            }
        };
        let code = EmailCode::draw(&mut rand::rng());
        let digest = code.digest(&self.services.secrets, Purpose::EmailVerification(user));

        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        if db::email_codes::issue(&transaction, user, &digest, unless_sent_since, now).await? {
            self.post(
                &transaction,
                email,
                &VerifyEmail {
                    token: code.expose().to_owned(),
                    lifetime: calendar::lasting(rules.email_code_lifetime),
                },
            )
            .await?;
            transaction.commit().await?;
            self.services.outbox.poke();
            return Ok(CodePage {
                is_sent: true,
                next_code_at: now + rules.email_code_spacing,
            });
        }
        let sent_at = db::email_codes::sent_at(&transaction, user).await?;
        Ok(CodePage {
            is_sent: false,
            next_code_at: sent_at.unwrap_or(now) + rules.email_code_spacing,
        })
    }

    /// Checks what the person of the session `session_uid` typed, and uses the code up. The address counts as proven then, and a
    /// password that was waiting for that in this session becomes the account's.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn verify_email(
        &self,
        user: UserId,
        session_uid: &str,
        typed: &str,
        device: &Device,
    ) -> Result<EmailCodeOutcome, AccountsError> {
        let Some(code) = EmailCode::parse(typed) else {
            return Ok(EmailCodeOutcome::Invalid);
        };
        let stored_forms = code.stored_forms(&self.services.secrets, Purpose::EmailVerification(user));
        let now = self.services.clock.now();
        let sent_since = now - self.services.rules.email_code_lifetime;

        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        if !db::email_codes::consume(&transaction, user, &stored_forms, sent_since, now).await? {
            return Ok(EmailCodeOutcome::Invalid);
        }
        if db::sessions::add_amr(&transaction, session_uid, Amr::EmailOtp)
            .await?
            .is_none()
        {
            // The session ended a moment ago: whoever typed the code has to sign in again, and the code is still good.
            return Ok(EmailCodeOutcome::Invalid);
        }
        let event = |event| NewEvent {
            session_uid: Some(session_uid),
            ..device.event(user, event)
        };
        db::events::record(&transaction, &event(SecurityEvent::EmailVerified), now).await?;
        if db::credentials::adopt_pending(&transaction, session_uid, now).await? {
            db::users::record_sign_in(&transaction, user, now).await?;
            db::credentials::discard_pending(&transaction, user, now).await?;
            db::events::record(&transaction, &event(SecurityEvent::PasswordSet), now).await?;
        }
        self.note_browser(&transaction, user, device, now).await?;
        transaction.commit().await?;
        Ok(EmailCodeOutcome::Verified)
    }
}
