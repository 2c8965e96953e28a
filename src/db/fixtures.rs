//! The development data set, and what tells it apart from real data.

use std::sync::LazyLock;

use serde::Deserialize;

use super::error::Error;
use super::pool::Pool;

/// The statements that load the data set. They can be run again and again.
pub const STATEMENTS: &str = include_str!("../../fixtures/development.sql");

#[derive(Deserialize)]
struct FixtureClient {
    client_secret: String,
}

/// Client secrets that everybody can read in our repository.
static PUBLIC_SECRETS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let clients: Vec<FixtureClient> =
        serde_json::from_str(include_str!("../../fixtures/data/oidc_clients.json"))
            .expect("the clients of the data set are JSON");
    clients.into_iter().map(|client| client.client_secret).collect()
});

/// Loads the development data set, all of it or nothing. Rows with the same ids are replaced, others stay.
///
/// # Errors
/// When the database is unavailable or has not been migrated.
pub async fn load(pool: &Pool) -> Result<(), Error> {
    let mut client = pool.get().await?;
    let transaction = client.transaction().await?;
    transaction.batch_execute(STATEMENTS).await?;
    transaction.commit().await?;
    Ok(())
}

/// The `client_id` of every relying party whose secret is one of the data set: none may exist in production.
///
/// # Errors
/// When the database is unavailable.
pub async fn fixture_secrets(pool: &Pool) -> Result<Vec<String>, Error> {
    let client = pool.get().await?;
    let statement = client
        .prepare_cached("SELECT client_id FROM oidc_clients WHERE client_secret = ANY ($1) ORDER BY id")
        .await?;
    let rows = client.query(&statement, &[&*PUBLIC_SECRETS]).await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}
