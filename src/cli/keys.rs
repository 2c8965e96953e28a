//! `identite keys …`

use chrono::TimeDelta;
use clap::{Args, Subcommand};
use identite_actors::clock::{Clock, SystemClock};
use identite_actors::keys::{KeyStage, SigningAlgorithm};
use secrecy::ExposeSecret;
use serde_json::json;

use super::database::pool;
use super::tool::record;
use super::{CommandError, load_config, shared_runtime};
use crate::db;
use crate::oidc::signing_keys::{ListedKey, SigningKeys, SigningKeysError};
use crate::server;

/// Signing keys.
#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Print a fresh private key set for the variable JWKS.
    Generate,
    /// List the keys: what each does, since when, until when.
    List,
    /// Make a key that takes over, once it was published long enough to be known everywhere. No restart is needed.
    Rotate(Rotate),
    /// Let a key sign no more.
    Retire(Retire),
}

#[derive(Debug, Args)]
pub(super) struct Rotate {
    /// RS256, PS256 (one RSA key signs with both), ES256 or `EdDSA`.
    #[arg(long, default_value = "RS256")]
    alg: String,
    /// How long the key is published before it signs; relying parties keep key sets for 15 minutes.
    #[arg(long, default_value_t = 24 * 60)]
    publish_minutes: u32,
    /// How long the keys before it are published after their last signature.
    #[arg(long, default_value_t = 30 * 24)]
    grace_hours: u32,
}

#[derive(Debug, Args)]
pub(super) struct Retire {
    #[arg(allow_hyphen_values = true)]
    kid: String,
    /// How long it is published after its last signature; 0 when somebody else knows the key.
    #[arg(long, default_value_t = 30 * 24)]
    grace_hours: u32,
}

pub(super) fn run(command: KeysCommand) -> Result<(), CommandError> {
    if matches!(command, KeysCommand::Generate) {
        return generate();
    }
    let config = load_config()?;
    let runtime = shared_runtime()?;
    let pool = pool(&config, runtime.handle())?;
    let keys = SigningKeys::new(&config.secrets.jwks, server::master_keys(&config))
        .map_err(|error| CommandError::Refused(format!("JWKS: {error}")))?;
    let now = SystemClock.now();
    runtime.block_on(async {
        let mut database = pool.get().await?;
        match command {
            KeysCommand::Generate | KeysCommand::List => {
                print(&keys.list(&database, now).await.map_err(refused)?);
            }
            KeysCommand::Rotate(rotation) => {
                let algorithm: SigningAlgorithm = rotation
                    .alg
                    .parse()
                    .map_err(|_| CommandError::Refused(format!("{}: no such algorithm", rotation.alg)))?;
                let published_for = TimeDelta::minutes(rotation.publish_minutes.into());
                let grace = TimeDelta::hours(rotation.grace_hours.into());
                let transaction = database.transaction().await.map_err(db::Error::from)?;
                let kid = keys
                    .rotate(&transaction, algorithm, published_for, grace, now)
                    .await
                    .map_err(refused)?;
                let detail = json!({"alg": rotation.alg, "signs_from": now + published_for, "grace_hours": rotation.grace_hours});
                record(&transaction, "keys.rotate", ("key", &kid), detail, now).await?;
                transaction.commit().await.map_err(db::Error::from)?;
                announce(&kid, now + published_for);
            }
            KeysCommand::Retire(retirement) => {
                let grace = TimeDelta::hours(retirement.grace_hours.into());
                let transaction = database.transaction().await.map_err(db::Error::from)?;
                keys.retire(&transaction, &retirement.kid, grace, now)
                    .await
                    .map_err(refused)?;
                let detail = json!({"grace_hours": retirement.grace_hours});
                record(&transaction, "keys.retire", ("key", &retirement.kid), detail, now).await?;
                transaction.commit().await.map_err(db::Error::from)?;
            }
        }
        Ok(())
    })
}

#[expect(clippy::needless_pass_by_value, reason = "fits map_err")]
fn refused(error: SigningKeysError) -> CommandError {
    CommandError::Refused(error.to_string())
}

#[expect(clippy::print_stdout, reason = "printing is what the command is for")]
fn generate() -> Result<(), CommandError> {
    let jwks = identite_actors::keys::generate().map_err(|error| CommandError::Refused(error.to_string()))?;
    println!("{}", jwks.expose_secret());
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a command tells what it did")]
fn announce(kid: &str, signs_from: chrono::DateTime<chrono::Utc>) {
    println!("kid: {kid}");
    println!("signs from: {}", signs_from.format("%Y-%m-%d %H:%M:%S UTC"));
}

#[expect(clippy::print_stdout, reason = "printing is what the command is for")]
fn print(keys: &[ListedKey]) {
    for key in keys {
        let place = if key.is_from_variable { "JWKS" } else { "database" };
        let stage = match key.stage {
            None => "retired".to_owned(),
            Some(KeyStage::Coming) => key.signs_from.map_or_else(
                || "coming".to_owned(),
                |from| format!("signs from {}", from.format("%Y-%m-%d %H:%M UTC")),
            ),
            Some(KeyStage::Signing) => key.signs_until.map_or_else(
                || "in use".to_owned(),
                |until| format!("in use until {}", until.format("%Y-%m-%d %H:%M UTC")),
            ),
            Some(KeyStage::Retiring { until }) => {
                format!("verifies until {}", until.format("%Y-%m-%d %H:%M UTC"))
            }
        };
        println!("{}\t{}\t{place}\t{stage}", key.kid, key.shape);
    }
}
