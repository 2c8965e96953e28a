//! Signing in with a password (spec/accounts.md §5.3).

use identite_actors::password_hasher::{Place, Verification};
use secrecy::{ExposeSecret, SecretString};

use super::password_choice::trimmed;
use super::session::SignIn;
use super::{Accounts, AccountsError};
use crate::db;
use crate::db::users::Credential;
use crate::domain::{Amr, Device, Email, SessionNames, UserId};

/// The end of a sign-in with a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignInOutcome {
    SignedIn,
    /// Unknown account or wrong password: never told apart.
    InvalidCredentials,
}

impl Accounts {
    /// Keeps a place for a password that is to be hashed or checked. It asks nobody.
    ///
    /// # Errors
    /// [`AccountsError::Overloaded`] when there is none.
    pub fn admit_password(&self) -> Result<Place, AccountsError> {
        Ok(self.services.hasher.admit()?)
    }

    /// Signs in with a password, for which `place` was kept, and opens the session that `names` announces.
    ///
    /// The password is trimmed as it was when its hash was made. An unknown account takes the same time as a wrong password. After
    /// many wrong ones, those that are being checked included, whoever guesses waits, but not in a browser that has proven to be the
    /// owner's.
    ///
    /// # Errors
    /// When the database does not answer, or too many passwords wait to be checked.
    pub async fn sign_in_with_password(
        &self,
        place: &Place,
        email: &Email,
        password: &SecretString,
        names: &SessionNames,
        device: &Device,
    ) -> Result<SignInOutcome, AccountsError> {
        let credential = {
            let client = self.services.pool.get().await?;
            db::users::find_credential(&client, email.as_str()).await?
        };
        let claimant = credential.as_ref().map(|credential| credential.id);
        let guess = self.count_guess(email, device).await;
        let outcome = async {
            self.wait_for_turn(&guess, claimant, device).await?;
            place.give_up();
            self.check_and_open(credential, trimmed(password), names, device)
                .await
        }
        .await;
        if !matches!(outcome, Ok(SignInOutcome::InvalidCredentials)) {
            self.give_back_later(guess);
        }
        outcome
    }

    async fn check_and_open(
        &self,
        credential: Option<Credential>,
        password: SecretString,
        names: &SessionNames,
        device: &Device,
    ) -> Result<SignInOutcome, AccountsError> {
        let stored = credential
            .as_ref()
            .and_then(|credential| credential.encrypted_password.clone());
        let hash = stored.as_ref().map(|hash| hash.expose_secret().to_owned());
        let verification = self.services.hasher.verify(password.clone(), hash).await?;
        let (Some(credential), Verification::Match { needs_upgrade }) = (credential, verification) else {
            return Ok(SignInOutcome::InvalidCredentials);
        };
        if password.expose_secret().is_empty() {
            return Ok(SignInOutcome::InvalidCredentials);
        }

        let now = self.services.clock.now();
        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        let sign_in = SignIn {
            user: credential.id,
            method: Amr::Pwd,
            names,
            device,
        };
        if self.record_sign_in(&transaction, sign_in, now).await?.is_none() {
            return Ok(SignInOutcome::InvalidCredentials);
        }
        let leak_check_pending = db::credentials::is_leak_check_pending(&transaction, credential.id).await?;
        transaction.commit().await?;
        self.services.outbox.poke();

        if leak_check_pending {
            self.look_up_later(credential.id, password.clone());
        }
        if let (true, true, Some(stored)) = (needs_upgrade, self.services.rules.upgrades_passwords, stored) {
            self.upgrade_later(credential.id, password, stored);
        }
        Ok(SignInOutcome::SignedIn)
    }

    /// Replaces an older hash once the answer is on its way. Whatever fails, the next sign-in tries again.
    fn upgrade_later(&self, user_id: UserId, password: SecretString, stored: SecretString) {
        let accounts = self.clone();
        actix::spawn(async move {
            let upgraded = async {
                let fresh = SecretString::from(accounts.services.hasher.upgrade(password).await?);
                let client = accounts.services.pool.get().await?;
                let replaced = db::users::replace_password_hash(&client, user_id, &stored, &fresh).await?;
                Ok::<bool, AccountsError>(replaced)
            };
            if let Err(error) = upgraded.await {
                tracing::warn!(%error, "a password hash was not upgraded");
            }
        });
    }
}
