//! What is stored under the keys of the deployment (`SYMMETRIC_ENCRYPTION_KEY`), to be encrypted anew after one was replaced.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;

use super::Error;

/// How many accounts have a key of one-time codes. To be asked where no statement has to be short: it reads the table.
///
/// # Errors
/// When the database does not answer.
pub async fn count_totp_keys(client: &impl GenericClient) -> Result<u64, Error> {
    let statement = "SELECT count(*) FROM users WHERE encrypted_totp_key <> ''";
    let row = client.query_one(statement, &[]).await?;
    Ok(row.try_get::<_, i64>(0)?.unsigned_abs())
}

/// The encrypted keys of one-time codes of at most `limit` accounts after the account `after`, in the order of their ids.
///
/// # Errors
/// When the database does not answer.
pub async fn totp_keys_after(
    client: &impl GenericClient,
    after: i32,
    limit: i64,
) -> Result<Vec<(i32, String)>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT id, encrypted_totp_key
             FROM users
             WHERE id > $1 AND encrypted_totp_key <> ''
             ORDER BY id
             LIMIT $2",
        )
        .await?;
    let rows = client.query(&statement, &[&after, &limit]).await?;
    let mut keys = Vec::with_capacity(rows.len());
    for row in rows {
        keys.push((row.try_get(0)?, row.try_get(1)?));
    }
    Ok(keys)
}

/// An encrypted value, and what takes its place.
#[derive(Debug, Clone)]
pub struct Renewal<Id> {
    pub id: Id,
    pub before: String,
    pub after: String,
}

/// Puts the renewed values in the place of those before, in one statement. Accounts whose key was replaced or removed meanwhile are left
/// alone. Gives how many were renewed.
///
/// # Errors
/// When the database does not answer.
pub async fn renew_totp_keys(client: &impl GenericClient, renewals: &[Renewal<i32>]) -> Result<u64, Error> {
    let statement = client
        .prepare_cached(
            "UPDATE users
             SET encrypted_totp_key = renewal.after
             FROM unnest($1::int[], $2::text[], $3::text[]) AS renewal (id, before, after)
             WHERE users.id = renewal.id AND users.encrypted_totp_key = renewal.before",
        )
        .await?;
    let ids: Vec<i32> = renewals.iter().map(|renewal| renewal.id).collect();
    let (before, after) = texts(renewals);
    Ok(client.execute(&statement, &[&ids, &before, &after]).await?)
}

/// The sealed private keys of the calendar, by their `kid`, whatever their stage.
///
/// # Errors
/// When the database does not answer.
pub async fn sealed_signing_keys(client: &impl GenericClient) -> Result<Vec<(String, String)>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT kid, encrypted_jwk FROM identite_signing_keys WHERE encrypted_jwk IS NOT NULL ORDER BY kid",
        )
        .await?;
    let rows = client.query(&statement, &[]).await?;
    let mut keys = Vec::with_capacity(rows.len());
    for row in rows {
        keys.push((row.try_get(0)?, row.try_get(1)?));
    }
    Ok(keys)
}

/// As [`renew_totp_keys`], for signing keys.
///
/// # Errors
/// When the database does not answer.
pub async fn renew_signing_keys(
    client: &impl GenericClient,
    renewals: &[Renewal<String>],
) -> Result<u64, Error> {
    let statement = client
        .prepare_cached(
            "UPDATE identite_signing_keys AS key
             SET encrypted_jwk = renewal.after
             FROM unnest($1::text[], $2::text[], $3::text[]) AS renewal (kid, before, after)
             WHERE key.kid = renewal.kid AND key.encrypted_jwk = renewal.before",
        )
        .await?;
    let kids: Vec<&str> = renewals.iter().map(|renewal| renewal.id.as_str()).collect();
    let (before, after) = texts(renewals);
    Ok(client.execute(&statement, &[&kids, &before, &after]).await?)
}

fn texts<Id>(renewals: &[Renewal<Id>]) -> (Vec<&str>, Vec<&str>) {
    renewals
        .iter()
        .map(|renewal| (renewal.before.as_str(), renewal.after.as_str()))
        .unzip()
}

/// How many accounts have recovery codes left that were made with another key than the one named `current`, or with one whose name was
/// not kept.
///
/// # Errors
/// When the database does not answer.
pub async fn accounts_with_former_recovery_codes(
    client: &impl GenericClient,
    current: &str,
) -> Result<u64, Error> {
    let statement = client
        .prepare_cached(
            "SELECT count(DISTINCT user_id)
             FROM identite_recovery_codes
             WHERE used_at IS NULL AND key_name IS DISTINCT FROM $1",
        )
        .await?;
    let row = client.query_one(&statement, &[&current]).await?;
    Ok(row.try_get::<_, i64>(0)?.unsigned_abs())
}

/// Forgets the recovery codes of at most `limit` accounts that were made with another key than the one named `current`, or with one whose
/// name was not kept, and notes it in their history. Gives how many accounts.
///
/// # Errors
/// When the database does not answer.
pub async fn forget_former_recovery_codes(
    client: &impl GenericClient,
    current: &str,
    event: &str,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<u64, Error> {
    let statement = client
        .prepare_cached(
            "WITH chosen AS (
               SELECT DISTINCT user_id
               FROM identite_recovery_codes
               WHERE key_name IS DISTINCT FROM $1
               ORDER BY user_id
               LIMIT $3
             ), forgotten AS (
               DELETE FROM identite_recovery_codes AS code
               USING chosen
               WHERE code.user_id = chosen.user_id AND code.key_name IS DISTINCT FROM $1
               RETURNING code.user_id
             )
             INSERT INTO identite_events (user_id, kind, occurred_at)
             SELECT DISTINCT user_id, $2, $4::timestamptz
             FROM forgotten",
        )
        .await?;
    Ok(client
        .execute(&statement, &[&current, &event, &limit, &now])
        .await?)
}
