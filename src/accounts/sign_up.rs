//! The first password: of a new account, or of one that had none (spec/accounts.md §5.4).

use identite_actors::password_hasher::Place;
use secrecy::{ExposeSecret, SecretString};

use super::password_choice::{RefusedPassword, trimmed};
use super::session::{Former, SignIn};
use super::{Accounts, AccountsError};
use crate::db;
use crate::db::credentials::ChosenPassword;
use crate::domain::{Amr, Device, Email, SecurityEvent, SessionNames, UserId};

/// The end of a sign-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignUpOutcome {
    /// A session is open; the address is still to be proven.
    SignedIn,
    /// Somebody has an account with a password at this address.
    EmailUnavailable,
    /// Nothing but blanks.
    Empty,
    Refused(RefusedPassword),
}

impl Accounts {
    /// Opens an account for `email`, or gives the one that has no password its first, for which `place` was kept, and opens the session that
    /// `names` announces.
    ///
    /// Knowing an address does not make it one's own: the password for an account that exists waits until the code sent to the
    /// address is entered in that very session.
    ///
    /// # Errors
    /// When the database does not answer, or too many passwords wait to be hashed.
    pub async fn sign_up(
        &self,
        place: &Place,
        email: &Email,
        password: &SecretString,
        names: &SessionNames,
        device: &Device,
    ) -> Result<SignUpOutcome, AccountsError> {
        let password = trimmed(password);
        if password.expose_secret().is_empty() {
            return Ok(SignUpOutcome::Empty);
        }
        let known = {
            let client = self.services.pool.get().await?;
            db::users::find_sign_in_facts(&client, email.as_str()).await?
        };
        if known.as_ref().is_some_and(|facts| facts.has_password) {
            return Ok(SignUpOutcome::EmailUnavailable);
        }
        let chosen = match self.choose_password(place, password, email).await? {
            Ok(chosen) => chosen,
            Err(refused) => return Ok(SignUpOutcome::Refused(refused)),
        };
        match known {
            Some(facts) => self.keep_password_pending(facts.id, &chosen, names, device).await,
            None => self.open_account(email, &chosen, names, device).await,
        }
    }

    async fn open_account(
        &self,
        email: &Email,
        chosen: &ChosenPassword,
        names: &SessionNames,
        device: &Device,
    ) -> Result<SignUpOutcome, AccountsError> {
        let now = self.services.clock.now();
        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        // Of people who sign up with one address at the same time, one gets the account.
        let Some(user) =
            db::users::insert(&transaction, email.as_str(), Some(&chosen.hash), None, now).await?
        else {
            return Ok(SignUpOutcome::EmailUnavailable);
        };
        if chosen.leak_check_pending {
            db::credentials::set_leak_check_pending(&transaction, user, true).await?;
        }
        db::events::record(
            &transaction,
            &device.event(user, SecurityEvent::AccountCreated),
            now,
        )
        .await?;
        self.record_sign_in(
            &transaction,
            SignIn {
                user,
                method: Amr::Pwd,
                names,
                device,
            },
            now,
        )
        .await?;
        transaction.commit().await?;
        Ok(SignUpOutcome::SignedIn)
    }

    async fn keep_password_pending(
        &self,
        user: UserId,
        chosen: &ChosenPassword,
        names: &SessionNames,
        device: &Device,
    ) -> Result<SignUpOutcome, AccountsError> {
        let now = self.services.clock.now();
        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        let sign_in = SignIn {
            user,
            method: Amr::Pwd,
            names,
            device,
        };
        // Nothing is proven yet: a session of before is not gone on with.
        let uid = self
            .open_session(&transaction, sign_in, Former::Ends, now)
            .await?;
        db::credentials::keep_pending(&transaction, &uid, user, chosen, now).await?;
        transaction.commit().await?;
        Ok(SignUpOutcome::SignedIn)
    }
}
