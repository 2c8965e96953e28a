//! The registers: connectors behind caches, and the table that outlives them.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use identite_actors::clock::SharedClock;
use identite_actors::instrumentation::Instruments;
use identite_actors::sirene_cache::{
    Finding, Quota, Shelf, Shelved, SireneCache, SireneCacheMetrics, SireneCacheSettings, Source, SourceError,
};

use tokio::runtime::Handle;

use super::ServeError;
use super::accounts::{Foundations, url};
use super::house::delta;
use super::register_tokens::keep_token;
use crate::config::{Config, ConnectorsConfig};
use crate::connectors::{
    AnnuaireEducationNationale, AnnuaireServicePublic, ApiEntreprise, ApiEntrepriseSettings, CallError,
    EstablishmentAnswer, HttpClient, Insee, InseeLogin, InseeSettings, Play, RechercheEntreprises,
    SchoolAnswer, SearchTerms, Waiting,
};
use crate::db::{self, Pool};
use crate::domain::official_contact::town_hall_addresses;
use crate::domain::organization::{display_address, display_name};
use crate::domain::{Email, OrganizationInfo, Siret};
use crate::organizations::directory::{
    Absence, Directory, DirectoryServices, Match, OfficialContacts, SchoolAbsence, SearchQuery,
};

type ShelfError = Box<dyn std::error::Error + Send + Sync>;

/// Who has said "too many calls" is left alone for this long.
const PAUSE: Duration = Duration::from_secs(15);
/// The public search grants seven calls a second to one address.
const SEARCH_QUOTA: Quota = Quota {
    burst: 7,
    per_second: 5.0,
};
/// Directories change by the week.
const CONTACTS_FRESH_FOR: Duration = Duration::from_hours(1);
/// Searches are many and seldom repeated.
const SEARCHES_IN_MEMORY: usize = 2_000;

/// What is known of organizations outside of this house.
#[derive(Clone)]
pub(super) struct Registers {
    pub(super) directory: Directory,
    pub(super) contacts: OfficialContacts,
    pub(super) sirene: ApiEntreprise,
    pub(super) insee: Insee,
    pub(super) schools: AnnuaireEducationNationale,
}

/// Starts the caches over the connectors.
pub(super) fn registers(
    config: &Config,
    foundations: &Foundations<'_>,
    instruments: &Instruments,
) -> Result<Registers, ServeError> {
    let metrics = SireneCacheMetrics::register(instruments.registry())?;
    let stand = Stand {
        clock: foundations.clock,
        instruments,
        metrics: &metrics,
    };
    let connectors = &config.connectors;
    let http = foundations.http;
    let fresh_for = config.organizations.info_fresh_for;
    let sirene = api_entreprise(connectors, http, usual_play(connectors))?;
    let establishments = stand.cache(
        "establishments",
        sirene.clone(),
        Some(Arc::new(OrganizationTable {
            pool: foundations.pool.clone(),
            clock: foundations.clock.clone(),
        })),
        SireneCacheSettings {
            fresh_for,
            stale_for: config.organizations.info_stale_for,
            quota: Some(Quota::per_minute(connectors.api_entreprise.quota_per_minute)),
            ..SireneCacheSettings::default()
        },
    );
    let search_url = url(
        "RECHERCHE_ENTREPRISES_API_URL",
        &connectors.recherche_entreprises_url,
    )?;
    let searches = stand.cache(
        "searches",
        RechercheEntreprises::new(http, search_url),
        None,
        SireneCacheSettings {
            quota: Some(SEARCH_QUOTA),
            capacity: NonZeroUsize::new(SEARCHES_IN_MEMORY).unwrap_or(NonZeroUsize::MIN),
            ..SireneCacheSettings::default()
        },
    );
    let contacts_settings = SireneCacheSettings {
        fresh_for: CONTACTS_FRESH_FOR,
        ..SireneCacheSettings::default()
    };
    let annuaires = &connectors.annuaires;
    let service_public = url("ANNUAIRE_SERVICE_PUBLIC_API_URL", &annuaires.service_public_url)?;
    let education_nationale = url(
        "ANNUAIRE_EDUCATION_NATIONALE_API_URL",
        &annuaires.education_nationale_url,
    )?;
    let town_halls = stand.cache(
        "town_halls",
        AnnuaireServicePublic::new(http, service_public),
        None,
        contacts_settings.clone(),
    );
    let directory_of_schools = AnnuaireEducationNationale::new(http, education_nationale);
    let schools = stand.cache("schools", directory_of_schools.clone(), None, contacts_settings);
    let insee = insee(connectors, http, stand.clock, instruments)?;
    Ok(Registers {
        directory: Directory::new(DirectoryServices {
            pool: foundations.pool.clone(),
            clock: foundations.clock.clone(),
            establishments,
            searches,
            fresh_for: delta(fresh_for),
        }),
        contacts: OfficialContacts::new(town_halls, schools, replacement(config)?),
        sirene,
        insee,
        schools: directory_of_schools,
    })
}

/// What every cache is started with.
struct Stand<'a> {
    clock: &'a SharedClock,
    instruments: &'a Instruments,
    metrics: &'a SireneCacheMetrics,
}

impl Stand<'_> {
    fn cache<V: Send + Sync + 'static, N: Clone + Send + Sync + 'static>(
        &self,
        name: &'static str,
        source: impl Source<V, N> + 'static,
        table: Option<Arc<dyn Shelf<V>>>,
        settings: SireneCacheSettings,
    ) -> SireneCache<V, N> {
        SireneCache::start(
            name,
            Arc::new(source),
            table,
            self.clock.clone(),
            self.instruments,
            self.metrics,
            settings,
        )
    }
}

/// Who is written to instead of official contacts, where these are not to be bothered.
fn replacement(config: &Config) -> Result<Option<Email>, ServeError> {
    if config.organizations.use_annuaire_emails {
        return Ok(None);
    }
    let address = Email::parse(&config.organizations.test_contact_email);
    address.map(Some).map_err(|error| ServeError::Setting {
        variable: "TEST_CONTACT_EMAIL",
        problem: error.to_string(),
    })
}

fn usual_play(connectors: &ConnectorsConfig) -> Play {
    if connectors.partially_mock_external_api {
        Play::Known
    } else {
        Play::Nothing
    }
}

/// The line that the commands ask, `organizations refresh` and imports: with `is_mock` the records of the development data.
///
/// # Errors
/// When a setting of that line is unusable.
pub fn register_for_refresh(
    config: &Config,
    io: &Handle,
    clock: &SharedClock,
    is_mock: bool,
) -> Result<ApiEntreprise, ServeError> {
    let instruments = Instruments::new(prometheus::Registry::new(), clock.clone())?;
    let http = super::accounts::http_client(config, Waiting::Command, io, clock, &instruments)?()?;
    let play = if is_mock {
        Play::Everything
    } else {
        usual_play(&config.connectors)
    };
    api_entreprise(&config.connectors, &http, play)
}

/// The line to API Entreprise.
pub(super) fn api_entreprise(
    connectors: &ConnectorsConfig,
    http: &HttpClient,
    play: Play,
) -> Result<ApiEntreprise, ServeError> {
    let api = &connectors.api_entreprise;
    let settings = ApiEntrepriseSettings {
        base_url: url("ENTREPRISE_API_URL", &api.url)?,
        token: api.token.clone(),
        context: api.tracking_context.clone(),
        recipient: api.tracking_recipient.clone(),
        play,
    };
    Ok(ApiEntreprise::new(http, settings))
}

/// The line to INSEE, with the actor that keeps its token.
fn insee(
    connectors: &ConnectorsConfig,
    http: &HttpClient,
    clock: &SharedClock,
    instruments: &Instruments,
) -> Result<Insee, ServeError> {
    let api = &connectors.insee;
    let settings = InseeSettings {
        base_url: url("INSEE_API_URL", &api.url)?,
        auth_url: url("INSEE_AUTH_URL", &api.auth_url)?,
        client_id: api.client_id.clone(),
        client_secret: api.client_secret.clone(),
        username: api.username.clone(),
        password: api.password.clone(),
        plays: connectors.partially_mock_external_api,
    };
    let login = InseeLogin::new(http, settings.clone());
    let tokens = keep_token("insee_token", login, clock, instruments);
    Ok(Insee::new(http, settings, tokens))
}

#[async_trait]
impl Source<OrganizationInfo, Absence> for ApiEntreprise {
    async fn fetch(&self, key: &str) -> Result<Finding<OrganizationInfo, Absence>, SourceError> {
        let Ok(siret) = key.parse::<Siret>() else {
            return Ok(Finding::Absent(Absence::Unprocessable));
        };
        match self.establishment(&siret).await.map_err(|error| outage(&error))? {
            EstablishmentAnswer::Found(record) => {
                Ok(Finding::Present(Arc::new(OrganizationInfo::from(&*record))))
            }
            EstablishmentAnswer::Unknown => Ok(Finding::Absent(Absence::Unknown)),
            EstablishmentAnswer::Unprocessable => Ok(Finding::Absent(Absence::Unprocessable)),
        }
    }
}

#[async_trait]
impl Source<Vec<Match>, ()> for RechercheEntreprises {
    async fn fetch(&self, key: &str) -> Result<Finding<Vec<Match>, ()>, SourceError> {
        let Some(query) = SearchQuery::from_key(key) else {
            return Ok(Finding::Absent(()));
        };
        let terms = SearchTerms {
            text: query.text(),
            code_postal: query.code_postal(),
        };
        let found = self.search(&terms).await.map_err(|error| outage(&error))?;
        let matches = found.into_iter().map(|found| Match {
            libelle: display_name(&found.nom_complet, found.enseigne.as_deref()),
            siret: found.siret.into(),
            adresse: display_address(&found.adresse),
            est_active: true,
            siege_social: found.est_siege,
        });
        Ok(Finding::Present(Arc::new(matches.collect())))
    }
}

#[async_trait]
impl Source<Vec<Email>, ()> for AnnuaireServicePublic {
    async fn fetch(&self, key: &str) -> Result<Finding<Vec<Email>, ()>, SourceError> {
        let records = self.town_halls(key).await.map_err(|error| outage(&error))?;
        let addresses = town_hall_addresses(records.iter().map(Option::as_deref));
        if addresses.is_empty() {
            return Ok(Finding::Absent(()));
        }
        Ok(Finding::Present(Arc::new(addresses)))
    }
}

#[async_trait]
impl Source<Email, SchoolAbsence> for AnnuaireEducationNationale {
    async fn fetch(&self, key: &str) -> Result<Finding<Email, SchoolAbsence>, SourceError> {
        let Ok(siret) = key.parse::<Siret>() else {
            return Ok(Finding::Absent(SchoolAbsence::Unknown));
        };
        Ok(match self.school(&siret).await.map_err(|error| outage(&error))? {
            SchoolAnswer::Unknown => Finding::Absent(SchoolAbsence::Unknown),
            SchoolAnswer::WithoutAddress => Finding::Absent(SchoolAbsence::Unusable),
            SchoolAnswer::Listed(address) => Finding::Present(Arc::new(address)),
        })
    }
}

fn outage(error: &CallError) -> SourceError {
    SourceError {
        pause: (*error == CallError::Status(429)).then_some(PAUSE),
        reason: error.to_string(),
    }
}

/// `organizations`, as the cache of establishments wants it.
struct OrganizationTable {
    pool: Pool,
    clock: SharedClock,
}

#[async_trait]
impl Shelf<OrganizationInfo> for OrganizationTable {
    async fn load(&self, key: &str) -> Result<Option<Shelved<OrganizationInfo>>, ShelfError> {
        let client = self.pool.get().await?;
        let row = db::organization_info::find(&client, key).await?;
        Ok(row.and_then(|row| row.fetched).map(|(info, as_of)| Shelved {
            value: Arc::new(info),
            as_of,
        }))
    }

    /// Only organizations that somebody belongs to, or wanted to, have a row: a look-up makes none.
    async fn save(
        &self,
        key: &str,
        value: &OrganizationInfo,
        as_of: DateTime<Utc>,
    ) -> Result<(), ShelfError> {
        let client = self.pool.get().await?;
        if db::organization_info::exists(&client, key).await? {
            db::organization_info::upsert(&client, value, as_of, self.clock.now()).await?;
        }
        Ok(())
    }
}
