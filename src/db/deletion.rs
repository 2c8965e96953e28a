//! The deletion of everything, for test databases.

use deadpool_postgres::{GenericClient, Transaction};

use super::Error;

/// What is emptied: the reference's tables with what hangs on them, and our notes about rows that go.
const TABLES: [&str; 11] = [
    "users_organizations",
    "moderations",
    "organizations",
    "users_oidc_clients",
    "users",
    "oidc_clients",
    "email_domains",
    "email_deliverability_whitelist",
    "identite_events",
    "identite_outbox",
    "identite_imports",
];

/// Sequences that begin at a thousand again, so that rows made later never meet the identifiers of fixtures.
const SEQUENCES: [&str; 6] = [
    "moderations_id_seq",
    "organizations_id_seq",
    "users_oidc_clients_id_seq",
    "users_id_seq",
    "oidc_clients_id_seq",
    "email_domains_id_seq",
];

/// Lets the statements of this transaction take as long as they need, but wait for nobody's lock for more than ten seconds.
///
/// # Errors
/// When the database does not answer.
pub async fn take_the_time(transaction: &Transaction<'_>) -> Result<(), Error> {
    let limits = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '10s'";
    Ok(transaction.batch_execute(limits).await?)
}

/// The name of the database.
///
/// # Errors
/// When the database does not answer.
pub async fn database_name(client: &impl GenericClient) -> Result<String, Error> {
    let row = client.query_one("SELECT current_database()::text", &[]).await?;
    Ok(row.try_get(0)?)
}

/// How many rows each table holds that [`delete_all`] empties.
///
/// # Errors
/// When the database does not answer.
pub async fn counts(client: &impl GenericClient) -> Result<Vec<(&'static str, i64)>, Error> {
    let counting = TABLES
        .map(|table| format!("(SELECT count(*) FROM {table})"))
        .join(", ");
    let row = client.query_one(&format!("SELECT {counting}"), &[]).await?;
    let mut counts = Vec::with_capacity(TABLES.len());
    for (index, table) in TABLES.into_iter().enumerate() {
        counts.push((table, row.try_get(index)?));
    }
    Ok(counts)
}

/// Deletes every account, organization, client, and what hangs on them, and restarts the sequences of their identifiers. The trail
/// of operators stays.
///
/// # Errors
/// When the database does not answer.
pub async fn delete_all(client: &impl GenericClient) -> Result<(), Error> {
    let tables = TABLES.join(", ");
    client
        .batch_execute(&format!("TRUNCATE {tables} CASCADE"))
        .await?;
    for sequence in SEQUENCES {
        client
            .batch_execute(&format!("ALTER SEQUENCE {sequence} RESTART WITH 1000"))
            .await?;
    }
    Ok(())
}
