//! `moderations`: requests that a person of the support decides on.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use tokio_postgres::Row;

use super::Error;
use crate::domain::{ModerationId, OrganizationId, UserId};

/// `moderations.type` of a request that must be accepted before the person may act for the organization.
pub const ORGANIZATION_JOIN_BLOCK: &str = "organization_join_block";

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
            organization: ModeratedOrganization {
                id: OrganizationId(row.try_get(7)?),
                siret: row.try_get(8)?,
                cached_libelle: row.try_get(9)?,
                cached_adresse: row.try_get(10)?,
                cached_libelle_activite_principale: row.try_get(11)?,
                cached_siege_social: row.try_get(12)?,
            },
        })
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

/// The requests of `user` to join an organization that nobody has decided on, the first made first. Two for the same organization,
/// which older systems could write, count as one.
///
/// # Errors
/// When the database does not answer.
pub async fn pending_joins_of_user(
    client: &impl GenericClient,
    user: UserId,
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
             ORDER BY moderation.created_at, moderation.id"
        ))
        .await?;
    let rows = client.query(&statement, &[&user.0]).await?;
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
