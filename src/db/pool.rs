//! Connections to PostgreSQL, shared by everybody and driven by one runtime.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool_postgres::{Connect, Manager, ManagerConfig, RecyclingMethod, Runtime, Timeouts};
use futures::future::BoxFuture;
use postgres_openssl::MakeTlsConnector;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_postgres::NoTls;
use tokio_postgres::config::TargetSessionAttrs;

use super::dsn::{Dsn, InvalidDsn};
use super::error::Error;

/// Without traffic for this long, a connection is checked by the operating system.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
/// Bytes that the server has not acknowledged for this long end the connection.
const UNACKNOWLEDGED_LIMIT: Duration = Duration::from_secs(10);
/// Establishing a TCP connection may take this long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// What a look-up over the common connection may take beyond the statement's own limit.
const READING_MARGIN: Duration = Duration::from_secs(1);

/// Lets the statements of a connection take as long as they need.
///
/// # Errors
/// When the database does not answer.
pub async fn take_the_time(client: &deadpool_postgres::Client) -> Result<(), Error> {
    Ok(client.batch_execute("SET statement_timeout = 0").await?)
}

/// How many connections, and how long anything may take.
#[derive(Debug, Clone)]
pub struct PoolSettings {
    /// At most this many connections.
    pub size: usize,
    /// How long a caller waits for a connection before it is told [`Error::Unavailable`].
    pub acquisition_timeout: Duration,
    /// How long one statement may run on the server before it is cancelled and told [`Error::Unavailable`].
    pub statement_timeout: Duration,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            size: 10,
            acquisition_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(5),
        }
    }
}

/// Connections to the database; clones share them.
#[derive(Clone)]
pub struct Pool {
    connections: deadpool_postgres::Pool,
    blueprint: Arc<Blueprint>,
    /// What [`Pool::read`] uses.
    common: Arc<Common>,
}

/// A connection that many use at a time.
#[derive(Default)]
struct Common {
    connection: Mutex<Option<Arc<deadpool_postgres::Client>>>,
    /// Held by whoever opens one.
    opening: tokio::sync::Mutex<()>,
}

impl Common {
    fn open(&self) -> Option<Arc<deadpool_postgres::Client>> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        connection
            .as_ref()
            .filter(|connection| !connection.is_closed())
            .map(Arc::clone)
    }

    fn replace(&self, connection: Option<Arc<deadpool_postgres::Client>>) {
        *self.connection.lock().unwrap_or_else(PoisonError::into_inner) = connection;
    }
}

/// What it takes to open a connection.
struct Blueprint {
    config: tokio_postgres::Config,
    /// Nothing where no connection is encrypted.
    tls: Option<MakeTlsConnector>,
    settings: PoolSettings,
}

/// The pool as an operator sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolStatus {
    /// Connections at most.
    pub limit: usize,
    /// Connections that exist, in use or not.
    pub open: usize,
    /// Connections that nobody uses now.
    pub idle: usize,
    /// Callers who wait for one.
    pub waiting: usize,
}

impl Pool {
    /// A pool towards `database_url`. Nothing is connected yet.
    ///
    /// Whoever asks for a connection, it is opened and driven on `runtime`, which must outlive the pool.
    ///
    /// # Errors
    /// When the connection string is not understood, or names a certificate file that cannot be read.
    ///
    /// # Panics
    /// Never: a pool with timeouts has the runtime that they need.
    pub fn new(database_url: &str, settings: &PoolSettings, runtime: &Handle) -> Result<Self, InvalidDsn> {
        let dsn = Dsn::parse(database_url)?;
        let config = dsn.config().clone();
        Self::towards(&dsn, config, settings, runtime)
    }

    /// The same towards whichever server of `database_url` can be written to, unless that has a `target_session_attrs` of its own:
    /// after a failover nobody is to stay with what has become a standby.
    ///
    /// # Errors
    /// As [`Pool::new`].
    pub fn to_primary(
        database_url: &str,
        settings: &PoolSettings,
        runtime: &Handle,
    ) -> Result<Self, InvalidDsn> {
        let dsn = Dsn::parse(database_url)?;
        let mut config = dsn.config().clone();
        // What the driver makes of it does not tell `any` from nothing.
        if !database_url.contains("target_session_attrs") {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        Self::towards(&dsn, config, settings, runtime)
    }

    fn towards(
        dsn: &Dsn,
        mut config: tokio_postgres::Config,
        settings: &PoolSettings,
        runtime: &Handle,
    ) -> Result<Self, InvalidDsn> {
        let own_options = format!(
            "-c statement_timeout={} -c timezone=UTC",
            settings.statement_timeout.as_millis()
        );
        let options = match config.get_options() {
            Some(options) => format!("{options} {own_options}"),
            None => own_options,
        };
        config.options(options);
        config.keepalives_idle(KEEPALIVE_IDLE);
        config.tcp_user_timeout(UNACKNOWLEDGED_LIMIT);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_application_name().is_none() {
            config.application_name("identite");
        }

        let blueprint = Blueprint {
            config,
            tls: dsn.tls_connector()?,
            settings: settings.clone(),
        };
        Ok(Self::build(Arc::new(blueprint), settings.size, runtime))
    }

    /// A pool of its own for a single-threaded `runtime`, of at most `size` connections that this runtime drives itself: no
    /// statement wakes another thread.
    #[must_use]
    pub fn for_worker(&self, size: usize, runtime: &Handle) -> Self {
        Self::build(self.blueprint.clone(), size, runtime)
    }

    fn build(blueprint: Arc<Blueprint>, size: usize, runtime: &Handle) -> Self {
        let connect = OnRuntime {
            runtime: runtime.clone(),
            tls: blueprint.tls.clone(),
        };
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = Manager::from_connect(blueprint.config.clone(), connect, recycling);
        let timeout = Some(blueprint.settings.acquisition_timeout);
        let connections = deadpool_postgres::Pool::builder(manager)
            .max_size(size)
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts {
                wait: timeout,
                create: timeout,
                recycle: timeout,
            })
            .build()
            .expect("a pool with timeouts and a runtime is complete");
        Self {
            connections,
            blueprint,
            common: Arc::default(),
        }
    }

    /// A connection, which goes back to the pool when dropped.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when none is free, or none can be opened, within the acquisition timeout.
    pub async fn get(&self) -> Result<deadpool_postgres::Client, Error> {
        Ok(self.connections.get().await?)
    }

    /// Looks something up over a connection that everybody who reads shares: statements travel one behind the other without
    /// waiting for each other's answers, and several in one packet when many come at once. It is for short statements that wait
    /// for no lock and need no transaction.
    ///
    /// # Errors
    /// As the look-up, and [`Error::Unavailable`] when there is no connection, or no answer in time.
    pub async fn read<T>(
        &self,
        look_up: impl AsyncFnOnce(&deadpool_postgres::Client) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let connection = self.common_connection().await?;
        let deadline = self.blueprint.settings.statement_timeout + READING_MARGIN;
        if let Ok(answer) = tokio::time::timeout(deadline, look_up(&connection)).await {
            return answer;
        }
        // Whatever keeps it, nobody else shall wait behind it.
        self.common.replace(None);
        Err(Error::Unavailable("no answer in time".to_owned()))
    }

    async fn common_connection(&self) -> Result<Arc<deadpool_postgres::Client>, Error> {
        if let Some(open) = self.common.open() {
            return Ok(open);
        }
        if self.connections.status().max_size < 2 {
            // The only one is needed by whoever writes.
            return Ok(Arc::new(self.get().await?));
        }
        let _opening = self.common.opening.lock().await;
        if let Some(open) = self.common.open() {
            return Ok(open);
        }
        self.common.replace(None);
        let connection = Arc::new(self.get().await?);
        self.common.replace(Some(Arc::clone(&connection)));
        Ok(connection)
    }

    /// How the pool is doing.
    #[must_use]
    pub fn status(&self) -> PoolStatus {
        let status = self.connections.status();
        PoolStatus {
            limit: status.max_size,
            open: status.size,
            idle: status.available,
            waiting: status.waiting,
        }
    }

    /// Closes what is idle and refuses further callers; connections in use are closed when they come back.
    pub fn close(&self) {
        self.common.replace(None);
        self.connections.close();
    }
}

/// Opens connections on a runtime of its own, so that no connection dies or starves with the single-threaded runtime
/// of the web worker that happened to need it first.
struct OnRuntime {
    runtime: Handle,
    tls: Option<MakeTlsConnector>,
}

impl Connect for OnRuntime {
    fn connect(
        &self,
        config: &tokio_postgres::Config,
    ) -> BoxFuture<'_, Result<(tokio_postgres::Client, JoinHandle<()>), tokio_postgres::Error>> {
        let config = config.clone();
        let tls = self.tls.clone();
        Box::pin(async move {
            let opening = self.runtime.spawn(async move {
                if let Some(tls) = tls {
                    let (client, connection) = config.connect(tls).await?;
                    Ok((client, tokio::spawn(drive(connection))))
                } else {
                    let (client, connection) = config.connect(NoTls).await?;
                    Ok((client, tokio::spawn(drive(connection))))
                }
            });
            match opening.await {
                Ok(opened) => opened,
                Err(failure) if failure.is_panic() => std::panic::resume_unwind(failure.into_panic()),
                // The runtime is stopping: nobody will ever connect. The acquisition timeout tells the caller.
                Err(_) => std::future::pending().await,
            }
        })
    }
}

async fn drive(connection: impl Future<Output = Result<(), tokio_postgres::Error>>) {
    if let Err(error) = connection.await {
        tracing::warn!(error = %Error::from(error), "a connection to the database ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_writes_asks_for_a_server_that_can_be_written_to_unless_told_otherwise() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        for (query, expected) in [
            ("", TargetSessionAttrs::ReadWrite),
            ("?target_session_attrs=any", TargetSessionAttrs::Any),
            ("?target_session_attrs=read-only", TargetSessionAttrs::ReadOnly),
        ] {
            let url = format!("postgres://u@one.exemple.fr,other.exemple.fr/identite{query}");
            let pool = Pool::to_primary(&url, &PoolSettings::default(), runtime.handle()).unwrap();
            let asked = pool.blueprint.config.get_target_session_attrs();
            assert_eq!(asked, expected, "{query:?}");
        }
        let url = "postgres://u@one.exemple.fr/identite";
        let pool = Pool::new(url, &PoolSettings::default(), runtime.handle()).unwrap();
        let asked = pool.blueprint.config.get_target_session_attrs();
        assert_eq!(asked, TargetSessionAttrs::Any);
    }
}
