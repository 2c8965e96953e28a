//! Certifying that a person is an executive of an organization, from its registration (spec/organizations.md §5).

mod candidates;
mod evaluation;
mod metrics;

use std::sync::Arc;

use async_trait::async_trait;
use identite_actors::clock::SharedClock;

use self::evaluation::{Evaluation, LegalForm, Registers};
pub use self::metrics::CertificationMetrics;
use crate::connectors::{CallError, Infogreffe, Insee, Rne};
use crate::db;
use crate::domain::certification::{CivilIdentity, Criterion, Register};
use crate::domain::{Device, OrganizationId, RecordedIdentity, SecurityEvent, Siret, UserId};

/// The certification of executives. Cheap to clone.
#[derive(Clone)]
pub struct Certification {
    services: Arc<CertificationServices>,
}

/// What the certification stands on.
#[derive(Clone)]
pub struct CertificationServices {
    pub pool: db::Pool,
    pub clock: SharedClock,
    pub insee: Insee,
    pub rne: Rne,
    pub infogreffe: Infogreffe,
    pub metrics: CertificationMetrics,
}

/// Who asks to be certified, and where.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    pub user: UserId,
    /// Public name of the signed-in session.
    pub session_uid: &'a str,
}

/// The organization of a certification that failed, as the person is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its name, or its SIRET.
    pub organization: String,
    /// Nine digits.
    pub siren: String,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificationOutcome {
    /// The link is on record, and the session acts for the organization.
    Certified,
    /// Nobody can be certified for organizations of this legal form.
    NotCovered,
    /// Some criteria differ from those of an executive.
    CloseMatch {
        refused: Refused,
        register: Register,
        matches: Vec<Criterion>,
    },
    NoMatch {
        refused: Refused,
        register: Register,
    },
    /// The registers do not answer: nothing was changed.
    Unavailable,
    /// There is no identity to compare: nothing was changed.
    IdentityMissing,
    /// The session ended while the registers were asked: nothing was changed.
    SessionEnded,
}

/// Why there was no outcome.
#[derive(Debug, thiserror::Error)]
pub enum CertificationError {
    #[error(transparent)]
    Database(#[from] db::Error),
    #[error("{0}")]
    Fault(&'static str),
}

/// The beginning and the end of a transaction.
impl From<tokio_postgres::Error> for CertificationError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

impl Certification {
    #[must_use]
    pub fn new(services: CertificationServices) -> Self {
        Self {
            services: Arc::new(services),
        }
    }

    /// The same over connections that a worker drives itself.
    #[must_use]
    pub fn for_worker(&self, pool: db::Pool) -> Self {
        Self::new(CertificationServices {
            pool,
            ..CertificationServices::clone(&self.services)
        })
    }

    /// The identity that is on record for `user`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn identity(&self, user: UserId) -> Result<Option<RecordedIdentity>, CertificationError> {
        let client = self.services.pool.get().await?;
        Ok(db::franceconnect::find(&client, user).await?)
    }

    /// Asks the registers whether `candidate` is an executive of `organization`, and records it if they say so. Otherwise a link that
    /// exists stays as it is, and the session acts for no organization any more.
    ///
    /// # Errors
    /// When the database does not answer, or the organization is gone.
    pub async fn certify(
        &self,
        candidate: Candidate<'_>,
        organization: OrganizationId,
        device: &Device,
    ) -> Result<CertificationOutcome, CertificationError> {
        let (identity, registration) = {
            let client = self.services.pool.get().await?;
            let identity = db::franceconnect::find(&client, candidate.user).await?;
            (
                identity,
                db::certifications::registration(&client, organization).await?,
            )
        };
        let registration = registration.ok_or(CertificationError::Fault("the organization is gone"))?;
        let Some(identity) = identity else {
            return Ok(CertificationOutcome::IdentityMissing);
        };
        let form = LegalForm {
            code: registration.categorie_juridique.as_deref(),
            label: registration.libelle_categorie_juridique.as_deref(),
        };
        let siret: Siret = registration
            .siret
            .parse()
            .map_err(|_| CertificationError::Fault("the SIRET of an organization is none"))?;
        let person = CivilIdentity::from(&identity);
        let evaluation = evaluation::evaluate(self.services.as_ref(), form, siret.siren(), &person).await;
        self.services.metrics.count(&evaluation);
        tracing::info!(
            user = candidate.user.0,
            organization = organization.0,
            outcome = evaluation.name(),
            register = evaluation.register().map(Register::as_str),
            score = evaluation.score(),
            "an executive was looked for"
        );
        let refused = || Refused {
            organization: registration
                .libelle
                .clone()
                .unwrap_or_else(|| registration.siret.clone()),
            siren: siret.siren().to_owned(),
        };
        let outcome = match evaluation {
            Evaluation::Unavailable => return Ok(CertificationOutcome::Unavailable),
            Evaluation::Certified { .. } => return self.record(candidate, organization, device).await,
            Evaluation::NotCovered => CertificationOutcome::NotCovered,
            Evaluation::CloseMatch { register, matches } => CertificationOutcome::CloseMatch {
                refused: refused(),
                register,
                matches,
            },
            Evaluation::NoMatch { register, .. } => CertificationOutcome::NoMatch {
                refused: refused(),
                register,
            },
        };
        let client = self.services.pool.get().await?;
        db::sessions::forget_organization(&client, candidate.session_uid).await?;
        Ok(outcome)
    }

    /// The link, the selection and the history: all of it or nothing. A session that has ended certifies nobody.
    async fn record(
        &self,
        candidate: Candidate<'_>,
        organization: OrganizationId,
        device: &Device,
    ) -> Result<CertificationOutcome, CertificationError> {
        let now = self.services.clock.now();
        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        db::certifications::certify(&transaction, candidate.user, organization, now).await?;
        if !db::sessions::select_organization(&transaction, candidate.session_uid, organization).await? {
            tracing::info!(
                user = candidate.user.0,
                organization = organization.0,
                "nothing is recorded: the session has ended, or the person has left the organization"
            );
            return Ok(CertificationOutcome::SessionEnded);
        }
        let event = db::events::NewEvent {
            session_uid: Some(candidate.session_uid),
            ..device.event(candidate.user, SecurityEvent::ExecutiveCertified)
        };
        db::events::record(&transaction, &event, now).await?;
        transaction.commit().await?;
        Ok(CertificationOutcome::Certified)
    }
}

#[async_trait]
impl Registers for CertificationServices {
    async fn sirene(&self, siren: &str) -> Result<Vec<CivilIdentity>, CallError> {
        let unit = self.insee.legal_unit(siren).await?;
        let person = candidates::of_sole_trader(unit.as_ref())?;
        Ok(vec![person])
    }

    async fn rne(&self, siren: &str) -> Result<Vec<CivilIdentity>, CallError> {
        let executives = self.rne.executives(siren).await?;
        Ok(executives.iter().map(candidates::of_rne).collect())
    }

    async fn rcs(&self, siren: &str) -> Result<Vec<CivilIdentity>, CallError> {
        let executives = self.infogreffe.executives(siren).await?;
        Ok(executives.iter().map(candidates::of_rcs).collect())
    }
}
