//! What imports write: many rows a statement, and the note of how far a file is read (`identite_imports`).

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use serde_json::Value;

use super::Error;
use super::advisory_lock::AdvisoryLock;
use super::pool::Pool;
use crate::domain::{LinkVerificationType, OrganizationId};

/// First half of the advisory locks of imports; the second one is drawn from the kind.
const LOCK: i32 = 0x1de7_1390;

/// The lock of one kind of imports, with a connection to run one on; `None` when somebody else holds it.
///
/// # Errors
/// When the database does not answer.
pub async fn lock(pool: &Pool, kind: &str) -> Result<Option<AdvisoryLock>, Error> {
    AdvisoryLock::take(
        pool,
        "SELECT pg_try_advisory_lock($1, hashtext($2))",
        &[&LOCK, &kind],
    )
    .await
}

/// How far a file is read and settled.
#[derive(Debug, Clone, PartialEq)]
pub struct Position {
    pub records: u64,
    /// Where the next record begins.
    pub byte: u64,
    /// The same as a line, from 1.
    pub line: u64,
    /// Bytes of the output that tell of settled records.
    pub output_length: u64,
    /// Outcomes so far.
    pub counts: Value,
}

/// The import of `kind` of the file `source` that was interrupted.
///
/// # Errors
/// When the database does not answer.
pub async fn find_unfinished(
    client: &impl GenericClient,
    kind: &str,
    source: &str,
) -> Result<Option<(i64, Position)>, Error> {
    let row = client
        .query_opt(
            "SELECT id, records, input_offset, line, output_length, counts
             FROM identite_imports
             WHERE kind = $1 AND source = $2 AND finished_at IS NULL",
            &[&kind, &source],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let position = Position {
        records: unsigned(row.try_get(1)?),
        byte: unsigned(row.try_get(2)?),
        line: unsigned(row.try_get(3)?),
        output_length: unsigned(row.try_get(4)?),
        counts: row.try_get(5)?,
    };
    Ok(Some((row.try_get(0)?, position)))
}

/// Forgets the import that was interrupted.
///
/// # Errors
/// When the database does not answer.
pub async fn forget(client: &impl GenericClient, kind: &str, source: &str) -> Result<(), Error> {
    client
        .execute(
            "DELETE FROM identite_imports WHERE kind = $1 AND source = $2 AND finished_at IS NULL",
            &[&kind, &source],
        )
        .await?;
    Ok(())
}

/// Notes that an import begins at `position`. Gives its identifier.
///
/// # Errors
/// When the database does not answer, or an import of the same file is unfinished.
pub async fn begin(
    client: &impl GenericClient,
    kind: &str,
    source: &str,
    position: &Position,
    now: DateTime<Utc>,
) -> Result<i64, Error> {
    let row = client
        .query_one(
            "INSERT INTO identite_imports (
               kind,
               source,
               started_at,
               updated_at,
               records,
               input_offset,
               line,
               output_length,
               counts
             ) VALUES ($1, $2, $3, $3, $4, $5, $6, $7, $8)
             RETURNING id",
            &[
                &kind,
                &source,
                &now,
                &signed(position.records),
                &signed(position.byte),
                &signed(position.line),
                &signed(position.output_length),
                &position.counts,
            ],
        )
        .await?;
    Ok(row.try_get(0)?)
}

/// Notes how far the import is, in the transaction of what it brought.
///
/// # Errors
/// When the database does not answer.
pub async fn note(
    client: &impl GenericClient,
    id: i64,
    position: &Position,
    is_over: bool,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = client
        .prepare_cached(
            "UPDATE identite_imports
             SET
               updated_at = $2::timestamptz,
               finished_at = CASE WHEN $3 THEN $2::timestamptz END,
               records = $4,
               input_offset = $5,
               line = $6,
               output_length = $7,
               counts = $8
             WHERE id = $1",
        )
        .await?;
    client
        .execute(
            &statement,
            &[
                &id,
                &now,
                &is_over,
                &signed(position.records),
                &signed(position.byte),
                &signed(position.line),
                &signed(position.output_length),
                &position.counts,
            ],
        )
        .await?;
    Ok(())
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Those of `sirets` that were fetched at or after `since`: identifier, and whether they are open.
///
/// # Errors
/// When the database does not answer.
pub async fn fresh_organizations(
    client: &impl GenericClient,
    sirets: &[&str],
    since: DateTime<Utc>,
) -> Result<HashMap<String, (OrganizationId, bool)>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT siret, id, cached_est_active
             FROM organizations
             WHERE siret = ANY ($1)
               AND organization_info_fetched_at >= $2
               AND cached_est_active IS NOT NULL",
        )
        .await?;
    let rows = client.query(&statement, &[&sirets, &since]).await?;
    rows.iter()
        .map(|row| {
            Ok((
                row.try_get(0)?,
                (OrganizationId(row.try_get(1)?), row.try_get(2)?),
            ))
        })
        .collect()
}

/// An account to open, unless its address has one.
#[derive(Debug, Clone, Copy)]
pub struct NewAccount<'a> {
    /// As stored: normalised.
    pub email: &'a str,
    pub given_name: &'a str,
    pub family_name: &'a str,
    pub phone_number: Option<&'a str>,
    pub job: Option<&'a str>,
    /// Its owner is shown what became of Inclusion Connect.
    pub comes_from_inclusion_connect: bool,
}

/// The accounts of addresses.
#[derive(Debug, Clone, Default)]
pub struct Opened {
    /// By address: those that were there, and those that are new.
    pub ids: HashMap<String, i32>,
    pub created: u64,
}

/// Opens accounts without a password for addresses that have none, and leaves those that have one alone. Of several with the
/// same address the first counts.
///
/// # Errors
/// When the database does not answer.
pub async fn open_accounts(
    client: &impl GenericClient,
    accounts: &[NewAccount<'_>],
    now: DateTime<Utc>,
) -> Result<Opened, Error> {
    if accounts.is_empty() {
        return Ok(Opened::default());
    }
    let statement = client
        .prepare_cached(
            "INSERT INTO users (
               email,
               given_name,
               family_name,
               phone_number,
               job,
               needs_inclusionconnect_welcome_page,
               needs_inclusionconnect_onboarding_help,
               created_at,
               updated_at
             )
             SELECT DISTINCT ON (email)
               email,
               given_name,
               family_name,
               phone_number,
               job,
               from_inclusion_connect,
               from_inclusion_connect,
               $7,
               $7
             FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::boolean[])
               WITH ORDINALITY
               AS account (email, given_name, family_name, phone_number, job, from_inclusion_connect, position)
             ORDER BY email, position
             ON CONFLICT (email) DO NOTHING",
        )
        .await?;
    let emails: Vec<&str> = accounts.iter().map(|account| account.email).collect();
    let given_names: Vec<&str> = accounts.iter().map(|account| account.given_name).collect();
    let family_names: Vec<&str> = accounts.iter().map(|account| account.family_name).collect();
    let phone_numbers: Vec<Option<&str>> = accounts.iter().map(|account| account.phone_number).collect();
    let jobs: Vec<Option<&str>> = accounts.iter().map(|account| account.job).collect();
    let origins: Vec<bool> = accounts
        .iter()
        .map(|account| account.comes_from_inclusion_connect)
        .collect();
    let created = client
        .execute(
            &statement,
            &[
                &emails,
                &given_names,
                &family_names,
                &phone_numbers,
                &jobs,
                &origins,
                &now,
            ],
        )
        .await?;
    // A statement of its own: it also sees accounts that somebody else opened meanwhile.
    let statement = client
        .prepare_cached("SELECT email, id FROM users WHERE email = ANY ($1)")
        .await?;
    let rows = client.query(&statement, &[&emails]).await?;
    let ids = rows
        .iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect::<Result<_, Error>>()?;
    Ok(Opened { ids, created })
}

/// Links accounts to organizations, unless they are linked. Gives how many links are new.
///
/// # Errors
/// When the database does not answer.
pub async fn link(
    client: &impl GenericClient,
    links: &[(i32, i32)],
    verification_type: LinkVerificationType,
    now: DateTime<Utc>,
) -> Result<u64, Error> {
    if links.is_empty() {
        return Ok(0);
    }
    let statement = client
        .prepare_cached(
            "INSERT INTO users_organizations (
               user_id,
               organization_id,
               verification_type,
               verified_at,
               created_at,
               updated_at
             )
             SELECT user_id, organization_id, $3, $4, $4, $4
             FROM unnest($1::integer[], $2::integer[]) AS link (user_id, organization_id)
             ON CONFLICT (user_id, organization_id) DO NOTHING",
        )
        .await?;
    let (users, organizations): (Vec<i32>, Vec<i32>) = links.iter().copied().unzip();
    Ok(client
        .execute(
            &statement,
            &[&users, &organizations, &verification_type.as_str(), &now],
        )
        .await?)
}

/// Adds domains to be verified to organizations that do not know them under any type. Gives those that were added.
///
/// # Errors
/// When the database does not answer.
pub async fn add_domains(
    client: &impl GenericClient,
    domains: &[(i32, &str)],
    now: DateTime<Utc>,
) -> Result<HashSet<(i32, String)>, Error> {
    if domains.is_empty() {
        return Ok(HashSet::new());
    }
    let statement = client
        .prepare_cached(
            "INSERT INTO email_domains (
               organization_id,
               domain,
               verification_type,
               verified_at,
               created_at,
               updated_at
             )
             SELECT wanted.organization_id, wanted.domain, 'not_verified_yet', $3, $3, $3
             FROM unnest($1::integer[], $2::text[]) AS wanted (organization_id, domain)
             WHERE NOT EXISTS (
               SELECT
               FROM email_domains AS known
               WHERE known.organization_id = wanted.organization_id AND known.domain = wanted.domain
             )
             ON CONFLICT DO NOTHING
             RETURNING organization_id, domain",
        )
        .await?;
    let (organizations, names): (Vec<i32>, Vec<&str>) = domains.iter().copied().unzip();
    let rows = client.query(&statement, &[&organizations, &names, &now]).await?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect()
}
