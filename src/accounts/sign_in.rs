//! Signing in: the address first, then the password (spec/accounts.md §5.1, §5.3).

use identite_actors::password_hasher::{HashingError, Verification};
use secrecy::{ExposeSecret, SecretString};

use super::session::{self, Device, SessionNames};
use super::{Accounts, AccountsError};
use crate::db;
use crate::domain::text::ecmascript_trim;
use crate::domain::{Amr, Email, UserId};

/// What an address leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartOutcome {
    /// An account with this address.
    Known {
        has_password: bool,
        has_passkey: bool,
        needs_inclusionconnect_welcome_page: bool,
    },
    /// Nobody yet: the address may open an account.
    Unknown,
    /// Nobody, and such an address opens no account.
    Refused,
}

/// The end of a sign-in with a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignInOutcome {
    SignedIn(UserId),
    /// Unknown account or wrong password: never told apart.
    InvalidCredentials,
}

impl Accounts {
    /// What `email` leads to.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn start_sign_in(&self, email: &Email) -> Result<StartOutcome, AccountsError> {
        let client = self.pool.get().await?;
        let known = db::users::find_sign_in_facts(&client, email.as_str()).await?;
        Ok(match known {
            Some(facts) => StartOutcome::Known {
                has_password: facts.has_password,
                has_passkey: facts.has_passkey,
                needs_inclusionconnect_welcome_page: facts.needs_inclusionconnect_welcome_page,
            },
            None if email.is_well_formed() => StartOutcome::Unknown,
            None => StartOutcome::Refused,
        })
    }

    /// Signs in with a password and opens the session that `names` announces.
    ///
    /// The password is trimmed as it was when its hash was made. An unknown account takes the same time as a wrong password.
    ///
    /// # Errors
    /// When the database does not answer, or too many passwords wait to be checked.
    pub async fn sign_in_with_password(
        &self,
        email: &Email,
        password: &SecretString,
        names: &SessionNames,
        device: &Device,
    ) -> Result<SignInOutcome, AccountsError> {
        let password = SecretString::from(ecmascript_trim(password.expose_secret()));
        let credential = {
            let client = self.pool.get().await?;
            db::users::find_credential(&client, email.as_str()).await?
        };
        let stored = credential
            .as_ref()
            .and_then(|credential| credential.encrypted_password.clone());
        let hash = stored.as_ref().map(|hash| hash.expose_secret().to_owned());
        let verification = self.hasher.verify(password.clone(), hash).await?;
        let (Some(credential), Verification::Match { needs_upgrade }) = (credential, verification) else {
            return Ok(SignInOutcome::InvalidCredentials);
        };
        if password.expose_secret().is_empty() {
            return Ok(SignInOutcome::InvalidCredentials);
        }

        let now = self.clock.now();
        let is_open = session::open(
            &self.pool,
            self.session_rules,
            names,
            credential.id,
            Amr::Pwd,
            device,
            now,
        )
        .await?;
        if !is_open {
            return Ok(SignInOutcome::InvalidCredentials);
        }
        if let (true, true, Some(stored)) = (needs_upgrade, self.upgrades_passwords, stored) {
            self.upgrade_later(credential.id, password, stored);
        }
        Ok(SignInOutcome::SignedIn(credential.id))
    }

    /// Replaces an older hash once the answer is on its way. Whatever fails, the next sign-in tries again.
    fn upgrade_later(&self, user_id: UserId, password: SecretString, stored: SecretString) {
        let accounts = self.clone();
        actix::spawn(async move {
            let upgraded = async {
                let fresh = SecretString::from(accounts.hasher.upgrade(password).await?);
                let client = accounts.pool.get().await?;
                let replaced = db::users::replace_password_hash(&client, user_id, &stored, &fresh).await?;
                Ok::<bool, AccountsError>(replaced)
            };
            if let Err(error) = upgraded.await {
                tracing::warn!(%error, "a password hash was not upgraded");
            }
        });
    }
}

impl From<HashingError> for AccountsError {
    fn from(error: HashingError) -> Self {
        match error {
            HashingError::Overloaded { retry_after } => Self::Overloaded { retry_after },
            HashingError::Failed => Self::Hashing,
        }
    }
}
