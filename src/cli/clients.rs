//! `identite clients …`

use chrono::TimeDelta;
use clap::{Args, Subcommand};
use identite_actors::clock::{Clock, SystemClock};
use identite_actors::keys::{KeySet, KeyStage};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::Arc;

use super::database::pool;
use super::tool::record;
use super::{CommandError, load_config, shared_runtime, streams};
use crate::config::Config;
use crate::db;
use crate::oidc::SigningAlgorithm;
use crate::oidc::registry::{self, CheckedClient, Finding, HandedOut, Registration, Rotation};
use crate::oidc::signing_keys::SigningKeys;
use crate::server;

/// Relying parties.
#[derive(Debug, Subcommand)]
pub(super) enum ClientsCommand {
    /// List them with what they have set beyond the reference.
    List,
    /// Validate every row before people find out; fails when one is broken.
    Check,
    /// Register one with a hashed secret, PKCE and exact redirection URIs; prints the secret once.
    Add(Add),
    /// Draw a new secret; the one before goes on counting for a while.
    RotateSecret(RotateSecret),
    /// Change settings of one: NAME=VALUE …, an empty value takes a setting back.
    Set(Set),
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// How people know the service.
    name: String,
    /// Where it is sent answers; may be given several times.
    #[arg(long = "redirect-uri", required = true)]
    redirect_uris: Vec<String>,
    /// Where people may be sent after a logout; may be given several times.
    #[arg(long = "post-logout-redirect-uri")]
    post_logout_redirect_uris: Vec<String>,
    /// What it may ask for.
    #[arg(long, default_value = "openid email profile organization")]
    scope: String,
    /// Its identifier; one is drawn otherwise.
    #[arg(long)]
    client_id: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct RotateSecret {
    #[arg(allow_hyphen_values = true)]
    client_id: String,
    /// For how long the secret before counts as well.
    #[arg(long, default_value_t = 72)]
    overlap_hours: u16,
    /// Keep only a hash, also of a secret that the reference could read.
    #[arg(long)]
    hash: bool,
    /// Also while the secret that the rotation before replaced still counts: it counts no more then.
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
pub(super) struct Set {
    #[arg(allow_hyphen_values = true)]
    client_id: String,
    /// A column of `identite_client_settings` and its value: text, number, true, false or JSON.
    #[arg(required = true, value_parser = setting)]
    settings: Vec<(String, Value)>,
}

fn setting(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    let value = match value {
        "" => Value::Null,
        text => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)),
    };
    Ok((name.to_owned(), value))
}

pub(super) fn run(command: ClientsCommand) -> Result<(), CommandError> {
    let config = load_config()?;
    let runtime = shared_runtime()?;
    let pool = pool(&config, runtime.handle())?;
    let offers_tls_client_auth = config.oidc.tells_verified_certificates();
    let now = SystemClock.now();
    runtime.block_on(async {
        let mut database = pool.get().await?;
        let supported = supported(&config, &database).await?;
        match command {
            ClientsCommand::List => {
                let clients = registry::check(&database, &supported, offers_tls_client_auth, now)
                    .await
                    .map_err(refused)?;
                list(&clients)
            }
            ClientsCommand::Check => {
                let clients = registry::check(&database, &supported, offers_tls_client_auth, now)
                    .await
                    .map_err(refused)?;
                report(&clients)
            }
            ClientsCommand::Add(add) => {
                let registration = Registration {
                    name: add.name,
                    client_id: add.client_id,
                    redirect_uris: add.redirect_uris,
                    post_logout_redirect_uris: add.post_logout_redirect_uris,
                    scope: add.scope,
                };
                let transaction = database.transaction().await.map_err(db::Error::from)?;
                let told = registry::add(&transaction, &registration, &supported, now)
                    .await
                    .map_err(refused)?;
                let detail = json!({
                    "name": registration.name,
                    "redirect_uris": registration.redirect_uris,
                    "scope": registration.scope,
                });
                record(
                    &transaction,
                    "clients.add",
                    ("client", &told.client_id),
                    detail,
                    now,
                )
                .await?;
                hand_out(transaction, &told).await
            }
            ClientsCommand::RotateSecret(asked) => {
                let rotation = Rotation {
                    overlap: TimeDelta::hours(asked.overlap_hours.into()),
                    hashed: asked.hash,
                    force: asked.force,
                };
                let transaction = database.transaction().await.map_err(db::Error::from)?;
                let told = registry::rotate_secret(&transaction, &asked.client_id, rotation, now)
                    .await
                    .map_err(refused)?;
                let detail =
                    json!({"overlap_hours": asked.overlap_hours, "hash": asked.hash, "force": asked.force});
                let subject = ("client", asked.client_id.as_str());
                record(&transaction, "clients.rotate-secret", subject, detail, now).await?;
                hand_out(transaction, &told).await
            }
            ClientsCommand::Set(set) => {
                let changes: Map<String, Value> = set.settings.into_iter().collect();
                // No setting is secret.
                let detail = Value::Object(changes.clone());
                let transaction = database.transaction().await.map_err(db::Error::from)?;
                registry::set(&transaction, &set.client_id, changes, &supported, now)
                    .await
                    .map_err(refused)?;
                record(
                    &transaction,
                    "clients.set",
                    ("client", &set.client_id),
                    detail,
                    now,
                )
                .await?;
                transaction.commit().await.map_err(db::Error::from)?;
                Ok(())
            }
        }
    })
}

/// What a server signs with now: with the keys of `JWKS` and of the calendar, each as the calendar says.
async fn supported(config: &Config, database: &db::Client) -> Result<Vec<SigningAlgorithm>, CommandError> {
    let calendar = SigningKeys::new(&config.secrets.jwks, server::master_keys(config))
        .map_err(|error| CommandError::Refused(format!("JWKS: {error}")))?;
    let arrangement = calendar
        .arrangement(database, &mut HashMap::new(), SystemClock.now())
        .await
        .map_err(|error| CommandError::Refused(error.to_string()))?;
    let signing: Vec<Value> = arrangement
        .keys
        .iter()
        .filter(|key| key.stage == KeyStage::Signing)
        .filter_map(|key| serde_json::from_str(key.jwk.expose_secret()).ok())
        .collect();
    let keys = KeySet::read(&json!({ "keys": signing }).to_string(), Arc::new(SystemClock))
        .map_err(|error| CommandError::Refused(format!("the signing keys: {error}")))?;
    Ok(keys
        .signing_algorithms()
        .into_iter()
        .filter_map(|algorithm| algorithm.name().parse().ok())
        .collect())
}

#[expect(clippy::needless_pass_by_value, reason = "fits map_err")]
fn refused(error: registry::RegistryError) -> CommandError {
    CommandError::Refused(error.to_string())
}

fn list(clients: &[CheckedClient]) -> Result<(), CommandError> {
    streams::print(|out| {
        for client in clients {
            let state = if client.findings.iter().any(is_broken) {
                "broken"
            } else {
                "sound"
            };
            let settings = client.settings.join(" ");
            writeln!(
                out,
                "{}\t{}\t{}\t{state}\t{settings}",
                client.row_id, client.client_id, client.name
            )?;
        }
        Ok(())
    })
}

fn is_broken(finding: &Finding) -> bool {
    matches!(finding, Finding::Broken(_))
}

fn report(clients: &[CheckedClient]) -> Result<(), CommandError> {
    streams::print(|out| {
        for client in clients {
            for finding in &client.findings {
                let (kind, text) = match finding {
                    Finding::Broken(text) => ("broken", text),
                    Finding::Doubtful(text) => ("doubtful", text),
                };
                writeln!(
                    out,
                    "{kind}: {} (row {}): {text}",
                    client.client_id, client.row_id
                )?;
            }
        }
        writeln!(
            out,
            "{} clients looked at on {}",
            clients.len(),
            SystemClock.now().format("%Y-%m-%d")
        )
    })?;
    let findings = clients.iter().flat_map(|client| &client.findings);
    let broken = findings.filter(|finding| is_broken(finding)).count();
    if broken == 0 {
        Ok(())
    } else {
        Err(CommandError::Refused(format!("{broken} broken client(s)")))
    }
}

/// Tells what is told once, and commits only then: a secret that nobody has read must not be the one that counts.
async fn hand_out(transaction: db::Transaction<'_>, told: &HandedOut) -> Result<(), CommandError> {
    streams::hand_over(|out| {
        writeln!(out, "client_id: {}", told.client_id)?;
        writeln!(out, "client_secret: {}", told.secret)
    })
    .map_err(|error| {
        CommandError::Refused(format!(
            "nothing was changed: the secret could not be written to the standard output: {error}"
        ))
    })?;
    transaction.commit().await.map_err(|error| {
        CommandError::Refused(format!(
            "whether the secret above counts is not known, look at `identite audit export`: {}",
            db::Error::from(error)
        ))
    })
}
