//! `identite_key_sightings`: since when each signing key is there.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;

use super::Error;

/// Notes the keys that are seen for the first time, and gives since when the oldest of them all is there; `None` without keys.
///
/// # Errors
/// When the database does not answer.
pub async fn note(
    client: &impl GenericClient,
    kids: &[String],
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, Error> {
    let statement = client
        .prepare_cached(
            "WITH noted AS (
               INSERT INTO identite_key_sightings (kid, first_seen_at)
               SELECT kid, $2 FROM unnest($1::text[]) AS seen (kid)
               ON CONFLICT (kid) DO NOTHING
               RETURNING first_seen_at
             )
             SELECT least(
               (SELECT min(first_seen_at) FROM noted),
               (SELECT min(first_seen_at) FROM identite_key_sightings WHERE kid = ANY ($1))
             )",
        )
        .await?;
    Ok(client.query_one(&statement, &[&kids, &now]).await?.try_get(0)?)
}
