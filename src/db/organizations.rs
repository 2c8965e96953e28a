//! `organizations` and `users_organizations`: establishments, and who may act for them.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use serde::Deserialize;
use tokio_postgres::types::Json;

use super::Error;
use crate::domain::{OrganizationId, UserId};

/// A person's membership of an organization, with what the organization is known by.
///
/// `cached_` columns are `None` as long as the register has not been asked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OrganizationLink {
    /// `organizations.id`
    pub id: OrganizationId,
    pub siret: String,
    pub cached_libelle: Option<String>,
    pub cached_adresse: Option<String>,
    pub cached_code_officiel_geographique: Option<String>,
    pub cached_libelle_activite_principale: Option<String>,
    pub cached_categorie_juridique: Option<String>,
    pub cached_libelle_categorie_juridique: Option<String>,
    /// `A` or `C`, of the legal unit.
    pub cached_etat_administratif: Option<String>,
    /// Whether the establishment is open.
    pub cached_est_active: Option<bool>,
    pub cached_siege_social: Option<bool>,
    /// Why the link is trusted: free text that several applications write.
    pub verification_type: String,
    pub verified_at: Option<DateTime<Utc>>,
    pub is_external: bool,
    pub has_been_greeted: bool,
    pub needs_official_contact_email_verification: bool,
    /// When the person joined.
    pub created_at: DateTime<Utc>,
}

/// A sub-select that gives the memberships of `person.id` as one JSON array, the organization that is known longest first.
pub(super) const LINKS_OF_PERSON: &str = "(
  SELECT coalesce(json_agg(membership ORDER BY membership.organization_created_at, membership.id), '[]')
  FROM (
    SELECT
      organization.id,
      organization.siret,
      organization.cached_libelle,
      organization.cached_adresse,
      organization.cached_code_officiel_geographique,
      organization.cached_libelle_activite_principale,
      organization.cached_categorie_juridique,
      organization.cached_libelle_categorie_juridique,
      organization.cached_etat_administratif,
      organization.cached_est_active,
      organization.cached_siege_social,
      link.verification_type,
      link.verified_at,
      link.is_external,
      link.has_been_greeted,
      link.needs_official_contact_email_verification,
      link.created_at,
      organization.created_at AS organization_created_at
    FROM users_organizations AS link
    JOIN organizations AS organization ON organization.id = link.organization_id
    WHERE link.user_id = person.id
  ) AS membership
)";

static LINKS_OF_USER: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {LINKS_OF_PERSON} FROM (SELECT $1::integer AS id) AS person"));

/// The organizations of a person, the one that is known longest first.
///
/// # Errors
/// When the database does not answer.
pub async fn links_of_user(
    client: &impl GenericClient,
    user: UserId,
) -> Result<Vec<OrganizationLink>, Error> {
    let statement = client.prepare_cached(&LINKS_OF_USER).await?;
    let Json(links) = client.query_one(&statement, &[&user.0]).await?.try_get(0)?;
    Ok(links)
}

/// An establishment as the register described it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    pub id: OrganizationId,
    pub siret: String,
    pub cached_libelle: Option<String>,
    pub cached_adresse: Option<String>,
    /// Whether the establishment is open.
    pub cached_est_active: Option<bool>,
    /// The last successful fetch; `None` when only the SIRET is known.
    pub organization_info_fetched_at: Option<DateTime<Utc>>,
}

/// The establishment with the SIRET `siret`.
///
/// # Errors
/// When the database does not answer.
pub async fn find_by_siret(client: &impl GenericClient, siret: &str) -> Result<Option<Organization>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT
               id,
               siret,
               cached_libelle,
               cached_adresse,
               cached_est_active,
               organization_info_fetched_at
             FROM organizations
             WHERE siret = $1",
        )
        .await?;
    let Some(row) = client.query_opt(&statement, &[&siret]).await? else {
        return Ok(None);
    };
    Ok(Some(Organization {
        id: OrganizationId(row.try_get(0)?),
        siret: row.try_get(1)?,
        cached_libelle: row.try_get(2)?,
        cached_adresse: row.try_get(3)?,
        cached_est_active: row.try_get(4)?,
        organization_info_fetched_at: row.try_get(5)?,
    }))
}

/// Notes that `user` was told that they may act for `organization`. Gives the type of the link when that is news, `None` when it was
/// noted before or there is no such link: of requests that race, one is news.
///
/// # Errors
/// When the database does not answer.
pub async fn greet(
    client: &impl GenericClient,
    user: UserId,
    organization: OrganizationId,
    now: DateTime<Utc>,
) -> Result<Option<String>, Error> {
    let statement = client
        .prepare_cached(
            "UPDATE users_organizations
             SET
               has_been_greeted = true,
               updated_at = $3
             WHERE user_id = $1 AND organization_id = $2 AND NOT has_been_greeted
             RETURNING coalesce(verification_type, '')",
        )
        .await?;
    let row = client
        .query_opt(&statement, &[&user.0, &organization.0, &now])
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}
