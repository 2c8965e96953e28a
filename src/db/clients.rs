//! `oidc_clients`: relying parties, with what `identite_client_settings` adds.

use std::sync::LazyLock;

use deadpool_postgres::{GenericClient, Transaction};
use serde_json::Value;
use tokio_postgres::Row;

use super::Error;

/// A relying party as the operators registered it. Nothing in it is validated.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientRow {
    pub id: i32,
    pub client_id: String,
    pub client_secret: String,
    pub client_name: String,
    /// An array of text may hold NULL.
    pub redirect_uris: Vec<Option<String>>,
    pub post_logout_redirect_uris: Vec<Option<String>>,
    pub scope: String,
    pub client_uri: Option<String>,
    pub userinfo_signed_response_alg: Option<String>,
    pub id_token_signed_response_alg: Option<String>,
    pub introspection_signed_response_alg: Option<String>,
    pub is_proconnect_federation: bool,
    /// The row of `identite_client_settings`, column by column; most clients have none.
    pub settings: Option<Value>,
}

/// The columns that [`ClientRow::at`] reads, for a table that the statement calls `client`.
pub(super) const CLIENT_COLUMNS: &str = "
  client.id,
  client.client_id,
  client.client_secret,
  client.client_name,
  client.redirect_uris,
  client.post_logout_redirect_uris,
  client.scope,
  client.client_uri,
  client.userinfo_signed_response_alg,
  client.id_token_signed_response_alg,
  client.introspection_signed_response_alg,
  client.is_proconnect_federation,
  (
    SELECT to_jsonb(settings)
    FROM identite_client_settings AS settings
    WHERE settings.oidc_client_id = client.id
  )";

/// How many columns [`CLIENT_COLUMNS`] names.
pub(super) const CLIENT_COLUMN_COUNT: usize = 13;

impl ClientRow {
    /// Reads [`CLIENT_COLUMNS`], which begin at column `start` of `row`.
    ///
    /// # Errors
    /// When the columns are not those.
    pub(super) fn at(row: &Row, start: usize) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            id: row.try_get(start)?,
            client_id: row.try_get(start + 1)?,
            client_secret: row.try_get(start + 2)?,
            client_name: row.try_get(start + 3)?,
            redirect_uris: row.try_get(start + 4)?,
            post_logout_redirect_uris: row.try_get(start + 5)?,
            scope: row.try_get(start + 6)?,
            client_uri: row.try_get(start + 7)?,
            userinfo_signed_response_alg: row.try_get(start + 8)?,
            id_token_signed_response_alg: row.try_get(start + 9)?,
            introspection_signed_response_alg: row.try_get(start + 10)?,
            is_proconnect_federation: row.try_get(start + 11)?,
            settings: row.try_get(start + 12)?,
        })
    }
}

static FIND: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {CLIENT_COLUMNS}
         FROM oidc_clients AS client
         WHERE client.client_id = $1
         ORDER BY client.id
         LIMIT 1"
    )
});

/// The client named `client_id`. The column is not unique: the lowest `id` wins.
///
/// # Errors
/// When the database does not answer.
pub async fn find(database: &impl GenericClient, client_id: &str) -> Result<Option<ClientRow>, Error> {
    let statement = database.prepare_cached(&FIND).await?;
    let row = database.query_opt(&statement, &[&client_id]).await?;
    Ok(row.map(|row| ClientRow::at(&row, 0)).transpose()?)
}

/// Lets nobody else change the client named `client_id` until the transaction ends. Sign-ins go on: they write rows that refer to it.
///
/// # Errors
/// When the database does not answer.
pub async fn lock(transaction: &Transaction<'_>, client_id: &str) -> Result<(), Error> {
    let statement = transaction
        .prepare_cached("SELECT FROM oidc_clients WHERE client_id = $1 FOR NO KEY UPDATE")
        .await?;
    transaction.execute(&statement, &[&client_id]).await?;
    Ok(())
}

static FIND_BY_ROW: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {CLIENT_COLUMNS} FROM oidc_clients AS client WHERE client.id = $1"));

/// The client of the row `id`.
///
/// # Errors
/// When the database does not answer.
pub async fn find_by_row(database: &impl GenericClient, id: i32) -> Result<Option<ClientRow>, Error> {
    let statement = database.prepare_cached(&FIND_BY_ROW).await?;
    let row = database.query_opt(&statement, &[&id]).await?;
    Ok(row.map(|row| ClientRow::at(&row, 0)).transpose()?)
}

static ALL: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {CLIENT_COLUMNS} FROM oidc_clients AS client ORDER BY client.id"));

/// Every client, for an operator's report.
///
/// # Errors
/// When the database does not answer.
pub async fn all(database: &impl GenericClient) -> Result<Vec<ClientRow>, Error> {
    let statement = database.prepare_cached(&ALL).await?;
    let rows = database.query(&statement, &[]).await?;
    let mut clients = Vec::with_capacity(rows.len());
    for row in &rows {
        clients.push(ClientRow::at(row, 0)?);
    }
    Ok(clients)
}
