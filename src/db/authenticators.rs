//! `authenticators`: the passkeys of accounts.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use tokio_postgres::Row;

use super::Error;
use crate::domain::{CredentialId, PasskeyName, ProvenPasskey, UserId};

/// A passkey as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasskeySummary {
    /// base64url
    pub credential_id: String,
    pub display_name: Option<String>,
    pub created_at: DateTime<Utc>,
    pub last_used_at: Option<DateTime<Utc>>,
    pub usage_count: i32,
    /// It verifies the person (PIN, fingerprint), and can replace the password.
    pub user_verified: bool,
}

/// The passkeys of `user`, in the order in which they were added.
///
/// # Errors
/// When the database does not answer.
pub async fn of_user(client: &impl GenericClient, user: UserId) -> Result<Vec<PasskeySummary>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT credential_id, display_name, created_at, last_used_at, usage_count, user_verified
             FROM authenticators
             WHERE user_id = $1
             ORDER BY created_at, credential_id",
        )
        .await?;
    let rows = client.query(&statement, &[&user.0]).await?;
    let mut passkeys = Vec::with_capacity(rows.len());
    for row in rows {
        passkeys.push(PasskeySummary {
            credential_id: row.try_get(0)?,
            display_name: row.try_get(1)?,
            created_at: row.try_get(2)?,
            last_used_at: row.try_get(3)?,
            usage_count: row.try_get(4)?,
            user_verified: row.try_get(5)?,
        });
    }
    Ok(passkeys)
}

/// A passkey as ceremonies need it: the columns as the reference writes and reads them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticator {
    /// base64url without padding
    pub credential_id: String,
    /// COSE key (RFC 9052 §7)
    pub public_key: Vec<u8>,
    /// Signatures counted by the authenticator at its last use, 0 where it keeps no count.
    pub counter: i64,
    /// Hints of the browser, `internal`, `usb` …
    pub transports: Vec<String>,
}

/// A passkey about to be added.
#[derive(Debug, Clone, Copy)]
pub struct NewAuthenticator<'a> {
    pub user: UserId,
    pub credential_id: &'a CredentialId,
    pub public_key: &'a [u8],
    pub counter: u32,
    /// It may be copied to other devices (`multiDevice`), or stays where it was made (`singleDevice`).
    pub backup_eligible: bool,
    pub backed_up: bool,
    pub transports: &'a [String],
    /// What kind of authenticator it is, when known.
    pub display_name: Option<&'a str>,
    pub user_verified: bool,
}

const AUTHENTICATOR_COLUMNS: &str = "
  credential_id,
  credential_public_key,
  counter,
  coalesce(transports, '{}')";

fn authenticator(row: &Row) -> Result<Authenticator, Error> {
    Ok(Authenticator {
        credential_id: row.try_get(0)?,
        public_key: row.try_get(1)?,
        counter: row.try_get(2)?,
        transports: row.try_get(3)?,
    })
}

static OF_USER: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {AUTHENTICATOR_COLUMNS}
         FROM authenticators
         WHERE user_id = $1
         ORDER BY created_at, credential_id"
    )
});

/// What ceremonies need of the passkeys of `user`, in the order in which they were added.
///
/// # Errors
/// When the database does not answer.
pub async fn keys_of_user(client: &impl GenericClient, user: UserId) -> Result<Vec<Authenticator>, Error> {
    let statement = client.prepare_cached(&OF_USER).await?;
    let rows = client.query(&statement, &[&user.0]).await?;
    rows.iter().map(authenticator).collect()
}

static FIND: LazyLock<String> = LazyLock::new(|| {
    format!("SELECT {AUTHENTICATOR_COLUMNS} FROM authenticators WHERE credential_id = $1 AND user_id = $2")
});

/// The passkey `credential_id`, if it is one of `user`.
///
/// # Errors
/// When the database does not answer.
pub async fn find(
    client: &impl GenericClient,
    user: UserId,
    credential_id: &CredentialId,
) -> Result<Option<Authenticator>, Error> {
    let statement = client.prepare_cached(&FIND).await?;
    let row = client
        .query_opt(&statement, &[&credential_id.to_string(), &user.0])
        .await?;
    row.as_ref().map(authenticator).transpose()
}

/// Adds a passkey. Gives `false`, and changes nothing, when its identifier is taken, by whomever.
///
/// # Errors
/// When the database does not answer.
pub async fn insert(
    client: &impl GenericClient,
    passkey: &NewAuthenticator<'_>,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(
            "INSERT INTO authenticators (
               credential_id,
               credential_public_key,
               counter,
               credential_device_type,
               credential_backed_up,
               transports,
               user_id,
               display_name,
               created_at,
               last_used_at,
               usage_count,
               user_verified
             ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL, 0, $10)
             ON CONFLICT (credential_id) DO NOTHING",
        )
        .await?;
    let device_type = if passkey.backup_eligible {
        "multiDevice"
    } else {
        "singleDevice"
    };
    let added = client
        .execute(
            &statement,
            &[
                &passkey.credential_id.to_string(),
                &passkey.public_key,
                &i64::from(passkey.counter),
                &device_type,
                &passkey.backed_up,
                &passkey.transports,
                &passkey.user.0,
                &passkey.display_name,
                &now,
                &passkey.user_verified,
            ],
        )
        .await?;
    Ok(added == 1)
}

/// Counts a use of a passkey. Gives `false`, and changes nothing, when its counter did not go up since (WebAuthn §7.2 step 22), or it
/// is gone.
///
/// # Errors
/// When the database does not answer.
pub async fn record_use(
    client: &impl GenericClient,
    passkey: &ProvenPasskey,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(
            "UPDATE authenticators
             SET
               counter = $3,
               last_used_at = $4,
               usage_count = usage_count + 1
             WHERE credential_id = $1
               AND user_id = $2
               AND (counter < $3 OR (counter = 0 AND $3 = 0))",
        )
        .await?;
    let counted = client
        .execute(
            &statement,
            &[
                &passkey.credential_id.to_string(),
                &passkey.user.0,
                &i64::from(passkey.counter),
                &now,
            ],
        )
        .await?;
    Ok(counted == 1)
}

/// Names a passkey of `user`. Gives whether there is one.
///
/// # Errors
/// When the database does not answer.
pub async fn rename(
    client: &impl GenericClient,
    user: UserId,
    credential_id: &CredentialId,
    name: &PasskeyName,
) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(
            "UPDATE authenticators SET display_name = $3 WHERE credential_id = $1 AND user_id = $2",
        )
        .await?;
    let renamed = client
        .execute(&statement, &[&credential_id.to_string(), &user.0, &name.as_str()])
        .await?;
    Ok(renamed == 1)
}

/// Deletes a passkey of `user`. Gives whether there was one.
///
/// # Errors
/// When the database does not answer.
pub async fn delete(
    client: &impl GenericClient,
    user: UserId,
    credential_id: &CredentialId,
) -> Result<bool, Error> {
    let statement = client
        .prepare_cached("DELETE FROM authenticators WHERE credential_id = $1 AND user_id = $2")
        .await?;
    let deleted = client
        .execute(&statement, &[&credential_id.to_string(), &user.0])
        .await?;
    Ok(deleted == 1)
}

/// Whether `user` has any passkey.
///
/// # Errors
/// When the database does not answer.
pub async fn has_any(client: &impl GenericClient, user: UserId) -> Result<bool, Error> {
    let statement = client
        .prepare_cached("SELECT EXISTS (SELECT FROM authenticators WHERE user_id = $1)")
        .await?;
    let row = client.query_one(&statement, &[&user.0]).await?;
    Ok(row.try_get(0)?)
}
