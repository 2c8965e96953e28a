//! Executives who were certified: links of the type `organization_dirigeant`.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;

use super::Error;
use crate::domain::{LinkVerificationType, OrganizationId, UserId};

/// What a certification needs to know of an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    pub siret: String,
    /// `cached_libelle`; `None` for an empty one.
    pub libelle: Option<String>,
    /// `cached_categorie_juridique`
    pub categorie_juridique: Option<String>,
    /// `cached_libelle_categorie_juridique`
    pub libelle_categorie_juridique: Option<String>,
}

/// How `organization` is registered; `None` when it is gone.
///
/// # Errors
/// When the database does not answer.
pub async fn registration(
    client: &impl GenericClient,
    organization: OrganizationId,
) -> Result<Option<Registration>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT
               siret,
               nullif(cached_libelle, ''),
               cached_categorie_juridique,
               cached_libelle_categorie_juridique
             FROM organizations
             WHERE id = $1",
        )
        .await?;
    let Some(row) = client.query_opt(&statement, &[&organization.0]).await? else {
        return Ok(None);
    };
    Ok(Some(Registration {
        siret: row.try_get(0)?,
        libelle: row.try_get(1)?,
        categorie_juridique: row.try_get(2)?,
        libelle_categorie_juridique: row.try_get(3)?,
    }))
}

/// Records that `user` is certified as an executive of `organization`, linked to it before or not. They are to be told so again.
///
/// # Errors
/// When the database does not answer.
pub async fn certify(
    client: &impl GenericClient,
    user: UserId,
    organization: OrganizationId,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = client
        .prepare_cached(
            "INSERT INTO users_organizations (
               user_id,
               organization_id,
               is_external,
               verification_type,
               verified_at,
               has_been_greeted,
               needs_official_contact_email_verification,
               created_at,
               updated_at
             ) VALUES ($1, $2, false, $3, $4, false, false, $4, $4)
             ON CONFLICT (user_id, organization_id) DO UPDATE SET
               verification_type = EXCLUDED.verification_type,
               verified_at = EXCLUDED.verified_at,
               has_been_greeted = false,
               needs_official_contact_email_verification = false,
               updated_at = EXCLUDED.updated_at",
        )
        .await?;
    let kind = LinkVerificationType::OrganizationDirigeant.as_str();
    client
        .execute(&statement, &[&user.0, &organization.0, &kind, &now])
        .await?;
    Ok(())
}
