//! What an operator sees of the configuration.

mod precedence;
mod validation;
mod values;

use std::collections::HashMap;

use super::{Config, ConfigError};

/// Secrets that a production deployment could have.
const SECRETS: [(&str, &str); 3] = [
    (
        "SYMMETRIC_ENCRYPTION_KEY",
        "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=",
    ),
    ("SESSION_COOKIE_SECRET", "k4Vx8mQ2pLr7Tz1Wn5Yc9Hd3Jf6Bg0Sa"),
    ("JWKS", r#"{"keys":[{"kty":"RSA"}]}"#),
];

/// What a production deployment must give.
const PRODUCTION: [(&str, &str); 5] = [
    ("NODE_ENV", "production"),
    ("DEPLOY_ENV", "production"),
    ("HOST", "https://identite.example"),
    ("DATABASE_URL", "postgres://app:hunter2@db.internal:5432/app"),
    ("SMTP_URL", "smtps://mailer:hunter2@mail.internal:465"),
];

/// A configuration from secrets and `variables`, later ones first.
fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let all: HashMap<String, String> = SECRETS
        .iter()
        .chain(variables)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Config::from_source(&|name: &str| all.get(name).cloned())
}

/// As [`read`], on top of what a production deployment must give.
fn read_in_production(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let all: Vec<_> = PRODUCTION.iter().chain(variables).copied().collect();
    read(&all)
}

/// The problems by variable.
fn problems(outcome: Result<Config, ConfigError>) -> Vec<(&'static str, String)> {
    match outcome {
        Ok(_) => Vec::new(),
        Err(ConfigError::Invalid(issues)) => issues
            .into_iter()
            .map(|issue| (issue.variable, issue.problem))
            .collect(),
        Err(other) => panic!("unexpected error: {other}"),
    }
}

/// The variables that a warning is about.
fn warned(config: &Config) -> Vec<&'static str> {
    config.warnings.iter().map(|warning| warning.variable).collect()
}
