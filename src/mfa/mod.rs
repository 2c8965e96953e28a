//! Second factors: one-time codes, recovery codes, passkeys; what showing one changes, and who may add one.

mod everywhere;
pub mod passkeys;
mod recovery_codes;
pub mod renewal;
mod second_factor;
mod totp;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use identite_actors::clock::SharedClock;
use identite_actors::outbox::Outbox;
use identite_actors::state::{StateError, StateStore};

pub use everywhere::EverywhereOutcome;
pub use recovery_codes::RecoveryOutcome;
pub use totp::{FactorOutcome, TotpEnrolment, TotpEnrolmentOutcome};

use self::passkeys::PasskeyServices;
use crate::db;
use crate::domain::totp::UnreadableTotpKey;
use crate::domain::{Device, SecretHasher, TotpKeyCipher, UserId};
use crate::mail::messages::Message;
use crate::mail::{Envelope, MailError, Mails};

/// The use cases around second factors. Cheap to clone.
#[derive(Clone)]
pub struct Mfa {
    services: Arc<MfaServices>,
}

/// What the use cases stand on.
#[derive(Clone)]
pub struct MfaServices {
    pub pool: db::Pool,
    pub clock: SharedClock,
    pub outbox: Outbox,
    pub mails: Mails,
    pub secrets: SecretHasher,
    pub totp_keys: Arc<TotpKeyCipher>,
    /// `APPLICATION_NAME`: how applications of one-time codes call us.
    pub issuer: String,
    pub state: Arc<dyn StateStore>,
    pub passkeys: Arc<PasskeyServices>,
}

/// Who shows or changes a second factor: somebody signed in.
#[derive(Clone, Copy)]
pub struct Actor<'a> {
    pub user: UserId,
    /// Stable public name of the session.
    pub session_uid: &'a str,
    pub device: &'a Device,
}

impl Mfa {
    /// The use cases over these services.
    #[must_use]
    pub fn new(services: MfaServices) -> Self {
        Self {
            services: Arc::new(services),
        }
    }

    /// The same use cases over connections that a worker drives itself.
    #[must_use]
    pub fn for_worker(&self, pool: db::Pool, state: Arc<dyn StateStore>) -> Self {
        Self::new(MfaServices {
            pool,
            state,
            ..MfaServices::clone(&self.services)
        })
    }

    /// Puts an e-mail into the outbox, in the transaction of the change that it tells of. It leaves once [`Outbox::poke`] was called
    /// after the commit, or at the next look.
    async fn post<M: Message + Sync>(
        &self,
        client: &impl db::GenericClient,
        recipient: &str,
        message: &M,
        now: DateTime<Utc>,
    ) -> Result<(), MfaError> {
        let envelope = self.services.mails.render(recipient, message)?;
        db::outbox::enqueue(client, Envelope::KIND, &envelope.payload(), None, now).await?;
        Ok(())
    }
}

/// Why a use case had no outcome.
#[derive(Debug, thiserror::Error)]
pub enum MfaError {
    #[error(transparent)]
    Database(#[from] db::Error),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Mail(#[from] MailError),
    #[error(transparent)]
    TotpKey(#[from] UnreadableTotpKey),
    #[error("{0}")]
    Fault(&'static str),
}

/// The beginning and the end of a transaction.
impl From<tokio_postgres::Error> for MfaError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}
