//! `identite_audit`: what operators did. Rows are only ever added; the table refuses everything else, but the deletion of
//! rows older than a year.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use futures::{Stream, StreamExt};
use serde_json::Value;
use tokio_postgres::Row;

use super::Error;

/// What is kept of a name, in characters.
const NAME_LIMIT: usize = 200;

/// Something that an operator did just now.
#[derive(Debug, Clone)]
pub struct NewEntry<'a> {
    /// Who: `operator page from <address>`, `command line of <user>@<machine>`.
    pub actor: &'a str,
    /// What, as `outbox.retry`.
    pub action: &'a str,
    /// To whom or what: a kind and an identifier.
    pub subject: Option<(&'a str, &'a str)>,
    /// The rest. Neither secrets nor personal data.
    pub detail: Value,
}

/// A line of the trail: what an operator did (`identite_audit`), or what happened to an account (`identite_events`).
#[derive(Debug, Clone, PartialEq)]
pub struct TrailRow {
    pub occurred_at: DateTime<Utc>,
    pub actor: String,
    pub action: String,
    pub subject_kind: Option<String>,
    pub subject_id: Option<String>,
    pub detail: Value,
}

/// Adds to the trail, in the transaction of what was done.
///
/// # Errors
/// When the database does not answer.
pub async fn record(
    client: &impl GenericClient,
    entry: &NewEntry<'_>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = client
        .prepare_cached(
            "INSERT INTO identite_audit (
               occurred_at,
               actor,
               action,
               subject_kind,
               subject_id,
               detail
             ) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .await?;
    let actor: String = entry.actor.chars().take(NAME_LIMIT).collect();
    let (kind, id) = entry.subject.unzip();
    client
        .execute(
            &statement,
            &[&now, &actor, &entry.action, &kind, &id, &entry.detail],
        )
        .await?;
    Ok(())
}

/// What operators did from `since` to before `until`, in its order, as it comes from the server.
///
/// # Errors
/// When the database does not answer; so may each row.
pub async fn of_operators(
    client: &impl GenericClient,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<impl Stream<Item = Result<TrailRow, Error>>, Error> {
    let rows = client
        .query_raw(
            "SELECT occurred_at, actor, action, subject_kind, subject_id, detail
             FROM identite_audit
             WHERE occurred_at >= $1 AND occurred_at < $2
             ORDER BY occurred_at, id",
            [since, until],
        )
        .await?;
    Ok(rows.map(|row| read(&row?)))
}

/// What happened to accounts from `since` to before `until`, in its order, as it comes from the server. Where from is told,
/// with what is not.
///
/// # Errors
/// When the database does not answer; so may each row.
pub async fn of_accounts(
    client: &impl GenericClient,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<impl Stream<Item = Result<TrailRow, Error>>, Error> {
    let rows = client
        .query_raw(
            "SELECT
               occurred_at,
               'account ' || user_id,
               'account.' || kind,
               'user',
               user_id::text,
               jsonb_strip_nulls(jsonb_build_object('ip_address', ip_address, 'method', method))
             FROM identite_events
             WHERE occurred_at >= $1 AND occurred_at < $2
             ORDER BY occurred_at, id",
            [since, until],
        )
        .await?;
    Ok(rows.map(|row| read(&row?)))
}

fn read(row: &Row) -> Result<TrailRow, Error> {
    Ok(TrailRow {
        occurred_at: row.try_get(0)?,
        actor: row.try_get(1)?,
        action: row.try_get(2)?,
        subject_kind: row.try_get(3)?,
        subject_id: row.try_get(4)?,
        detail: row.try_get(5)?,
    })
}

/// Deletes at most `limit` entries from before `before`, which must be more than a year ago. Gives how many.
///
/// # Errors
/// When the database does not answer, or `before` is too recent.
pub async fn purge(client: &impl GenericClient, before: DateTime<Utc>, limit: i64) -> Result<u64, Error> {
    let statement = client
        .prepare_cached(
            "DELETE FROM identite_audit
             WHERE id IN (
               SELECT id
               FROM identite_audit
               WHERE occurred_at < $1
               ORDER BY occurred_at, id
               LIMIT $2
             )",
        )
        .await?;
    Ok(client.execute(&statement, &[&before, &limit]).await?)
}
