//! Everything that a page's requirements look at, in one statement.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use tokio_postgres::Row;
use tokio_postgres::types::Json;

use super::Error;
use super::clients::{CLIENT_COLUMNS, ClientRow};
use super::organizations::{LINKS_OF_PERSON, OrganizationLink};
use super::sessions::{IS_ALIVE, SESSION_COLUMN_COUNT, SESSION_COLUMNS, SessionDigest, SessionRow};

/// A signed-in session with its account, its organizations and what is known of the person. Holds nothing that could
/// open the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotRow {
    pub session: SessionRow,
    pub person: PersonRow,
    /// In the order in which the person joined.
    pub links: Vec<OrganizationLink>,
}

/// The account behind a session.
#[expect(clippy::struct_excessive_bools, reason = "the columns of the table are such")]
#[derive(Clone, PartialEq, Eq)]
pub struct PersonRow {
    pub email: String,
    pub email_verified: bool,
    pub email_verified_at: Option<DateTime<Utc>>,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub phone_number: Option<String>,
    pub job: Option<String>,
    /// The person wants two factors on every service.
    pub force_2fa: bool,
    pub has_password: bool,
    pub has_totp: bool,
    pub passkey_count: i64,
    pub needs_inclusionconnect_welcome_page: bool,
    pub needs_inclusionconnect_onboarding_help: bool,
    /// Of the account: the session has its own `signed_in_at`.
    pub last_sign_in_at: Option<DateTime<Utc>>,
    pub updated_at: DateTime<Utc>,
    /// When `FranceConnect` last vouched for the identity; `None` when it never did.
    pub franceconnect_updated_at: Option<DateTime<Utc>>,
    /// Browsers trusted before this instant are not trusted any more.
    pub credentials_changed_at: Option<DateTime<Utc>>,
    /// In this session a password was chosen that is not the account's yet: the address is still to be proven.
    pub has_pending_password: bool,
}

/// Debug output reaches logs: it says nothing of the person.
impl std::fmt::Debug for PersonRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PersonRow").finish_non_exhaustive()
    }
}

/// The columns that [`SnapshotRow::read`] reads, of `session` and `person`.
static SNAPSHOT_COLUMNS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{SESSION_COLUMNS},
           person.email,
           person.email_verified,
           person.email_verified_at,
           person.given_name,
           person.family_name,
           person.phone_number,
           person.job,
           person.force_2fa,
           coalesce(person.encrypted_password, '') <> '',
           coalesce(person.encrypted_totp_key, '') <> '',
           (SELECT count(*) FROM authenticators WHERE authenticators.user_id = person.id),
           person.needs_inclusionconnect_welcome_page,
           person.needs_inclusionconnect_onboarding_help,
           person.last_sign_in_at,
           person.updated_at,
           (SELECT identity.updated_at FROM franceconnect_userinfo AS identity WHERE identity.user_id = person.id),
           (SELECT known.changed_at FROM identite_credentials AS known WHERE known.user_id = person.id),
           EXISTS (SELECT FROM identite_pending_passwords AS pending WHERE pending.session_uid = session.uid),
           {LINKS_OF_PERSON}"
    )
});

/// How many columns of [`SNAPSHOT_COLUMNS`] are about the person.
const PERSON_COLUMN_COUNT: usize = 19;

static JOURNEY_SNAPSHOT: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {columns}
         FROM identite_sessions AS session
         JOIN users AS person ON person.id = session.user_id
         WHERE session.id = $1 AND {IS_ALIVE}",
        columns = *SNAPSHOT_COLUMNS,
    )
});

/// What stands behind the session `id`, if it is alive at `now`. One statement, all of it through primary keys and
/// indexes.
///
/// # Errors
/// When the database does not answer.
pub async fn journey_snapshot(
    client: &impl GenericClient,
    id: &SessionDigest,
    now: DateTime<Utc>,
) -> Result<Option<SnapshotRow>, Error> {
    let statement = client.prepare_cached(&JOURNEY_SNAPSHOT).await?;
    let row = client.query_opt(&statement, &[&id.as_slice(), &now]).await?;
    row.as_ref().map(SnapshotRow::read).transpose()
}

static JOURNEY_AND_CLIENT: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {columns}, {CLIENT_COLUMNS}
         FROM (SELECT) AS one
         LEFT JOIN (
           identite_sessions AS session
           JOIN users AS person ON person.id = session.user_id
         ) ON session.id = $1 AND {IS_ALIVE}
         LEFT JOIN LATERAL (
           SELECT *
           FROM oidc_clients
           WHERE oidc_clients.client_id = $3
           ORDER BY oidc_clients.id
           LIMIT 1
         ) AS client ON true",
        columns = *SNAPSHOT_COLUMNS,
    )
});

/// What an authorization request needs to know, in one statement: [`journey_snapshot`], and the relying party named
/// `client_id` as [`clients::find`] finds it.
///
/// # Errors
/// When the database does not answer.
///
/// [`clients::find`]: super::clients::find
pub async fn journey_and_client(
    client: &impl GenericClient,
    id: &SessionDigest,
    now: DateTime<Utc>,
    client_id: &str,
) -> Result<(Option<SnapshotRow>, Option<ClientRow>), Error> {
    let statement = client.prepare_cached(&JOURNEY_AND_CLIENT).await?;
    let row = client
        .query_one(&statement, &[&id.as_slice(), &now, &client_id])
        .await?;
    let is_alive = row.try_get::<_, Option<&[u8]>>(0)?.is_some();
    let start = SESSION_COLUMN_COUNT + PERSON_COLUMN_COUNT;
    let is_registered = row.try_get::<_, Option<i32>>(start)?.is_some();
    Ok((
        is_alive.then(|| SnapshotRow::read(&row)).transpose()?,
        is_registered.then(|| ClientRow::at(&row, start)).transpose()?,
    ))
}

impl SnapshotRow {
    /// Reads [`SNAPSHOT_COLUMNS`], the first columns of `row`.
    fn read(row: &Row) -> Result<Self, Error> {
        let column = |offset: usize| SESSION_COLUMN_COUNT + offset;
        let person = PersonRow {
            email: row.try_get(column(0))?,
            email_verified: row.try_get(column(1))?,
            email_verified_at: row.try_get(column(2))?,
            given_name: row.try_get(column(3))?,
            family_name: row.try_get(column(4))?,
            phone_number: row.try_get(column(5))?,
            job: row.try_get(column(6))?,
            force_2fa: row.try_get(column(7))?,
            has_password: row.try_get(column(8))?,
            has_totp: row.try_get(column(9))?,
            passkey_count: row.try_get(column(10))?,
            needs_inclusionconnect_welcome_page: row.try_get(column(11))?,
            needs_inclusionconnect_onboarding_help: row.try_get(column(12))?,
            last_sign_in_at: row.try_get(column(13))?,
            updated_at: row.try_get(column(14))?,
            franceconnect_updated_at: row.try_get(column(15))?,
            credentials_changed_at: row.try_get(column(16))?,
            has_pending_password: row.try_get(column(17))?,
        };
        let Json(links) = row.try_get(column(PERSON_COLUMN_COUNT - 1))?;
        Ok(Self {
            session: SessionRow::read(row)?,
            person,
            links,
        })
    }
}
