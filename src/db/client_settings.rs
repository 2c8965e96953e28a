//! `identite_client_settings`, and the rows of `oidc_clients` that operators write through the commands.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use serde_json::{Value, json};

use super::{Error, Transaction};

/// A relying party to register.
#[derive(Debug, Clone)]
pub struct NewClient<'a> {
    pub client_id: &'a str,
    pub client_secret: &'a str,
    pub client_name: &'a str,
    pub redirect_uris: &'a [String],
    pub post_logout_redirect_uris: &'a [String],
    pub scope: &'a str,
}

/// The settings of a client that has set nothing, column by column.
#[must_use]
pub fn unset(oidc_client_id: i32, now: DateTime<Utc>) -> Value {
    json!({
        "oidc_client_id": oidc_client_id,
        "require_pkce": false,
        "exact_redirect_uris": false,
        "require_pushed_authorization_requests": false,
        "require_signed_request_object": false,
        "dpop_bound_access_tokens": false,
        "require_dpop_nonce": false,
        "tls_client_certificate_bound_access_tokens": false,
        "limit_claims_to_scopes": false,
        "updated_at_as_text": false,
        "id_token_at_hash": false,
        "created_at": now,
        "modified_at": now,
    })
}

/// Registers a client. Gives the identifier of its row.
///
/// # Errors
/// When the database does not answer.
pub async fn add_client(
    client: &impl GenericClient,
    new: &NewClient<'_>,
    now: DateTime<Utc>,
) -> Result<i32, Error> {
    let statement = client
        .prepare_cached(
            "INSERT INTO oidc_clients (
               client_id,
               client_secret,
               client_name,
               redirect_uris,
               post_logout_redirect_uris,
               scope,
               created_at,
               updated_at
             ) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
             RETURNING id",
        )
        .await?;
    let row = client
        .query_one(
            &statement,
            &[
                &new.client_id,
                &new.client_secret,
                &new.client_name,
                &new.redirect_uris,
                &new.post_logout_redirect_uris,
                &new.scope,
                &now,
            ],
        )
        .await?;
    Ok(row.try_get(0)?)
}

/// Replaces the secret in the column that the reference reads.
///
/// # Errors
/// When the database does not answer.
pub async fn replace_secret(
    client: &impl GenericClient,
    oidc_client_id: i32,
    secret: &str,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = client
        .prepare_cached("UPDATE oidc_clients SET client_secret = $2, updated_at = $3 WHERE id = $1")
        .await?;
    client
        .execute(&statement, &[&oidc_client_id, &secret, &now])
        .await?;
    Ok(())
}

/// Replaces the settings of a client by `settings`, whose members are the columns.
///
/// # Errors
/// When the database does not answer, or a member has the wrong type.
pub async fn replace(
    transaction: &Transaction<'_>,
    oidc_client_id: i32,
    settings: &Value,
) -> Result<(), Error> {
    let remove = transaction
        .prepare_cached("DELETE FROM identite_client_settings WHERE oidc_client_id = $1")
        .await?;
    transaction.execute(&remove, &[&oidc_client_id]).await?;
    let write = transaction
        .prepare_cached(
            "INSERT INTO identite_client_settings
             SELECT (jsonb_populate_record(NULL::identite_client_settings, $1)).*",
        )
        .await?;
    transaction.execute(&write, &[settings]).await?;
    Ok(())
}
