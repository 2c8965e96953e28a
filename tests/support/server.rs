//! The real server program, with a database and a mailbox of its own.

use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use url::Url;

use super::database::TestDatabase;
use super::free_port;
use super::process::Process;
use super::smtp::Mailbox;
use super::visitor::Visitor;

/// How long a start may take, on a machine that runs many tests at once.
const START_PATIENCE: Duration = Duration::from_secs(30);

/// How long a graceful stop may take.
const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// Pause between two looks at whether the server is ready.
const READY_PAUSE: Duration = Duration::from_millis(20);

/// How a server under test differs from the usual one.
#[derive(Clone, Debug, Default)]
pub struct Options {
    environment: Vec<(String, String)>,
    redis: bool,
}

impl Options {
    /// Sets a configuration variable, over the usual value.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Keeps volatile state in the Redis server that `TEST_REDIS_URL` names, instead of the server's memory.
    #[must_use]
    pub fn with_redis(mut self) -> Self {
        self.redis = true;
        self
    }
}

/// A running server. It ends, and its database goes, when dropped.
pub struct TestServer {
    /// The public origin, with a slash at its end.
    pub base_url: Url,
    /// Origin of the operator pages.
    pub operator_url: Url,
    /// Where its e-mails arrive.
    pub mailbox: Mailbox,
    process: Process,
    options: Options,
    /// After the process, so that nobody is connected any more when it is dropped.
    database: TestDatabase,
    /// Working directory: no `.env` file of the developer, and a place of its own for kept secrets.
    directory: TempDir,
}

impl TestServer {
    /// Starts a server with the development data and waits until it is ready.
    pub async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    /// Starts a server that differs from the usual one.
    pub async fn start_with(options: Options) -> Self {
        Self::start_on(TestDatabase::create().await, options).await
    }

    /// Starts a server on a database that the test prepared.
    pub async fn start_on(database: TestDatabase, options: Options) -> Self {
        let mailbox = Mailbox::start();
        let directory = tempfile::tempdir().expect("a working directory");
        let base_url = loopback_url(free_port());
        let operator_url = loopback_url(free_port());
        let mut server = Self {
            process: Process::start(
                "the server",
                &mut command(
                    &base_url,
                    &operator_url,
                    &database,
                    &mailbox,
                    &directory,
                    &options,
                ),
            ),
            base_url,
            operator_url,
            mailbox,
            options,
            database,
            directory,
        };
        server.wait_until_ready().await;
        server
    }

    /// The database under the server, to prepare rows and look at results.
    pub fn database(&self) -> &TestDatabase {
        &self.database
    }

    /// The server program.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// The issuer identifier: the public origin without a slash.
    pub fn issuer(&self) -> &str {
        self.base_url.as_str().trim_end_matches('/')
    }

    /// A person's browser without any cookie.
    pub fn visitor(&self) -> Visitor {
        Visitor::new(&self.base_url)
    }

    /// Stops the server gracefully.
    ///
    /// # Panics
    /// When it does not end in time, or not well.
    pub async fn stop(&mut self) {
        let status = self.process.stop(STOP_PATIENCE).await;
        assert!(status.success(), "the server ended with {status}");
    }

    /// Starts the server again after [`TestServer::stop`] or a kill: same addresses, database, mailbox and secrets.
    pub async fn start_again(&mut self) {
        let mut command = command(
            &self.base_url,
            &self.operator_url,
            &self.database,
            &self.mailbox,
            &self.directory,
            &self.options,
        );
        self.process = Process::start("the server", &mut command);
        self.wait_until_ready().await;
    }

    async fn wait_until_ready(&mut self) {
        let ready = self.operator_url.join("readyz").expect("a path");
        let client = reqwest::Client::new();
        let deadline = Instant::now() + START_PATIENCE;
        loop {
            assert!(self.process.is_running(), "the server ended while starting");
            let answer = client
                .get(ready.clone())
                .timeout(Duration::from_secs(2))
                .send()
                .await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "the server is not ready after {START_PATIENCE:?}"
            );
            tokio::time::sleep(READY_PAUSE).await;
        }
    }
}

fn loopback_url(port: u16) -> Url {
    Url::parse(&format!("http://localhost:{port}/")).expect("a URL")
}

fn command(
    base_url: &Url,
    operator_url: &Url,
    database: &TestDatabase,
    mailbox: &Mailbox,
    directory: &TempDir,
    options: &Options,
) -> Command {
    let origin = base_url.as_str().trim_end_matches('/');
    let mocks = format!("{origin}/___testing___");
    let redis_url = if options.redis {
        std::env::var("TEST_REDIS_URL").expect("TEST_REDIS_URL names a Redis server")
    } else {
        "memory:".to_owned()
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_identite"));
    command.arg("serve").current_dir(directory.path()).env_clear();
    // Whatever else the developer has in the environment must not change what is tested.
    for inherited in ["PATH", "HOME", "LANG", "RUST_LOG", "RUST_BACKTRACE"] {
        if let Ok(value) = std::env::var(inherited) {
            command.env(inherited, value);
        }
    }
    command
        .env("DEPLOY_ENV", "localhost")
        .env("HOST", origin)
        .env("PORT", base_url.port().expect("a port").to_string())
        .env(
            "OPERATOR_LISTEN",
            format!("127.0.0.1:{}", operator_url.port().expect("a port")),
        )
        .env("WORKERS", "2")
        .env("LOG_LEVEL", "debug")
        .env("DATABASE_URL", &database.url)
        .env("REDIS_URL", redis_url)
        .env("SMTP_URL", mailbox.url())
        .env("ENTREPRISE_API_URL", format!("{mocks}/entreprise.api.gouv.fr"))
        .env(
            "ANNUAIRE_SERVICE_PUBLIC_API_URL",
            format!("{mocks}/api-lannuaire.service-public.fr"),
        )
        .env(
            "FRANCECONNECT_ISSUER",
            format!("{mocks}/oidc.franceconnect.gouv.fr/api/v2"),
        )
        .envs(options.environment.iter().map(|(name, value)| (name, value)));
    command
}
