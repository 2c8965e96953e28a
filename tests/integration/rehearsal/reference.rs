//! The reference itself, run from a check-out of it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use url::Url;

use crate::support::{Process, free_port, http_client};

/// How long it may take to start.
const START_PATIENCE: Duration = Duration::from_mins(1);
/// How long it may take to end.
const STOP_PATIENCE: Duration = Duration::from_secs(20);
const LOOK_PAUSE: Duration = Duration::from_millis(50);

/// A check-out whose packages are installed and whose assets are built.
pub struct CheckOut {
    directory: PathBuf,
    /// Where its Node is found.
    search_path: String,
}

impl CheckOut {
    /// The one that `REFERENCE` names; its Node is the first of `REFERENCE_PATH`, or else of `PATH`.
    ///
    /// # Panics
    /// When the variable is not set, or leads nowhere.
    pub fn from_environment() -> Self {
        let directory = std::env::var("REFERENCE").expect("REFERENCE names a check-out of the reference");
        let directory = PathBuf::from(directory);
        for needed in ["src/index.ts", "node_modules/tsx", "dist"] {
            assert!(
                directory.join(needed).exists(),
                "{needed} is missing in {}",
                directory.display()
            );
        }
        let search_path = std::env::var("REFERENCE_PATH").or_else(|_| std::env::var("PATH"));
        Self {
            directory,
            search_path: search_path.expect("a search path"),
        }
    }

    /// Runs one of its npm scripts to its end and gives what it wrote.
    ///
    /// # Panics
    /// When it fails.
    pub fn npm(&self, environment: &[(&str, String)], arguments: &[&str]) -> String {
        let mut command = self.command("npm", environment);
        let output = command.args(["run", "--silent"]).args(arguments).output();
        let output = output.unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{arguments:?}: {text}");
        text
    }

    /// Keys as its own generator makes them, for `JWKS`.
    ///
    /// # Panics
    /// When it fails.
    pub fn generate_keys(&self, environment: &[(&str, String)]) -> String {
        let mut command = self.command("node", environment);
        let output = command
            .args(["--import", "tsx", "scripts/generate-keys.ts"])
            .output();
        let output = output.unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let keys = String::from_utf8(output.stdout).expect("a text");
        keys.trim().to_owned()
    }

    /// The text of one of its files.
    ///
    /// # Panics
    /// When there is none.
    pub fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.directory.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    fn command(&self, program: &str, environment: &[(&str, String)]) -> Command {
        let found = std::env::split_paths(&self.search_path)
            .map(|folder| folder.join(program))
            .find(|program| program.exists());
        let found = found.unwrap_or_else(|| panic!("{program} is in no folder of {}", self.search_path));
        let mut command = Command::new(found);
        command
            .current_dir(&self.directory)
            .env_clear()
            .env("PATH", &self.search_path)
            .env("HOME", std::env::var("HOME").unwrap_or_default())
            .envs(environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// The running program. It ends when dropped.
pub struct Reference {
    /// Where it listens.
    pub base_url: Url,
    /// How long it took to answer, from its start.
    pub started_in: Duration,
    process: Process,
}

impl Reference {
    /// Starts it and waits until it answers. Beside `environment` it is given a port, and its own played remote systems.
    pub async fn start(check_out: &CheckOut, environment: &[(&str, String)]) -> Self {
        let port = free_port();
        let base_url = Url::parse(&format!("http://localhost:{port}/")).expect("a URL");
        let offline = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/rehearsal/offline.mjs");
        let mut command = check_out.command("node", environment);
        command
            .arg("--import")
            .arg(offline)
            .args([
                "--import",
                "tsx",
                "--import",
                "./src/instrument.ts",
                "src/index.ts",
            ])
            .env("PORT", port.to_string())
            .envs(played_systems(&base_url));
        let started = Instant::now();
        let mut process = Process::start("the reference", &mut command);
        let page = base_url.join("users/start-sign-in").expect("a path");
        let client = http_client();
        loop {
            assert!(process.is_running(), "the reference ended while starting");
            let answer = client.get(page.clone()).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                break;
            }
            assert!(
                started.elapsed() < START_PATIENCE,
                "the reference does not answer"
            );
            tokio::time::sleep(LOOK_PAUSE).await;
        }
        Self {
            base_url,
            started_in: started.elapsed(),
            process,
        }
    }

    /// Ends it, and gives its log.
    ///
    /// # Panics
    /// When the log tells of a fault: an error of the database, or an answer 5xx.
    pub async fn stop(mut self) -> String {
        self.expect_no_fault();
        self.process.stop(STOP_PATIENCE).await;
        self.process.output()
    }

    /// Looks at its log.
    ///
    /// # Panics
    /// As [`Reference::stop`].
    pub fn expect_no_fault(&self) {
        let log = self.process.output();
        // PostgreSQL's errors are shown with their fields; answers end as the common log format has it.
        let is_fault = |line: &&str| line.contains("severity: '") || line.contains(" HTTP/1.1\" 5");
        let faults: Vec<&str> = log.lines().filter(is_fault).collect();
        assert!(faults.is_empty(), "{faults:#?}");
    }
}

/// The variables that lead to the remote systems that a server plays itself.
pub fn played_systems(server: &Url) -> Vec<(&'static str, String)> {
    let systems = [
        (
            "ANNUAIRE_SERVICE_PUBLIC_API_URL",
            "api-lannuaire.service-public.fr",
        ),
        ("ENTREPRISE_API_URL", "entreprise.api.gouv.fr"),
        ("INSEE_API_URL", "api.insee.fr/api-sirene/prive/3.11"),
        ("FRANCECONNECT_ISSUER", "oidc.franceconnect.gouv.fr/api/v2"),
    ];
    systems
        .map(|(name, path)| (name, format!("{server}___testing___/{path}")))
        .to_vec()
}
