//! `authenticators`: the passkeys of accounts.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;

use super::Error;
use crate::domain::UserId;

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
