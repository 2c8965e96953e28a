//! The registry of relying parties, for operators: what is in it, what is wrong with it, new clients, new secrets.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};
use url::Url;
use uuid::Uuid;

use super::artefacts::new_secret;
use super::client::Client;
use super::client_settings::{ClientAuthentication, hash_secret, travels_safely};
use super::signer::SigningAlgorithm;
use crate::db::client_settings::{self, NewClient};
use crate::db::clients::{self, ClientRow};
use crate::db::{self, GenericClient};

/// Shorter secrets are told of.
const SECRET_CHARACTERS_AT_LEAST: usize = 32;

/// Something that an operator should know of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It does not work: what it and its people read.
    Broken(String),
    /// It works, and should not be as it is.
    Doubtful(String),
}

/// A client and what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedClient {
    /// `oidc_clients.id`
    pub row_id: i32,
    pub client_id: String,
    pub name: String,
    pub findings: Vec<Finding>,
    /// The settings that differ from those of the reference, by their column.
    pub settings: Vec<String>,
}

/// What a new client is to be.
#[derive(Debug, Clone)]
pub struct Registration {
    pub name: String,
    /// `None`: one is drawn.
    pub client_id: Option<String>,
    pub redirect_uris: Vec<String>,
    pub post_logout_redirect_uris: Vec<String>,
    pub scope: String,
}

/// How a secret is replaced.
#[derive(Debug, Clone, Copy)]
pub struct Rotation {
    /// For how long the secret before counts as well.
    pub overlap: TimeDelta,
    /// Only a hash of the new one is kept, also where the reference could read the one before.
    pub hashed: bool,
    /// A previous secret that still counts is cut off.
    pub force: bool,
}

/// What is told once.
#[derive(Debug, Clone)]
pub struct HandedOut {
    pub client_id: String,
    pub secret: String,
}

/// Why the registry was not changed.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error(transparent)]
    Database(#[from] db::Error),
    #[error("there is no client {0:?}")]
    Unknown(String),
    #[error("there is a client {0:?} already")]
    Taken(String),
    #[error(
        "the secret before the present one of {client_id:?} counts until {} and would be cut off: wait until then, or give --force",
        .until.format("%Y-%m-%d %H:%M:%S UTC")
    )]
    StillCounts { client_id: String, until: DateTime<Utc> },
    #[error("{0}")]
    Unsound(String),
    #[error("{0:?} is no setting")]
    UnknownSetting(String),
}

/// Looks through the whole registry. `supported` are the algorithms that there are keys for; `offers_tls_client_auth`: the proxy says
/// which certificates it has verified.
///
/// # Errors
/// When the database does not answer.
pub async fn check(
    database: &impl GenericClient,
    supported: &[SigningAlgorithm],
    offers_tls_client_auth: bool,
    now: DateTime<Utc>,
) -> Result<Vec<CheckedClient>, RegistryError> {
    let rows = clients::all(database).await?;
    let mut first_with: HashMap<&str, i32> = HashMap::new();
    let mut checked = Vec::with_capacity(rows.len());
    for row in &rows {
        let first = *first_with.entry(&row.client_id).or_insert(row.id);
        let mut findings = findings(row, supported, offers_tls_client_auth, now);
        if first != row.id {
            findings.push(Finding::Broken(format!(
                "the row {first} has the same client_id and is the one that counts"
            )));
        }
        checked.push(CheckedClient {
            row_id: row.id,
            client_id: row.client_id.clone(),
            name: row.client_name.clone(),
            findings,
            settings: settings_of(row),
        });
    }
    Ok(checked)
}

fn findings(
    row: &ClientRow,
    supported: &[SigningAlgorithm],
    offers_tls_client_auth: bool,
    now: DateTime<Utc>,
) -> Vec<Finding> {
    let client = match Client::validate(row, supported) {
        Ok(client) => client,
        Err(error) => {
            let description = error.description.unwrap_or_default();
            return vec![Finding::Broken(format!("{}: {description}", error.code))];
        }
    };
    let mut findings = Vec::new();
    let mut doubt = |text: String| findings.push(Finding::Doubtful(text));
    if has_blanks(&client.client_id) {
        doubt("the client_id has blanks".to_owned());
    }
    if client.settings.secret_hash.is_none() && row.client_secret.len() < SECRET_CHARACTERS_AT_LEAST {
        doubt(format!(
            "the secret has less than {SECRET_CHARACTERS_AT_LEAST} characters"
        ));
    }
    for uri in &client.redirect_uris {
        let registered = &uri.registered;
        if registered.contains('*') {
            doubt(format!("{registered}: an asterisk stands for nothing but itself"));
        }
        if Url::parse(&uri.normalised).is_ok_and(|url| !travels_safely(&url)) {
            doubt(format!("{registered}: codes travel without encryption"));
        }
    }
    let shows_its_name = matches!(
        client.settings.authentication,
        ClientAuthentication::TlsSubject(_)
    );
    if shows_its_name && !offers_tls_client_auth {
        doubt("tls_client_auth proves nothing without TLS_CLIENT_CERTIFICATE_VERIFIED_HEADER".to_owned());
    }
    let logout_uri = client.settings.backchannel_logout_uri.as_ref();
    if let Some(uri) = logout_uri.filter(|uri| !travels_safely(uri)) {
        doubt(format!("{uri}: logout tokens travel without encryption"));
    }
    if let Some(previous) = client
        .settings
        .previous_secret
        .filter(|previous| previous.expires_at > now)
    {
        doubt(format!(
            "two secrets count until {}",
            previous.expires_at.format("%Y-%m-%d %H:%M UTC")
        ));
    }
    findings
}

/// What is set, without secrets.
fn settings_of(row: &ClientRow) -> Vec<String> {
    let Some(Value::Object(settings)) = &row.settings else {
        return Vec::new();
    };
    settings
        .iter()
        .filter(|(name, value)| {
            let is_about_row = matches!(
                name.as_str(),
                "oidc_client_id" | "created_at" | "modified_at" | "previous_secret_expires_at"
            );
            !is_about_row && !value.is_null() && **value != Value::Bool(false)
        })
        .map(|(name, value)| match value {
            _ if name.ends_with("hash") && !value.is_boolean() => format!("{name} (set)"),
            _ if name == PAIRWISE_SUBJECT_KEY => format!("{SUBJECT_TYPE}=pairwise"),
            Value::Object(_) => format!("{name} (set)"),
            Value::String(text) => format!("{name}={text}"),
            Value::Bool(_) => name.clone(),
            other => format!("{name}={other}"),
        })
        .collect()
}

/// Registers a client with a hashed secret, PKCE and exact redirection URIs.
///
/// # Errors
/// When the `client_id` is taken, or the client would not be sound.
pub async fn add(
    transaction: &db::Transaction<'_>,
    registration: &Registration,
    supported: &[SigningAlgorithm],
    now: DateTime<Utc>,
) -> Result<HandedOut, RegistryError> {
    let drawn = || Uuid::new_v4().to_string();
    let client_id = registration.client_id.clone().unwrap_or_else(drawn);
    if client_id.is_empty() || has_blanks(&client_id) {
        return Err(RegistryError::Unsound(format!(
            "client_id must neither be empty nor have blanks: {client_id:?}"
        )));
    }
    if clients::find(transaction, &client_id).await?.is_some() {
        return Err(RegistryError::Taken(client_id));
    }
    let secret = new_secret();
    // The reference needs a value, and would accept it: one that nobody knows.
    let placeholder = new_secret();
    let new = NewClient {
        client_id: &client_id,
        client_secret: &placeholder,
        client_name: &registration.name,
        redirect_uris: &registration.redirect_uris,
        post_logout_redirect_uris: &registration.post_logout_redirect_uris,
        scope: &registration.scope,
    };
    let row_id = client_settings::add_client(transaction, &new, now).await?;
    let mut settings = client_settings::unset(row_id, now);
    settings["secret_hash"] = hash_secret(&secret).into();
    settings["require_pkce"] = true.into();
    settings["exact_redirect_uris"] = true.into();
    client_settings::replace(transaction, row_id, &settings).await?;
    sound(transaction, row_id, supported).await?;
    Ok(HandedOut { client_id, secret })
}

/// Draws a new secret. The one before counts for the overlap more. A client whose secret is in the reference's column keeps it
/// there, unless only hashes are wanted.
///
/// # Errors
/// When there is no such client, or a secret that was rotated away still counts: it may be the one in use. Unless forced.
pub async fn rotate_secret(
    transaction: &db::Transaction<'_>,
    client_id: &str,
    rotation: Rotation,
    now: DateTime<Utc>,
) -> Result<HandedOut, RegistryError> {
    clients::lock(transaction, client_id).await?;
    let row = find(transaction, client_id).await?;
    let mut settings = present_settings(&row, now);
    if let Some(until) = previous_secret_counts_until(&settings, now).filter(|_| !rotation.force) {
        return Err(RegistryError::StillCounts {
            client_id: client_id.to_owned(),
            until,
        });
    }
    let present = settings
        .get("secret_hash")
        .filter(|hash| !hash.is_null())
        .cloned();
    let is_hashed = present.is_some();
    let secret = new_secret();
    settings["previous_secret_hash"] = present.unwrap_or_else(|| hash_secret(&row.client_secret).into());
    settings["previous_secret_expires_at"] = Value::String((now + rotation.overlap).to_rfc3339());
    settings["modified_at"] = Value::String(now.to_rfc3339());
    if is_hashed || rotation.hashed {
        settings["secret_hash"] = hash_secret(&secret).into();
        if !is_hashed {
            client_settings::replace_secret(transaction, row.id, &new_secret(), now).await?;
        }
    } else {
        client_settings::replace_secret(transaction, row.id, &secret, now).await?;
    }
    client_settings::replace(transaction, row.id, &settings).await?;
    Ok(HandedOut {
        client_id: client_id.to_owned(),
        secret,
    })
}

/// Changes settings, by their column. `null` takes one back.
///
/// # Errors
/// When there is no such client or setting, or the client would not be sound: then nothing changes.
pub async fn set(
    transaction: &db::Transaction<'_>,
    client_id: &str,
    changes: Map<String, Value>,
    supported: &[SigningAlgorithm],
    now: DateTime<Utc>,
) -> Result<(), RegistryError> {
    clients::lock(transaction, client_id).await?;
    let row = find(transaction, client_id).await?;
    let unset = client_settings::unset(row.id, now);
    let mut settings = present_settings(&row, now);
    for (name, value) in changes {
        if name == SUBJECT_TYPE {
            settings[PAIRWISE_SUBJECT_KEY] = pairwise_key(transaction, &value, &settings).await?;
            continue;
        }
        if !SETTINGS.contains(&name.as_str()) {
            return Err(RegistryError::UnknownSetting(name));
        }
        settings[&name] = match value {
            Value::Null => unset.get(&name).cloned().unwrap_or(Value::Null),
            value => value,
        };
    }
    settings["modified_at"] = Value::String(now.to_rfc3339());
    client_settings::replace(transaction, row.id, &settings).await?;
    sound(transaction, row.id, supported).await
}

/// `public`, `pairwise`, or `pairwise:<client_id>` for the names that another client gets.
const SUBJECT_TYPE: &str = "subject_type";
const PAIRWISE_SUBJECT_KEY: &str = "pairwise_subject_key";

/// The key for a subject type; `settings` are the present ones, whose key stays.
async fn pairwise_key(
    transaction: &db::Transaction<'_>,
    subject_type: &Value,
    settings: &Value,
) -> Result<Value, RegistryError> {
    let unsound = |problem: &str| RegistryError::Unsound(problem.to_owned());
    match subject_type.as_str() {
        None if !subject_type.is_null() => Err(unsound("subject_type is a text")),
        None | Some("public") => Ok(Value::Null),
        Some("pairwise") => {
            let present = settings.get(PAIRWISE_SUBJECT_KEY).filter(|key| !key.is_null());
            Ok(present.cloned().unwrap_or_else(|| new_secret().into()))
        }
        Some(text) => {
            let other = text
                .strip_prefix("pairwise:")
                .ok_or_else(|| unsound("subject_type is public, pairwise or pairwise:<client_id>"))?;
            let row = find(transaction, other).await?;
            let key = row
                .settings
                .as_ref()
                .and_then(|settings| settings.get(PAIRWISE_SUBJECT_KEY));
            key.filter(|key| !key.is_null())
                .cloned()
                .ok_or_else(|| unsound("that client gets public subjects"))
        }
    }
}

/// What operators set by name, besides [`SUBJECT_TYPE`].
const SETTINGS: [&str; 24] = [
    "token_endpoint_auth_method",
    "token_endpoint_auth_signing_alg",
    "jwks",
    "jwks_uri",
    "tls_client_auth_subject_dn",
    "tls_client_auth_san_dns",
    "require_pkce",
    "exact_redirect_uris",
    "require_pushed_authorization_requests",
    "require_signed_request_object",
    "request_object_signing_alg",
    "dpop_bound_access_tokens",
    "require_dpop_nonce",
    "tls_client_certificate_bound_access_tokens",
    "authorization_signed_response_alg",
    "id_token_encrypted_response_alg",
    "id_token_encrypted_response_enc",
    "userinfo_encrypted_response_alg",
    "userinfo_encrypted_response_enc",
    "backchannel_logout_uri",
    "refresh_token_lifetime_in_seconds",
    "limit_claims_to_scopes",
    "updated_at_as_text",
    "id_token_at_hash",
];

async fn find(database: &impl GenericClient, client_id: &str) -> Result<ClientRow, RegistryError> {
    clients::find(database, client_id)
        .await?
        .ok_or_else(|| RegistryError::Unknown(client_id.to_owned()))
}

fn present_settings(row: &ClientRow, now: DateTime<Utc>) -> Value {
    row.settings
        .clone()
        .unwrap_or_else(|| client_settings::unset(row.id, now))
}

/// The instant until which a secret that was rotated away counts; `None` when none does.
fn previous_secret_counts_until(settings: &Value, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    settings.get("previous_secret_hash")?.as_str()?;
    let until = settings.get("previous_secret_expires_at")?;
    serde_json::from_value(until.clone())
        .ok()
        .filter(|until: &DateTime<Utc>| *until > now)
}

/// Blanks are allowed in a `client_id` (RFC 6749, appendix A.1), and lost wherever it is copied to.
fn has_blanks(client_id: &str) -> bool {
    client_id.contains(char::is_whitespace)
}

/// Whether the client, as it is written now, works.
async fn sound(
    transaction: &db::Transaction<'_>,
    row_id: i32,
    supported: &[SigningAlgorithm],
) -> Result<(), RegistryError> {
    let row = clients::find_by_row(transaction, row_id)
        .await?
        .ok_or_else(|| RegistryError::Unsound("the row is gone".to_owned()))?;
    Client::validate(&row, supported)
        .map(|_| ())
        .map_err(|error| RegistryError::Unsound(error.description.unwrap_or_default().into_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::client::tests::{ALL_ALGORITHMS, standard_row};
    use super::super::client_settings::tests::row as settings;
    use super::*;

    #[test]
    fn what_travels_without_encryption_is_doubtful_unless_it_stays_on_the_machine() {
        let doubts = |redirect_uri: &str, logout_uri: &str| -> Vec<Finding> {
            let mut row = standard_row();
            row.client_secret = "x".repeat(SECRET_CHARACTERS_AT_LEAST);
            row.redirect_uris = vec![Some(redirect_uri.to_owned())];
            row.settings = Some(settings(&json!({"backchannel_logout_uri": logout_uri})));
            findings(&row, &ALL_ALGORITHMS, true, DateTime::UNIX_EPOCH)
        };
        for local in [
            "https://rp.example/",
            "http://localhost:4000/",
            "http://127.0.0.1/",
            "http://[::1]/",
        ] {
            assert_eq!(doubts(local, local), [], "{local}");
        }
        for remote in [
            "http://rp.example/",
            "http://localhost.rp.example/",
            "http://10.0.0.1/",
        ] {
            let expected = [
                Finding::Doubtful(format!("{remote}: codes travel without encryption")),
                Finding::Doubtful(format!("{remote}: logout tokens travel without encryption")),
            ];
            assert_eq!(doubts(remote, remote), expected, "{remote}");
        }
    }

    #[test]
    fn a_client_id_of_blanks_is_broken_and_one_with_blanks_doubtful() {
        let found = |client_id: &str| -> Vec<Finding> {
            let mut row = standard_row();
            row.client_secret = "x".repeat(SECRET_CHARACTERS_AT_LEAST);
            row.redirect_uris = vec![Some("https://rp.example/".to_owned())];
            row.client_id = client_id.to_owned();
            findings(&row, &ALL_ALGORITHMS, true, DateTime::UNIX_EPOCH)
        };
        assert_eq!(found("one"), []);
        for blank in ["", " "] {
            assert!(matches!(found(blank)[..], [Finding::Broken(_)]), "{blank:?}");
        }
        for doubtful in ["one two", " one", "one "] {
            let expected = [Finding::Doubtful("the client_id has blanks".to_owned())];
            assert_eq!(found(doubtful), expected, "{doubtful:?}");
        }
    }

    #[test]
    fn a_secret_that_was_rotated_away_counts_until_its_instant() {
        let until = DateTime::UNIX_EPOCH + TimeDelta::hours(1);
        let rotated =
            json!({"previous_secret_hash": "a hash", "previous_secret_expires_at": until.to_rfc3339()});
        let epoch = DateTime::UNIX_EPOCH;
        assert_eq!(previous_secret_counts_until(&rotated, epoch), Some(until));
        assert_eq!(previous_secret_counts_until(&rotated, until), None);
        for none in [
            json!({}),
            json!({"previous_secret_hash": null, "previous_secret_expires_at": until.to_rfc3339()}),
            json!({"previous_secret_hash": "a hash", "previous_secret_expires_at": null}),
        ] {
            assert_eq!(previous_secret_counts_until(&none, epoch), None, "{none}");
        }
    }

    #[test]
    fn who_shows_a_name_that_nobody_verifies_is_doubtful() {
        let mut row = standard_row();
        row.client_secret = "x".repeat(SECRET_CHARACTERS_AT_LEAST);
        let by_name =
            json!({"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_san_dns": "rp.example"});
        row.settings = Some(settings(&by_name));
        let doubts = |offers| findings(&row, &ALL_ALGORITHMS, offers, DateTime::UNIX_EPOCH).len();
        assert_eq!((doubts(true), doubts(false)), (0, 1));
    }

    #[test]
    fn settings_are_told_without_what_is_secret_or_off() {
        let mut row = standard_row();
        assert!(settings_of(&row).is_empty());
        row.settings = Some(json!({
            "oidc_client_id": 1,
            "created_at": "2026-01-01",
            "previous_secret_expires_at": "2026-01-01",
            "require_pkce": true,
            "require_dpop_nonce": false,
            "id_token_at_hash": true,
            "client_secret_hash": "a hash",
            "previous_secret_hash": null,
            "jwks": {"keys": []},
            "token_endpoint_auth_method": "private_key_jwt",
            "refresh_token_lifetime_in_seconds": 60,
            PAIRWISE_SUBJECT_KEY: "a key"
        }));
        let mut told = settings_of(&row);
        told.sort_unstable();
        let mut expected = [
            "client_secret_hash (set)",
            "id_token_at_hash",
            "jwks (set)",
            "refresh_token_lifetime_in_seconds=60",
            "require_pkce",
            "subject_type=pairwise",
            "token_endpoint_auth_method=private_key_jwt",
        ];
        expected.sort_unstable();
        assert_eq!(told, expected);
    }
}
