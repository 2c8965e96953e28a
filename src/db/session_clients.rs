//! `identite_session_clients`: which relying parties want to be told when a session ends.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;

use super::Error;

/// What is put into the outbox for each of them.
pub const BACKCHANNEL_LOGOUT: &str = "backchannel_logout";

/// What tells the relying parties of the sessions in `ended (uid, user_id)` of their end, as parts of the statement that
/// ends them. `$2` is the instant.
pub(super) const TELL_CLIENTS: &str = "told AS (
  INSERT INTO identite_outbox (
    kind,
    payload,
    deduplication_key,
    created_at,
    next_attempt_at
  )
  SELECT
    'backchannel_logout',
    jsonb_build_object(
      'oidc_client_id', known.oidc_client_id,
      'session_uid', known.session_uid,
      'user_id', ended.user_id
    ),
    'backchannel_logout:' || known.session_uid || ':' || known.oidc_client_id,
    $2::timestamptz,
    $2::timestamptz
  FROM ended
  JOIN identite_session_clients AS known ON known.session_uid = ended.uid
  ON CONFLICT (deduplication_key) DO NOTHING
)";

/// Notes that the client of the row `oidc_client_id` gets to know of the session `session_uid`.
///
/// # Errors
/// When the database does not answer, or the session or the client is gone.
pub async fn note(
    client: &impl GenericClient,
    session_uid: &str,
    oidc_client_id: i32,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = client
        .prepare_cached(
            "INSERT INTO identite_session_clients (
               session_uid,
               oidc_client_id,
               first_at
             ) VALUES ($1, $2, $3)
             ON CONFLICT DO NOTHING",
        )
        .await?;
    client
        .execute(&statement, &[&session_uid, &oidc_client_id, &at])
        .await?;
    Ok(())
}
