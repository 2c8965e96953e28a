//! `franceconnect_userinfo`: the identity that `FranceConnect` told.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use deadpool_postgres::{GenericClient, Transaction};

use super::Error;
use crate::domain::{FranceConnectIdentity, RecordedIdentity, UserId};

/// The names in an identity that `FranceConnect` told.
#[derive(Clone, PartialEq, Eq)]
pub struct CertifiedNames {
    /// All given names, separated by blanks.
    pub given_name: String,
    /// Name at birth.
    pub family_name: String,
    /// Name in use, when there is another.
    pub preferred_username: Option<String>,
}

/// The names that `FranceConnect` told of `user`, be it long ago; `None` when it never did.
///
/// # Errors
/// When the database does not answer.
pub async fn names_of(client: &impl GenericClient, user: UserId) -> Result<Option<CertifiedNames>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT coalesce(given_name, ''), coalesce(family_name, ''), nullif(preferred_username, '')
             FROM franceconnect_userinfo
             WHERE user_id = $1",
        )
        .await?;
    let Some(row) = client.query_opt(&statement, &[&user.0]).await? else {
        return Ok(None);
    };
    Ok(Some(CertifiedNames {
        given_name: row.try_get(0)?,
        family_name: row.try_get(1)?,
        preferred_username: row.try_get(2)?,
    }))
}

/// The identity that is on record for `user`.
///
/// # Errors
/// When the database does not answer.
pub async fn find(client: &impl GenericClient, user: UserId) -> Result<Option<RecordedIdentity>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT
               sub,
               given_name,
               family_name,
               nullif(preferred_username, ''),
               gender,
               birthdate,
               birthplace,
               birthcountry
             FROM franceconnect_userinfo
             WHERE user_id = $1",
        )
        .await?;
    let Some(row) = client.query_opt(&statement, &[&user.0]).await? else {
        return Ok(None);
    };
    let birthdate: Option<DateTime<Utc>> = row.try_get(5)?;
    Ok(Some(RecordedIdentity {
        sub: row.try_get(0)?,
        given_name: row.try_get(1)?,
        family_name: row.try_get(2)?,
        preferred_username: row.try_get(3)?,
        gender: row.try_get(4)?,
        birthdate: birthdate.map(|midnight| midnight.date_naive()),
        birthplace: row.try_get(6)?,
        birthcountry: row.try_get(7)?,
    }))
}

/// Records what `FranceConnect` told of `user` just now, in place of what it told before.
///
/// # Errors
/// When the database does not answer.
pub async fn record(
    transaction: &Transaction<'_>,
    user: UserId,
    identity: &FranceConnectIdentity,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = transaction
        .prepare_cached(
            "INSERT INTO franceconnect_userinfo (
               user_id,
               sub,
               given_name,
               family_name,
               preferred_username,
               gender,
               birthdate,
               birthplace,
               birthcountry,
               created_at,
               updated_at
             ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
             ON CONFLICT (user_id) DO UPDATE SET
               sub = EXCLUDED.sub,
               given_name = EXCLUDED.given_name,
               family_name = EXCLUDED.family_name,
               preferred_username = EXCLUDED.preferred_username,
               gender = EXCLUDED.gender,
               birthdate = EXCLUDED.birthdate,
               birthplace = EXCLUDED.birthplace,
               birthcountry = EXCLUDED.birthcountry,
               updated_at = EXCLUDED.updated_at",
        )
        .await?;
    // The column holds an instant: midnight of the day, in UTC.
    let midnight = |date: NaiveDate| date.and_time(NaiveTime::MIN).and_utc();
    transaction
        .execute(
            &statement,
            &[
                &user.0,
                &identity.sub,
                &identity.given_name,
                &identity.family_name,
                &identity.preferred_username,
                &identity.gender,
                &identity.birthdate.map(midnight),
                &identity.birthplace,
                &identity.birthcountry,
                &now,
            ],
        )
        .await?;
    Ok(())
}
