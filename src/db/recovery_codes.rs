//! `identite_recovery_codes`: codes that stand in for a lost second factor, each once.

use chrono::{DateTime, Utc};
use deadpool_postgres::{GenericClient, Transaction};

use super::Error;
use crate::domain::UserId;

/// Replaces the recovery codes of `user` by those with these digests, which were made with the key named `key_name`.
///
/// # Errors
/// When the database does not answer.
pub async fn replace(
    transaction: &Transaction<'_>,
    user: UserId,
    digests: &[String],
    key_name: &str,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    remove(transaction, user).await?;
    let statement = transaction
        .prepare_cached(
            "INSERT INTO identite_recovery_codes (user_id, digest, key_name, created_at)
             SELECT $1, digest, $3, $4
             FROM unnest($2::text[]) AS drawn (digest)",
        )
        .await?;
    transaction
        .execute(&statement, &[&user.0, &digests, &key_name, &now])
        .await?;
    Ok(())
}

/// Forgets the recovery codes of `user`, used or not.
///
/// # Errors
/// When the database does not answer.
pub async fn remove(client: &impl GenericClient, user: UserId) -> Result<(), Error> {
    let statement = client
        .prepare_cached("DELETE FROM identite_recovery_codes WHERE user_id = $1")
        .await?;
    client.execute(&statement, &[&user.0]).await?;
    Ok(())
}

/// Uses up the code of `user` with one of these digests. Gives `false` when there is none or it was used: of requests that race over one code,
/// one wins.
///
/// # Errors
/// When the database does not answer.
pub async fn consume(
    client: &impl GenericClient,
    user: UserId,
    digests: &[String],
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(
            "UPDATE identite_recovery_codes
             SET used_at = $3
             WHERE user_id = $1 AND digest = ANY ($2) AND used_at IS NULL",
        )
        .await?;
    Ok(client.execute(&statement, &[&user.0, &digests, &now]).await? == 1)
}

/// How many codes `user` has left; `None` when none were ever drawn.
///
/// # Errors
/// When the database does not answer.
pub async fn left(client: &impl GenericClient, user: UserId) -> Result<Option<i64>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT count(*) FILTER (WHERE used_at IS NULL)
             FROM identite_recovery_codes
             WHERE user_id = $1
             HAVING count(*) > 0",
        )
        .await?;
    let row = client.query_opt(&statement, &[&user.0]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}
