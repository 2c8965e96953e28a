//! How people come to act for an organization: one method a use case, which gives an outcome. An outcome is a value, an error is a
//! fault.

pub mod directory;
mod joining;
mod membership;
mod moderation;
mod official_contact;
pub mod refresh;
mod suggestions;
mod ticket;

use std::sync::Arc;

use identite_actors::clock::SharedClock;
use identite_actors::outbox::Outbox;
use identite_actors::rate_limiter::RateLimiter;

pub use joining::decision::Refusal;
pub use joining::{JoinOutcome, JoinRequest};
pub use moderation::{ModerationPage, RequestOutcome};
pub use official_contact::{ChoiceRefusal, ContactCodeOutcome, ContactPage};
pub use ticket::{ModerationTicket, TicketCarrier};

use directory::{Directory, OfficialContacts};

use crate::db;
use crate::domain::SecretHasher;
use crate::domain::email_domain::FreeMailRules;
use crate::mail::messages::Message;
use crate::mail::{Envelope, MailError, Mails};

/// The use cases around organizations. Cheap to clone.
#[derive(Clone)]
pub struct Organizations {
    services: Arc<OrganizationServices>,
}

/// What the use cases stand on.
#[derive(Clone)]
pub struct OrganizationServices {
    pub pool: db::Pool,
    pub clock: SharedClock,
    pub outbox: Outbox,
    pub mails: Mails,
    pub secrets: SecretHasher,
    pub directory: Directory,
    pub contacts: OfficialContacts,
    pub rate_limiter: RateLimiter,
    pub rules: OrganizationRules,
}

/// Toggles and limits of this deployment.
#[derive(Debug, Clone, Copy)]
pub struct OrganizationRules {
    pub free_mail: FreeMailRules,
    /// `FEATURE_BYPASS_MODERATION`
    pub bypasses_moderation: bool,
    /// `MAX_SUGGESTED_ORGANIZATIONS`
    pub max_suggestions: usize,
    /// There is a support desk, which wants a ticket for each request (`CRISP_WEBSITE_ID`).
    pub opens_tickets: bool,
}

impl Organizations {
    /// The use cases over these services.
    #[must_use]
    pub fn new(services: OrganizationServices) -> Self {
        Self {
            services: Arc::new(services),
        }
    }

    /// The same use cases over connections that a worker drives itself.
    #[must_use]
    pub fn for_worker(&self, pool: db::Pool) -> Self {
        Self::new(OrganizationServices {
            directory: self.services.directory.for_worker(pool.clone()),
            pool,
            ..OrganizationServices::clone(&self.services)
        })
    }

    /// Puts an e-mail into the outbox, in the transaction of the change that it tells of. It leaves once [`Outbox::poke`] was called
    /// after the commit, or at the next look.
    async fn post<M: Message + Sync>(
        &self,
        client: &impl db::GenericClient,
        recipient: &str,
        message: &M,
    ) -> Result<(), OrganizationsError> {
        let envelope = self.services.mails.render(recipient, message)?;
        let now = self.services.clock.now();
        db::outbox::enqueue(client, Envelope::KIND, &envelope.payload(), None, now).await?;
        Ok(())
    }
}

/// Why a use case had no outcome.
#[derive(Debug, thiserror::Error)]
pub enum OrganizationsError {
    #[error(transparent)]
    Database(#[from] db::Error),
    #[error(transparent)]
    Mail(#[from] MailError),
    #[error("{0}")]
    Fault(&'static str),
}

/// The beginning and the end of a transaction.
impl From<tokio_postgres::Error> for OrganizationsError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}
