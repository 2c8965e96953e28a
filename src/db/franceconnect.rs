//! `franceconnect_userinfo`: the identity that `FranceConnect` told.

use deadpool_postgres::GenericClient;

use super::Error;
use crate::domain::UserId;

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
