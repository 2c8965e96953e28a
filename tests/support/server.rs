//! The real server program, with a database and a mailbox of its own.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use url::Url;

use super::database::TestDatabase;
use super::free_port;
use super::process::Process;
use super::smtp::{Behaviour, Mailbox};
use super::visitor::Visitor;

/// How long a start may take, on a machine that runs many tests at once.
const START_PATIENCE: Duration = Duration::from_mins(1);

/// How long a graceful stop may take.
const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// What is logged about an answer is there this long after the answer.
const LOG_PAUSE: Duration = Duration::from_millis(100);

/// How long what waits in the outbox may take to leave once the mail server is back.
const OUTBOX_PATIENCE: Duration = Duration::from_mins(1);

/// Pause between two looks at what waits in the outbox.
const OUTBOX_PAUSE: Duration = Duration::from_millis(200);

/// Pause between two looks at whether the server is ready.
const READY_PAUSE: Duration = Duration::from_millis(20);

/// How a server under test differs from the usual one.
#[derive(Clone, Debug, Default)]
pub struct Options {
    environment: Vec<(String, String)>,
    without: Vec<String>,
    redis: bool,
}

impl Options {
    /// Sets a configuration variable, over the usual value.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Leaves a variable unset that usually has a value.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.without.push(name.to_owned());
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
        let mut server = Self::spawn_on(database, options);
        server.wait_until("readyz").await;
        server
    }

    /// Starts a server that cannot be ready yet, and waits until it answers at all.
    pub async fn start_unready_on(database: TestDatabase, options: Options) -> Self {
        let mut server = Self::spawn_on(database, options);
        server.wait_until("healthz").await;
        server
    }

    /// Starts a server whose working directory has a file `.env.development.local` with this text.
    pub async fn start_in_directory(options: Options, environment: &str) -> Self {
        let directory = tempfile::tempdir().expect("a working directory");
        std::fs::write(directory.path().join(".env.development.local"), environment)
            .expect("the file is written");
        let mut server = Self::spawn_in(directory, TestDatabase::create().await, options);
        server.wait_until("readyz").await;
        server
    }

    /// The working directory of the server.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn spawn_on(database: TestDatabase, options: Options) -> Self {
        let directory = tempfile::tempdir().expect("a working directory");
        Self::spawn_in(directory, database, options)
    }

    fn spawn_in(directory: TempDir, database: TestDatabase, options: Options) -> Self {
        let mailbox = Mailbox::start();
        let base_url = loopback_url(free_port());
        let operator_url = loopback_url(free_port());
        let mut command = command(
            &base_url,
            &base_url,
            &operator_url,
            &database,
            &mailbox,
            &directory,
            &options,
        );
        Self {
            process: Process::start("the server", &mut command),
            base_url,
            operator_url,
            mailbox,
            options,
            database,
            directory,
        }
    }

    /// Starts one more node: same public origin, database, mailbox and secrets, ports of its own.
    pub async fn start_node(&self) -> Node {
        self.start_node_on(loopback_url(free_port()), loopback_url(free_port()))
            .await
    }

    async fn start_node_on(&self, base_url: Url, operator_url: Url) -> Node {
        let mut command = command(
            &self.base_url,
            &base_url,
            &operator_url,
            &self.database,
            &self.mailbox,
            &self.directory,
            &self.options,
        );
        let mut process = Process::start("the other node", &mut command);
        wait_until(&mut process, &operator_url, "readyz").await;
        Node {
            base_url,
            operator_url,
            process,
        }
    }

    /// Starts a node again at the addresses of one that has ended.
    pub async fn start_node_at(&self, ended: &Node) -> Node {
        self.start_node_on(ended.base_url.clone(), ended.operator_url.clone())
            .await
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

    /// What the operator's Prometheus reads.
    pub async fn metrics(&self) -> String {
        let page = super::http_get(self.operator_url.join("metrics").expect("a path"));
        let page = page.await.expect("the metrics");
        page.text().await.expect("a text")
    }

    /// A person's browser without any cookie.
    pub fn visitor(&self) -> Visitor {
        Visitor::new(&self.base_url)
    }

    /// Runs another command of the program with the server's configuration, to its end.
    pub fn run(&self, arguments: &[&str]) -> std::process::Output {
        let mut serving = command(
            &self.base_url,
            &self.base_url,
            &self.operator_url,
            &self.database,
            &self.mailbox,
            &self.directory,
            &self.options,
        );
        let mut command = identite(arguments, self.directory.path());
        for (name, value) in serving.get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        serving.env_clear();
        command.output().expect("the program can be run")
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
            &self.base_url,
            &self.operator_url,
            &self.database,
            &self.mailbox,
            &self.directory,
            &self.options,
        );
        self.process = Process::start("the server", &mut command);
        self.wait_until("readyz").await;
    }

    /// Lets the mail server accept mails again, and waits until everything that waited has left: what failed is due
    /// now instead of after its pause, whenever its failure is noted.
    ///
    /// # Panics
    /// When something still waits after a minute.
    pub async fn mail_server_returns(&self) {
        self.mailbox.set(Behaviour::Accept);
        let waiting = "SELECT count(*) FROM identite_outbox WHERE delivered_at IS NULL AND dead_at IS NULL";
        let deadline = Instant::now() + OUTBOX_PATIENCE;
        while self.database.count(waiting).await > 0 {
            assert!(Instant::now() < deadline, "mails stay in the outbox");
            self.database
                .execute(
                    "UPDATE identite_outbox SET next_attempt_at = now()
                     WHERE delivered_at IS NULL AND claimed_by IS NULL AND next_attempt_at > now()",
                )
                .await;
            tokio::time::sleep(OUTBOX_PAUSE).await;
        }
    }

    /// What the server has written to its standard output and error so far.
    pub fn process_output(&self) -> String {
        self.process.output()
    }

    /// Everything that the server has logged so far, once what is written last has arrived.
    ///
    /// # Panics
    /// When it tells of a panic, or holds one of `secrets`.
    pub async fn expect_discreet_log(&self, secrets: &[&str]) -> String {
        // The access log is written by a thread of its own.
        tokio::time::sleep(LOG_PAUSE).await;
        let log = self.process.output();
        assert!(!log.contains("panicked"), "{log}");
        for secret in secrets {
            assert!(!secret.is_empty());
            assert!(!log.contains(secret), "{secret:?} is in the log:\n{log}");
        }
        log
    }

    async fn wait_until(&mut self, page: &str) {
        wait_until(&mut self.process, &self.operator_url, page).await;
    }
}

/// One more process of the same server. It ends when dropped.
pub struct Node {
    /// Where this node answers people and relying parties; links lead to the public origin, which is the first node.
    pub base_url: Url,
    /// Origin of its operator pages.
    pub operator_url: Url,
    process: Process,
}

impl Node {
    /// The program.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

/// Waits until an operator page answers with success.
async fn wait_until(process: &mut Process, operator_url: &Url, page: &str) {
    let page = operator_url.join(page).expect("a path");
    let client = crate::support::http_client();
    let deadline = Instant::now() + START_PATIENCE;
    loop {
        assert!(process.is_running(), "the server ended while starting");
        let answer = client
            .get(page.clone())
            .timeout(Duration::from_secs(2))
            .send()
            .await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{page} is not well after {START_PATIENCE:?}"
        );
        tokio::time::sleep(READY_PAUSE).await;
    }
}

/// The program with `arguments`, in `directory`, without the developer's environment.
pub fn identite(arguments: &[&str], directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_identite"));
    command.args(arguments).current_dir(directory).env_clear();
    // Whatever else the developer has in the environment must not change what is tested.
    for inherited in ["PATH", "HOME", "LANG", "RUST_LOG", "RUST_BACKTRACE"] {
        if let Ok(value) = std::env::var(inherited) {
            command.env(inherited, value);
        }
    }
    command
}

fn loopback_url(port: u16) -> Url {
    Url::parse(&format!("http://localhost:{port}/")).expect("a URL")
}

fn command(
    public_url: &Url,
    base_url: &Url,
    operator_url: &Url,
    database: &TestDatabase,
    mailbox: &Mailbox,
    directory: &TempDir,
    options: &Options,
) -> Command {
    let origin = public_url.as_str().trim_end_matches('/');
    let mocks = format!("{origin}/___testing___");
    let redis_url = if options.redis {
        std::env::var("TEST_REDIS_URL").expect("TEST_REDIS_URL names a Redis server")
    } else {
        "memory:".to_owned()
    };
    let mut command = identite(&["serve"], directory.path());
    command
        .env("DEPLOY_ENV", "localhost")
        .env("HOST", origin)
        .env("PORT", base_url.port().expect("a port").to_string())
        .env("LISTEN_ADDRESS", "127.0.0.1")
        .env(
            "OPERATOR_LISTEN",
            format!("127.0.0.1:{}", operator_url.port().expect("a port")),
        )
        .env("WORKERS", "2")
        .env("OUTBOX_POLL_IN_SECONDS", "1")
        .env("LOG_LEVEL", "debug")
        .env("DATABASE_URL", &database.url)
        .env("REDIS_URL", redis_url)
        .env("SMTP_URL", mailbox.url())
        .env("CRISP_BASE_URL", format!("{mocks}/api.crisp.chat"))
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
    for name in &options.without {
        command.env_remove(name);
    }
    command
}
