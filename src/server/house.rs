//! Building the house: configuration, then pools, actors, services.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::HeaderName;
use actix_web::web::Data;
use chrono::TimeDelta;
use identite_actors::clock::SharedClock;
use identite_actors::housekeeping::Housekeeping;
use identite_actors::instrumentation::Instruments;
use identite_actors::keys::{InvalidKeys, Keys};
use identite_actors::outbox::{Carrier, Outbox, OutboxSettings};
use identite_actors::password_hasher::{
    Argon2Cost, Decoy, NewHashes, PasswordHasher, PasswordHasherSettings,
};
use identite_actors::rate_limiter::{RateLimiter, RateLimiterSettings};
use identite_actors::sessions::{Sessions, SessionsSettings};
use identite_actors::state::{InvalidRedisUrl, MemoryStore, RedisStore, StateStore};
use secrecy::ExposeSecret;
use tokio::runtime::Handle;
use url::Url;

use super::accounts::{self, Foundations};
use super::carriers::Carriers;
use super::insight::DatabaseInsight;
use super::master_keys::master_keys;
use super::registers::Registers;
use super::reload::Reloadable;
use super::remote::RemoteSystems;
use super::{
    ServeError, certification, housekeeping, key_age, mfa, organizations, ports, probes, signing_keys,
};
use crate::accounts::{Accounts, SessionTable};
use crate::certification::Certification;
use crate::config::{Config, StateBackend};
use crate::connectors::{ClientKeyDocuments, HttpClient, LogoutReceivers, Waiting};
use crate::db::session_clients::BACKCHANNEL_LOGOUT;
use crate::db::{Pool, PoolSettings};
use crate::domain::MasterKeys;
use crate::journey::{Journeys, Rules, Visit};
use crate::mail::{Envelope, SenderRules, carrier_for};
use crate::mfa::Mfa;
use crate::oidc::signing_keys::SigningKeys;
use crate::oidc::{LogoutMessenger, Nonces, Oidc, OidcSettings, ProviderMetrics, PublishedKeys};
use crate::organizations::{ModerationTicket, Organizations};
use crate::telemetry::{AccessLog, Telemetry};
use crate::testing::Mocks;
use crate::web::app::{App, WebSettings};
use crate::web::assets::Assets;
use crate::web::cookies::CookieJarRules;
use crate::web::legal_texts::LegalTexts;
use crate::web::operator::{HttpMetrics, Operator, OperatorToken, Readiness};
use crate::web::registers::Pings;
use crate::web::render::Renderer;
use crate::web::security_headers::SecurityHeaders;

/// What stands once everything is built.
pub(super) struct House {
    pub(super) rooms: Rooms,
    pub(super) assets: Data<Assets>,
    /// Where remote systems are played.
    pub(super) mocks: Option<Mocks>,
    pub(super) operator: Data<Operator>,
    pub(super) outbox: Outbox,
    pub(super) master_keys: MasterKeys,
    /// It stops with the house.
    pub(super) _housekeeping: Housekeeping,
}

/// What every worker's [`App`] is made from.
#[derive(Clone)]
pub(super) struct Rooms {
    settings: Arc<WebSettings>,
    clock: SharedClock,
    renderer: Arc<Renderer>,
    pub(super) sessions: Sessions<Visit, SessionTable>,
    rate_limiter: RateLimiter,
    journeys: Journeys,
    accounts: Accounts,
    certification: Certification,
    registers: Registers,
    pings: Arc<Pings>,
    organizations: Organizations,
    mfa: Mfa,
    pub(super) access_log: AccessLog,
    http_metrics: HttpMetrics,
    state: Arc<dyn StateStore>,
    keys: Keys,
    oidc_settings: OidcSettings,
    published_keys: PublishedKeys,
    provider_metrics: ProviderMetrics,
    pool: Pool,
    /// Connections to the database that a worker may open.
    connections_per_worker: usize,
}

impl Rooms {
    /// The services over connections that the calling worker drives itself.
    pub(super) fn for_this_worker(&self) -> App {
        let pool = self
            .pool
            .for_worker(self.connections_per_worker, &Handle::current());
        let state = self.state.clone().for_this_runtime();
        let keys = Arc::new(self.keys.clone());
        App {
            settings: self.settings.clone(),
            clock: self.clock.clone(),
            renderer: self.renderer.clone(),
            sessions: self.sessions.with_store(&state),
            rate_limiter: self.rate_limiter.with_store(state.clone()),
            journeys: self.journeys.with_pool(pool.clone()),
            directory: self.registers.directory.for_worker(pool.clone()),
            contacts: self.registers.contacts.clone(),
            pings: self.pings.clone(),
            accounts: self.accounts.for_worker(pool.clone(), state.clone()),
            certification: self.certification.for_worker(pool.clone()),
            organizations: self.organizations.for_worker(pool.clone()),
            mfa: self.mfa.for_worker(pool.clone(), state.clone()),
            oidc: Oidc::new(state, keys, pool, self.clock.clone(), self.oidc_settings.clone())
                .with_published_keys(self.published_keys.clone())
                .with_metrics(self.provider_metrics.clone()),
            access_log: self.access_log.clone(),
            http_metrics: self.http_metrics.clone(),
        }
    }
}

impl Rooms {
    /// What the operators' pages stand on.
    fn operator(
        &self,
        config: &Config,
        outbox: &Outbox,
        instruments: Instruments,
        readiness: Readiness,
        telemetry: &Telemetry,
    ) -> Operator {
        let insight = DatabaseInsight::new(self.pool.clone(), self.clock.clone(), outbox.clone());
        let token = OperatorToken::default();
        token.replace(config.server.operator_token.clone());
        Operator {
            instruments: Arc::new(instruments),
            readiness,
            provider: self.provider_metrics.clone(),
            insight: Arc::new(insight),
            telemetry: telemetry.clone(),
            token,
        }
    }
}

impl House {
    pub(super) async fn build(
        config: &Config,
        clock: SharedClock,
        io: &Handle,
        telemetry: &Telemetry,
    ) -> Result<Self, ServeError> {
        let instruments = Instruments::new(prometheus::Registry::new(), clock.clone())?;
        let master_keys = master_keys(config);
        // Before other threads use OpenSSL: it prepares itself at its first use, and keys that are read meanwhile may be refused.
        let (keys, calendar) = keys(config, &master_keys, &clock, &instruments)?;
        // Both read the system's certificates, which takes longer than all the rest: beside it.
        let http_client = accounts::http_client(config, Waiting::People, io, &clock, &instruments)?;
        let http = io.spawn_blocking(http_client);
        let mail_carrier = io.spawn_blocking(mail_carrier(config, io));
        let pool = pool(config, io)?;
        let state = state_store(config, &clock, io).await?;
        let calendar_seen =
            signing_keys::follow(keys.clone(), calendar, pool.clone(), clock.clone(), io).await?;

        let records = Arc::new(SessionTable {
            pool: pool.clone(),
            idle: delta(config.sessions.max_age),
        });
        let sessions: Sessions<Visit, SessionTable> = Sessions::start(
            &state,
            &records,
            &clock,
            &instruments,
            &sessions_settings(config.sessions.max_age),
        );
        let limits = RateLimiterSettings::default();
        let rate_limiter = RateLimiter::start(state.clone(), clock.clone(), &instruments, limits);
        let hasher = hasher(config, &instruments)?;
        let housekeeping = housekeeping::start(config, &pool, &clock, &instruments, io)?;
        refuse_public_secrets(config, &pool).await?;
        let (assets, renderer) = pages(config)?;
        let http = http.await.map_err(std::io::Error::other)??;
        let outbox = outbox(
            config,
            Outgoing {
                pool: &pool,
                clock: &clock,
                keys: &keys,
                http: &http,
                mail_carrier: mail_carrier.await.map_err(std::io::Error::other)??,
            },
            &instruments,
            io,
        )?;
        let mails = accounts::mails(config)?;
        let foundations = Foundations {
            pool: &pool,
            state: &state,
            clock: &clock,
            outbox: &outbox,
            mails: &mails,
            http: &http,
            master_keys: &master_keys,
        };
        let remote = RemoteSystems::new(config, &foundations, &instruments)?;
        let accounts = accounts::accounts(config, &foundations, &remote, hasher, &rate_limiter)?;
        let organizations =
            organizations::organizations(config, &foundations, &remote.registers, &rate_limiter);
        let certification = certification::certification(config, &foundations, &remote, &instruments)?;
        let mfa = mfa::mfa(config, &foundations, &remote.passkey_names)?;

        let readiness = Readiness::new(probes::all(&pool, &state, calendar_seen));
        let rooms = Rooms {
            settings: Arc::new(web_settings(config)?),
            renderer,
            sessions,
            rate_limiter,
            journeys: Journeys::new(pool.clone(), clock.clone(), rules(config)),
            accounts,
            certification,
            pings: Arc::new(remote.pings(&clock)?),
            registers: remote.registers,
            organizations,
            mfa,
            access_log: access_log(config, &instruments)?,
            http_metrics: HttpMetrics::new(instruments.registry())?,
            state,
            keys,
            oidc_settings: oidc_settings(config, &master_keys),
            provider_metrics: ProviderMetrics::register(instruments.registry())?,
            published_keys: PublishedKeys::new(ClientKeyDocuments::new(&http)),
            connections_per_worker: connections(config).each_worker,
            pool: pool.clone(),
            clock: clock.clone(),
        };
        key_age::watch(
            rooms.keys.clone(),
            rooms.pool.clone(),
            rooms.clock.clone(),
            instruments.registry(),
            io,
        )?;
        let operator = rooms.operator(config, &outbox, instruments, readiness, telemetry);
        Ok(Self {
            rooms,
            assets,
            mocks: config.deploy_env.is_localhost().then(|| Mocks::new(mails)),
            operator: Data::new(operator),
            outbox,
            master_keys,
            _housekeeping: housekeeping,
        })
    }
}

/// What pages are made of.
fn pages(config: &Config) -> Result<(Data<Assets>, Arc<Renderer>), ServeError> {
    let assets = Assets::load().map_err(|error| ServeError::Pages(error.to_string()))?;
    let assets = Data::new(assets);
    let texts = match &config.pages.legal_texts_directory {
        None => LegalTexts::default(),
        Some(directory) => LegalTexts::read(directory).map_err(|error| ServeError::Setting {
            variable: "LEGAL_TEXTS_DIRECTORY",
            problem: error.to_string(),
        })?,
    };
    let renderer = Renderer::new(
        assets.clone().into_inner(),
        config.pages.load_third_party_tracking_scripts,
        texts,
    );
    Ok((
        assets,
        Arc::new(renderer.map_err(|error| ServeError::Pages(error.to_string()))?),
    ))
}

fn hasher(config: &Config, instruments: &Instruments) -> Result<PasswordHasher, ServeError> {
    let hasher = PasswordHasher::start(instruments, &hasher_settings(config));
    hasher.map_err(|error| ServeError::Setting {
        variable: "ARGON2_MEMORY_KIB",
        problem: error.to_string(),
    })
}

/// The keys of the variable, and the calendar that arranges them and those in the database.
fn keys(
    config: &Config,
    master_keys: &MasterKeys,
    clock: &SharedClock,
    instruments: &Instruments,
) -> Result<(Keys, SigningKeys), ServeError> {
    let jwks = &config.secrets.jwks;
    let unusable = |error: InvalidKeys| ServeError::Setting {
        variable: "JWKS",
        problem: error.to_string(),
    };
    Ok((
        Keys::start(jwks, clock.clone(), instruments).map_err(unusable)?,
        SigningKeys::new(jwks, master_keys.clone()).map_err(unusable)?,
    ))
}

fn oidc_settings(config: &Config, master_keys: &MasterKeys) -> OidcSettings {
    let oidc = &config.oidc;
    OidcSettings {
        code_ttl: oidc.authorization_code_lifetime,
        limit_claims_to_client_scopes: oidc.limit_claims_to_client_scopes,
        limit_introspection_to_own_tokens: oidc.limit_introspection_to_own_tokens,
        confirm_unhinted_logout: oidc.confirm_unhinted_logout,
        offers_mutual_tls: oidc.client_certificate_header.is_some(),
        offers_tls_client_auth: oidc.tells_verified_certificates(),
        dpop_nonces: Nonces::derived_from(master_keys.clone()),
        ..OidcSettings::new(&config.server.host)
    }
}

impl House {
    /// What `SIGHUP` can change.
    pub(super) fn reloadable(&self, config: &Config, telemetry: Telemetry) -> Reloadable {
        Reloadable {
            access_log: self.rooms.access_log.clone(),
            telemetry,
            cookies: self.rooms.settings.cookies.clone(),
            operator_token: self.operator.token.clone(),
            master_keys: self.master_keys.clone(),
            connectors: config.connectors.clone(),
            settings: config.describe().to_vec(),
        }
    }
}

pub(super) fn workers(config: &Config) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    config.server.workers.unwrap_or_else(cores)
}

/// Connections to the database at most.
#[derive(Debug, PartialEq, Eq)]
struct Shares {
    actors: usize,
    each_worker: usize,
}

/// Of `size` connections a fifth is for the actors; the workers share the rest. Nobody goes without, so that there may be more of them
/// than `size`.
fn shares(size: usize, workers: usize) -> Shares {
    let actors = (size / 5).max(1);
    let rest = size.saturating_sub(actors);
    Shares {
        actors,
        each_worker: (rest / workers.max(1)).max(1),
    }
}

fn connections(config: &Config) -> Shares {
    shares(config.database.pool_size, workers(config))
}

fn access_log(config: &Config, instruments: &Instruments) -> Result<AccessLog, ServeError> {
    let log = AccessLog::open(&config.logs)?;
    log.register(instruments.registry())?;
    Ok(log)
}

fn pool(config: &Config, io: &Handle) -> Result<Pool, ServeError> {
    let settings = PoolSettings {
        size: connections(config).actors,
        ..PoolSettings::default()
    };
    Pool::to_primary(config.database.url.expose_secret(), &settings, io).map_err(|error| {
        ServeError::Setting {
            variable: "DATABASE_URL",
            problem: error.to_string(),
        }
    })
}

async fn state_store(
    config: &Config,
    clock: &SharedClock,
    io: &Handle,
) -> Result<Arc<dyn StateStore>, ServeError> {
    match &config.state {
        StateBackend::Memory => Ok(Arc::new(MemoryStore::new(clock.clone()))),
        StateBackend::Redis(url) => {
            let store = RedisStore::connect(url.expose_secret(), None, io.clone()).await;
            let unusable = |error: InvalidRedisUrl| ServeError::Setting {
                variable: "REDIS_URL",
                problem: error.to_string(),
            };
            Ok(Arc::new(store.map_err(unusable)?))
        }
    }
}

/// What the outbox stands on.
struct Outgoing<'a> {
    pool: &'a Pool,
    clock: &'a SharedClock,
    keys: &'a Keys,
    http: &'a HttpClient,
    mail_carrier: Box<dyn Carrier>,
}

/// What makes the carrier of e-mails.
fn mail_carrier(
    config: &Config,
    io: &Handle,
) -> impl FnOnce() -> Result<Box<dyn Carrier>, ServeError> + Send + use<> {
    let rules = SenderRules {
        from: config.mail.from.clone(),
        from_alt: config.mail.from_alt.clone(),
        alt_ratio_percent: config.mail.from_alt_ratio_percent,
        alt_domains: config.mail.from_alt_domains.clone(),
        subject_prefix: config.mail.subject_prefix.to_owned(),
    };
    let target = config.mail.smtp.clone();
    let verify_certificates = config.connectors.verify_tls_certificates;
    let io = io.clone();
    move || {
        carrier_for(&target, verify_certificates, rules, &io).map_err(|error| ServeError::Setting {
            variable: "SMTP_URL",
            problem: error.to_string(),
        })
    }
}

fn outbox(
    config: &Config,
    outgoing: Outgoing<'_>,
    instruments: &Instruments,
    io: &Handle,
) -> Result<Outbox, ServeError> {
    let Outgoing {
        pool,
        clock,
        keys,
        http,
        mail_carrier,
    } = outgoing;
    let messenger = LogoutMessenger {
        pool: pool.clone(),
        signer: Arc::new(keys.clone()),
        clock: clock.clone(),
        receivers: LogoutReceivers::new(http),
        issuer: config.server.host.clone(),
    };
    let carriers = Carriers::default()
        .with(Envelope::KIND, mail_carrier.into())
        .with(BACKCHANNEL_LOGOUT, Arc::new(messenger))
        .with(
            ModerationTicket::KIND,
            Arc::new(organizations::ticket_carrier(config, pool, http, clock)?),
        );
    let table = Arc::new(ports::OutboxTable {
        pool: pool.clone(),
        clock: clock.clone(),
    });
    let settings = OutboxSettings {
        poll_every: config.mail.outbox_poll,
        ..OutboxSettings::default()
    };
    Ok(Outbox::start(
        table,
        Arc::new(carriers),
        clock.clone(),
        instruments,
        settings,
        io.clone(),
    )?)
}

/// The use of a session is on record well before the session would end without it.
fn sessions_settings(max_age: Duration) -> SessionsSettings {
    let defaults = SessionsSettings::default();
    let promptly = (max_age / 10).max(Duration::from_millis(100));
    SessionsSettings {
        time_to_live: max_age,
        seen_every: defaults.seen_every.min(promptly),
        flush_every: defaults.flush_every.min(promptly),
        ..defaults
    }
}

/// Cost of bcrypt hashes, as the reference writes them (spec/accounts.md §5.3).
const BCRYPT_COST: u32 = 10;

fn hasher_settings(config: &Config) -> PasswordHasherSettings {
    let defaults = PasswordHasherSettings::default();
    let argon2 = &config.passwords.argon2;
    let (new_hashes, decoy) = if config.passwords.upgrade {
        (NewHashes::Argon2id, Decoy::Argon2id)
    } else {
        // The way back stays open: what is written now is read there, and most accounts have such a hash.
        let cost = BCRYPT_COST;
        (NewHashes::Bcrypt { cost }, Decoy::Bcrypt { cost })
    };
    PasswordHasherSettings {
        threads: config.passwords.hasher_threads.unwrap_or(defaults.threads),
        mailbox_capacity: config.passwords.hasher_queue,
        cost: Argon2Cost {
            memory: argon2.memory_kib,
            iterations: argon2.iterations,
            parallelism: argon2.parallelism,
        },
        new_hashes,
        decoy,
        ..defaults
    }
}

fn rules(config: &Config) -> Rules {
    Rules {
        recent_login_interval: delta(config.sessions.recent_login_interval),
        email_verification_max_age: delta(config.accounts.email_verification_max_age),
        franceconnect_max_age: delta(config.organizations.franceconnect_verification_max_age),
        certification_max_age: delta(config.organizations.certification_dirigeant_max_age),
        trusted_browser_max_age: accounts::trusted_browser_max_age(config),
        authenticate_browser: config.accounts.authenticate_browser,
    }
}

fn web_settings(config: &Config) -> Result<WebSettings, ServeError> {
    let host = Url::parse(config.server.base_url()).map_err(|error| ServeError::Setting {
        variable: "HOST",
        problem: error.to_string(),
    })?;
    let is_https = config.server.is_served_over_tls();
    Ok(WebSettings {
        host,
        cookies: CookieJarRules::new(
            config.secrets.cookie_secrets.clone(),
            config.server.use_secure_cookies,
        ),
        security_headers: SecurityHeaders::new(
            config.server.use_security_response_headers,
            is_https,
            config.pages.load_third_party_tracking_scripts,
        ),
        session_max_age: delta(config.sessions.max_age),
        trusted_browser_max_age: accounts::trusted_browser_max_age(config),
        client_certificate_header: header_name(
            "TLS_CLIENT_CERTIFICATE_HEADER",
            config.oidc.client_certificate_header.as_deref(),
        )?,
        certificate_verified_header: header_name(
            "TLS_CLIENT_CERTIFICATE_VERIFIED_HEADER",
            config.oidc.certificate_verified_header.as_deref(),
        )?,
        rate_limit_by_ip: config.server.rate_limit_by_ip,
        rate_limit_by_email: config.server.rate_limit_by_email,
        is_test_instance: config.pages.display_test_env_warning,
    })
}

fn header_name(variable: &'static str, name: Option<&str>) -> Result<Option<HeaderName>, ServeError> {
    name.map(HeaderName::try_from)
        .transpose()
        .map_err(|error| ServeError::Setting {
            variable,
            problem: error.to_string(),
        })
}

/// Secrets of the development data set are public: nothing else than a development machine starts with them.
async fn refuse_public_secrets(config: &Config, pool: &Pool) -> Result<(), ServeError> {
    if config.deploy_env.is_localhost() {
        return Ok(());
    }
    match crate::db::fixtures::fixture_secrets(pool).await {
        Ok(clients) if clients.is_empty() => Ok(()),
        Ok(clients) => Err(ServeError::Refused(format!(
            "these clients have a public secret of the development data set: {}",
            clients.join(", ")
        ))),
        Err(error) => {
            tracing::warn!(%error, "the clients' secrets could not be looked through");
            Ok(())
        }
    }
}

pub(super) fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Shares, shares};

    #[test]
    fn connections_are_shared_between_actors_and_workers() {
        for (size, workers, actors, each_worker) in [
            (10, 2, 2, 4),
            (10, 4, 2, 2),
            (10, 3, 2, 2),
            (20, 4, 4, 4),
            (100, 8, 20, 10),
            // Nobody goes without.
            (1, 1, 1, 1),
            (4, 8, 1, 1),
            (10, 16, 2, 1),
        ] {
            let expected = Shares { actors, each_worker };
            assert_eq!(shares(size, workers), expected, "{size} for {workers}");
        }
    }
}
