//! What operators want to know of the database at a glance.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;

use super::Error;

/// What is shown of a statement, in characters.
const STATEMENT_LIMIT: i32 = 300;

/// Sign-ins of one minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignIns {
    /// Its beginning.
    pub minute: DateTime<Utc>,
    pub count: i64,
}

/// A statement that takes its time.
#[derive(Debug, Clone, PartialEq)]
pub struct SlowStatement {
    /// Without values, cut.
    pub statement: String,
    /// How often it ran; `None` for one that runs now.
    pub calls: Option<i64>,
    /// Mean duration, or the duration so far.
    pub milliseconds: f64,
    /// The longest duration.
    pub longest_milliseconds: Option<f64>,
}

/// Sessions that are alive at `now`.
///
/// # Errors
/// When the database does not answer.
pub async fn sessions_alive(client: &impl GenericClient, now: DateTime<Utc>) -> Result<i64, Error> {
    let statement = client
        .prepare_cached(
            "SELECT count(*)
             FROM identite_sessions
             WHERE ended_at IS NULL AND expires_at > $1 AND absolute_expires_at > $1",
        )
        .await?;
    Ok(client.query_one(&statement, &[&now]).await?.try_get(0)?)
}

/// Sign-ins of each minute since `since` in which there was one, in their order.
///
/// # Errors
/// When the database does not answer.
pub async fn sign_ins(client: &impl GenericClient, since: DateTime<Utc>) -> Result<Vec<SignIns>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT date_trunc('minute', occurred_at) AS minute, count(*)
             FROM identite_events
             WHERE occurred_at >= $1 AND kind IN ('sign_in', 'sign_in_new_browser')
             GROUP BY minute
             ORDER BY minute",
        )
        .await?;
    let rows = client.query(&statement, &[&since]).await?;
    rows.iter()
        .map(|row| {
            Ok(SignIns {
                minute: row.try_get(0)?,
                count: row.try_get(1)?,
            })
        })
        .collect()
}

/// The ten statements with the highest mean duration, as the extension `pg_stat_statements` counts them; `None` where this
/// database does not have it.
///
/// # Errors
/// When the database does not answer.
pub async fn slowest_statements(client: &impl GenericClient) -> Result<Option<Vec<SlowStatement>>, Error> {
    let is_there = client
        .query_one(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'pg_stat_statements')
               AND 'pg_stat_statements' = ANY (string_to_array(replace(current_setting('shared_preload_libraries'), ' ', ''), ','))",
            &[],
        )
        .await?;
    if !is_there.try_get::<_, bool>(0)? {
        return Ok(None);
    }
    let rows = client
        .query(
            "SELECT
               left(regexp_replace(query, '\\s+', ' ', 'g'), $1),
               calls,
               mean_exec_time,
               max_exec_time
             FROM pg_stat_statements
             WHERE dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
             ORDER BY mean_exec_time DESC
             LIMIT 10",
            &[&STATEMENT_LIMIT],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(SlowStatement {
                statement: row.try_get(0)?,
                calls: Some(row.try_get(1)?),
                milliseconds: row.try_get(2)?,
                longest_milliseconds: Some(row.try_get(3)?),
            })
        })
        .collect::<Result<_, Error>>()
        .map(Some)
}

/// The ten statements that have been running for longest on this database, this one left out.
///
/// # Errors
/// When the database does not answer.
pub async fn running_statements(client: &impl GenericClient) -> Result<Vec<SlowStatement>, Error> {
    let rows = client
        .query(
            "SELECT
               left(regexp_replace(query, '\\s+', ' ', 'g'), $1),
               (extract(epoch FROM clock_timestamp() - query_start) * 1000)::float8
             FROM pg_catalog.pg_stat_activity
             WHERE datname = current_database()
               AND state = 'active'
               AND pid <> pg_backend_pid()
               AND query <> ''
             ORDER BY query_start
             LIMIT 10",
            &[&STATEMENT_LIMIT],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(SlowStatement {
                statement: row.try_get(0)?,
                calls: None,
                milliseconds: row.try_get(1)?,
                longest_milliseconds: None,
            })
        })
        .collect()
}
