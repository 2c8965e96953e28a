//! `identite_sessions`: who is signed in, in which browser, since when and how.
//!
//! A session is alive when it has not been ended and neither of its expiries has passed. Sessions are named by the
//! SHA-256 of the secret in the browser's cookie, or by their public `uid`.

use std::net::IpAddr;
use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use deadpool_postgres::{GenericClient, Transaction};
use tokio_postgres::Row;

use super::Error;
use super::session_clients::TELL_CLIENTS;
use crate::domain::{Amr, OrganizationId, UserId, amr};

/// SHA-256 of the secret name of a session.
pub type SessionDigest = [u8; 32];

/// What is kept of a browser's description of itself, in characters.
const USER_AGENT_LIMIT: usize = 512;

/// A session to open.
#[derive(Debug, Clone)]
pub struct NewSession {
    pub id: SessionDigest,
    /// Stable public name: 43 base64url characters.
    pub uid: String,
    pub user_id: UserId,
    /// In the order of use.
    pub amr: Vec<Amr>,
    /// Instant of the first factor.
    pub signed_in_at: DateTime<Utc>,
    /// Slides with use, see [`seen`].
    pub expires_at: DateTime<Utc>,
    pub absolute_expires_at: DateTime<Utc>,
    /// Cut to 512 characters.
    pub user_agent: Option<String>,
    pub ip_address: Option<IpAddr>,
}

impl NewSession {
    /// As much of the name of the browser as is kept.
    fn kept_user_agent(&self) -> Option<String> {
        self.user_agent
            .as_deref()
            .map(|text| text.chars().take(USER_AGENT_LIMIT).collect())
    }
}

/// A session on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    pub id: SessionDigest,
    pub uid: String,
    pub user_id: UserId,
    pub amr: Vec<Amr>,
    pub signed_in_at: DateTime<Utc>,
    pub last_seen_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub absolute_expires_at: DateTime<Utc>,
    /// What the person acts for in this session; they may have left it since.
    pub selected_organization_id: Option<OrganizationId>,
    pub user_agent: Option<String>,
    pub ip_address: Option<String>,
}

/// A use of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionUse {
    pub id: SessionDigest,
    pub at: DateTime<Utc>,
    /// Until when the session lasts if it is not used again; never beyond its absolute expiry.
    pub expires_at: DateTime<Utc>,
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// The person signed out.
    Logout,
    /// Somebody else signed in with the same browser.
    Replaced,
    /// The password was changed or reset.
    PasswordChanged,
    /// The person signed out everywhere, from another session.
    Elsewhere,
    /// The account is being deleted.
    AccountDeleted,
    /// A second factor with which the session was opened was taken from the account.
    FactorRemoved,
}

impl EndReason {
    /// The value of the column.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::Replaced => "replaced",
            Self::PasswordChanged => "password_changed",
            Self::Elsewhere => "elsewhere",
            Self::AccountDeleted => "account_deleted",
            Self::FactorRemoved => "factor_removed",
        }
    }
}

/// The columns that [`SessionRow::read`] reads, for a table that the statement calls `session`.
pub(super) const SESSION_COLUMNS: &str = "
  session.id,
  session.uid,
  session.user_id,
  session.amr,
  session.signed_in_at,
  session.last_seen_at,
  session.expires_at,
  session.absolute_expires_at,
  session.selected_organization_id,
  session.user_agent,
  session.ip_address";

/// How many columns [`SESSION_COLUMNS`] names.
pub(super) const SESSION_COLUMN_COUNT: usize = 11;

/// Whether `session` is alive at `$2`.
pub(super) const IS_ALIVE: &str =
    "session.ended_at IS NULL AND session.expires_at > $2 AND session.absolute_expires_at > $2";

impl SessionRow {
    /// Reads [`SESSION_COLUMNS`], the first columns of `row`.
    pub(super) fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            id: read_digest(row, 0)?,
            uid: row.try_get(1)?,
            user_id: UserId(row.try_get(2)?),
            amr: read_methods(row, 3)?,
            signed_in_at: row.try_get(4)?,
            last_seen_at: row.try_get(5)?,
            expires_at: row.try_get(6)?,
            absolute_expires_at: row.try_get(7)?,
            selected_organization_id: row.try_get::<_, Option<i32>>(8)?.map(OrganizationId),
            user_agent: row.try_get(9)?,
            ip_address: row.try_get(10)?,
        })
    }
}

fn read_digest(row: &Row, column: usize) -> Result<SessionDigest, Error> {
    let bytes: &[u8] = row.try_get(column)?;
    bytes
        .try_into()
        .map_err(|_| Error::unreadable("a session is not named by a SHA-256"))
}

fn read_methods(row: &Row, column: usize) -> Result<Vec<Amr>, Error> {
    let names: Vec<&str> = row.try_get(column)?;
    let methods: Result<Vec<Amr>, _> = names.into_iter().map(str::parse).collect();
    methods.map_err(|_| Error::unreadable("a session holds an unknown authentication method"))
}

fn names_of(methods: &[Amr]) -> Vec<&'static str> {
    methods.iter().map(|method| method.as_str()).collect()
}

/// Opens a session, in the transaction that counts the sign-in.
///
/// # Errors
/// When the database does not answer, the account is gone or the session exists.
pub async fn open(transaction: &Transaction<'_>, session: &NewSession) -> Result<(), Error> {
    let statement = transaction
        .prepare_cached(
            "INSERT INTO identite_sessions (
               id,
               uid,
               user_id,
               amr,
               signed_in_at,
               last_seen_at,
               expires_at,
               absolute_expires_at,
               user_agent,
               ip_address
             ) VALUES ($1, $2, $3, $4, $5, $5, least($6::timestamptz, $7::timestamptz), $7, $8, $9)",
        )
        .await?;
    transaction
        .execute(
            &statement,
            &[
                &session.id.as_slice(),
                &session.uid,
                &session.user_id.0,
                &names_of(&session.amr),
                &session.signed_in_at,
                &session.expires_at,
                &session.absolute_expires_at,
                &session.kept_user_agent(),
                &session.ip_address.map(|address| address.to_string()),
            ],
        )
        .await?;
    Ok(())
}

static RENEW: LazyLock<String> = LazyLock::new(|| {
    format!(
        "UPDATE identite_sessions AS session
         SET
           id = $4,
           amr = $5,
           signed_in_at = $2,
           last_seen_at = $2,
           expires_at = least($6::timestamptz, $7::timestamptz),
           absolute_expires_at = $7,
           user_agent = $8,
           ip_address = $9,
           selected_organization_id = NULL
         WHERE session.id = $1
           AND session.user_id = $3
           AND {IS_ALIVE}
           AND NOT EXISTS (SELECT FROM identite_pending_passwords AS pending WHERE pending.session_uid = session.uid)
         RETURNING session.uid"
    )
});

/// Makes the session `former` the one that `session` describes, when it is alive and of the same person: another secret name, another
/// sign-in, and the public name of before, so that what relying parties were given stays good and none is told of a logout. A session
/// with a password that nobody has proven to be the owner's is not gone on with: whoever chose it may be a stranger. Gives that public
/// name, or `None`, and changes nothing, when there is no such session.
///
/// # Errors
/// When the database does not answer.
pub async fn renew(
    transaction: &Transaction<'_>,
    former: &SessionDigest,
    session: &NewSession,
) -> Result<Option<String>, Error> {
    let statement = transaction.prepare_cached(&RENEW).await?;
    let row = transaction
        .query_opt(
            &statement,
            &[
                &former.as_slice(),
                &session.signed_in_at,
                &session.user_id.0,
                &session.id.as_slice(),
                &names_of(&session.amr),
                &session.expires_at,
                &session.absolute_expires_at,
                &session.kept_user_agent(),
                &session.ip_address.map(|address| address.to_string()),
            ],
        )
        .await?;
    row.map(|row| Ok(row.try_get(0)?)).transpose()
}

static FIND_ALIVE: LazyLock<String> = LazyLock::new(|| {
    format!("SELECT {SESSION_COLUMNS} FROM identite_sessions AS session WHERE session.id = $1 AND {IS_ALIVE}")
});

/// The session `id`, if it is alive at `now`.
///
/// # Errors
/// When the database does not answer.
pub async fn find_alive(
    client: &impl GenericClient,
    id: &SessionDigest,
    now: DateTime<Utc>,
) -> Result<Option<SessionRow>, Error> {
    let statement = client.prepare_cached(&FIND_ALIVE).await?;
    let row = client.query_opt(&statement, &[&id.as_slice(), &now]).await?;
    row.as_ref().map(SessionRow::read).transpose()
}

static ALIVE_OF_USER: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {SESSION_COLUMNS}
         FROM identite_sessions AS session
         WHERE session.user_id = $1 AND {IS_ALIVE}
         ORDER BY session.last_seen_at DESC, session.id"
    )
});

/// Where a person is signed in at `now`, the browser used last first.
///
/// # Errors
/// When the database does not answer.
pub async fn alive_of_user(
    client: &impl GenericClient,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<Vec<SessionRow>, Error> {
    let statement = client.prepare_cached(&ALIVE_OF_USER).await?;
    client
        .query(&statement, &[&user.0, &now])
        .await?
        .iter()
        .map(SessionRow::read)
        .collect()
}

/// The end of the sessions that `which` names, `$2` being the instant and `$3` the reason: the relying parties that want to
/// know of it are told in the same step. Rows are locked in one order, as [`seen`] does: two statements never wait for each other.
/// What is locked is found again by its public name, which a sign-in meanwhile does not change.
fn ending(which: &str) -> String {
    format!(
        "WITH locked AS MATERIALIZED (
           SELECT uid
           FROM identite_sessions
           WHERE {which} AND ended_at IS NULL
           ORDER BY uid
           FOR NO KEY UPDATE
         ), ended AS (
           UPDATE identite_sessions AS session
           SET
             ended_at = $2,
             end_reason = $3
           FROM locked
           WHERE session.uid = locked.uid AND session.ended_at IS NULL
           RETURNING session.id, session.uid, session.user_id
         ), {TELL_CLIENTS}
         SELECT id FROM ended"
    )
}

static END: LazyLock<String> = LazyLock::new(|| ending("id = $1"));
static END_BY_UID: LazyLock<String> = LazyLock::new(|| ending("uid = $1"));
static END_THOSE_THAT_USED: LazyLock<String> =
    LazyLock::new(|| ending("user_id = $1 AND uid <> $4 AND $5 = ANY (amr)"));
static END_ALL_OF_USER: LazyLock<String> =
    LazyLock::new(|| ending("user_id = $1 AND id IS DISTINCT FROM $4"));

/// Ends the session `id`. Gives whether it had not been ended before.
///
/// # Errors
/// When the database does not answer.
pub async fn end(
    client: &impl GenericClient,
    id: &SessionDigest,
    reason: EndReason,
    at: DateTime<Utc>,
) -> Result<bool, Error> {
    let statement = client.prepare_cached(&END).await?;
    let ended = client
        .execute(&statement, &[&id.as_slice(), &at, &reason.as_str()])
        .await?;
    Ok(ended == 1)
}

/// Ends the session whose public name is `uid`. Gives whether it had not been ended before.
///
/// # Errors
/// When the database does not answer.
pub async fn end_by_uid(
    client: &impl GenericClient,
    uid: &str,
    reason: EndReason,
    at: DateTime<Utc>,
) -> Result<bool, Error> {
    let statement = client.prepare_cached(&END_BY_UID).await?;
    Ok(client.execute(&statement, &[&uid, &at, &reason.as_str()]).await? == 1)
}

/// Ends every session of `user` that has not ended, but `except`. Gives those that it ended.
///
/// # Errors
/// When the database does not answer.
pub async fn end_all_of_user(
    client: &impl GenericClient,
    user: UserId,
    except: Option<&SessionDigest>,
    reason: EndReason,
    at: DateTime<Utc>,
) -> Result<Vec<SessionDigest>, Error> {
    let statement = client.prepare_cached(&END_ALL_OF_USER).await?;
    let except = except.map(SessionDigest::as_slice);
    let rows = client
        .query(&statement, &[&user.0, &at, &reason.as_str(), &except])
        .await?;
    rows.iter().map(|row| read_digest(row, 0)).collect()
}

/// Records uses of different sessions, in one statement. Times only move forward; sessions that have ended or expired
/// meanwhile are passed over.
///
/// # Errors
/// When the database does not answer.
pub async fn seen(client: &impl GenericClient, uses: &[SessionUse]) -> Result<(), Error> {
    let statement = client
        .prepare_cached(
            "WITH used AS MATERIALIZED (
               SELECT session.uid, note.at, note.expires_at
               FROM unnest($1::bytea[], $2::timestamptz[], $3::timestamptz[]) AS note (id, at, expires_at)
               JOIN identite_sessions AS session ON session.id = note.id
               WHERE session.ended_at IS NULL AND session.expires_at > note.at
               ORDER BY session.uid
               FOR NO KEY UPDATE OF session
             )
             UPDATE identite_sessions AS session
             SET
               last_seen_at = greatest(session.last_seen_at, used.at),
               expires_at = least(greatest(session.expires_at, used.expires_at), session.absolute_expires_at)
             FROM used
             WHERE session.uid = used.uid AND session.ended_at IS NULL",
        )
        .await?;
    let ids: Vec<&[u8]> = uses.iter().map(|used| used.id.as_slice()).collect();
    let instants: Vec<DateTime<Utc>> = uses.iter().map(|used| used.at).collect();
    let expiries: Vec<DateTime<Utc>> = uses.iter().map(|used| used.expires_at).collect();
    client.execute(&statement, &[&ids, &instants, &expiries]).await?;
    Ok(())
}

/// Makes the session named `uid` act for `organization`. Gives `false`, and changes nothing, when the session has ended
/// or its owner is not a member.
///
/// # Errors
/// When the database does not answer.
pub async fn select_organization(
    client: &impl GenericClient,
    uid: &str,
    organization: OrganizationId,
) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(
            "UPDATE identite_sessions AS session
             SET selected_organization_id = link.organization_id
             FROM users_organizations AS link
             WHERE session.uid = $1
               AND session.ended_at IS NULL
               AND link.user_id = session.user_id
               AND link.organization_id = $2",
        )
        .await?;
    Ok(client.execute(&statement, &[&uid, &organization.0]).await? == 1)
}

/// Makes the session named `uid` act for no organization.
///
/// # Errors
/// When the database does not answer.
pub async fn forget_organization(client: &impl GenericClient, uid: &str) -> Result<(), Error> {
    let statement = client
        .prepare_cached("UPDATE identite_sessions SET selected_organization_id = NULL WHERE uid = $1")
        .await?;
    client.execute(&statement, &[&uid]).await?;
    Ok(())
}

/// Notes that the person used `method` in the session named `uid`, under a lock of the row until the transaction ends.
/// Gives the methods of the session afterwards, or `None` when it has ended.
///
/// # Errors
/// When the database does not answer.
pub async fn add_amr(
    transaction: &Transaction<'_>,
    uid: &str,
    method: Amr,
) -> Result<Option<Vec<Amr>>, Error> {
    let lock = transaction
        .prepare_cached("SELECT amr FROM identite_sessions WHERE uid = $1 AND ended_at IS NULL FOR UPDATE")
        .await?;
    let Some(row) = transaction.query_opt(&lock, &[&uid]).await? else {
        return Ok(None);
    };
    let mut methods = read_methods(&row, 0)?;
    let known = methods.len();
    amr::add_method(&mut methods, method);
    if methods.len() > known {
        let write = transaction
            .prepare_cached("UPDATE identite_sessions SET amr = $2 WHERE uid = $1")
            .await?;
        transaction.execute(&write, &[&uid, &names_of(&methods)]).await?;
    }
    Ok(Some(methods))
}

/// A second factor shown in a session, which gets another secret name with it.
#[derive(Debug, Clone, Copy)]
pub struct Strengthening<'a> {
    pub uid: &'a str,
    pub user: UserId,
    /// The digest of the name that the browser shows today.
    pub former_id: &'a SessionDigest,
    /// … and from now on.
    pub id: &'a SessionDigest,
    /// What was used, in its order.
    pub methods: &'a [Amr],
}

/// Notes that a second factor was shown in a session that is alive at `now`, and renames it: its former name is worthless from then
/// on. Gives the methods of the session afterwards, or `None`, and changes nothing, when there is no such session any more.
///
/// # Errors
/// When the database does not answer.
pub async fn strengthen(
    transaction: &Transaction<'_>,
    session: Strengthening<'_>,
    now: DateTime<Utc>,
) -> Result<Option<Vec<Amr>>, Error> {
    let lock = transaction
        .prepare_cached(
            "SELECT amr
             FROM identite_sessions
             WHERE id = $1
               AND uid = $2
               AND user_id = $3
               AND ended_at IS NULL
               AND expires_at > $4
               AND absolute_expires_at > $4
             FOR UPDATE",
        )
        .await?;
    let former_id = session.former_id.as_slice();
    let row = transaction
        .query_opt(&lock, &[&former_id, &session.uid, &session.user.0, &now])
        .await?;
    let Some(row) = row else { return Ok(None) };
    let mut methods = read_methods(&row, 0)?;
    for method in session.methods {
        amr::add_method(&mut methods, *method);
    }
    let write = transaction
        .prepare_cached("UPDATE identite_sessions SET id = $2, amr = $3 WHERE id = $1")
        .await?;
    transaction
        .execute(&write, &[&former_id, &session.id.as_slice(), &names_of(&methods)])
        .await?;
    Ok(Some(methods))
}

/// Ends the sessions of `user` in which `method` was used, but the one named `except_uid`. Gives how many.
///
/// # Errors
/// When the database does not answer.
pub async fn end_those_that_used(
    client: &impl GenericClient,
    user: UserId,
    method: Amr,
    except_uid: &str,
    at: DateTime<Utc>,
) -> Result<usize, Error> {
    let statement = client.prepare_cached(&END_THOSE_THAT_USED).await?;
    let reason = EndReason::FactorRemoved.as_str();
    let ended = client
        .query(
            &statement,
            &[&user.0, &at, &reason, &except_uid, &method.as_str()],
        )
        .await?;
    Ok(ended.len())
}

/// Deletes at most `limit` sessions that ended, or could not be prolonged any more, before `before`. Gives how many. The
/// sliding expiry is in no index, so one that ran out earlier is found when its absolute end has passed.
///
/// # Errors
/// When the database does not answer.
pub async fn purge(client: &impl GenericClient, before: DateTime<Utc>, limit: i64) -> Result<u64, Error> {
    let statement = client
        .prepare_cached(
            "DELETE FROM identite_sessions
             WHERE id IN (
               SELECT id
               FROM identite_sessions
               WHERE ended_at < $1 OR absolute_expires_at < $1
               LIMIT $2
               FOR UPDATE SKIP LOCKED
             )",
        )
        .await?;
    Ok(client.execute(&statement, &[&before, &limit]).await?)
}
