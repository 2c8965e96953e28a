//! What the registers know: establishments by SIRET, by name and town, and their official contacts.
//!
//! Nobody waits for a register that was asked before: see [`identite_actors::sirene_cache`]. An outage is told as one
//! ([`LookUpError::Unavailable`]), never as "there is no such establishment".

mod contacts;
mod search;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use identite_actors::clock::SharedClock;
use identite_actors::sirene_cache::{Finding, Known, Shelved, SireneCache, Unavailable};

pub use contacts::{ContactError, OfficialContacts, SchoolAbsence};
pub use search::{InvalidSearch, Match, SearchError, SearchQuery};

use crate::db;
use crate::domain::{OrganizationId, OrganizationInfo, Siret};

/// Why the register has no establishment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// Unknown to it, or it does not want to be quoted about it.
    Unknown,
    /// It does not take the number for one.
    Unprocessable,
}

/// Establishments by SIRET.
pub type EstablishmentCache = SireneCache<OrganizationInfo, Absence>;
/// Search results by [`SearchQuery::key`].
pub type SearchCache = SireneCache<Vec<Match>, ()>;

/// Establishments. Cheap to clone.
#[derive(Clone)]
pub struct Directory {
    services: Arc<DirectoryServices>,
}

/// What it stands on.
#[derive(Clone)]
pub struct DirectoryServices {
    pub pool: db::Pool,
    pub clock: SharedClock,
    pub establishments: EstablishmentCache,
    pub searches: SearchCache,
    /// A row younger than this needs no look at the register.
    pub fresh_for: TimeDelta,
}

/// An establishment with its row. It may be closed: see [`OrganizationInfo::est_active`].
#[derive(Debug, Clone)]
pub struct Establishment {
    pub organization_id: OrganizationId,
    pub info: Arc<OrganizationInfo>,
}

/// Why there is no establishment to speak of.
#[derive(Debug, thiserror::Error)]
pub enum LookUpError {
    /// The register does not take the number for a SIRET.
    #[error("the register does not take the number for a SIRET")]
    Unprocessable,
    /// No establishment has the SIRET, or the register does not want to be quoted about it.
    #[error("no establishment has the SIRET")]
    NotFound,
    /// Nobody can tell now: worth another try in a while.
    #[error("the register cannot be asked now")]
    Unavailable,
    /// The same, as we have asked it too often already.
    #[error("the quota of the register is used up")]
    OverQuota,
    #[error(transparent)]
    Database(#[from] db::Error),
}

impl From<Absence> for LookUpError {
    fn from(absence: Absence) -> Self {
        match absence {
            Absence::Unknown => Self::NotFound,
            Absence::Unprocessable => Self::Unprocessable,
        }
    }
}

impl From<Unavailable> for LookUpError {
    fn from(unavailable: Unavailable) -> Self {
        match unavailable {
            Unavailable::Quota => Self::OverQuota,
            Unavailable::Upstream | Unavailable::Cache(_) => Self::Unavailable,
        }
    }
}

impl Directory {
    /// The use cases over these services.
    #[must_use]
    pub fn new(services: DirectoryServices) -> Self {
        Self {
            services: Arc::new(services),
        }
    }

    /// The same over connections that a worker drives itself.
    #[must_use]
    pub fn for_worker(&self, pool: db::Pool) -> Self {
        Self::new(DirectoryServices {
            pool,
            ..DirectoryServices::clone(&self.services)
        })
    }

    /// The establishment with this SIRET. Makes no row: anybody may look up anything. For the same reason it leaves half of the register's
    /// quota to those who join, and waits for none.
    ///
    /// # Errors
    /// When there is none, or nobody can tell now.
    pub async fn look_up(&self, siret: &Siret) -> Result<Arc<OrganizationInfo>, LookUpError> {
        let establishments = &self.services.establishments;
        let known = establishments.look_up_for_visitor(siret.as_str()).await?;
        present(known).map(|(info, _)| info)
    }

    /// What [`Self::look_up`] gives, where it needs neither the database nor the register.
    pub async fn remembered(&self, siret: &Siret) -> Option<Result<Arc<OrganizationInfo>, LookUpError>> {
        let known = self.services.establishments.peek(siret.as_str()).await?;
        Some(present(known).map(|(info, _)| info))
    }

    /// The establishment with this SIRET and its row, which is made or brought up to date: for somebody who joins. One statement
    /// when the establishment is known.
    ///
    /// # Errors
    /// When there is none, or nobody can tell now.
    pub async fn establish(&self, siret: &Siret) -> Result<Establishment, LookUpError> {
        let services = &self.services;
        if let Some(known) = services.establishments.peek(siret.as_str()).await {
            let (info, as_of) = present(known)?;
            return self.record(info, as_of).await;
        }
        let row = {
            let client = services.pool.get().await?;
            db::organization_info::find(&client, siret.as_str()).await?
        };
        let shelved = row.and_then(|row| {
            let (info, as_of) = row.fetched?;
            let value = Arc::new(info);
            Some((row.id, Shelved { value, as_of }))
        });
        let now = services.clock.now();
        if let Some((organization_id, shelved)) = &shelved
            && now - shelved.as_of < services.fresh_for
        {
            return Ok(Establishment {
                organization_id: *organization_id,
                info: shelved.value.clone(),
            });
        }
        let organization_id = shelved.as_ref().map(|(id, _)| *id);
        let shelved = shelved.map(|(_, shelved)| shelved);
        let known = services
            .establishments
            .look_up_beyond(siret.as_str(), shelved.clone())
            .await?;
        let (info, as_of) = present(known)?;
        match organization_id {
            // What is in the row is the best that is known.
            Some(organization_id) if shelved.is_some_and(|shelved| shelved.as_of >= as_of) => {
                Ok(Establishment {
                    organization_id,
                    info,
                })
            }
            _ => self.record(info, as_of).await,
        }
    }

    async fn record(
        &self,
        info: Arc<OrganizationInfo>,
        as_of: DateTime<Utc>,
    ) -> Result<Establishment, LookUpError> {
        let services = &self.services;
        let client = services.pool.get().await?;
        let now = services.clock.now();
        let organization_id = db::organization_info::upsert(&client, &info, as_of, now).await?;
        Ok(Establishment {
            organization_id,
            info,
        })
    }

    /// Open establishments that match `query`, best first.
    ///
    /// # Errors
    /// When the register cannot be asked now.
    pub async fn search(&self, query: &SearchQuery) -> Result<Arc<Vec<Match>>, SearchError> {
        if let Ok(siret) = query.text().parse::<Siret>() {
            return match self.look_up(&siret).await {
                Ok(info) => Ok(Arc::new(vec![Match::from(&*info)])),
                Err(LookUpError::NotFound | LookUpError::Unprocessable) => Ok(Arc::default()),
                Err(LookUpError::Unavailable | LookUpError::OverQuota | LookUpError::Database(_)) => {
                    Err(SearchError)
                }
            };
        }
        let known = self
            .services
            .searches
            .look_up(&query.key())
            .await
            .map_err(|_| SearchError)?;
        match known.finding {
            Finding::Present(matches) => Ok(matches),
            Finding::Absent(()) => Ok(Arc::default()),
        }
    }
}

type Fetched = (Arc<OrganizationInfo>, DateTime<Utc>);

fn present(known: Known<OrganizationInfo, Absence>) -> Result<Fetched, LookUpError> {
    match known.finding {
        Finding::Present(info) => Ok((info, known.as_of)),
        Finding::Absent(absence) => Err(absence.into()),
    }
}
