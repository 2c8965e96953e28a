//! What housekeeping removes besides whole rows of one table, and the lock that it takes.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;

use super::Error;
use super::advisory_lock::AdvisoryLock;
use super::pool::Pool;
use super::purge::{Outdated, of_sessions_that_are_over};

/// The session-level advisory lock of the node that is at it.
const LOCK: i64 = 0x1de7_0c1e;

/// The lock of housekeeping, with a connection to do the chores on; `None` when another node holds it.
///
/// # Errors
/// When the database does not answer.
pub async fn lock(pool: &Pool) -> Result<Option<AdvisoryLock>, Error> {
    AdvisoryLock::take(pool, "SELECT pg_try_advisory_lock($1)", &[&LOCK]).await
}

/// Deletes at most `limit` passwords that wait for a proof in a session that is over. Gives how many.
///
/// # Errors
/// When the database does not answer.
pub async fn purge_pending_passwords(
    client: &impl GenericClient,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<u64, Error> {
    of_sessions_that_are_over(client, "identite_pending_passwords", now, limit).await
}

/// Deletes at most `limit` keys of one-time codes that were shown in a session that is over and never proven. Gives how many.
///
/// # Errors
/// When the database does not answer.
pub async fn purge_totp_enrolments(
    client: &impl GenericClient,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<u64, Error> {
    of_sessions_that_are_over(client, "identite_totp_enrolments", now, limit).await
}

/// Deletes at most `limit` browsers that were last seen before `before`. Gives how many.
///
/// # Errors
/// When the database does not answer.
pub async fn purge_browsers(
    client: &impl GenericClient,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<u64, Error> {
    let browsers = Outdated {
        table: "identite_browsers",
        key: "user_id, browser",
        since: "last_seen_at",
    };
    browsers.delete(client, before, limit).await
}

/// Deletes at most `limit` accounts of imports that were last at work before `before`. Gives how many.
///
/// # Errors
/// When the database does not answer.
pub async fn purge_imports(
    client: &impl GenericClient,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<u64, Error> {
    let imports = Outdated {
        table: "identite_imports",
        key: "id",
        since: "updated_at",
    };
    imports.delete(client, before, limit).await
}

/// How far a walk through the journal of connections has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Walk {
    /// Rows that lost their client address.
    pub emptied: u64,
    /// Whether rows old enough remain.
    pub goes_on: bool,
}

/// Removes the client addresses from the next `limit` rows of `users_oidc_clients` that are older than `before`, in the order of
/// their identifiers, going on where the last call ended: no index is needed, and no row is looked at twice.
///
/// # Errors
/// When the database does not answer.
pub async fn anonymise_connections(
    client: &impl GenericClient,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<Walk, Error> {
    const CHORE: &str = "connection_addresses";
    let statement = client
        .prepare_cached(
            "WITH portion AS MATERIALIZED (
               SELECT id
               FROM users_oidc_clients
               WHERE id > coalesce((SELECT position FROM identite_housekeeping WHERE chore = $3), 0)
               ORDER BY id
               LIMIT $2
             ),
             emptied AS (
               UPDATE users_oidc_clients AS connection
               SET user_ip_address = NULL
               FROM portion
               WHERE connection.id = portion.id
                 AND connection.created_at < $1
                 AND connection.user_ip_address IS NOT NULL
               RETURNING 1
             ),
             -- The walk halts at the first row that is too recent.
             reached AS (
               SELECT max(connection.id) AS id, count(*) AS rows
               FROM portion
               JOIN users_oidc_clients AS connection ON connection.id = portion.id
               WHERE connection.created_at < $1
                 AND connection.id < coalesce(
                   (
                     SELECT min(recent.id)
                     FROM portion AS ahead
                     JOIN users_oidc_clients AS recent ON recent.id = ahead.id
                     WHERE recent.created_at >= $1
                   ),
                   2147483648
                 )
             ),
             noted AS (
               INSERT INTO identite_housekeeping (chore, position)
               SELECT $3, id FROM reached WHERE id IS NOT NULL
               ON CONFLICT (chore) DO UPDATE SET position = excluded.position
             )
             SELECT (SELECT count(*) FROM emptied), (SELECT rows FROM reached)",
        )
        .await?;
    let row = client.query_one(&statement, &[&before, &limit, &CHORE]).await?;
    let (emptied, walked): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    Ok(Walk {
        emptied: u64::try_from(emptied).unwrap_or_default(),
        goes_on: walked == limit,
    })
}
