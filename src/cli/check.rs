//! `identite check`

use secrecy::ExposeSecret;

use super::{CommandError, load_config, shared_runtime, streams};
use crate::config::{Config, ConfigError, Issue};
use crate::db::{Pool, PoolSettings};
use crate::web::legal_texts::LegalTexts;

pub(super) fn check() -> Result<(), CommandError> {
    let config = load_config()?;
    refuse_unusable(&config)?;
    streams::print(|out| {
        for setting in config.describe() {
            writeln!(out, "{setting}")?;
        }
        for warning in &config.warnings {
            writeln!(out, "warning: {warning}")?;
        }
        Ok(())
    })?;
    if let Some(directory) = &config.pages.legal_texts_directory {
        LegalTexts::read(directory)
            .map_err(|error| CommandError::Refused(format!("LEGAL_TEXTS_DIRECTORY: {error}")))?;
    }
    if config.warnings.is_empty() {
        Ok(())
    } else {
        Err(CommandError::Refused(format!(
            "{} unsafe value(s)",
            config.warnings.len()
        )))
    }
}

/// What `serve` refuses before it connects to anything, and only the rooms above the configuration's can tell.
fn refuse_unusable(config: &Config) -> Result<(), CommandError> {
    let mut issues = Vec::new();
    let mut refuse = |variable, problem: String| issues.push(Issue { variable, problem });
    if let Err(error) = identite_actors::keys::public_halves(&config.secrets.jwks) {
        refuse("JWKS", error.to_string());
    }
    let runtime = shared_runtime()?;
    let url = config.database.url.expose_secret();
    // It reads the certificates that the URL names, and connects to nothing.
    if let Err(error) = Pool::to_primary(url, &PoolSettings::default(), runtime.handle()) {
        refuse("DATABASE_URL", error.to_string());
    }
    if issues.is_empty() {
        Ok(())
    } else {
        Err(ConfigError::Invalid(issues).into())
    }
}
