//! The anonymised copy for statistics: which columns leave, and in what form (spec/database.md §6.2).

use bytes::Bytes;
use deadpool_postgres::{Client, GenericClient};
use futures::{SinkExt, TryStreamExt};

use super::Error;

/// What replaces a secret.
const ASTERISKS: &str = "'**********'";

/// What becomes of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// It leaves as it is.
    Kept,
    /// This expression leaves in its place, as text.
    Masked(&'static str),
    /// It stays.
    Left,
}

use Treatment::{Kept, Left, Masked};

/// A table that is copied.
#[derive(Debug)]
pub struct CopiedTable {
    pub name: &'static str,
    pub key: &'static [&'static str],
    /// Every column that the table has.
    pub columns: &'static [(&'static str, Treatment)],
}

const SECRET: Treatment = Masked(ASTERISKS);

/// Every table that is copied; `email_deliverability_whitelist` and ours are not.
pub const TABLES: [CopiedTable; 9] = [
    CopiedTable {
        name: "users",
        key: &["id"],
        columns: &[
            ("id", Kept),
            ("email", Masked("'anonymous@' || split_part(email, '@', 2)")),
            ("encrypted_password", SECRET),
            ("reset_password_token", SECRET),
            ("reset_password_sent_at", Kept),
            ("sign_in_count", Kept),
            ("last_sign_in_at", Kept),
            ("created_at", Kept),
            ("updated_at", Kept),
            ("email_verified", Kept),
            ("verify_email_token", SECRET),
            ("verify_email_sent_at", Kept),
            ("given_name", Masked("'anonymous'")),
            ("family_name", Masked("'anonymous'")),
            ("phone_number", SECRET),
            ("job", Kept),
            ("magic_link_token", SECRET),
            ("magic_link_sent_at", Kept),
            ("email_verified_at", Kept),
            ("current_challenge", SECRET),
            ("needs_inclusionconnect_welcome_page", Kept),
            ("needs_inclusionconnect_onboarding_help", Kept),
            ("encrypted_totp_key", SECRET),
            ("totp_key_verified_at", Kept),
            ("force_2fa", Kept),
        ],
    },
    CopiedTable {
        name: "organizations",
        key: &["id"],
        columns: &[
            ("id", Kept),
            ("siret", Kept),
            ("created_at", Kept),
            ("updated_at", Kept),
            ("cached_libelle", Kept),
            ("cached_nom_complet", Kept),
            ("cached_enseigne", Kept),
            ("cached_tranche_effectifs", Kept),
            ("cached_tranche_effectifs_unite_legale", Kept),
            ("cached_libelle_tranche_effectif", Kept),
            ("cached_etat_administratif", Kept),
            ("cached_est_active", Kept),
            ("cached_statut_diffusion", Kept),
            ("cached_est_diffusible", Kept),
            ("cached_adresse", Kept),
            ("cached_code_postal", Kept),
            ("cached_activite_principale", Kept),
            ("cached_libelle_activite_principale", Kept),
            ("cached_categorie_juridique", Kept),
            ("cached_libelle_categorie_juridique", Kept),
            ("organization_info_fetched_at", Kept),
            ("cached_code_officiel_geographique", Kept),
            ("cached_siege_social", Left),
        ],
    },
    CopiedTable {
        name: "email_domains",
        key: &["id"],
        columns: &[
            ("id", Kept),
            ("organization_id", Kept),
            ("domain", Kept),
            ("verification_type", Kept),
            ("can_be_suggested", Kept),
            ("verified_at", Kept),
            ("created_at", Kept),
            ("updated_at", Kept),
        ],
    },
    CopiedTable {
        name: "franceconnect_userinfo",
        key: &["user_id"],
        columns: &[
            ("user_id", Kept),
            ("birthdate", Left),
            ("birthplace", Left),
            ("birthcountry", Left),
            ("family_name", Left),
            ("gender", Left),
            ("given_name", Left),
            ("preferred_username", Left),
            ("sub", Left),
            ("created_at", Kept),
            ("updated_at", Kept),
        ],
    },
    CopiedTable {
        name: "authenticators",
        key: &[],
        columns: &[
            ("credential_id", Left),
            ("credential_public_key", Left),
            ("counter", Left),
            ("credential_device_type", Kept),
            ("credential_backed_up", Kept),
            ("transports", Kept),
            ("user_id", Kept),
            ("display_name", Kept),
            ("created_at", Kept),
            ("last_used_at", Kept),
            ("usage_count", Kept),
            ("user_verified", Kept),
        ],
    },
    CopiedTable {
        name: "moderations",
        key: &["id"],
        columns: &[
            ("id", Kept),
            ("user_id", Kept),
            ("organization_id", Kept),
            ("type", Kept),
            ("created_at", Kept),
            ("moderated_at", Kept),
            ("comment", Left),
            ("ticket_id", SECRET),
            ("moderated_by", Masked("left(moderated_by, 4) || '******'")),
            ("status", Kept),
            ("sp_name", Left),
            ("end_user_reason", Kept),
            ("allow_editing", Kept),
        ],
    },
    CopiedTable {
        name: "oidc_clients",
        key: &["id"],
        columns: &[
            ("id", Kept),
            ("client_name", Kept),
            ("client_id", SECRET),
            ("client_secret", SECRET),
            ("redirect_uris", Kept),
            ("created_at", Kept),
            ("updated_at", Kept),
            ("post_logout_redirect_uris", Kept),
            ("scope", Kept),
            ("client_uri", Kept),
            ("client_description", Kept),
            ("userinfo_signed_response_alg", Kept),
            ("id_token_signed_response_alg", Kept),
            ("authorization_signed_response_alg", Kept),
            ("introspection_signed_response_alg", Kept),
            ("is_proconnect_federation", Kept),
        ],
    },
    CopiedTable {
        name: "users_oidc_clients",
        key: &["id"],
        columns: &[
            ("id", Kept),
            ("user_id", Kept),
            ("oidc_client_id", Kept),
            ("created_at", Kept),
            ("updated_at", Kept),
            ("organization_id", Kept),
            ("sp_name", Kept),
            ("user_ip_address", Left),
        ],
    },
    CopiedTable {
        name: "users_organizations",
        key: &["user_id", "organization_id"],
        columns: &[
            ("user_id", Kept),
            ("organization_id", Kept),
            ("is_external", Kept),
            ("created_at", Kept),
            ("updated_at", Kept),
            ("verification_type", Kept),
            ("has_been_greeted", Kept),
            ("needs_official_contact_email_verification", Kept),
            ("official_contact_email_verification_token", SECRET),
            ("official_contact_email_verification_sent_at", Kept),
            ("verified_at", Kept),
        ],
    },
];

/// Whether a database holds the application itself: it must not be written to.
///
/// # Errors
/// When the database does not answer.
pub async fn is_an_application(client: &impl GenericClient) -> Result<bool, Error> {
    let row = client
        .query_one(
            "SELECT to_regclass('identite_schema_history') IS NOT NULL OR to_regclass('pgmigrations') IS NOT NULL",
            &[],
        )
        .await?;
    Ok(row.try_get(0)?)
}

/// Begins to read everything as it is at this instant; the transaction lasts as long as the connection.
///
/// # Errors
/// When the database does not answer.
pub async fn begin_at_one_instant(client: &Client) -> Result<(), Error> {
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    Ok(client.batch_execute(begin).await?)
}

/// How many rows a table has.
///
/// # Errors
/// When the database does not answer.
pub async fn count(client: &impl GenericClient, table: &CopiedTable) -> Result<u64, Error> {
    let row = client
        .query_one(&format!("SELECT count(*) FROM {}", table.name), &[])
        .await?;
    Ok(u64::try_from(row.try_get::<_, i64>(0)?).unwrap_or_default())
}

/// How many rows the server believes a table to have; good enough for a progress bar.
///
/// # Errors
/// When the database does not answer.
pub async fn estimated_rows(client: &impl GenericClient) -> Result<u64, Error> {
    let names: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
    let row = client
        .query_one(
            "SELECT coalesce(sum(greatest(reltuples, 0)), 0)::bigint
             FROM pg_catalog.pg_class
             WHERE oid = ANY (SELECT to_regclass(name) FROM unnest($1::text[]) AS name)",
            &[&names],
        )
        .await?;
    Ok(u64::try_from(row.try_get::<_, i64>(0)?).unwrap_or_default())
}

/// The columns of a table that are neither copied nor left on purpose: somebody has to decide.
///
/// # Errors
/// When the database does not answer.
pub async fn undecided_columns(
    client: &impl GenericClient,
    table: &CopiedTable,
) -> Result<Vec<String>, Error> {
    let known: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
    let rows = client
        .query(
            "SELECT attname::text
             FROM pg_catalog.pg_attribute
             WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped AND attname::text <> ALL ($2)
             ORDER BY attnum",
            &[&table.name, &known],
        )
        .await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}

fn shadow(table: &CopiedTable) -> String {
    format!("identite_copy_{}", table.name)
}

/// Makes the empty table that takes a copy, beside the one of before.
///
/// # Errors
/// When a database does not answer.
pub async fn make_shadow(source: &Client, destination: &Client, table: &CopiedTable) -> Result<(), Error> {
    let rows = source
        .query(
            "SELECT attname::text, format_type(atttypid, atttypmod)
             FROM pg_catalog.pg_attribute
             WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped",
            &[&table.name],
        )
        .await?;
    let mut columns = Vec::new();
    for (name, treatment) in table.columns {
        let found = rows.iter().find(|row| row.get::<_, &str>(0) == *name);
        match (treatment, found) {
            (Kept, Some(row)) => columns.push(format!("{name} {}", row.get::<_, &str>(1))),
            (Masked(_), Some(_)) => columns.push(format!("{name} text")),
            _ => {}
        }
    }
    let shadow = shadow(table);
    destination
        .batch_execute(&format!(
            "DROP TABLE IF EXISTS {shadow}; CREATE TABLE {shadow} ({})",
            columns.join(", ")
        ))
        .await?;
    Ok(())
}

/// Copies a table's rows as they come, then adds its key. `advanced` is told of bytes. Gives the number of rows.
///
/// # Errors
/// When a database does not answer.
pub async fn copy(
    source: &Client,
    destination: &Client,
    table: &CopiedTable,
    advanced: &(dyn Fn(u64) + Sync),
) -> Result<u64, Error> {
    let shadow = shadow(table);
    let expressions: Vec<String> = table
        .columns
        .iter()
        .filter_map(|(name, treatment)| match treatment {
            Kept => Some((*name).to_owned()),
            Masked(expression) => Some(format!("{expression} AS {name}")),
            Left => None,
        })
        .collect();
    let query = format!(
        "COPY (SELECT {} FROM {}) TO STDOUT",
        expressions.join(", "),
        table.name
    );
    let mut rows = std::pin::pin!(source.copy_out(&query).await?);
    let sink = destination
        .copy_in::<_, Bytes>(&format!("COPY {shadow} FROM STDIN"))
        .await?;
    let mut sink = std::pin::pin!(sink);
    while let Some(portion) = rows.try_next().await? {
        advanced(portion.len() as u64);
        sink.send(portion).await?;
    }
    let copied = sink.as_mut().finish().await?;
    if !table.key.is_empty() {
        let key = table.key.join(", ");
        destination
            .batch_execute(&format!("ALTER TABLE {shadow} ADD PRIMARY KEY ({key})"))
            .await?;
    }
    Ok(copied)
}

/// Puts the copies in the place of those of before, all at once, and lets `reader` read them if there is such a role.
///
/// # Errors
/// When the database does not answer, or something else hangs on a table of before.
pub async fn swap(destination: &mut Client, reader: &str) -> Result<(), Error> {
    let transaction = destination.transaction().await?;
    for table in &TABLES {
        let name = table.name;
        transaction
            .batch_execute(&format!(
                "DROP TABLE IF EXISTS {name}; ALTER TABLE {} RENAME TO {name}",
                shadow(table)
            ))
            .await?;
        if !table.key.is_empty() {
            transaction
                .batch_execute(&format!(
                    "ALTER INDEX {}_pkey RENAME TO {name}_pkey",
                    shadow(table)
                ))
                .await?;
        }
    }
    let row = transaction
        .query_one(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = $1), quote_ident($1)",
            &[&reader],
        )
        .await?;
    if row.try_get(0)? {
        let reader: String = row.try_get(1)?;
        let names: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
        transaction
            .batch_execute(&format!("GRANT SELECT ON {} TO {reader}", names.join(", ")))
            .await?;
    }
    transaction.commit().await?;
    Ok(())
}
