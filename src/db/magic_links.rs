//! `users.magic_link_token`: the link that signs in to an account that exists.

use chrono::{DateTime, Utc};
use deadpool_postgres::{GenericClient, Transaction};

use super::Error;
use crate::domain::UserId;

/// What became of the wish for a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Issue {
    /// It is stored; the former one is dead.
    Stored,
    /// The one that lives was sent a moment ago and stays.
    TooSoon,
    /// There is no such account.
    NoAccount,
}

/// Stores a fresh link for the account with the normalised address `email`, of which `digest` is kept, unless the one that
/// lives was sent at or after `unless_sent_since`.
///
/// # Errors
/// When the database does not answer.
pub async fn issue(
    client: &impl GenericClient,
    email: &str,
    digest: &str,
    unless_sent_since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Issue, Error> {
    let statement = client
        .prepare_cached(
            "WITH issued AS (
               UPDATE users
               SET
                 magic_link_token = $2,
                 magic_link_sent_at = $4,
                 updated_at = $4
               WHERE email = $1
                 AND (magic_link_token IS NULL OR magic_link_sent_at IS NULL OR magic_link_sent_at < $3)
               RETURNING id
             )
             SELECT
               EXISTS (SELECT FROM issued),
               EXISTS (SELECT FROM users WHERE email = $1)",
        )
        .await?;
    let row = client
        .query_one(&statement, &[&email, &digest, &unless_sent_since, &now])
        .await?;
    Ok(match (row.try_get(0)?, row.try_get(1)?) {
        (true, _) => Issue::Stored,
        (false, true) => Issue::TooSoon,
        (false, false) => Issue::NoAccount,
    })
}

/// Whose link is kept as one of `stored_forms`, if it was sent at or after `sent_since`. Uses nothing up.
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
            "SELECT email FROM users WHERE magic_link_token = ANY ($1) AND magic_link_sent_at >= $2",
        )
        .await?;
    let row = client
        .query_opt(&statement, &[&stored_forms, &sent_since])
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// The account that a link opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    pub user: UserId,
    /// The account has a password that was never followed by a proof of the address: nobody knows whose it is.
    pub has_unproven_password: bool,
}

/// Uses up the link of which one of `stored_forms` is kept, if it was sent at or after `sent_since`: the address counts as
/// proven at `now`. Of callers that race, one gets the account.
///
/// # Errors
/// When the database does not answer.
pub async fn consume(
    transaction: &Transaction<'_>,
    stored_forms: &[String],
    sent_since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<Opened>, Error> {
    let statement = transaction
        .prepare_cached(
            "UPDATE users AS person
             SET
               magic_link_token = NULL,
               magic_link_sent_at = NULL,
               email_verified = true,
               email_verified_at = $3,
               updated_at = $3
             FROM (
               SELECT id, NOT email_verified AND coalesce(encrypted_password, '') <> '' AS has_unproven_password
               FROM users
               WHERE magic_link_token = ANY ($1) AND magic_link_sent_at >= $2
               FOR UPDATE
             ) AS former
             WHERE person.id = former.id
             RETURNING person.id, former.has_unproven_password",
        )
        .await?;
    let Some(row) = transaction
        .query_opt(&statement, &[&stored_forms, &sent_since, &now])
        .await?
    else {
        return Ok(None);
    };
    Ok(Some(Opened {
        user: UserId(row.try_get(0)?),
        has_unproven_password: row.try_get(1)?,
    }))
}
