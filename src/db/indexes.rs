//! Indexes that our statements need and the reference's tables lack.
//!
//! They change no published contract. They are built beside running statements (`CONCURRENTLY`), which no transaction can
//! contain: hence a list of its own instead of a migration. Until one is built, statements are slow, not wrong.

use std::collections::BTreeMap;

use super::error::Error;

/// Name and definition of every index, in the order in which they are built.
const INDEXES: [(&str, &str); 6] = [
    ("identite_authenticators_by_user", "authenticators (user_id)"),
    (
        "identite_users_organizations_by_organization",
        "users_organizations (organization_id)",
    ),
    ("identite_oidc_clients_by_client_id", "oidc_clients (client_id)"),
    ("identite_email_domains_by_domain", "email_domains (domain)"),
    (
        "identite_moderations_by_user",
        "moderations (user_id, organization_id)",
    ),
    (
        "identite_users_by_magic_link_token",
        "users (magic_link_token) WHERE magic_link_token IS NOT NULL",
    ),
];

/// What became of the indexes that were missing.
#[derive(Debug, Default)]
pub(super) struct Building {
    /// Names of those that are there now.
    pub built: Vec<String>,
    /// Why others are not.
    pub failed: Vec<String>,
}

/// Builds those of the indexes that are missing, or that an interrupted run left invalid. One that cannot be built does
/// not hinder the others: the next run tries again.
///
/// # Errors
/// When the catalog cannot be read.
pub(super) async fn build_missing(client: &tokio_postgres::Client) -> Result<Building, Error> {
    let rows = client
        .query(
            "SELECT
               index.relname::text,
               entry.indisvalid
             FROM pg_catalog.pg_index AS entry
             JOIN pg_catalog.pg_class AS index ON index.oid = entry.indexrelid
             WHERE index.relnamespace = current_schema()::regnamespace",
            &[],
        )
        .await?;
    let mut validity = BTreeMap::new();
    for row in &rows {
        validity.insert(row.try_get::<_, String>(0)?, row.try_get::<_, bool>(1)?);
    }

    let mut building = Building::default();
    for (name, definition) in INDEXES {
        if validity.get(name) == Some(&true) {
            continue;
        }
        match build(client, name, definition, validity.contains_key(name)).await {
            Ok(()) => building.built.push(name.to_owned()),
            Err(error) => building
                .failed
                .push(format!("index {name} was not built: {error}")),
        }
    }
    Ok(building)
}

async fn build(
    client: &tokio_postgres::Client,
    name: &str,
    definition: &str,
    is_left_invalid: bool,
) -> Result<(), Error> {
    if is_left_invalid {
        client
            .batch_execute(&format!("DROP INDEX CONCURRENTLY {name}"))
            .await?;
    }
    client
        .batch_execute(&format!("CREATE INDEX CONCURRENTLY {name} ON {definition}"))
        .await?;
    Ok(())
}

/// The definitions, to tell whether two builds have the same.
pub(super) fn definitions() -> impl Iterator<Item = &'static str> {
    INDEXES.iter().map(|(_, definition)| *definition)
}
