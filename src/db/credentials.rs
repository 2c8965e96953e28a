//! Passwords of accounts, chosen and pending, and what is known about them (`identite_credentials`,
//! `identite_pending_passwords`).

use chrono::{DateTime, Utc};
use deadpool_postgres::{GenericClient, Transaction};
use secrecy::{ExposeSecret, SecretString};

use super::Error;
use crate::domain::UserId;

/// A password that was chosen just now.
#[derive(Debug, Clone)]
pub struct ChosenPassword {
    pub hash: SecretString,
    /// It could not be looked up in leaks.
    pub leak_check_pending: bool,
}

/// Notes that the credentials of `user` changed at `now`, and whether the password is still to be looked up in leaks.
///
/// # Errors
/// When the database does not answer.
pub async fn record_change(
    client: &impl GenericClient,
    user: UserId,
    leak_check_pending: bool,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = client
        .prepare_cached(
            "INSERT INTO identite_credentials AS known (user_id, changed_at, leak_check_pending)
             VALUES ($1, $3, $2)
             ON CONFLICT (user_id) DO UPDATE
             SET
               changed_at = greatest(known.changed_at, excluded.changed_at),
               leak_check_pending = excluded.leak_check_pending",
        )
        .await?;
    client
        .execute(&statement, &[&user.0, &leak_check_pending, &now])
        .await?;
    Ok(())
}

/// Notes whether the password of `user` is still to be looked up in leaks.
///
/// # Errors
/// When the database does not answer.
pub async fn set_leak_check_pending(
    client: &impl GenericClient,
    user: UserId,
    pending: bool,
) -> Result<(), Error> {
    let statement = client
        .prepare_cached(
            "INSERT INTO identite_credentials (user_id, leak_check_pending)
             VALUES ($1, $2)
             ON CONFLICT (user_id) DO UPDATE
             SET leak_check_pending = excluded.leak_check_pending",
        )
        .await?;
    client.execute(&statement, &[&user.0, &pending]).await?;
    Ok(())
}

/// Whether the password of `user` is still to be looked up in leaks.
///
/// # Errors
/// When the database does not answer.
pub async fn is_leak_check_pending(client: &impl GenericClient, user: UserId) -> Result<bool, Error> {
    let statement = client
        .prepare_cached("SELECT leak_check_pending FROM identite_credentials WHERE user_id = $1")
        .await?;
    let row = client.query_opt(&statement, &[&user.0]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?.unwrap_or(false))
}

/// When the credentials of `user` last changed, as far as it is known.
///
/// # Errors
/// When the database does not answer.
pub async fn changed_at(client: &impl GenericClient, user: UserId) -> Result<Option<DateTime<Utc>>, Error> {
    let statement = client
        .prepare_cached("SELECT changed_at FROM identite_credentials WHERE user_id = $1")
        .await?;
    let row = client.query_opt(&statement, &[&user.0]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?.flatten())
}

/// Takes the password of `user` away, if they have one.
///
/// # Errors
/// When the database does not answer.
pub async fn discard_password(
    client: &impl GenericClient,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = client
        .prepare_cached("UPDATE users SET encrypted_password = NULL, updated_at = $2 WHERE id = $1")
        .await?;
    client.execute(&statement, &[&user.0, &now]).await?;
    Ok(())
}

/// Keeps `password` for `user` in the session named `session_uid`, until the address is proven there.
///
/// # Errors
/// When the database does not answer.
pub async fn keep_pending(
    client: &impl GenericClient,
    session_uid: &str,
    user: UserId,
    password: &ChosenPassword,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = client
        .prepare_cached(
            "INSERT INTO identite_pending_passwords (
               session_uid,
               user_id,
               encrypted_password,
               leak_check_pending,
               created_at
             ) VALUES ($1, $2, $3, $4, $5)",
        )
        .await?;
    client
        .execute(
            &statement,
            &[
                &session_uid,
                &user.0,
                &password.hash.expose_secret(),
                &password.leak_check_pending,
                &now,
            ],
        )
        .await?;
    Ok(())
}

/// Makes the password that is pending in the session named `session_uid` the account's, unless it got another one
/// meanwhile. Gives whether there was one and it is the account's now.
///
/// # Errors
/// When the database does not answer.
pub async fn adopt_pending(
    transaction: &Transaction<'_>,
    session_uid: &str,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let statement = transaction
        .prepare_cached(
            "WITH pending AS (
               DELETE FROM identite_pending_passwords
               WHERE session_uid = $1
               RETURNING user_id, encrypted_password, leak_check_pending
             ), adopted AS (
               UPDATE users AS person
               SET
                 encrypted_password = pending.encrypted_password,
                 updated_at = $2
               FROM pending
               WHERE person.id = pending.user_id AND coalesce(person.encrypted_password, '') = ''
               RETURNING person.id, pending.leak_check_pending
             )
             INSERT INTO identite_credentials AS known (user_id, changed_at, leak_check_pending)
             SELECT id, $2, leak_check_pending FROM adopted
             ON CONFLICT (user_id) DO UPDATE
             SET
               changed_at = greatest(known.changed_at, excluded.changed_at),
               leak_check_pending = excluded.leak_check_pending",
        )
        .await?;
    Ok(transaction.execute(&statement, &[&session_uid, &now]).await? == 1)
}

/// Forgets every password that is pending for `user`, and ends the sessions that chose one: whoever sits there has not
/// proven anything. Gives how many there were.
///
/// # Errors
/// When the database does not answer.
pub async fn discard_pending(
    transaction: &Transaction<'_>,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<u64, Error> {
    let statement = transaction
        .prepare_cached(
            "WITH locked AS MATERIALIZED (
               SELECT uid FROM identite_sessions WHERE user_id = $1 AND ended_at IS NULL ORDER BY uid FOR NO KEY UPDATE
             ), discarded AS (
               DELETE FROM identite_pending_passwords
               WHERE user_id = $1
               RETURNING session_uid
             )
             UPDATE identite_sessions AS session
             SET
               ended_at = $2,
               end_reason = 'password_changed'
             FROM discarded
             JOIN locked ON locked.uid = discarded.session_uid
             WHERE session.uid = locked.uid AND session.ended_at IS NULL",
        )
        .await?;
    Ok(transaction.execute(&statement, &[&user.0, &now]).await?)
}
