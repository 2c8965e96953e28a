//! How the process listens, logs and reaches its stores, and what pages show.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use url::{Host, Url};

use super::environment::{DeployEnv, LogFormat, LogLevel};
use super::masking;
use super::reader::Reader;

pub(super) const DEFAULT_HOST: &str = "http://localhost:3000";
pub(super) const DEFAULT_REDIS_URL: &str = "redis://:@127.0.0.1:6379";
pub(super) const DEFAULT_OPERATOR_LISTEN: &str = "127.0.0.1:9464";

/// The listeners and the life of the process.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a toggle of its own that operators know by name"
)]
pub struct ServerConfig {
    /// `HOST`: the public origin, as given. It is the OIDC issuer character for character; links are built on
    /// [`ServerConfig::base_url`].
    pub host: String,
    /// `PORT`: where people and relying parties are answered, on all interfaces, by IPv6 and IPv4. 0 lets the system choose.
    pub port: u16,
    /// `LISTEN_ADDRESS`: the one address on which they are answered; `None` is every one.
    pub listen_address: Option<IpAddr>,
    /// `OPERATOR_LISTEN`: address of the metrics, health and actor pages.
    pub operator_listen: SocketAddr,
    /// `OPERATOR_TOKEN`: bearer token that the operator pages ask for; health checks are free.
    pub operator_token: Option<SecretString>,
    /// `WORKERS`: threads that answer requests; `None` is one per core.
    pub workers: Option<usize>,
    /// `SHUTDOWN_DEADLINE_IN_SECONDS`: after a stop signal, how long running requests and sends may take.
    pub shutdown_deadline: Duration,
    /// `SHUTDOWN_NOTICE_IN_SECONDS`: after a stop signal, how long requests are still accepted while `/readyz` says no.
    pub shutdown_notice: Duration,
    /// `FEATURE_USE_SECURE_COOKIES`: the attribute `Secure` on every cookie.
    pub use_secure_cookies: bool,
    /// `FEATURE_USE_SECURITY_RESPONSE_HEADERS`: security headers and content security policy.
    pub use_security_response_headers: bool,
    /// `FEATURE_RATE_LIMIT_BY_IP`: budgets per client address.
    pub rate_limit_by_ip: bool,
    /// `FEATURE_RATE_LIMIT_BY_EMAIL`: budgets per e-mail address.
    pub rate_limit_by_email: bool,
}

impl ServerConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            host: read_host(reader),
            port: read_port(reader),
            listen_address: read_listen_address(reader),
            operator_listen: read_operator_listen(reader),
            operator_token: reader.optional_secret("OPERATOR_TOKEN"),
            workers: read_workers(reader),
            shutdown_deadline: reader.seconds("SHUTDOWN_DEADLINE_IN_SECONDS", 8),
            shutdown_notice: reader.seconds("SHUTDOWN_NOTICE_IN_SECONDS", 0),
            use_secure_cookies: reader.flag("FEATURE_USE_SECURE_COOKIES", false),
            use_security_response_headers: reader.flag("FEATURE_USE_SECURITY_RESPONSE_HEADERS", false),
            rate_limit_by_ip: reader.flag("FEATURE_RATE_LIMIT_BY_IP", false),
            rate_limit_by_email: reader.flag("FEATURE_RATE_LIMIT_BY_EMAIL", false),
        }
    }

    /// The public origin without trailing slash, to put a path after.
    #[must_use]
    pub fn base_url(&self) -> &str {
        self.host.trim_end_matches('/')
    }

    /// Host name of the public origin: the `WebAuthn` relying-party id, and a segment of support tickets.
    #[must_use]
    pub fn website_identifier(&self) -> String {
        let url = Url::parse(&self.host).ok();
        url.as_ref()
            .and_then(Url::host_str)
            .unwrap_or_default()
            .to_owned()
    }

    /// Whether the public origin names this machine itself, which nobody else reaches by it.
    #[must_use]
    pub fn is_on_this_machine(&self) -> bool {
        Url::parse(&self.host).is_ok_and(|host| is_this_machine(&host))
    }

    /// Whether people reach the server over TLS.
    #[must_use]
    pub fn is_served_over_tls(&self) -> bool {
        self.host.starts_with("https:")
    }
}

fn read_host(reader: &mut Reader) -> String {
    let host = reader.url("HOST", DEFAULT_HOST);
    if let Ok(url) = Url::parse(&host) {
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            reader.reject("HOST", "expected an http or https origin");
        } else if !is_origin(&url) {
            reader.reject("HOST", "expected an origin, without path, query or credentials");
        }
    }
    host
}

/// Whether nothing stands beside scheme, host and port, but perhaps a slash.
fn is_origin(url: &Url) -> bool {
    let has_credentials = !url.username().is_empty() || url.password().is_some();
    url.path() == "/" && url.query().is_none() && url.fragment().is_none() && !has_credentials
}

/// Whether the host of `url` is this machine itself: `localhost`, a name under it, or a loopback address.
pub(super) fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        None => false,
    }
}

fn read_port(reader: &mut Reader) -> u16 {
    let port = reader.number("PORT", 3000, 0..=u64::from(u16::MAX));
    u16::try_from(port).unwrap_or(3000)
}

fn read_workers(reader: &mut Reader) -> Option<usize> {
    let workers = reader.optional_number("WORKERS", 1..=1024)?;
    usize::try_from(workers).ok()
}

fn read_listen_address(reader: &mut Reader) -> Option<IpAddr> {
    const VARIABLE: &str = "LISTEN_ADDRESS";
    let text = reader.optional_text(VARIABLE)?;
    let address = text.trim().parse();
    if address.is_err() {
        reader.reject(VARIABLE, "expected an IP address, as 127.0.0.1 or ::1");
    }
    address.ok()
}

fn read_operator_listen(reader: &mut Reader) -> SocketAddr {
    const VARIABLE: &str = "OPERATOR_LISTEN";
    let default = SocketAddr::from(([127, 0, 0, 1], 9464));
    let Some(text) = reader.raw_filled(VARIABLE) else {
        reader.note(VARIABLE, DEFAULT_OPERATOR_LISTEN.to_owned(), true);
        return default;
    };
    reader.note(VARIABLE, text.clone(), false);
    text.trim().parse().unwrap_or_else(|_| {
        reader.reject(VARIABLE, "expected an address and a port, as 127.0.0.1:9464");
        default
    })
}

/// What is logged, and where to.
#[derive(Debug, Clone)]
pub struct LogsConfig {
    /// `LOG_LEVEL`: threshold of the application log.
    pub level: LogLevel,
    /// `LOG_FORMAT`: lines for people or JSON.
    pub format: LogFormat,
    /// `ACCESS_LOG_PATH`: file that receives the access log; `None` is the standard output.
    pub access_log_path: Option<PathBuf>,
}

impl LogsConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            level: reader.choice("LOG_LEVEL", LogLevel::Info),
            format: reader.choice("LOG_FORMAT", LogFormat::Human),
            access_log_path: reader.optional_text("ACCESS_LOG_PATH").map(PathBuf::from),
        }
    }
}

/// What pages show.
#[derive(Debug, Clone)]
pub struct PagesConfig {
    /// `APPLICATION_NAME`: `WebAuthn` relying-party name and TOTP issuer.
    pub application_name: String,
    /// `FEATURE_DISPLAY_TEST_ENV_WARNING`: warning banner on the first sign-in page.
    pub display_test_env_warning: bool,
    /// `FEATURE_LOAD_THIRD_PARTY_TRACKING_SCRIPTS`: pages load the statistics of `stats.data.gouv.fr`.
    pub load_third_party_tracking_scripts: bool,
    /// `LEGAL_TEXTS_DIRECTORY`: where the operator's own legal pages are.
    pub legal_texts_directory: Option<PathBuf>,
}

impl PagesConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            application_name: reader.text("APPLICATION_NAME", "ProConnect"),
            display_test_env_warning: reader.flag("FEATURE_DISPLAY_TEST_ENV_WARNING", false),
            load_third_party_tracking_scripts: reader
                .flag("FEATURE_LOAD_THIRD_PARTY_TRACKING_SCRIPTS", false),
            legal_texts_directory: reader.optional_text("LEGAL_TEXTS_DIRECTORY").map(PathBuf::from),
        }
    }
}

/// The record.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    /// `DATABASE_URL`: `PostgreSQL` connection string, as given.
    pub url: SecretString,
    /// `DATABASE_POOL_SIZE`: connections that are shared out between actors and workers; of a command, connections at most.
    pub pool_size: usize,
}

impl DatabaseConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        const VARIABLE: &str = "DATABASE_URL";
        let url = reader.required_url(VARIABLE);
        if let Ok(parsed) = Url::parse(&url)
            && !matches!(parsed.scheme(), "postgres" | "postgresql")
        {
            reader.reject(VARIABLE, "expected a postgres or postgresql URL");
        }
        let pool_size = reader.number("DATABASE_POOL_SIZE", 10, 1..=1000);
        Self {
            url: SecretString::from(url),
            pool_size: usize::try_from(pool_size).unwrap_or(10),
        }
    }
}

/// Where the state lives that requests and nodes share for a short while.
#[derive(Debug, Clone)]
pub enum StateBackend {
    /// This process's memory: one node, nothing to install, gone at a restart.
    Memory,
    /// Redis, by its URL: a server, Sentinels or a Cluster.
    Redis(SecretString),
}

impl StateBackend {
    pub(super) fn read(reader: &mut Reader, deploy_env: DeployEnv) -> Self {
        const VARIABLE: &str = "REDIS_URL";
        const MEMORY: &str = "memory:";
        let Some(url) = reader.raw(VARIABLE) else {
            let default = if deploy_env.is_localhost() {
                MEMORY
            } else {
                DEFAULT_REDIS_URL
            };
            reader.note(VARIABLE, default.to_owned(), true);
            return if deploy_env.is_localhost() {
                Self::Memory
            } else {
                Self::Redis(default.into())
            };
        };
        reader.note(VARIABLE, masking::url(&url), false);
        if url == MEMORY {
            return Self::Memory;
        }
        // Sentinels and nodes of a Cluster are several hosts between commas: of these the first is looked at here.
        let is_redis = Url::parse(&masking::first_host_only(&url).0).is_ok_and(|parsed| {
            let kind = parsed
                .scheme()
                .strip_prefix("rediss")
                .or(parsed.scheme().strip_prefix("redis"));
            let is_socket = parsed.scheme() == "redis+unix" && parsed.path().len() > 1;
            is_socket || parsed.has_host() && matches!(kind, Some("" | "+sentinel" | "+cluster"))
        });
        if !is_redis {
            reader.reject(
                VARIABLE,
                "expected a redis, redis+sentinel or redis+cluster URL (rediss for TLS), redis+unix:///path of a socket, or memory:",
            );
        }
        Self::Redis(SecretString::from(url))
    }
}
