//! `users.reset_password_token`: the link that allows to choose another password.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use secrecy::{ExposeSecret, SecretString};

use super::Error;
use crate::domain::UserId;

/// Stores a fresh link for the account with the normalised address `email`, of which `digest` is kept, unless the one that
/// lives was sent at or after `unless_sent_since`. Gives the account, or `None` when nothing was stored.
///
/// # Errors
/// When the database does not answer.
pub async fn issue(
    client: &impl GenericClient,
    email: &str,
    digest: &str,
    unless_sent_since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<UserId>, Error> {
    let statement = client
        .prepare_cached(
            "UPDATE users
             SET
               reset_password_token = $2,
               reset_password_sent_at = $4,
               updated_at = $4
             WHERE email = $1
               AND (reset_password_token IS NULL OR reset_password_sent_at IS NULL OR reset_password_sent_at < $3)
             RETURNING id",
        )
        .await?;
    let row = client
        .query_opt(&statement, &[&email, &digest, &unless_sent_since, &now])
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?.map(UserId))
}

/// The address of the account whose link is kept as one of `stored_forms`, if it was sent at or after `sent_since`. Uses
/// nothing up.
///
/// # Errors
/// When the database does not answer.
pub async fn find(
    client: &impl GenericClient,
    stored_forms: &[String],
    sent_since: DateTime<Utc>,
) -> Result<Option<String>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT email FROM users WHERE reset_password_token = ANY ($1) AND reset_password_sent_at >= $2",
        )
        .await?;
    let row = client
        .query_opt(&statement, &[&stored_forms, &sent_since])
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// Uses up the link of which one of `stored_forms` is kept, if it was sent at or after `sent_since`: the account gets the
/// password hash `fresh`, and its address counts as proven at `now`. What else could open the account by e-mail dies. Of
/// callers that race, one gets the account.
///
/// # Errors
/// When the database does not answer.
pub async fn consume(
    client: &impl GenericClient,
    stored_forms: &[String],
    fresh: &SecretString,
    sent_since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<UserId>, Error> {
    let statement = client
        .prepare_cached(
            "UPDATE users
             SET
               encrypted_password = $2,
               reset_password_token = NULL,
               reset_password_sent_at = NULL,
               magic_link_token = NULL,
               magic_link_sent_at = NULL,
               email_verified = true,
               email_verified_at = $4,
               updated_at = $4
             WHERE reset_password_token = ANY ($1) AND reset_password_sent_at >= $3
             RETURNING id",
        )
        .await?;
    let row = client
        .query_opt(
            &statement,
            &[&stored_forms, &fresh.expose_secret(), &sent_since, &now],
        )
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?.map(UserId))
}
