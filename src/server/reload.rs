//! `SIGHUP`: what can be re-read while the process runs is re-read.

use tokio::signal::unix::{SignalKind, signal};

use super::master_keys;
use crate::config::{CREDENTIALS, Config, ConfigError, ConnectorsConfig, Setting};
use crate::domain::MasterKeys;
use crate::telemetry::{AccessLog, Telemetry};
use crate::web::cookies::CookieJarRules;
use crate::web::operator::OperatorToken;

/// The variables that take effect without a restart. The access log is reopened besides.
const EFFECTIVE: [&str; 5] = [
    "LOG_LEVEL",
    "SESSION_COOKIE_SECRET",
    "OPERATOR_TOKEN",
    "SYMMETRIC_ENCRYPTION_KEY",
    "SYMMETRIC_ENCRYPTION_KEY_PREVIOUS",
];

/// Reads the configuration again, as the start did. It refuses that of another deployment.
pub type ReadConfig = Box<dyn Fn() -> Result<Config, ConfigError> + Send>;

/// What can be changed while the process runs.
pub(super) struct Reloadable {
    pub(super) access_log: AccessLog,
    pub(super) telemetry: Telemetry,
    pub(super) cookies: CookieJarRules,
    pub(super) operator_token: OperatorToken,
    pub(super) master_keys: MasterKeys,
    /// What the connectors were made from: their credentials are shared with it.
    pub(super) connectors: ConnectorsConfig,
    /// The configuration as it was read last.
    pub(super) settings: Vec<Setting>,
}

impl Reloadable {
    /// Does its work at each `SIGHUP`, for as long as the process lives.
    ///
    /// # Errors
    /// The signal cannot be listened to.
    pub(super) async fn at_each_hangup(self, read: ReadConfig) -> std::io::Result<()> {
        let mut hangups = signal(SignalKind::hangup())?;
        while hangups.recv().await.is_some() {
            self.access_log.reopen();
            match read() {
                Ok(config) => self.take(&config),
                Err(error) => {
                    tracing::error!(%error, "the configuration was not re-read: everything stays as it is");
                }
            }
        }
        Ok(())
    }

    fn take(&self, config: &Config) {
        self.cookies
            .replace_secrets(config.secrets.cookie_secrets.clone());
        self.operator_token.replace(config.server.operator_token.clone());
        master_keys::replace(&self.master_keys, config);
        self.connectors.take_over_credentials(&config.connectors);
        self.telemetry.set_level(config.logs.level);
        let waiting = waiting_for_restart(&self.settings, config.describe());
        let re_read = [EFFECTIVE.as_slice(), CREDENTIALS.as_slice()].concat();
        tracing::info!(re_read = re_read.join(", "), "the configuration was re-read");
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        if !waiting.is_empty() {
            tracing::warn!(
                variables = waiting.join(", "),
                "these variables have changed and wait for a restart"
            );
        }
    }
}

/// The variables whose values differ, also where they are masked, and take effect at a start only.
fn waiting_for_restart(before: &[Setting], now: &[Setting]) -> Vec<&'static str> {
    now.iter()
        .filter(|setting| !EFFECTIVE.contains(&setting.variable) && !CREDENTIALS.contains(&setting.variable))
        .filter(|setting| !before.contains(setting))
        .map(|setting| setting.variable)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(variable: &'static str, value: &str) -> Setting {
        masked(variable, value, value)
    }

    fn masked(variable: &'static str, shown: &str, given: &str) -> Setting {
        Setting::new(variable, shown.to_owned(), false, Some(given))
    }

    #[test]
    fn what_a_restart_is_needed_for_is_told() {
        let before = [
            setting("PORT", "1"),
            setting("LOG_LEVEL", "info"),
            setting("HOST", "a"),
        ];
        let now = [
            setting("PORT", "2"),
            setting("LOG_LEVEL", "debug"),
            setting("HOST", "a"),
        ];
        assert_eq!(waiting_for_restart(&before, &now), ["PORT"]);
    }

    #[test]
    fn what_is_masked_is_told_when_it_changes() {
        let settings = |jwks, password| {
            let database = format!("postgres://identite:{password}@db/identite");
            [
                masked("JWKS", "****", jwks),
                masked("DATABASE_URL", "postgres://identite:****@db/identite", &database),
                masked("OPERATOR_TOKEN", "****", password),
            ]
        };
        let before = settings("one", "one");
        assert_eq!(waiting_for_restart(&before, &settings("one", "one")), [""; 0]);
        assert_eq!(waiting_for_restart(&before, &settings("two", "one")), ["JWKS"]);
        assert_eq!(
            waiting_for_restart(&before, &settings("one", "two")),
            ["DATABASE_URL"]
        );
        let shown = format!("{before:?}");
        assert!(
            !shown.contains("one") && shown.contains("Fingerprint(****)"),
            "{shown}"
        );
    }
}
