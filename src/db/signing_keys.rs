//! `identite_signing_keys`: the calendar of the signing keys.

use chrono::{DateTime, Utc};
use deadpool_postgres::{GenericClient, Transaction};
use tokio_postgres::Row;

use super::Error;

/// A key on the calendar.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKeyRow {
    pub kid: String,
    /// `None`: a key of the variable `JWKS`.
    pub encrypted_jwk: Option<String>,
    /// What the key was made for; `None` for a key of the variable.
    pub algorithm: Option<String>,
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
               algorithm,
               signs_from,
               signs_until,
               published_until
             FROM identite_signing_keys
             WHERE encrypted_jwk IS NULL OR published_until IS NULL OR published_until > $1
             ORDER BY signs_from DESC, kid",
        )
        .await?;
    let rows = client.query(&statement, &[&now]).await?;
    rows.iter().map(read).collect()
}

/// Lets nobody else change the calendar until the transaction ends: two changes that rely on each other's keys could leave none that signs.
/// Whoever reads does not wait.
///
/// # Errors
/// When the database does not answer.
pub async fn lock(transaction: &Transaction<'_>) -> Result<(), Error> {
    transaction
        .batch_execute("LOCK TABLE identite_signing_keys IN SHARE ROW EXCLUSIVE MODE")
        .await?;
    Ok(())
}

/// The key with this `kid`, whether it is still published or not.
///
/// # Errors
/// When the database does not answer.
pub async fn find(client: &impl GenericClient, kid: &str) -> Result<Option<SigningKeyRow>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT
               kid,
               encrypted_jwk,
               algorithm,
               signs_from,
               signs_until,
               published_until
             FROM identite_signing_keys
             WHERE kid = $1",
        )
        .await?;
    let row = client.query_opt(&statement, &[&kid]).await?;
    row.as_ref().map(read).transpose()
}

/// Reads the columns that [`all`] and [`find`] ask for.
fn read(row: &Row) -> Result<SigningKeyRow, Error> {
    Ok(SigningKeyRow {
        kid: row.try_get(0)?,
        encrypted_jwk: row.try_get(1)?,
        algorithm: row.try_get(2)?,
        signs_from: row.try_get(3)?,
        signs_until: row.try_get(4)?,
        published_until: row.try_get(5)?,
    })
}

/// Puts a new key on the calendar.
///
/// # Errors
/// When the database does not answer, or the `kid` is taken.
pub async fn add(client: &impl GenericClient, key: &SigningKeyRow, now: DateTime<Utc>) -> Result<(), Error> {
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
            &[
                &key.kid,
                &key.encrypted_jwk,
                &key.algorithm,
                &now,
                &key.signs_from,
            ],
        )
        .await?;
    Ok(())
}

/// Lets keys sign until `signs_until` and be published until `published_until`, or less long where that was said before: an end only
/// ever moves earlier. Keys of the variable come onto the calendar.
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
               signs_until = LEAST(known.signs_until, EXCLUDED.signs_until),
               published_until = LEAST(
                 COALESCE(known.published_until, known.signs_until),
                 EXCLUDED.published_until
               )",
        )
        .await?;
    client
        .execute(&statement, &[&kids, &signs_until, &published_until, &now])
        .await?;
    Ok(())
}
