//! Choosing another password, with a link that was sent to the address (spec/accounts.md §5.7, §5.8).

use identite_actors::password_hasher::Place;
use secrecy::{ExposeSecret, SecretString};

use super::pace::{Link, SPACING};
use super::password_choice::{RefusedPassword, trimmed};
use super::{Accounts, AccountsError};
use crate::db;
use crate::db::sessions::EndReason;
use crate::domain::Device;
use crate::domain::one_time_secret::Purpose;
use crate::domain::{Email, LinkToken, SecurityEvent, UserId, calendar};
use crate::mail::messages::{PasswordChanged, ResetPassword};

/// What became of a new password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangePasswordOutcome {
    /// It is the account's; the browser that sent it is the person's.
    Changed(UserId),
    /// Wrong, too old or used: never told apart.
    InvalidToken,
    /// The link is still good.
    Refused(RefusedPassword),
}

impl Accounts {
    /// Sends a link to choose another password to `email`, if it has an account: nobody can tell from the answer.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn request_password_reset(&self, email: &Email, device: &Device) -> Result<(), AccountsError> {
        let now = self.services.clock.now();
        let token = LinkToken::draw(&mut rand::rng());
        let digest = token.digest(&self.services.secrets, Purpose::PasswordReset);
        let message = ResetPassword {
            reset_password_link: self.services.mails.link(
                "/users/change-password",
                "reset_password_token",
                token.expose(),
            ),
        };
        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        let issued =
            db::password_resets::issue(&transaction, email.as_str(), &digest, now - SPACING, now).await?;
        if let Some(user) = issued {
            // What was stored is undone with the transaction: the last link stays good.
            if !self.claims_link(Link::PasswordReset, email).await? {
                return Ok(());
            }
            let event = device.event(user, SecurityEvent::PasswordResetRequested);
            db::events::record(&transaction, &event, now).await?;
            self.post(&transaction, email.as_str(), &message).await?;
            transaction.commit().await?;
            self.services.outbox.poke();
        }
        Ok(())
    }

    /// Whether the link `token` is good. Uses nothing up: mail scanners follow links.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn is_password_reset_good(&self, token: &LinkToken) -> Result<bool, AccountsError> {
        Ok(self.address_of_password_reset(token).await?.is_some())
    }

    /// The address of the account that the link `token` is for, if it is good.
    async fn address_of_password_reset(&self, token: &LinkToken) -> Result<Option<String>, AccountsError> {
        let stored_forms = token.stored_forms(&self.services.secrets, Purpose::PasswordReset);
        let sent_since = self.services.clock.now() - self.services.rules.password_reset_lifetime;
        let client = self.services.pool.get().await?;
        Ok(db::password_resets::find(&client, &stored_forms, sent_since).await?)
    }

    /// Gives the account of the link `token` the password `password`, for which `place` was kept; the link is used up. Every session of the
    /// account ends, but `kept_session`, the one of the browser that asks; browsers trusted before are not trusted any more.
    ///
    /// # Errors
    /// When the database does not answer, or too many passwords wait to be hashed.
    pub async fn change_password(
        &self,
        place: &Place,
        token: &LinkToken,
        password: &SecretString,
        kept_session: Option<[u8; 32]>,
        device: &Device,
    ) -> Result<ChangePasswordOutcome, AccountsError> {
        let Some(address) = self.address_of_password_reset(token).await? else {
            return Ok(ChangePasswordOutcome::InvalidToken);
        };
        let email = Email::parse(&address)
            .map_err(|_| AccountsError::Fault("an account has an address that is none"))?;
        let password = trimmed(password);
        if password.expose_secret().is_empty() {
            return Ok(ChangePasswordOutcome::Refused(RefusedPassword::Weak));
        }
        let chosen = match self.choose_password(place, password, &email).await? {
            Ok(chosen) => chosen,
            Err(refused) => return Ok(ChangePasswordOutcome::Refused(refused)),
        };

        let stored_forms = token.stored_forms(&self.services.secrets, Purpose::PasswordReset);
        let lifetime = self.services.rules.password_reset_lifetime;
        let now = self.services.clock.now();
        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        let consumed =
            db::password_resets::consume(&transaction, &stored_forms, &chosen.hash, now - lifetime, now)
                .await?;
        let Some(user) = consumed else {
            return Ok(ChangePasswordOutcome::InvalidToken);
        };
        db::credentials::record_change(&transaction, user, chosen.leak_check_pending, now).await?;
        db::credentials::discard_pending(&transaction, user, now).await?;
        db::sessions::end_all_of_user(
            &transaction,
            user,
            kept_session.as_ref(),
            EndReason::PasswordChanged,
            now,
        )
        .await?;
        db::events::record(
            &transaction,
            &device.event(user, SecurityEvent::PasswordChanged),
            now,
        )
        .await?;
        self.note_browser(&transaction, user, device, now).await?;
        if let Some(person) = db::users::find_by_id(&transaction, user).await? {
            let (given_name, family_name) = person.names();
            let message = PasswordChanged {
                given_name,
                family_name,
                changed_at: calendar::absolute(now),
            };
            self.post(&transaction, &person.email, &message).await?;
        }
        transaction.commit().await?;
        self.services.outbox.poke();
        Ok(ChangePasswordOutcome::Changed(user))
    }
}
