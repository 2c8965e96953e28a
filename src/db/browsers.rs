//! `identite_browsers`: from which browsers an account was signed in to.

use chrono::{DateTime, TimeDelta, Utc};
use deadpool_postgres::GenericClient;

use super::Error;
use crate::domain::UserId;

/// A browser that was not seen with an account for this long is forgotten.
pub const MEMORY: TimeDelta = TimeDelta::days(400);

/// SHA-256 of the random name in a browser's cookie.
pub type BrowserDigest = [u8; 32];

/// Notes that `user` signs in from `browser`, and forgets those of their browsers that were not seen since
/// `forget_before`. Gives whether the sign-in is news worth telling: the browser is new, and the account had been signed
/// in to from others.
///
/// # Errors
/// When the database does not answer.
pub async fn record_sign_in(
    client: &impl GenericClient,
    user: UserId,
    browser: &BrowserDigest,
    forget_before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(
            "WITH known AS (
               SELECT
                 count(*) > 0 AS any,
                 coalesce(bool_or(browser = $2), false) AS this_one
               FROM identite_browsers
               WHERE user_id = $1
             ), forgotten AS (
               DELETE FROM identite_browsers
               WHERE user_id = $1 AND browser <> $2 AND last_seen_at < $3
             ), noted AS (
               INSERT INTO identite_browsers (user_id, browser, first_seen_at, last_seen_at)
               VALUES ($1, $2, $4, $4)
               ON CONFLICT (user_id, browser) DO UPDATE
               SET last_seen_at = excluded.last_seen_at
             )
             SELECT known.any AND NOT known.this_one FROM known",
        )
        .await?;
    let row = client
        .query_one(&statement, &[&user.0, &browser.as_slice(), &forget_before, &now])
        .await?;
    Ok(row.try_get(0)?)
}
