//! What a person does with an account: one method a use case, which gives an outcome. An outcome is a value, an error is a fault.

mod deletion;
mod email_code;
mod greeting;
mod history;
mod identity;
mod magic_link;
mod pace;
mod passkey;
mod password_choice;
mod password_reset;
mod personal_information;
mod records;
mod session;
mod sign_in;
mod sign_up;
mod start;
mod where_signed_in;

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use identite_actors::clock::SharedClock;
use identite_actors::outbox::Outbox;
use identite_actors::password_hasher::{HashingError, PasswordHasher};
use identite_actors::rate_limiter::RateLimiter;
use identite_actors::state::{StateError, StateStore};

pub use email_code::{CodePage, CodeRequest, EmailCodeOutcome};
pub use history::HistoryEntry;
pub use identity::{Applicant, IdentityAnswer, IdentityOutcome, IdentityRequest, IdentityVerdict};
pub use magic_link::{MagicLinkOutcome, MagicLinkRequest};
pub use passkey::PasskeySignInOutcome;
pub use password_choice::RefusedPassword;
pub use password_reset::ChangePasswordOutcome;
pub use personal_information::{
    AccountOverview, InvalidPersonalInformation, NameChoice, PasskeyOverview, PersonalInformationForm,
    PersonalInformationView,
};
pub use records::SessionTable;
pub use session::SessionRules;
pub use sign_in::SignInOutcome;
pub use sign_up::SignUpOutcome;
pub use start::{Deliverability, StartOutcome};
pub use where_signed_in::OpenSession;

use crate::connectors::{Debounce, FranceConnect, PwnedPasswords};
use crate::db;
use crate::domain::SecretHasher;
pub use crate::domain::{Device, SessionNames};
use crate::mail::messages::Message;
use crate::mail::{Envelope, MailError, Mails};

/// The use cases around an account. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    services: Arc<AccountServices>,
}

/// What the use cases stand on.
#[derive(Clone)]
pub struct AccountServices {
    pub pool: db::Pool,
    pub hasher: PasswordHasher,
    pub clock: SharedClock,
    pub state: Arc<dyn StateStore>,
    pub rate_limiter: RateLimiter,
    pub outbox: Outbox,
    pub mails: Mails,
    pub secrets: SecretHasher,
    /// `None`: new addresses are not submitted to anybody (`FEATURE_CHECK_EMAIL_DELIVERABILITY`).
    pub debounce: Option<Debounce>,
    pub pwned_passwords: PwnedPasswords,
    pub franceconnect: FranceConnect,
    pub rules: AccountRules,
}

/// Durations and toggles of this deployment.
#[derive(Debug, Clone, Copy)]
pub struct AccountRules {
    pub sessions: SessionRules,
    /// `VERIFY_EMAIL_TOKEN_EXPIRATION_DURATION_IN_MINUTES`
    pub email_code_lifetime: TimeDelta,
    /// `MIN_DURATION_BETWEEN_TWO_VERIFICATION_CODE_SENDING_IN_SECONDS`
    pub email_code_spacing: TimeDelta,
    /// `MAGIC_LINK_TOKEN_EXPIRATION_DURATION_IN_MINUTES`
    pub magic_link_lifetime: TimeDelta,
    /// `RESET_PASSWORD_TOKEN_EXPIRATION_DURATION_IN_MINUTES`
    pub password_reset_lifetime: TimeDelta,
    /// `FEATURE_PASSWORD_UPGRADE`: a verified hash of an older format is replaced after the answer has left.
    pub upgrades_passwords: bool,
    /// `TRUSTED_BROWSER_COOKIE_MAX_AGE_IN_SECONDS`
    pub trusted_browser_max_age: TimeDelta,
    /// A sign-in from an unknown browser is told by e-mail: where browsers are authenticated by a code
    /// (`FEATURE_AUTHENTICATE_BROWSER`), the code itself tells.
    pub announces_new_browsers: bool,
}

impl Accounts {
    /// The use cases over these services.
    #[must_use]
    pub fn new(services: AccountServices) -> Self {
        Self {
            services: Arc::new(services),
        }
    }

    /// The same use cases over connections that a worker drives itself.
    #[must_use]
    pub fn for_worker(&self, pool: db::Pool, state: Arc<dyn StateStore>) -> Self {
        Self::new(AccountServices {
            pool,
            rate_limiter: self.services.rate_limiter.with_store(state.clone()),
            state,
            ..AccountServices::clone(&self.services)
        })
    }

    /// Puts an e-mail into the outbox, in the transaction of the change that it tells of. It leaves once
    /// [`Outbox::poke`] was called after the commit, or at the next look.
    async fn post<M: Message + Sync>(
        &self,
        client: &impl db::GenericClient,
        recipient: &str,
        message: &M,
    ) -> Result<(), AccountsError> {
        let envelope = self.services.mails.render(recipient, message)?;
        let now = self.services.clock.now();
        db::outbox::enqueue(client, Envelope::KIND, &envelope.payload(), None, now).await?;
        Ok(())
    }
}

/// Why a use case had no outcome.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    #[error(transparent)]
    Database(#[from] db::Error),
    #[error(transparent)]
    State(#[from] StateError),
    /// Too many passwords wait to be checked, or too many are tried on one account.
    #[error("too many passwords wait to be checked")]
    Overloaded { retry_after: Duration },
    #[error("a password could not be hashed")]
    Hashing,
    #[error(transparent)]
    Mail(#[from] MailError),
    #[error("{0}")]
    Fault(&'static str),
}

/// The beginning and the end of a transaction.
impl From<tokio_postgres::Error> for AccountsError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
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
