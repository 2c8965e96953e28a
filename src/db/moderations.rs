//! `moderations`: requests that a person of the support decides on.

use chrono::{DateTime, Utc};
use deadpool_postgres::{GenericClient, Transaction};
use tokio_postgres::Row;

use super::Error;
use crate::domain::{ModerationId, OrganizationId, UserId};

/// `moderations.type` of a request that must be accepted before the person may act for the organization.
pub const ORGANIZATION_JOIN_BLOCK: &str = "organization_join_block";
/// `moderations.type` of the review of a domain by which the person has joined already.
pub const NON_VERIFIED_DOMAIN: &str = "non_verified_domain";

/// A request with the organization that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moderation {
    pub id: ModerationId,
    pub user: UserId,
    /// `organization_join_block`, `non_verified_domain`, or what older systems wrote.
    pub kind: String,
    /// `pending`, `reopened`, `accepted`, `rejected`, or what older systems wrote.
    pub status: String,
    /// When it was decided on; `None`, and nothing else, means pending.
    pub moderated_at: Option<DateTime<Utc>>,
    /// What a rejected person is told.
    pub end_user_reason: String,
    /// A rejected person may correct what they told of themselves.
    pub allow_editing: bool,
    pub organization: ModeratedOrganization,
}

/// What a tile shows of the organization of a request. `cached_` columns are `None` as long as the register has not been asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModeratedOrganization {
    pub id: OrganizationId,
    pub siret: String,
    pub cached_libelle: Option<String>,
    pub cached_adresse: Option<String>,
    pub cached_libelle_activite_principale: Option<String>,
    pub cached_siege_social: Option<bool>,
}

impl Moderation {
    /// Nobody has decided yet.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.moderated_at.is_none()
    }

    /// It was decided on, and refused.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        self.moderated_at.is_some() && self.status == "rejected"
    }

    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            id: ModerationId(row.try_get(0)?),
            user: UserId(row.try_get(1)?),
            kind: row.try_get(2)?,
            status: row.try_get(3)?,
            moderated_at: row.try_get(4)?,
            end_user_reason: row.try_get(5)?,
            allow_editing: row.try_get(6)?,
            organization: ModeratedOrganization::read(row, 7)?,
        })
    }
}

impl ModeratedOrganization {
    /// The six columns from `first` on.
    pub(super) fn read(row: &Row, first: usize) -> Result<Self, Error> {
        Ok(Self {
            id: OrganizationId(row.try_get(first)?),
            siret: row.try_get(first + 1)?,
            cached_libelle: row.try_get(first + 2)?,
            cached_adresse: row.try_get(first + 3)?,
            cached_libelle_activite_principale: row.try_get(first + 4)?,
            cached_siege_social: row.try_get(first + 5)?,
        })
    }

    /// How people know it: its name, or its SIRET as long as the register has not been asked.
    #[must_use]
    pub fn name(&self) -> &str {
        self.cached_libelle.as_deref().unwrap_or(&self.siret)
    }
}

macro_rules! select_moderations {
    ($rest:literal) => {
        concat!(
            "SELECT
               moderation.id,
               moderation.user_id,
               moderation.type,
               moderation.status,
               moderation.moderated_at,
               moderation.end_user_reason,
               moderation.allow_editing,
               organization.id,
               organization.siret,
               organization.cached_libelle,
               organization.cached_adresse,
               organization.cached_libelle_activite_principale,
               organization.cached_siege_social
             FROM moderations AS moderation
             JOIN organizations AS organization ON organization.id = moderation.organization_id ",
            $rest
        )
    };
}

/// The request `id`, whoever made it.
///
/// # Errors
/// When the database does not answer.
pub async fn find(client: &impl GenericClient, id: ModerationId) -> Result<Option<Moderation>, Error> {
    let statement = client
        .prepare_cached(select_moderations!("WHERE moderation.id = $1"))
        .await?;
    let row = client.query_opt(&statement, &[&id.0]).await?;
    row.as_ref().map(Moderation::read).transpose()
}

/// The requests of `user` to join an organization that nobody has decided on, the first made first, at most `limit` if there is one. Two
/// for the same organization, which older systems could write, count as one.
///
/// # Errors
/// When the database does not answer.
pub async fn pending_joins_of_user(
    client: &impl GenericClient,
    user: UserId,
    limit: Option<i64>,
) -> Result<Vec<Moderation>, Error> {
    let statement = client
        .prepare_cached(select_moderations!(
            "WHERE moderation.user_id = $1
               AND moderation.type = 'organization_join_block'
               AND moderation.moderated_at IS NULL
               AND NOT EXISTS (
                 SELECT FROM moderations AS earlier
                 WHERE earlier.user_id = moderation.user_id
                   AND earlier.organization_id = moderation.organization_id
                   AND earlier.type = moderation.type
                   AND earlier.moderated_at IS NULL
                   AND earlier.id < moderation.id
               )
             ORDER BY moderation.created_at, moderation.id
             LIMIT $2"
        ))
        .await?;
    let rows = client.query(&statement, &[&user.0, &limit]).await?;
    rows.iter().map(Moderation::read).collect()
}

/// Withdraws a request of `user` to join `organization`: every row of it that is pending or was rejected goes. Gives how many.
///
/// # Errors
/// When the database does not answer.
pub async fn withdraw(
    client: &impl GenericClient,
    user: UserId,
    organization: OrganizationId,
) -> Result<u64, Error> {
    let statement = client
        .prepare_cached(
            "DELETE FROM moderations
             WHERE user_id = $1
               AND organization_id = $2
               AND type = 'organization_join_block'
               AND (moderated_at IS NULL OR status = 'rejected')",
        )
        .await?;
    Ok(client.execute(&statement, &[&user.0, &organization.0]).await?)
}

/// A request about to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewModeration<'a> {
    pub user: UserId,
    pub organization: OrganizationId,
    /// `moderations.type`
    pub kind: &'a str,
    /// The service that the person was on the way to.
    pub sp_name: Option<&'a str>,
}

/// Makes a request, unless one of the same kind waits already. Gives its id, and whether it is new: of callers that race, one makes it.
///
/// # Errors
/// When the database does not answer.
pub async fn open(
    transaction: &Transaction<'_>,
    request: NewModeration<'_>,
    now: DateTime<Utc>,
) -> Result<(ModerationId, bool), Error> {
    let (user, organization) = (request.user.0, request.organization.0);
    let lock = transaction
        .prepare_cached("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .await?;
    let name = format!("moderation {user} {organization} {}", request.kind);
    transaction.execute(&lock, &[&name]).await?;
    // A statement of its own: it must see what was committed while this one waited for the lock.
    let pending = transaction
        .prepare_cached(
            "SELECT min(id)
             FROM moderations
             WHERE user_id = $1 AND organization_id = $2 AND type = $3 AND moderated_at IS NULL",
        )
        .await?;
    let row = transaction
        .query_one(&pending, &[&user, &organization, &request.kind])
        .await?;
    if let Some(id) = row.try_get(0)? {
        return Ok((ModerationId(id), false));
    }
    let statement = transaction
        .prepare_cached(
            "INSERT INTO moderations (
               user_id,
               organization_id,
               type,
               status,
               sp_name,
               created_at
             ) VALUES ($1, $2, $3, 'pending', $4, $5)
             RETURNING id",
        )
        .await?;
    let row = transaction
        .query_one(
            &statement,
            &[&user, &organization, &request.kind, &request.sp_name, &now],
        )
        .await?;
    Ok((ModerationId(row.try_get(0)?), true))
}

/// Opens the request `id` again, which was rejected and may be corrected: `email` is who corrects it. The words added to the comment are
/// those that moderators know. Gives whether it was such a request.
///
/// # Errors
/// When the database does not answer.
pub async fn reopen(
    client: &impl GenericClient,
    id: ModerationId,
    email: &str,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(
            "UPDATE moderations
             SET
               moderated_at = NULL,
               moderated_by = NULL,
               status = 'reopened',
               comment = coalesce(comment, '')
                 || ' | Réouvert le ' || to_char($3::timestamptz, 'YYYY-MM-DD')
                 || ' par ' || $2::text
                 || ' - Edition des informations personnelles'
             WHERE id = $1 AND moderated_at IS NOT NULL AND status = 'rejected' AND allow_editing",
        )
        .await?;
    Ok(client.execute(&statement, &[&id.0, &email, &now]).await? == 1)
}
