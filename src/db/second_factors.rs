//! Second factors of accounts: the key of one-time codes (`users.encrypted_totp_key`), its steps used
//! (`identite_totp_steps`), keys on trial (`identite_totp_enrolments`), and where two factors are asked for
//! (`users.force_2fa`).

use chrono::{DateTime, Utc};
use deadpool_postgres::{GenericClient, Transaction};

use super::Error;
use super::users::{self, User};
use crate::domain::UserId;

/// An account and the second factors that it has, under a lock of the account until the transaction ends.
#[derive(Debug, Clone)]
pub struct Holder {
    pub user: User,
    pub has_passkey: bool,
}

impl Holder {
    /// Whether a second factor could be asked for.
    #[must_use]
    pub const fn is_capable(&self) -> bool {
        self.user.has_totp || self.has_passkey
    }
}

/// Locks the account of `user` and gives it with its second factors, or `None` when it is gone. Changes of factors wait for one another
/// here.
///
/// # Errors
/// When the database does not answer.
pub async fn lock(transaction: &Transaction<'_>, user: UserId) -> Result<Option<Holder>, Error> {
    let Some(user) = users::lock(transaction, user).await? else {
        return Ok(None);
    };
    // A statement of its own: it sees what was committed while the first one waited for the lock.
    let statement = transaction
        .prepare_cached("SELECT EXISTS (SELECT FROM authenticators WHERE user_id = $1)")
        .await?;
    let row = transaction.query_one(&statement, &[&user.id.0]).await?;
    Ok(Some(Holder {
        user,
        has_passkey: row.try_get(0)?,
    }))
}

/// The encrypted key of one-time codes of `user`, if one is configured.
///
/// # Errors
/// When the database does not answer.
pub async fn totp_key(client: &impl GenericClient, user: UserId) -> Result<Option<String>, Error> {
    let statement = client
        .prepare_cached("SELECT nullif(encrypted_totp_key, '') FROM users WHERE id = $1")
        .await?;
    let row = client.query_opt(&statement, &[&user.0]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?.flatten())
}

/// Makes `encrypted_key` the key of one-time codes of `user`. The code of `step` proved it, and is used up.
///
/// # Errors
/// When the database does not answer.
pub async fn set_totp_key(
    transaction: &Transaction<'_>,
    user: UserId,
    encrypted_key: &str,
    step: i64,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = transaction
        .prepare_cached(
            "UPDATE users
             SET
               encrypted_totp_key = $2,
               totp_key_verified_at = $3,
               updated_at = $3
             WHERE id = $1",
        )
        .await?;
    transaction
        .execute(&statement, &[&user.0, &encrypted_key, &now])
        .await?;
    // Steps of the former key say nothing about this one.
    let statement = transaction
        .prepare_cached(
            "INSERT INTO identite_totp_steps (user_id, last_step)
             VALUES ($1, $2)
             ON CONFLICT (user_id) DO UPDATE
             SET last_step = excluded.last_step",
        )
        .await?;
    transaction.execute(&statement, &[&user.0, &step]).await?;
    Ok(())
}

/// Uses up the code of `step`, and those of earlier steps, of `user`. Gives `false`, and changes nothing, when this step or a later one
/// was used before: of requests that race over one code, one wins.
///
/// # Errors
/// When the database does not answer.
pub async fn use_step(client: &impl GenericClient, user: UserId, step: i64) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(
            "INSERT INTO identite_totp_steps AS known (user_id, last_step)
             VALUES ($1, $2)
             ON CONFLICT (user_id) DO UPDATE
             SET last_step = excluded.last_step
             WHERE known.last_step < excluded.last_step",
        )
        .await?;
    Ok(client.execute(&statement, &[&user.0, &step]).await? == 1)
}

/// Takes the key of one-time codes from `user`. Gives whether there was one.
///
/// # Errors
/// When the database does not answer.
pub async fn remove_totp_key(
    transaction: &Transaction<'_>,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let statement = transaction
        .prepare_cached(
            "UPDATE users
             SET
               encrypted_totp_key = NULL,
               totp_key_verified_at = NULL,
               updated_at = $2
             WHERE id = $1 AND coalesce(encrypted_totp_key, '') <> ''",
        )
        .await?;
    Ok(transaction.execute(&statement, &[&user.0, &now]).await? == 1)
}

/// Asks `user` for two factors everywhere, or only where a service insists. Gives whether that is a change.
///
/// # Errors
/// When the database does not answer.
pub async fn set_force_2fa(
    client: &impl GenericClient,
    user: UserId,
    everywhere: bool,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(
            "UPDATE users
             SET
               force_2fa = $2,
               updated_at = $3
             WHERE id = $1 AND force_2fa <> $2",
        )
        .await?;
    Ok(client.execute(&statement, &[&user.0, &everywhere, &now]).await? == 1)
}

/// The encrypted key on trial in the session named `session_uid`: the one that is there if it was made since `not_before`, else
/// `fresh`. `None` when the session is gone.
///
/// # Errors
/// When the database does not answer.
pub async fn key_on_trial(
    client: &impl GenericClient,
    session_uid: &str,
    user: UserId,
    fresh: &str,
    not_before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<String>, Error> {
    let statement = client
        .prepare_cached(
            "INSERT INTO identite_totp_enrolments AS trial (session_uid, user_id, encrypted_key, created_at)
             SELECT session.uid, session.user_id, $3, $5
             FROM identite_sessions AS session
             WHERE session.uid = $1 AND session.user_id = $2 AND session.ended_at IS NULL
             ON CONFLICT (session_uid) DO UPDATE
             SET
               encrypted_key = CASE WHEN trial.created_at < $4 THEN excluded.encrypted_key ELSE trial.encrypted_key END,
               created_at = CASE WHEN trial.created_at < $4 THEN excluded.created_at ELSE trial.created_at END
             RETURNING encrypted_key",
        )
        .await?;
    let row = client
        .query_opt(&statement, &[&session_uid, &user.0, &fresh, &not_before, &now])
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// The encrypted key on trial in the session named `session_uid`, made since `not_before`, under a lock until the transaction ends.
///
/// # Errors
/// When the database does not answer.
pub async fn lock_key_on_trial(
    transaction: &Transaction<'_>,
    session_uid: &str,
    user: UserId,
    not_before: DateTime<Utc>,
) -> Result<Option<String>, Error> {
    let statement = transaction
        .prepare_cached(
            "SELECT encrypted_key
             FROM identite_totp_enrolments
             WHERE session_uid = $1 AND user_id = $2 AND created_at >= $3
             FOR UPDATE",
        )
        .await?;
    let row = transaction
        .query_opt(&statement, &[&session_uid, &user.0, &not_before])
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// Forgets the key on trial in the session named `session_uid`. Gives whether there was one.
///
/// # Errors
/// When the database does not answer.
pub async fn forget_key_on_trial(client: &impl GenericClient, session_uid: &str) -> Result<bool, Error> {
    let statement = client
        .prepare_cached("DELETE FROM identite_totp_enrolments WHERE session_uid = $1")
        .await?;
    Ok(client.execute(&statement, &[&session_uid]).await? == 1)
}
