//! The composition root: configuration, then pools, actors, services, and two HTTP servers; and the way back down.

mod ports;
mod probes;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App as ActixApp, HttpServer};
use chrono::TimeDelta;
use identite_actors::clock::SharedClock;
use identite_actors::instrumentation::Instruments;
use identite_actors::keys::Keys;
use identite_actors::outbox::{Outbox, OutboxSettings};
use identite_actors::password_hasher::{Argon2Cost, PasswordHasher, PasswordHasherSettings};
use identite_actors::rate_limiter::{RateLimiter, RateLimiterSettings};
use identite_actors::sessions::{Sessions, SessionsSettings};
use identite_actors::state::{MemoryStore, RedisStore, StateStore};
use secrecy::ExposeSecret;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use url::Url;

use crate::accounts::{Accounts, SessionRules, SessionTable};
use crate::config::{Config, SmtpTarget, StateBackend};
use crate::db::{Pool, PoolSettings};
use crate::journey::{Journeys, Rules, Visit};
use crate::mail::{SenderRules, carrier_for};
use crate::oidc::{Oidc, OidcSettings};
use crate::telemetry::AccessLog;
use crate::web::app::{App, WebSettings};
use crate::web::assets::Assets;
use crate::web::cookies::CookieJarRules;
use crate::web::operator::{self, HttpMetrics, Operator, Readiness};
use crate::web::render::Renderer;
use crate::web::security_headers::SecurityHeaders;
use crate::web::{access_log, routes};

/// A request's head must be complete within this time: slow clients hold no worker.
const REQUEST_HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Replaced keys verify for as long as the tokens that they signed may be shown: an ID token as a hint, for a session.
const KEY_GRACE: Duration = Duration::from_hours(24 * 30);
/// What the mails in delivery get even when running requests have used up the time to stop.
const LAST_MOMENT: Duration = Duration::from_secs(1);
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Why the server did not start, or did not stop well.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("cannot listen on {address}: {cause}")]
    Listen { address: String, cause: std::io::Error },
    #[error("{variable}: {problem}")]
    Setting { variable: &'static str, problem: String },
    #[error("the pages cannot be prepared: {0}")]
    Pages(String),
    #[error("the metrics cannot be registered: {0}")]
    Metrics(#[from] prometheus::Error),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Refused(String),
}

/// Serves until a stop signal, then stops in order. `io` drives the connections that all threads share.
///
/// # Errors
/// When something that serving needs cannot be had: a port, a usable setting, a secret that is not public.
pub async fn serve(config: Config, clock: SharedClock, io: Handle) -> Result<(), ServeError> {
    let public = listen(("0.0.0.0", config.server.port))?;
    let private = listen(config.server.operator_listen)?;
    let deadline = config.server.shutdown_deadline;
    let house = House::build(&config, clock, &io).await?;

    let public_address = public.local_addr()?;
    let people = people_server(&config, &house, public, deadline)?;
    let operators = operator_server(&house, private)?;
    tracing::info!("application is listening on port {}", public_address.port());
    tracing::info!("in {} {} mode", config.deploy_env.as_str(), config.node_env.as_str());
    tracing::info!(host = %config.server.host, operators = %config.server.operator_listen, "ready");

    let people_handle = people.handle();
    let operators_handle = operators.handle();
    let running = actix_web::rt::spawn(people);
    let watching = actix_web::rt::spawn(operators);
    stop_signal().await?;
    house.stop(people_handle, operators_handle, deadline).await;
    for ended in [running.await, watching.await] {
        ended.map_err(|error| ServeError::Io(std::io::Error::other(error)))??;
    }
    tracing::info!("stopped");
    Ok(())
}

/// What stands once everything is built.
struct House {
    app: Data<App>,
    assets: Data<Assets>,
    operator: Data<Operator>,
    outbox: Outbox,
}

impl House {
    async fn build(config: &Config, clock: SharedClock, io: &Handle) -> Result<Self, ServeError> {
        let instruments = Instruments::new(prometheus::Registry::new(), clock.clone())?;
        let pool = pool(config, io)?;
        let state = state_store(config, &clock, io).await?;
        let keys =
            Keys::start(&config.secrets.jwks, KEY_GRACE, clock.clone(), &instruments).map_err(|error| {
                ServeError::Setting {
                    variable: "JWKS",
                    problem: error.to_string(),
                }
            })?;

        let idle = delta(config.sessions.max_age);
        let records = Arc::new(SessionTable {
            pool: pool.clone(),
            idle,
        });
        let sessions: Sessions<Visit, SessionTable> = Sessions::start(
            &state,
            &records,
            &clock,
            &instruments,
            &SessionsSettings {
                time_to_live: config.sessions.max_age,
                ..SessionsSettings::default()
            },
        );
        let rate_limiter = RateLimiter::start(
            state.clone(),
            clock.clone(),
            &instruments,
            RateLimiterSettings::default(),
        );
        let hasher = PasswordHasher::start(&instruments, &hasher_settings(config)).map_err(|error| {
            ServeError::Setting {
                variable: "ARGON2_MEMORY_KIB",
                problem: error.to_string(),
            }
        })?;
        let outbox = outbox(config, &pool, &clock, &instruments, io)?;

        let accounts = Accounts::new(
            pool.clone(),
            hasher,
            clock.clone(),
            SessionRules {
                idle,
                absolute: delta(config.sessions.absolute_max_age),
            },
            config.passwords.upgrade,
        );
        let journeys = Journeys::new(pool.clone(), clock.clone(), rules(config));
        let mut oidc_settings = OidcSettings::new(&config.server.host);
        oidc_settings.code_ttl = config.oidc.authorization_code_lifetime;
        let oidc = Oidc::new(
            state.clone(),
            Arc::new(keys),
            pool.clone(),
            clock.clone(),
            oidc_settings,
        );

        let assets = Data::new(Assets::load().map_err(|error| ServeError::Pages(error.to_string()))?);
        let renderer = Renderer::new(assets.clone().into_inner())
            .map_err(|error| ServeError::Pages(error.to_string()))?;
        let app = App {
            settings: web_settings(config)?,
            clock,
            renderer,
            sessions,
            rate_limiter,
            journeys,
            accounts,
            oidc,
            access_log: AccessLog::open(&config.logs)?,
            http_metrics: HttpMetrics::new(instruments.registry())?,
        };
        let readiness = Readiness::new(probes::all(&pool, &state));
        let token = config.server.operator_token.clone();
        let operator = Operator {
            instruments: Arc::new(instruments),
            readiness,
            token,
        };
        refuse_public_secrets(config, &pool).await?;
        Ok(Self {
            app: Data::new(app),
            assets,
            operator: Data::new(operator),
            outbox,
        })
    }

    /// Stops in order: no new requests, running requests finish, current mails leave, what is noted is written.
    async fn stop(&self, people: ServerHandle, operators: ServerHandle, deadline: Duration) {
        tracing::info!("stopping");
        let give_up_at = Instant::now() + deadline;
        self.operator.readiness.stop();
        people.stop(true).await;
        let rest = give_up_at.saturating_duration_since(Instant::now()).max(LAST_MOMENT);
        match self.outbox.drain(rest).await {
            Ok(0) => {}
            Ok(left) => tracing::warn!(
                left,
                "mails in delivery were left to another node or the next start"
            ),
            Err(error) => tracing::warn!(%error, "the outbox did not drain"),
        }
        if let Err(error) = self.app.sessions.flush().await {
            tracing::warn!(%error, "the last uses of sessions were not recorded");
        }
        let access_log = self.app.access_log.clone();
        let _ = tokio::task::spawn_blocking(move || access_log.flush()).await;
        operators.stop(false).await;
    }
}

fn people_server(
    config: &Config,
    house: &House,
    listener: TcpListener,
    deadline: Duration,
) -> Result<actix_web::dev::Server, ServeError> {
    let (app, assets) = (house.app.clone(), house.assets.clone());
    let reopening = app.access_log.clone();
    actix_web::rt::spawn(async move {
        if let Err(error) = reopening.reopen_on_hangup().await {
            tracing::warn!(%error, "SIGHUP is not listened to");
        }
    });
    let mut server = HttpServer::new(move || {
        ActixApp::new()
            .app_data(app.clone())
            .app_data(assets.clone())
            .wrap(from_fn(access_log::around))
            .configure(routes::mount)
    })
    .client_request_timeout(REQUEST_HEAD_TIMEOUT)
    .keep_alive(KEEP_ALIVE)
    .shutdown_timeout(deadline.as_secs())
    .disable_signals();
    if let Some(workers) = config.server.workers {
        server = server.workers(workers);
    }
    Ok(server.listen(listener)?.run())
}

fn operator_server(house: &House, listener: TcpListener) -> Result<actix_web::dev::Server, ServeError> {
    let operator = house.operator.clone();
    let server = HttpServer::new(move || {
        ActixApp::new()
            .app_data(operator.clone())
            .configure(operator::mount)
    })
    .workers(1)
    .client_request_timeout(REQUEST_HEAD_TIMEOUT)
    .disable_signals();
    Ok(server.listen(listener)?.run())
}

fn listen(
    address: impl std::net::ToSocketAddrs + std::fmt::Debug + Clone,
) -> Result<TcpListener, ServeError> {
    let shown = format!("{address:?}");
    let listener = TcpListener::bind(address).map_err(|cause| ServeError::Listen {
        address: shown,
        cause,
    })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn pool(config: &Config, io: &Handle) -> Result<Pool, ServeError> {
    let settings = PoolSettings {
        size: config.database.pool_size,
        ..PoolSettings::default()
    };
    Pool::new(config.database.url.expose_secret(), &settings, io).map_err(|error| ServeError::Setting {
        variable: "DATABASE_URL",
        problem: error.to_string(),
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
            let store = store.map_err(|error| ServeError::Setting {
                variable: "REDIS_URL",
                problem: error.to_string(),
            })?;
            Ok(Arc::new(store))
        }
    }
}

fn outbox(
    config: &Config,
    pool: &Pool,
    clock: &SharedClock,
    instruments: &Instruments,
    io: &Handle,
) -> Result<Outbox, ServeError> {
    let rules = SenderRules {
        from: config.mail.from.clone(),
        from_alt: config.mail.from_alt.clone(),
        alt_ratio_percent: config.mail.from_alt_ratio_percent,
        alt_domains: config.mail.from_alt_domains.clone(),
        subject_prefix: config.mail.subject_prefix.to_owned(),
    };
    let url = match &config.mail.smtp {
        SmtpTarget::Console => "console:",
        SmtpTarget::Server(url) => url.expose_secret(),
    };
    let carrier = carrier_for(url, rules, io).map_err(|error| ServeError::Setting {
        variable: "SMTP_URL",
        problem: error.to_string(),
    })?;
    let table = Arc::new(ports::OutboxTable {
        pool: pool.clone(),
        clock: clock.clone(),
    });
    let settings = OutboxSettings::default();
    Ok(Outbox::start(
        table,
        carrier.into(),
        clock.clone(),
        instruments,
        settings,
        io.clone(),
    )?)
}

fn hasher_settings(config: &Config) -> PasswordHasherSettings {
    let defaults = PasswordHasherSettings::default();
    let argon2 = &config.passwords.argon2;
    PasswordHasherSettings {
        threads: config.passwords.hasher_threads.unwrap_or(defaults.threads),
        mailbox_capacity: config.passwords.hasher_queue,
        cost: Argon2Cost {
            memory: argon2.memory_kib,
            iterations: argon2.iterations,
            parallelism: argon2.parallelism,
        },
        ..defaults
    }
}

fn rules(config: &Config) -> Rules {
    Rules {
        recent_login_interval: delta(config.sessions.recent_login_interval),
        email_verification_max_age: delta(config.accounts.email_verification_max_age),
        franceconnect_max_age: delta(config.organizations.franceconnect_verification_max_age),
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
        security_headers: SecurityHeaders::new(config.server.use_security_response_headers, is_https),
        session_max_age: delta(config.sessions.max_age),
        rate_limit_by_ip: config.server.rate_limit_by_ip,
        rate_limit_by_email: config.server.rate_limit_by_email,
        is_test_instance: config.pages.display_test_env_warning,
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

async fn stop_signal() -> Result<(), ServeError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}
