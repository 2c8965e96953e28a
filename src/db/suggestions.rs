//! Organizations that people with addresses of the same domain act for.

use deadpool_postgres::GenericClient;

use super::Error;
use super::moderations::ModeratedOrganization;
use crate::domain::OrganizationId;

/// An organization for which a domain is approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub organization: ModeratedOrganization,
    /// Its members with an address of the domain.
    pub member_count: i64,
}

/// The open organizations for which `domain` is approved, those with most members of that domain first.
///
/// # Errors
/// When the database does not answer.
pub async fn candidates(client: &impl GenericClient, domain: &str) -> Result<Vec<Candidate>, Error> {
    let statement = client
        .prepare_cached(
            "WITH candidate AS (
               SELECT DISTINCT organization_id AS id
               FROM email_domains
               WHERE domain = $1
                 AND verification_type IN ('verified', 'external', 'trackdechets_postal_mail', 'official_contact')
             )
             SELECT
               organization.id,
               organization.siret,
               organization.cached_libelle,
               organization.cached_adresse,
               organization.cached_libelle_activite_principale,
               organization.cached_siege_social,
               (
                 SELECT count(*)
                 FROM users_organizations AS link
                 JOIN users AS person ON person.id = link.user_id
                 WHERE link.organization_id = organization.id
                   AND split_part(person.email, '@', 2) = $1
               ) AS member_count
             FROM candidate
             JOIN organizations AS organization ON organization.id = candidate.id
             WHERE organization.cached_est_active
             ORDER BY member_count DESC, organization.id",
        )
        .await?;
    let rows = client.query(&statement, &[&domain]).await?;
    rows.iter()
        .map(|row| {
            Ok(Candidate {
                organization: ModeratedOrganization::read(row, 0)?,
                member_count: row.try_get(6)?,
            })
        })
        .collect()
}

/// The stored organization with this SIRET, as a suggestion.
///
/// # Errors
/// When the database does not answer.
pub async fn by_siret(
    client: &impl GenericClient,
    siret: &str,
) -> Result<Option<ModeratedOrganization>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT
               id,
               siret,
               cached_libelle,
               cached_adresse,
               cached_libelle_activite_principale,
               cached_siege_social
             FROM organizations
             WHERE siret = $1",
        )
        .await?;
    let row = client.query_opt(&statement, &[&siret]).await?;
    row.map(|row| ModeratedOrganization::read(&row, 0)).transpose()
}

/// The stored organization `id`.
///
/// # Errors
/// When the database does not answer.
pub async fn by_id(
    client: &impl GenericClient,
    id: OrganizationId,
) -> Result<Option<ModeratedOrganization>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT
               id,
               siret,
               cached_libelle,
               cached_adresse,
               cached_libelle_activite_principale,
               cached_siege_social
             FROM organizations
             WHERE id = $1",
        )
        .await?;
    let row = client.query_opt(&statement, &[&id.0]).await?;
    row.map(|row| ModeratedOrganization::read(&row, 0)).transpose()
}
