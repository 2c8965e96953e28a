//! `identite_signing_keys`: the calendar of the signing keys.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;

use super::Error;

/// A key on the calendar.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKeyRow {
    pub kid: String,
    /// `None`: a key of the variable `JWKS`.
    pub encrypted_jwk: Option<String>,
    pub signs_from: DateTime<Utc>,
    pub signs_until: Option<DateTime<Utc>>,
    pub published_until: Option<DateTime<Utc>>,
}

/// Every key that is still published at `now`, the one that signs last first. Of the keys of the variable those too that are
/// not published any more.
///
/// # Errors
/// When the database does not answer.
pub async fn all(client: &impl GenericClient, now: DateTime<Utc>) -> Result<Vec<SigningKeyRow>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT
               kid,
               encrypted_jwk,
               signs_from,
               signs_until,
               published_until
             FROM identite_signing_keys
             WHERE encrypted_jwk IS NULL OR published_until IS NULL OR published_until > $1
             ORDER BY signs_from DESC, kid",
        )
        .await?;
    let rows = client.query(&statement, &[&now]).await?;
    let mut keys = Vec::with_capacity(rows.len());
    for row in rows {
        keys.push(SigningKeyRow {
            kid: row.try_get(0)?,
            encrypted_jwk: row.try_get(1)?,
            signs_from: row.try_get(2)?,
            signs_until: row.try_get(3)?,
            published_until: row.try_get(4)?,
        });
    }
    Ok(keys)
}

/// Puts a new key on the calendar.
///
/// # Errors
/// When the database does not answer, or the `kid` is taken.
pub async fn add(
    client: &impl GenericClient,
    key: &SigningKeyRow,
    algorithm: &str,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = client
        .prepare_cached(
            "INSERT INTO identite_signing_keys (
               kid,
               encrypted_jwk,
               algorithm,
               created_at,
               signs_from
             ) VALUES ($1, $2, $3, $4, $5)",
        )
        .await?;
    client
        .execute(
            &statement,
            &[&key.kid, &key.encrypted_jwk, &algorithm, &now, &key.signs_from],
        )
        .await?;
    Ok(())
}

/// Lets keys sign until `signs_until` and be published until `published_until`. Keys of the variable come onto the calendar.
///
/// # Errors
/// When the database does not answer.
pub async fn retire(
    client: &impl GenericClient,
    kids: &[String],
    signs_until: DateTime<Utc>,
    published_until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = client
        .prepare_cached(
            "INSERT INTO identite_signing_keys AS known (
               kid,
               created_at,
               signs_from,
               signs_until,
               published_until
             )
             SELECT kid, $4, $4, $2, $3
             FROM unnest($1::text[]) AS kid
             ON CONFLICT (kid) DO UPDATE SET
               signs_until = EXCLUDED.signs_until,
               published_until = EXCLUDED.published_until",
        )
        .await?;
    client
        .execute(&statement, &[&kids, &signs_until, &published_until, &now])
        .await?;
    Ok(())
}
