//! `identite_outbox`: what must leave the house, written with the change that it tells of.
//!
//! A row is waiting, claimed for a while by one worker, delivered, or dead. Whoever claims it holds a lease: when the
//! lease passes without news, the row is waiting again.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use serde_json::Value;

use super::Error;
use super::purge::Outdated;

/// What is kept of an error text, in characters.
const ERROR_LIMIT: usize = 1000;

/// A row claimed for delivery. The payload may hold personal data and secrets: it is not for logs.
#[derive(Clone, PartialEq, Eq)]
pub struct OutboxRow {
    pub id: i64,
    pub kind: String,
    pub payload: Value,
    /// Claims so far, this one included: an attempt that ended with its process counts.
    pub attempts: i32,
    pub created_at: DateTime<Utc>,
}

impl std::fmt::Debug for OutboxRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutboxRow")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("attempts", &self.attempts)
            .finish_non_exhaustive()
    }
}

/// How the outbox is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutboxCounts {
    /// Neither delivered nor dead, those in delivery included.
    pub waiting: i64,
    /// Of those, how many are under a lease.
    pub claimed: i64,
    /// Given up, for an operator to look at.
    pub dead: i64,
    /// Creation of the oldest row that waits.
    pub oldest_waiting_since: Option<DateTime<Utc>>,
}

/// Writes down that something must leave, due at once. Gives its id, or `None` when something with the same
/// `deduplication_key` was written before.
///
/// To be called in the transaction of the change that it tells of.
///
/// # Errors
/// When the database does not answer.
pub async fn enqueue(
    client: &impl GenericClient,
    kind: &str,
    payload: &Value,
    deduplication_key: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Option<i64>, Error> {
    let statement = client
        .prepare_cached(
            "INSERT INTO identite_outbox (
               kind,
               payload,
               deduplication_key,
               created_at,
               next_attempt_at
             ) VALUES ($1, $2, $3, $4, $4)
             ON CONFLICT (deduplication_key) DO NOTHING
             RETURNING id",
        )
        .await?;
    let row = client
        .query_opt(&statement, &[&kind, payload, &deduplication_key, &now])
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// Claims at most `limit` rows that are due at `now` for `claimant`, until `lease_until`, the longest due first. Rows
/// that another worker is claiming at the same time are passed over, not waited for.
///
/// # Errors
/// When the database does not answer.
pub async fn claim(
    client: &impl GenericClient,
    claimant: &str,
    now: DateTime<Utc>,
    lease_until: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<OutboxRow>, Error> {
    let statement = client
        .prepare_cached(
            "WITH due AS MATERIALIZED (
               SELECT id
               FROM identite_outbox
               WHERE delivered_at IS NULL
                 AND dead_at IS NULL
                 AND next_attempt_at <= $2
                 AND (claimed_until IS NULL OR claimed_until <= $2)
               ORDER BY next_attempt_at, id
               LIMIT $4
               FOR UPDATE SKIP LOCKED
             )
             UPDATE identite_outbox AS item
             SET
               claimed_by = $1,
               claimed_until = $3,
               attempts = item.attempts + 1
             FROM due
             WHERE item.id = due.id
             RETURNING item.id, item.kind, item.payload, item.attempts, item.created_at",
        )
        .await?;
    let rows = client
        .query(&statement, &[&claimant, &now, &lease_until, &limit])
        .await?;
    let mut claimed = Vec::with_capacity(rows.len());
    for row in rows {
        claimed.push(OutboxRow {
            id: row.try_get(0)?,
            kind: row.try_get(1)?,
            payload: row.try_get(2)?,
            attempts: row.try_get(3)?,
            created_at: row.try_get(4)?,
        });
    }
    claimed.sort_unstable_by_key(|row| row.id);
    Ok(claimed)
}

/// Notes that `id` was delivered, whoever claims it now, and empties its payload: it held personal data and secrets that
/// nobody needs any more. Gives `false`, and changes nothing, when that was noted before or there is no such item.
///
/// # Errors
/// When the database does not answer.
pub async fn delivered(client: &impl GenericClient, id: i64, at: DateTime<Utc>) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(
            "UPDATE identite_outbox
             SET
               delivered_at = $2,
               payload = '{}',
               dead_at = NULL,
               claimed_by = NULL,
               claimed_until = NULL,
               last_error = NULL
             WHERE id = $1 AND delivered_at IS NULL",
        )
        .await?;
    Ok(client.execute(&statement, &[&id, &at]).await? == 1)
}

/// Notes that `claimant` could not deliver `id`, to be tried again at `next_attempt_at`. Gives `false`, and changes
/// nothing, when the claim has passed to somebody else.
///
/// # Errors
/// When the database does not answer.
pub async fn retry(
    client: &impl GenericClient,
    id: i64,
    claimant: &str,
    next_attempt_at: DateTime<Utc>,
    error: &str,
) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(
            "UPDATE identite_outbox
             SET
               next_attempt_at = $3,
               last_error = $4,
               claimed_by = NULL,
               claimed_until = NULL
             WHERE id = $1 AND claimed_by = $2 AND delivered_at IS NULL",
        )
        .await?;
    Ok(client
        .execute(&statement, &[&id, &claimant, &next_attempt_at, &shortened(error)])
        .await?
        == 1)
}

/// Notes that `claimant` gave `id` up: it stays for an operator to look at. Gives `false`, and changes nothing, when the
/// claim has passed to somebody else.
///
/// # Errors
/// When the database does not answer.
pub async fn dead(
    client: &impl GenericClient,
    id: i64,
    claimant: &str,
    at: DateTime<Utc>,
    error: &str,
) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(
            "UPDATE identite_outbox
             SET
               dead_at = $3,
               last_error = $4,
               claimed_by = NULL,
               claimed_until = NULL
             WHERE id = $1 AND claimed_by = $2 AND delivered_at IS NULL",
        )
        .await?;
    Ok(client
        .execute(&statement, &[&id, &claimant, &at, &shortened(error)])
        .await?
        == 1)
}

fn shortened(error: &str) -> String {
    error
        .chars()
        .filter(|character| *character != '\0')
        .take(ERROR_LIMIT)
        .collect()
}

/// Lets a dead row be tried again from `now`, as an operator asks. Gives whether there was one.
///
/// # Errors
/// When the database does not answer.
pub async fn revive(client: &impl GenericClient, id: i64, now: DateTime<Utc>) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(
            "UPDATE identite_outbox
             SET
               dead_at = NULL,
               attempts = 0,
               next_attempt_at = $2
             WHERE id = $1 AND dead_at IS NOT NULL AND delivered_at IS NULL",
        )
        .await?;
    Ok(client.execute(&statement, &[&id, &now]).await? == 1)
}

/// Lets every dead row be tried again from `now`, as an operator asks. Gives how many there were.
///
/// # Errors
/// When the database does not answer.
pub async fn revive_all(client: &impl GenericClient, now: DateTime<Utc>) -> Result<u64, Error> {
    let statement = client
        .prepare_cached(
            "UPDATE identite_outbox
             SET
               dead_at = NULL,
               attempts = 0,
               next_attempt_at = $1
             WHERE dead_at IS NOT NULL AND delivered_at IS NULL",
        )
        .await?;
    Ok(client.execute(&statement, &[&now]).await?)
}

/// How the outbox is doing at `now`. Reads partial indexes only: the delivered are not counted.
///
/// # Errors
/// When the database does not answer.
pub async fn counts(client: &impl GenericClient, now: DateTime<Utc>) -> Result<OutboxCounts, Error> {
    let statement = client
        .prepare_cached(
            "SELECT
               count(*),
               count(*) FILTER (WHERE claimed_until > $1),
               (SELECT count(*) FROM identite_outbox WHERE dead_at IS NOT NULL),
               min(created_at)
             FROM identite_outbox
             WHERE delivered_at IS NULL AND dead_at IS NULL",
        )
        .await?;
    let row = client.query_one(&statement, &[&now]).await?;
    Ok(OutboxCounts {
        waiting: row.try_get(0)?,
        claimed: row.try_get(1)?,
        dead: row.try_get(2)?,
        oldest_waiting_since: row.try_get(3)?,
    })
}

/// Deletes at most `limit` rows that were delivered before `before`. Gives how many.
///
/// # Errors
/// When the database does not answer.
pub async fn purge(client: &impl GenericClient, before: DateTime<Utc>, limit: i64) -> Result<u64, Error> {
    let delivered = Outdated {
        table: "identite_outbox",
        key: "id",
        since: "delivered_at",
    };
    delivered.delete(client, before, limit).await
}

/// Deletes at most `limit` rows that were given up before `before`. Gives how many.
///
/// # Errors
/// When the database does not answer.
pub async fn purge_dead(
    client: &impl GenericClient,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<u64, Error> {
    let dead = Outdated {
        table: "identite_outbox",
        key: "id",
        since: "dead_at",
    };
    dead.delete(client, before, limit).await
}

/// A row that was given up, without what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    pub id: i64,
    pub kind: String,
    pub created_at: DateTime<Utc>,
    pub dead_at: DateTime<Utc>,
    pub attempts: i32,
    /// Bounded, without secrets.
    pub last_error: Option<String>,
}

/// The `limit` rows that were given up last, the latest first.
///
/// # Errors
/// When the database does not answer.
pub async fn dead_letters(client: &impl GenericClient, limit: i64) -> Result<Vec<DeadLetter>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT id, kind, created_at, dead_at, attempts, last_error
             FROM identite_outbox
             WHERE dead_at IS NOT NULL
             ORDER BY dead_at DESC, id DESC
             LIMIT $1",
        )
        .await?;
    let rows = client.query(&statement, &[&limit]).await?;
    let mut letters = Vec::with_capacity(rows.len());
    for row in rows {
        letters.push(DeadLetter {
            id: row.try_get(0)?,
            kind: row.try_get(1)?,
            created_at: row.try_get(2)?,
            dead_at: row.try_get(3)?,
            attempts: row.try_get(4)?,
            last_error: row.try_get(5)?,
        });
    }
    Ok(letters)
}
