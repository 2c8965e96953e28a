//! Configuration: environment variables and `.env*` files, read once before anything starts; every violation is
//! reported at once, by variable name. `docs/OPERATIONS.md` lists the variables.

mod connectors;
mod dotenv;
mod environment;
mod error;
mod exports;
mod housekeeping;
mod kept_secrets;
mod masking;
mod passwords;
mod people;
mod profiles;
mod reader;
mod reloadable;
mod secrets;
mod server;
mod smtp;
mod sources;
mod tools;
mod warnings;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use connectors::{
    AnnuairesConfig, ApiEntrepriseConfig, CREDENTIALS, ConnectorsConfig, CrispConfig, DebounceConfig,
    FranceConnectConfig, InseeConfig, RneConfig,
};
pub use environment::{DeployEnv, LogFormat, LogLevel, Mode, NodeEnv};
pub use error::{ConfigError, Issue};
pub use exports::{ExportsConfig, OtlpConfig, TRACES};
pub use housekeeping::HousekeepingConfig;
pub use passwords::{Argon2Config, PasswordsConfig};
pub use people::{AccountsConfig, MailConfig, OidcConfig, OrganizationsConfig, SessionsConfig, SmtpTarget};
pub use reader::Setting;
pub use reloadable::ReloadableSecret;
pub use secrets::{SecretsConfig, SymmetricKey};
pub use server::{DatabaseConfig, LogsConfig, PagesConfig, ServerConfig, StateBackend};
pub use smtp::{SmtpCredentials, SmtpEncryption, SmtpServer};
pub use tools::ToolsConfig;
pub use warnings::ConfigWarning;

use environment::Surroundings;
use reader::Reader;

/// What is wrong with [`Surroundings::is_misplaced`].
const MISPLACED: &str =
    "localhost, but HOST is not this machine: say which deployment this is, production, sandbox or preview";

/// Everything the server can be told, with its types checked and its defaults filled in.
#[derive(Debug)]
pub struct Config {
    /// `DEPLOY_ENV`: which deployment this is.
    pub deploy_env: DeployEnv,
    /// `NODE_ENV`: which profile of defaults and caching applies.
    pub node_env: NodeEnv,
    pub server: ServerConfig,
    pub logs: LogsConfig,
    pub pages: PagesConfig,
    pub database: DatabaseConfig,
    /// `REDIS_URL`: where the state that requests share lives.
    pub state: StateBackend,
    pub secrets: SecretsConfig,
    pub sessions: SessionsConfig,
    pub passwords: PasswordsConfig,
    pub accounts: AccountsConfig,
    pub organizations: OrganizationsConfig,
    pub oidc: OidcConfig,
    pub mail: MailConfig,
    pub connectors: ConnectorsConfig,
    pub housekeeping: HousekeepingConfig,
    pub exports: ExportsConfig,
    pub tools: ToolsConfig,
    /// What an operator should know about these values. `identite serve` logs them, `identite check` fails on them.
    pub warnings: Vec<ConfigWarning>,
    settings: Vec<Setting>,
}

impl Config {
    /// Reads the process environment and the `.env*` files of the working directory.
    ///
    /// On `DEPLOY_ENV=localhost` a secret that nobody gave is made once and kept in `.dev/secrets`, so that a restart
    /// signs nobody out; `generate_jwks` is called only if the signing keys are to be made (it gives a private JWKS
    /// as JSON text).
    ///
    /// # Errors
    /// All violations at once ([`ConfigError::Invalid`]), a file that cannot be read, or the development secrets could
    /// not be kept.
    pub fn load(generate_jwks: impl FnOnce() -> String) -> Result<Self, ConfigError> {
        Self::load_from(Path::new("."), &|name| std::env::var(name).ok(), generate_jwks)
    }

    /// [`Config::load`] with the working directory and the process environment as parameters.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_from(
        directory: &Path,
        environment: &dyn Fn(&str) -> Option<String>,
        generate_jwks: impl FnOnce() -> String,
    ) -> Result<Self, ConfigError> {
        Self::read_files(directory, environment, None, generate_jwks)
    }

    /// [`Config::load`] for a process that has been running as `running`: a file that went missing does not make
    /// another deployment of it.
    ///
    /// # Errors
    /// As [`Config::load`], and for another mode than `running`.
    pub fn load_again(running: Mode, generate_jwks: impl FnOnce() -> String) -> Result<Self, ConfigError> {
        let environment = |name: &str| std::env::var(name).ok();
        Self::load_again_from(Path::new("."), &environment, running, generate_jwks)
    }

    /// [`Config::load_again`] with the working directory and the process environment as parameters.
    ///
    /// # Errors
    /// As [`Config::load_again`].
    pub fn load_again_from(
        directory: &Path,
        environment: &dyn Fn(&str) -> Option<String>,
        running: Mode,
        generate_jwks: impl FnOnce() -> String,
    ) -> Result<Self, ConfigError> {
        Self::read_files(directory, environment, Some(running), generate_jwks)
    }

    fn read_files(
        directory: &Path,
        environment: &dyn Fn(&str) -> Option<String>,
        running: Option<Mode>,
        generate_jwks: impl FnOnce() -> String,
    ) -> Result<Self, ConfigError> {
        let files = sources::DotenvFiles::read(directory, environment)?;
        let layered = |name: &str| files.lookup(environment, name);
        let surroundings = Surroundings::of(&layered);
        // Before anything is made: no other deployment gets the secrets of a development machine.
        if let Some(running) = running {
            running.check(&surroundings)?;
        }

        let made = if surroundings.deploy_env.is_localhost() && !surroundings.is_misplaced() {
            kept_secrets::fill_in(&secrets_directory(directory), &layered, generate_jwks)?
        } else {
            kept_secrets::KeptSecrets::default()
        };

        let complete = |name: &str| made.replacing(layered(name), name);
        Self::from_source(&complete)
    }

    /// Reads a configuration from any source of variables. Pure: no file, no environment, no randomness; hence the
    /// three secrets must be in the source (or in the development profile).
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] with every violation.
    pub fn from_source(source: &impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let surroundings = Surroundings::of(source);
        let with_profile = |name: &str| source(name).or_else(|| profiles::value(&surroundings, name));
        let mut reader = Reader::new(&with_profile);

        let deploy_env = reader.choice("DEPLOY_ENV", DeployEnv::Localhost);
        let node_env = reader.choice("NODE_ENV", NodeEnv::Development);
        let server = ServerConfig::read(&mut reader);
        if surroundings.is_misplaced() {
            reader.reject("DEPLOY_ENV", MISPLACED);
        }
        let mut config = Self {
            deploy_env,
            node_env,
            logs: LogsConfig::read(&mut reader),
            pages: PagesConfig::read(&mut reader),
            database: DatabaseConfig::read(&mut reader),
            state: StateBackend::read(&mut reader, deploy_env),
            secrets: SecretsConfig::read(&mut reader, deploy_env),
            sessions: SessionsConfig::read(&mut reader),
            passwords: PasswordsConfig::read(&mut reader),
            accounts: AccountsConfig::read(&mut reader),
            organizations: OrganizationsConfig::read(&mut reader),
            oidc: OidcConfig::read(&mut reader),
            mail: MailConfig::read(&mut reader, deploy_env),
            connectors: ConnectorsConfig::read(&mut reader, deploy_env, server.base_url()),
            housekeeping: HousekeepingConfig::read(&mut reader),
            exports: ExportsConfig::read(&mut reader),
            tools: ToolsConfig::read(&mut reader),
            server,
            warnings: Vec::new(),
            settings: Vec::new(),
        };

        config.settings = reader.finish()?;
        config.warnings = warnings::find(&config);
        Ok(config)
    }

    /// The effective configuration, a variable a row in the order of reading, with secrets masked (also the passwords
    /// inside URLs). Safe to print and to log.
    #[must_use]
    pub fn describe(&self) -> &[Setting] {
        &self.settings
    }

    /// Which deployment this is, and with which profile.
    #[must_use]
    pub fn mode(&self) -> Mode {
        Mode {
            deploy_env: self.deploy_env,
            node_env: self.node_env,
        }
    }

    /// Whether the mocks of the remote systems are served under `/___testing___`.
    #[must_use]
    pub fn serves_mocks(&self) -> bool {
        self.deploy_env.is_localhost()
    }
}

/// Where made secrets are kept, next to the other things of a development machine.
fn secrets_directory(directory: &Path) -> PathBuf {
    directory.join(".dev").join("secrets")
}
