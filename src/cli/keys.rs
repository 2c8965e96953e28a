//! `identite keys …`

use chrono::{DateTime, TimeDelta, Utc};
use clap::{Args, Subcommand, value_parser};
use identite_actors::clock::{Clock, SystemClock};
use identite_actors::keys::{KeyStage, SigningAlgorithm};
use secrecy::ExposeSecret;
use serde_json::json;

use super::database::pool;
use super::tool::record;
use super::{CommandError, load_config, shared_runtime, streams};
use crate::db;
use crate::oidc::signing_keys::{ListedKey, Retirement, SigningKeys, SigningKeysError};
use crate::server;

/// The longest that a key may be published before it signs: thirty days.
const MOST_PUBLISH_MINUTES: i64 = 30 * 24 * 60;
/// The longest that a key may be published after its last signature: a year.
const MOST_GRACE_HOURS: i64 = 365 * 24;

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
    /// How long the key is published before it signs; relying parties keep key sets for 15 minutes. 0 when somebody else knows
    /// the key before it, thirty days at most.
    #[arg(long, default_value_t = 24 * 60, value_parser = value_parser!(u32).range(..=MOST_PUBLISH_MINUTES))]
    publish_minutes: u32,
    /// How long the keys before it are published after their last signature: a year at most. What was to end earlier does.
    #[arg(long, default_value_t = 30 * 24, value_parser = value_parser!(u32).range(..=MOST_GRACE_HOURS))]
    grace_hours: u32,
}

#[derive(Debug, Args)]
pub(super) struct Retire {
    #[arg(allow_hyphen_values = true)]
    kid: String,
    /// How long it is published after its last signature: a year at most, 0 when somebody else knows the key. An end that is
    /// set never moves later.
    #[arg(long, default_value_t = 30 * 24, value_parser = value_parser!(u32).range(..=MOST_GRACE_HOURS))]
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
                print(&keys.list(&database, now).await.map_err(refused)?)?;
            }
            KeysCommand::Rotate(rotation) => {
                let algorithm: SigningAlgorithm = rotation
                    .alg
                    .parse()
                    .map_err(|_| CommandError::Refused(format!("{}: no such algorithm", rotation.alg)))?;
                let published_for = TimeDelta::minutes(rotation.publish_minutes.into());
                let grace = TimeDelta::hours(rotation.grace_hours.into());
                let transaction = database.transaction().await.map_err(db::Error::from)?;
                let made = keys
                    .rotate(&transaction, algorithm, published_for, grace, now)
                    .await
                    .map_err(refused)?;
                let detail = json!({"alg": rotation.alg, "signs_from": made.signs_from, "grace_hours": rotation.grace_hours});
                record(&transaction, "keys.rotate", ("key", &made.kid), detail, now).await?;
                transaction.commit().await.map_err(db::Error::from)?;
                announce(&made.kid, made.signs_from)?;
            }
            KeysCommand::Retire(retirement) => {
                let grace = TimeDelta::hours(retirement.grace_hours.into());
                let transaction = database.transaction().await.map_err(db::Error::from)?;
                let ends = keys
                    .retire(&transaction, &retirement.kid, grace, now)
                    .await
                    .map_err(refused)?;
                if ends.is_new {
                    let detail = json!({"grace_hours": retirement.grace_hours});
                    record(&transaction, "keys.retire", ("key", &retirement.kid), detail, now).await?;
                }
                transaction.commit().await.map_err(db::Error::from)?;
                streams::say(format_args!("{}", told(&retirement.kid, ends, now)))?;
            }
        }
        Ok(())
    })
}

#[expect(clippy::needless_pass_by_value, reason = "fits map_err")]
fn refused(error: SigningKeysError) -> CommandError {
    CommandError::Refused(error.to_string())
}

fn generate() -> Result<(), CommandError> {
    let jwks = identite_actors::keys::generate().map_err(|error| CommandError::Refused(error.to_string()))?;
    streams::say(format_args!("{}", jwks.expose_secret()))
}

fn announce(kid: &str, signs_from: DateTime<Utc>) -> Result<(), CommandError> {
    streams::print(|out| {
        writeln!(out, "kid: {kid}")?;
        writeln!(out, "signs from: {}", signs_from.format("%Y-%m-%d %H:%M:%S UTC"))
    })
}

/// What became of a key that was retired.
fn told(kid: &str, ends: Retirement, now: DateTime<Utc>) -> String {
    let already = if ends.is_new {
        ""
    } else {
        " is retired already: it"
    };
    let signs = if ends.signs_until > now {
        "signs until"
    } else {
        "signs no more since"
    };
    let published = if ends.published_until > now {
        "is published until"
    } else {
        "is not published any more since"
    };
    let date = |instant: DateTime<Utc>| instant.format("%Y-%m-%d %H:%M:%S UTC");
    let (last, gone) = (date(ends.signs_until), date(ends.published_until));
    format!("{kid}{already} {signs} {last} and {published} {gone}")
}

fn print(keys: &[ListedKey]) -> Result<(), CommandError> {
    streams::print(|out| keys.iter().try_for_each(|key| writeln!(out, "{}", line(key))))
}

fn line(key: &ListedKey) -> String {
    let place = if key.is_from_variable { "JWKS" } else { "database" };
    let mut stage = match key.stage {
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
    if !key.is_readable {
        stage.push_str(", unreadable: no key of the deployment opens it");
    }
    format!("{}\t{}\t{place}\t{stage}", key.kid, key.shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_limit() {
        for (line, is_accepted) in [
            ("keys rotate --publish-minutes 0 --grace-hours 0", true),
            ("keys rotate --publish-minutes 43200 --grace-hours 8760", true),
            ("keys rotate --publish-minutes 43201", false),
            ("keys rotate --publish-minutes 4294967295", false),
            ("keys rotate --grace-hours 8761", false),
            ("keys retire k --grace-hours 8760", true),
            ("keys retire k --grace-hours 4294967295", false),
        ] {
            let command = KeysCommand::augment_subcommands(clap::Command::new("keys"));
            let parsed = command.try_get_matches_from(line.split(' '));
            assert_eq!(parsed.is_ok(), is_accepted, "{line}");
        }
    }

    #[test]
    fn whoever_retires_a_key_is_told_since_when_and_until_when() {
        let at = |seconds: i64| DateTime::from_timestamp(seconds, 0).unwrap();
        let mut ends = Retirement {
            signs_until: at(60),
            published_until: at(180),
            is_new: true,
        };
        assert_eq!(
            told("k", ends, at(60)),
            "k signs no more since 1970-01-01 00:01:00 UTC and is published until 1970-01-01 00:03:00 UTC"
        );
        ends.is_new = false;
        assert_eq!(
            told("k", ends, at(200)),
            "k is retired already: it signs no more since 1970-01-01 00:01:00 UTC and is not published any more since \
             1970-01-01 00:03:00 UTC"
        );
        assert!(told("k", ends, at(30)).contains("it signs until"));
    }
}
