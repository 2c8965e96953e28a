//! `users.verify_email_token`: the code that proves an address. One lives at a time; whatever happens to it is one
//! conditional statement.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;

use super::Error;
use crate::domain::UserId;

/// When a code was last sent to the account `user`.
///
/// # Errors
/// When the database does not answer.
pub async fn sent_at(client: &impl GenericClient, user: UserId) -> Result<Option<DateTime<Utc>>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT verify_email_sent_at FROM users WHERE id = $1 AND verify_email_token IS NOT NULL",
        )
        .await?;
    let row = client.query_opt(&statement, &[&user.0]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?.flatten())
}

/// Stores a fresh code, of which `digest` is kept, unless the one that lives was sent at or after `unless_sent_since`.
/// The former one dies. Gives whether it was stored: of callers that race, one.
///
/// # Errors
/// When the database does not answer.
pub async fn issue(
    client: &impl GenericClient,
    user: UserId,
    digest: &str,
    unless_sent_since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(
            "UPDATE users
             SET
               verify_email_token = $2,
               verify_email_sent_at = $4,
               updated_at = $4
             WHERE id = $1
               AND (verify_email_token IS NULL OR verify_email_sent_at IS NULL OR verify_email_sent_at < $3)",
        )
        .await?;
    Ok(client
        .execute(&statement, &[&user.0, &digest, &unless_sent_since, &now])
        .await?
        == 1)
}

/// Uses up the code of which one of `stored_forms` is kept, if it was sent at or after `sent_since`: the address counts as
/// proven at `now`. Gives whether there was one: of callers that race, one.
///
/// # Errors
/// When the database does not answer.
pub async fn consume(
    client: &impl GenericClient,
    user: UserId,
    stored_forms: &[String],
    sent_since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(
            "UPDATE users
             SET
               verify_email_token = NULL,
               verify_email_sent_at = NULL,
               email_verified = true,
               email_verified_at = $4,
               updated_at = $4
             WHERE id = $1
               AND verify_email_token = ANY ($2)
               AND verify_email_sent_at >= $3",
        )
        .await?;
    Ok(client
        .execute(&statement, &[&user.0, &stored_forms, &sent_since, &now])
        .await?
        == 1)
}
