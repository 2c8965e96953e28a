//! `users`: one row a person.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use deadpool_postgres::{GenericClient, Transaction};
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::Row;

use super::Error;
use crate::domain::UserId;

/// A person's account, without anything that could open it.
#[expect(clippy::struct_excessive_bools, reason = "the columns of the table are such")]
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    pub email: String,
    pub email_verified: bool,
    /// The last proof that the address is theirs.
    pub email_verified_at: Option<DateTime<Utc>>,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub phone_number: Option<String>,
    pub job: Option<String>,
    /// `false` for imported accounts and those that only ever used magic links.
    pub has_password: bool,
    pub has_totp: bool,
    pub totp_key_verified_at: Option<DateTime<Utc>>,
    /// The person wants two factors on every service.
    pub force_2fa: bool,
    pub needs_inclusionconnect_welcome_page: bool,
    pub needs_inclusionconnect_onboarding_help: bool,
    pub sign_in_count: i32,
    pub last_sign_in_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl User {
    /// Given name and family name, as e-mails greet with them; empty where unknown.
    #[must_use]
    pub fn names(&self) -> (String, String) {
        let known = |name: &Option<String>| name.clone().unwrap_or_default();
        (known(&self.given_name), known(&self.family_name))
    }
}

/// Debug output reaches logs: it names the row, not the person.
impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// What the first step of a sign-in needs to know of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignInFacts {
    pub id: UserId,
    pub has_password: bool,
    pub has_passkey: bool,
    pub needs_inclusionconnect_welcome_page: bool,
}

/// What a password is checked against.
#[derive(Debug, Clone)]
pub struct Credential {
    pub id: UserId,
    /// `None`: the account has no password.
    pub encrypted_password: Option<SecretString>,
}

/// The columns that [`User::try_from`] reads, for a table that the statement calls `person`.
const USER_COLUMNS: &str = "
  person.id,
  person.email,
  person.email_verified,
  person.email_verified_at,
  person.given_name,
  person.family_name,
  person.phone_number,
  person.job,
  coalesce(person.encrypted_password, '') <> '',
  coalesce(person.encrypted_totp_key, '') <> '',
  person.totp_key_verified_at,
  person.force_2fa,
  person.needs_inclusionconnect_welcome_page,
  person.needs_inclusionconnect_onboarding_help,
  person.sign_in_count,
  person.last_sign_in_at,
  person.created_at,
  person.updated_at";

impl TryFrom<Row> for User {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        Ok(Self {
            id: UserId(row.try_get(0)?),
            email: row.try_get(1)?,
            email_verified: row.try_get(2)?,
            email_verified_at: row.try_get(3)?,
            given_name: row.try_get(4)?,
            family_name: row.try_get(5)?,
            phone_number: row.try_get(6)?,
            job: row.try_get(7)?,
            has_password: row.try_get(8)?,
            has_totp: row.try_get(9)?,
            totp_key_verified_at: row.try_get(10)?,
            force_2fa: row.try_get(11)?,
            needs_inclusionconnect_welcome_page: row.try_get(12)?,
            needs_inclusionconnect_onboarding_help: row.try_get(13)?,
            sign_in_count: row.try_get(14)?,
            last_sign_in_at: row.try_get(15)?,
            created_at: row.try_get(16)?,
            updated_at: row.try_get(17)?,
        })
    }
}

static FIND_BY_ID: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {USER_COLUMNS} FROM users AS person WHERE person.id = $1"));

/// The account `id`.
///
/// # Errors
/// When the database does not answer.
pub async fn find_by_id(client: &impl GenericClient, id: UserId) -> Result<Option<User>, Error> {
    let statement = client.prepare_cached(&FIND_BY_ID).await?;
    client
        .query_opt(&statement, &[&id.0])
        .await?
        .map(User::try_from)
        .transpose()
}

static FIND_BY_EMAIL: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {USER_COLUMNS} FROM users AS person WHERE person.email = $1"));

/// The account with the normalised address `email`.
///
/// # Errors
/// When the database does not answer.
pub async fn find_by_email(client: &impl GenericClient, email: &str) -> Result<Option<User>, Error> {
    let statement = client.prepare_cached(&FIND_BY_EMAIL).await?;
    client
        .query_opt(&statement, &[&email])
        .await?
        .map(User::try_from)
        .transpose()
}

/// How the account with the normalised address `email` can be signed in to.
///
/// # Errors
/// When the database does not answer.
pub async fn find_sign_in_facts(
    client: &impl GenericClient,
    email: &str,
) -> Result<Option<SignInFacts>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT
               person.id,
               coalesce(person.encrypted_password, '') <> '',
               EXISTS (SELECT FROM authenticators WHERE authenticators.user_id = person.id),
               person.needs_inclusionconnect_welcome_page
             FROM users AS person
             WHERE person.email = $1",
        )
        .await?;
    let Some(row) = client.query_opt(&statement, &[&email]).await? else {
        return Ok(None);
    };
    Ok(Some(SignInFacts {
        id: UserId(row.try_get(0)?),
        has_password: row.try_get(1)?,
        has_passkey: row.try_get(2)?,
        needs_inclusionconnect_welcome_page: row.try_get(3)?,
    }))
}

/// What a password for the account with the normalised address `email` is checked against.
///
/// # Errors
/// When the database does not answer.
pub async fn find_credential(client: &impl GenericClient, email: &str) -> Result<Option<Credential>, Error> {
    let statement = client
        .prepare_cached("SELECT id, nullif(encrypted_password, '') FROM users WHERE email = $1")
        .await?;
    let Some(row) = client.query_opt(&statement, &[&email]).await? else {
        return Ok(None);
    };
    let encrypted_password: Option<String> = row.try_get(1)?;
    Ok(Some(Credential {
        id: UserId(row.try_get(0)?),
        encrypted_password: encrypted_password.map(SecretString::from),
    }))
}

static RECORD_SIGN_IN: LazyLock<String> = LazyLock::new(|| {
    format!(
        "UPDATE users AS person
         SET
           sign_in_count = person.sign_in_count + 1,
           last_sign_in_at = $2,
           needs_inclusionconnect_welcome_page = false,
           updated_at = $2
         WHERE person.id = $1
         RETURNING {USER_COLUMNS}"
    )
});

/// Counts a sign-in of the account `id`, in the transaction that opens the session; from then on nobody is shown the page
/// that explains the move from Inclusion Connect. Gives the account as it is then,
/// or `None` when it is gone.
///
/// # Errors
/// When the database does not answer.
pub async fn record_sign_in(
    transaction: &Transaction<'_>,
    id: UserId,
    at: DateTime<Utc>,
) -> Result<Option<User>, Error> {
    let statement = transaction.prepare_cached(&RECORD_SIGN_IN).await?;
    transaction
        .query_opt(&statement, &[&id.0, &at])
        .await?
        .map(User::try_from)
        .transpose()
}

/// Replaces the password hash by a fresher one of the same password, unless it is no longer `stored`. Gives whether it
/// was replaced. Nothing of the account has changed for its owner, hence `updated_at` stays.
///
/// # Errors
/// When the database does not answer.
pub async fn replace_password_hash(
    client: &impl GenericClient,
    id: UserId,
    stored: &SecretString,
    fresh: &SecretString,
) -> Result<bool, Error> {
    let statement = client
        .prepare_cached("UPDATE users SET encrypted_password = $3 WHERE id = $1 AND encrypted_password = $2")
        .await?;
    let replaced = client
        .execute(
            &statement,
            &[&id.0, &stored.expose_secret(), &fresh.expose_secret()],
        )
        .await?;
    Ok(replaced == 1)
}

/// Opens an account for the normalised address `email`. Gives `None`, and changes nothing, when there is one already.
///
/// # Errors
/// When the database does not answer.
pub async fn insert(
    client: &impl GenericClient,
    email: &str,
    password_hash: Option<&SecretString>,
    proven_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<Option<UserId>, Error> {
    let statement = client
        .prepare_cached(
            "INSERT INTO users (
               email,
               encrypted_password,
               email_verified,
               email_verified_at,
               created_at,
               updated_at
             ) VALUES ($1, $2, $3::timestamptz IS NOT NULL, $3, $4, $4)
             ON CONFLICT (email) DO NOTHING
             RETURNING id",
        )
        .await?;
    let password_hash = password_hash.map(ExposeSecret::expose_secret);
    let row = client
        .query_opt(&statement, &[&email, &password_hash, &proven_at, &now])
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?.map(UserId))
}

/// Notes that the address of the account `id` was proven at `now`, by other means than what is stored in the row. Gives
/// whether the account had a password although its address was never proven since.
///
/// # Errors
/// When the database does not answer.
pub async fn prove_email(
    transaction: &Transaction<'_>,
    id: UserId,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let statement = transaction
        .prepare_cached(
            "UPDATE users AS person
             SET
               email_verified = true,
               email_verified_at = $2,
               updated_at = $2
             FROM (
               SELECT id, NOT email_verified AND coalesce(encrypted_password, '') <> '' AS has_unproven_password
               FROM users
               WHERE id = $1
               FOR UPDATE
             ) AS former
             WHERE person.id = former.id
             RETURNING former.has_unproven_password",
        )
        .await?;
    let row = transaction.query_opt(&statement, &[&id.0, &now]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?.unwrap_or(false))
}

/// Deletes the account `id` with everything that belongs to it. Gives it as it was, or `None` when it is gone.
///
/// # Errors
/// When the database does not answer.
pub async fn delete(client: &impl GenericClient, id: UserId) -> Result<Option<User>, Error> {
    let statement = client.prepare_cached(&DELETE).await?;
    client
        .query_opt(&statement, &[&id.0])
        .await?
        .map(User::try_from)
        .transpose()
}

static DELETE: LazyLock<String> =
    LazyLock::new(|| format!("DELETE FROM users AS person WHERE person.id = $1 RETURNING {USER_COLUMNS}"));

/// The account `id`, locked until the transaction ends.
///
/// # Errors
/// When the database does not answer.
pub async fn lock(transaction: &Transaction<'_>, id: UserId) -> Result<Option<User>, Error> {
    let statement = transaction.prepare_cached(&LOCK).await?;
    transaction
        .query_opt(&statement, &[&id.0])
        .await?
        .map(User::try_from)
        .transpose()
}

static LOCK: LazyLock<String> = LazyLock::new(|| {
    format!("SELECT {USER_COLUMNS} FROM users AS person WHERE person.id = $1 FOR NO KEY UPDATE")
});

/// What a person tells of themselves.
#[derive(Clone, PartialEq, Eq)]
pub struct PersonalInformation {
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub phone_number: Option<String>,
    pub job: Option<String>,
}

/// Replaces what the person `id` tells of themselves.
///
/// # Errors
/// When the database does not answer.
pub async fn set_personal_information(
    client: &impl GenericClient,
    id: UserId,
    information: &PersonalInformation,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = client
        .prepare_cached(
            "UPDATE users
             SET
               given_name = $2,
               family_name = $3,
               phone_number = $4,
               job = $5,
               updated_at = $6
             WHERE id = $1",
        )
        .await?;
    let PersonalInformation {
        given_name,
        family_name,
        phone_number,
        job,
    } = information;
    client
        .execute(
            &statement,
            &[&id.0, given_name, family_name, phone_number, job, &now],
        )
        .await?;
    Ok(())
}

/// Gives the person `id` the names that `FranceConnect` told.
///
/// # Errors
/// When the database does not answer.
pub async fn set_names(
    client: &impl GenericClient,
    id: UserId,
    given_name: &str,
    family_name: &str,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = client
        .prepare_cached(
            "UPDATE users
             SET
               given_name = $2,
               family_name = $3,
               updated_at = $4
             WHERE id = $1",
        )
        .await?;
    client
        .execute(&statement, &[&id.0, &given_name, &family_name, &now])
        .await?;
    Ok(())
}

/// Notes that the person `id`, who came from Inclusion Connect, needs no explanations any more.
///
/// # Errors
/// When the database does not answer.
pub async fn end_inclusionconnect_help(
    client: &impl GenericClient,
    id: UserId,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = client
        .prepare_cached(
            "UPDATE users
             SET
               needs_inclusionconnect_onboarding_help = false,
               updated_at = $2
             WHERE id = $1 AND needs_inclusionconnect_onboarding_help",
        )
        .await?;
    client.execute(&statement, &[&id.0, &now]).await?;
    Ok(())
}
