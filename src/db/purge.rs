//! What housekeeping deletes of one table, in batches that never wait for somebody else's rows.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;

use super::Error;

/// Rows that have had their time.
pub(super) struct Outdated {
    pub table: &'static str,
    /// The columns of its primary key, between commas.
    pub key: &'static str,
    /// The column that tells when their time began to run; `NULL` where it has not.
    pub since: &'static str,
}

impl Outdated {
    /// Deletes at most `limit` of them whose time began before `before`, the oldest first. Gives how many.
    pub(super) async fn delete(
        &self,
        client: &impl GenericClient,
        before: DateTime<Utc>,
        limit: i64,
    ) -> Result<u64, Error> {
        let Self { table, key, since } = self;
        let statement = client
            .prepare_cached(&format!(
                "DELETE FROM {table}
                 WHERE ({key}) IN (
                   SELECT {key}
                   FROM {table}
                   WHERE {since} < $1
                   ORDER BY {since}
                   LIMIT $2
                   FOR UPDATE SKIP LOCKED
                 )"
            ))
            .await?;
        Ok(client.execute(&statement, &[&before, &limit]).await?)
    }
}

/// Deletes at most `limit` rows of `table` whose browser session (`session_uid`) is over, and ends that session in the same step: a use
/// of it that is noted late must not bring it back without what held it. Gives how many.
pub(super) async fn of_sessions_that_are_over(
    client: &impl GenericClient,
    table: &'static str,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<u64, Error> {
    let statement = client
        .prepare_cached(&format!(
            "WITH over AS MATERIALIZED (
               SELECT pending.session_uid
               FROM {table} AS pending
               JOIN identite_sessions AS session ON session.uid = pending.session_uid
               WHERE session.ended_at IS NOT NULL OR least(session.expires_at, session.absolute_expires_at) < $1
               LIMIT $2
               FOR UPDATE OF pending, session SKIP LOCKED
             ), ended AS (
               UPDATE identite_sessions AS session
               SET
                 ended_at = $1,
                 end_reason = 'expired'
               FROM over
               WHERE session.uid = over.session_uid AND session.ended_at IS NULL
             )
             DELETE FROM {table} AS pending
             USING over
             WHERE pending.session_uid = over.session_uid"
        ))
        .await?;
    Ok(client.execute(&statement, &[&now, &limit]).await?)
}
