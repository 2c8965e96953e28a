//! Choosing a password: the policy, the leaks, the hash (spec/accounts.md §5.4, §9.2).

use identite_actors::password_hasher::Place;
use secrecy::{ExposeSecret, SecretString};

use super::{Accounts, AccountsError};
use crate::db;
use crate::db::credentials::ChosenPassword;
use crate::db::events::NewEvent;
use crate::domain::text::ecmascript_trim;
use crate::domain::{Email, SecurityEvent, UserId, password_policy};
use crate::mail::messages::PasswordFoundInLeaks;

/// Why a password cannot be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedPassword {
    /// It breaks the rules shown next to the field.
    Weak,
    /// It is known from leaks.
    Leaked,
}

/// `password` without the blanks around it: stored hashes were made from this.
pub(super) fn trimmed(password: &SecretString) -> SecretString {
    SecretString::from(ecmascript_trim(password.expose_secret()))
}

impl Accounts {
    /// Judges `password`, which is trimmed and for which `place` was kept, for the account of `email`, and hashes it. When nobody can tell
    /// whether it is known from leaks it is taken, and looked up later.
    pub(super) async fn choose_password(
        &self,
        place: &Place,
        password: SecretString,
        email: &Email,
    ) -> Result<Result<ChosenPassword, RefusedPassword>, AccountsError> {
        if password_policy::check(password.expose_secret(), email).is_err() {
            return Ok(Err(RefusedPassword::Weak));
        }
        let leak_check_pending = match self.services.pwned_passwords.knows(&password).await {
            Ok(true) => return Ok(Err(RefusedPassword::Leaked)),
            Ok(false) => false,
            Err(error) => {
                tracing::warn!(%error, "a password was taken without being looked up in leaks");
                true
            }
        };
        place.give_up();
        let hash = SecretString::from(self.services.hasher.hash(password).await?);
        Ok(Ok(ChosenPassword {
            hash,
            leak_check_pending,
        }))
    }

    /// Looks a password up in leaks that could not be when it was chosen, once the answer is on its way. Whatever fails, the
    /// next sign-in tries again.
    pub(super) fn look_up_later(&self, user: UserId, password: SecretString) {
        let accounts = self.clone();
        actix::spawn(async move {
            let looked_up = async {
                let Ok(is_leaked) = accounts.services.pwned_passwords.knows(&password).await else {
                    return Ok(());
                };
                accounts.record_look_up(user, is_leaked).await
            };
            if let Err(error) = looked_up.await {
                tracing::warn!(%error, "a password was not looked up in leaks");
            }
        });
    }

    async fn record_look_up(&self, user: UserId, is_leaked: bool) -> Result<(), AccountsError> {
        let now = self.services.clock.now();
        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        db::credentials::set_leak_check_pending(&transaction, user, false).await?;
        if is_leaked && let Some(person) = db::users::find_by_id(&transaction, user).await? {
            let event = NewEvent {
                user,
                event: SecurityEvent::PasswordFoundInLeaks,
                session_uid: None,
                user_agent: None,
                ip_address: None,
                method: None,
            };
            db::events::record(&transaction, &event, now).await?;
            let (given_name, family_name) = person.names();
            let message = PasswordFoundInLeaks {
                given_name,
                family_name,
                reset_password_page: format!("{}/users/reset-password", self.services.mails.base_url()),
            };
            self.post(&transaction, &person.email, &message).await?;
        }
        transaction.commit().await?;
        self.services.outbox.poke();
        Ok(())
    }
}
