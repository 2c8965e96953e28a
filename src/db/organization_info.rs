//! The `cached_` columns of `organizations`: what the register said of an establishment, and when.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use tokio_postgres::Row;

use super::Error;
use crate::domain::{OrganizationId, OrganizationInfo};

/// The row of an establishment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationInfoRow {
    pub id: OrganizationId,
    /// `None` when the register was never asked, or the row is older than one of the columns.
    pub fetched: Option<(OrganizationInfo, DateTime<Utc>)>,
}

/// An establishment whose columns are to be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueOrganization {
    pub id: OrganizationId,
    pub siret: String,
}

/// The row with the SIRET `siret`.
///
/// # Errors
/// When the database does not answer.
pub async fn find(client: &impl GenericClient, siret: &str) -> Result<Option<OrganizationInfoRow>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT
               id,
               siret,
               cached_libelle,
               cached_nom_complet,
               cached_enseigne,
               cached_tranche_effectifs,
               cached_tranche_effectifs_unite_legale,
               cached_libelle_tranche_effectif,
               cached_etat_administratif,
               cached_est_active,
               cached_statut_diffusion,
               cached_est_diffusible,
               cached_adresse,
               cached_code_postal,
               cached_code_officiel_geographique,
               cached_activite_principale,
               cached_libelle_activite_principale,
               cached_categorie_juridique,
               cached_libelle_categorie_juridique,
               cached_siege_social,
               organization_info_fetched_at
             FROM organizations
             WHERE siret = $1",
        )
        .await?;
    let row = client.query_opt(&statement, &[&siret]).await?;
    row.map(|row| {
        Ok(OrganizationInfoRow {
            id: OrganizationId(row.try_get("id")?),
            fetched: fetched(&row)?,
        })
    })
    .transpose()
}

/// The columns when all that the register always tells are there.
fn fetched(row: &Row) -> Result<Option<(OrganizationInfo, DateTime<Utc>)>, Error> {
    let fetched_at: Option<DateTime<Utc>> = row.try_get("organization_info_fetched_at")?;
    let text = |column: &str| row.try_get::<_, Option<String>>(column);
    let flag = |column: &str| row.try_get::<_, Option<bool>>(column);
    let (Some(libelle), Some(nom_complet), Some(etat_administratif), Some(statut_diffusion)) = (
        text("cached_libelle")?,
        text("cached_nom_complet")?,
        text("cached_etat_administratif")?,
        text("cached_statut_diffusion")?,
    ) else {
        return Ok(None);
    };
    let (Some(est_active), Some(est_diffusible), Some(siege_social)) = (
        flag("cached_est_active")?,
        flag("cached_est_diffusible")?,
        flag("cached_siege_social")?,
    ) else {
        return Ok(None);
    };
    let info = OrganizationInfo {
        siret: row.try_get("siret")?,
        libelle,
        nom_complet,
        enseigne: text("cached_enseigne")?.unwrap_or_default(),
        tranche_effectifs: text("cached_tranche_effectifs")?,
        tranche_effectifs_unite_legale: text("cached_tranche_effectifs_unite_legale")?,
        libelle_tranche_effectif: text("cached_libelle_tranche_effectif")?.unwrap_or_default(),
        etat_administratif,
        est_active,
        statut_diffusion,
        est_diffusible,
        adresse: text("cached_adresse")?.unwrap_or_default(),
        code_postal: text("cached_code_postal")?,
        code_officiel_geographique: text("cached_code_officiel_geographique")?.unwrap_or_default(),
        activite_principale: text("cached_activite_principale")?.unwrap_or_default(),
        libelle_activite_principale: text("cached_libelle_activite_principale")?.unwrap_or_default(),
        categorie_juridique: text("cached_categorie_juridique")?.unwrap_or_default(),
        libelle_categorie_juridique: text("cached_libelle_categorie_juridique")?.unwrap_or_default(),
        siege_social,
    };
    Ok(fetched_at.map(|fetched_at| (info, fetched_at)))
}

/// Writes what the register said at `fetched_at` into the row of its SIRET, and makes that row if there is none.
///
/// # Errors
/// When the database does not answer.
pub async fn upsert(
    client: &impl GenericClient,
    info: &OrganizationInfo,
    fetched_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<OrganizationId, Error> {
    let statement = client
        .prepare_cached(
            "INSERT INTO organizations (
               siret,
               cached_libelle,
               cached_nom_complet,
               cached_enseigne,
               cached_tranche_effectifs,
               cached_tranche_effectifs_unite_legale,
               cached_libelle_tranche_effectif,
               cached_etat_administratif,
               cached_est_active,
               cached_statut_diffusion,
               cached_est_diffusible,
               cached_adresse,
               cached_code_postal,
               cached_code_officiel_geographique,
               cached_activite_principale,
               cached_libelle_activite_principale,
               cached_categorie_juridique,
               cached_libelle_categorie_juridique,
               cached_siege_social,
               organization_info_fetched_at,
               created_at,
               updated_at
             )
             VALUES (
               $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $21
             )
             ON CONFLICT (siret) DO UPDATE SET
               cached_libelle = EXCLUDED.cached_libelle,
               cached_nom_complet = EXCLUDED.cached_nom_complet,
               cached_enseigne = EXCLUDED.cached_enseigne,
               cached_tranche_effectifs = EXCLUDED.cached_tranche_effectifs,
               cached_tranche_effectifs_unite_legale = EXCLUDED.cached_tranche_effectifs_unite_legale,
               cached_libelle_tranche_effectif = EXCLUDED.cached_libelle_tranche_effectif,
               cached_etat_administratif = EXCLUDED.cached_etat_administratif,
               cached_est_active = EXCLUDED.cached_est_active,
               cached_statut_diffusion = EXCLUDED.cached_statut_diffusion,
               cached_est_diffusible = EXCLUDED.cached_est_diffusible,
               cached_adresse = EXCLUDED.cached_adresse,
               cached_code_postal = EXCLUDED.cached_code_postal,
               cached_code_officiel_geographique = EXCLUDED.cached_code_officiel_geographique,
               cached_activite_principale = EXCLUDED.cached_activite_principale,
               cached_libelle_activite_principale = EXCLUDED.cached_libelle_activite_principale,
               cached_categorie_juridique = EXCLUDED.cached_categorie_juridique,
               cached_libelle_categorie_juridique = EXCLUDED.cached_libelle_categorie_juridique,
               cached_siege_social = EXCLUDED.cached_siege_social,
               organization_info_fetched_at = EXCLUDED.organization_info_fetched_at,
               updated_at = EXCLUDED.updated_at
             RETURNING id",
        )
        .await?;
    let row = client
        .query_one(
            &statement,
            &[
                &info.siret,
                &info.libelle,
                &info.nom_complet,
                &info.enseigne,
                &info.tranche_effectifs,
                &info.tranche_effectifs_unite_legale,
                &info.libelle_tranche_effectif,
                &info.etat_administratif,
                &info.est_active,
                &info.statut_diffusion,
                &info.est_diffusible,
                &info.adresse,
                &info.code_postal,
                &info.code_officiel_geographique,
                &info.activite_principale,
                &info.libelle_activite_principale,
                &info.categorie_juridique,
                &info.libelle_categorie_juridique,
                &info.siege_social,
                &fetched_at,
                &now,
            ],
        )
        .await?;
    Ok(OrganizationId(row.try_get(0)?))
}

/// Whether there is a row of the SIRET `siret`.
///
/// # Errors
/// When the database does not answer.
pub async fn exists(client: &impl GenericClient, siret: &str) -> Result<bool, Error> {
    let statement = client
        .prepare_cached("SELECT EXISTS (SELECT FROM organizations WHERE siret = $1)")
        .await?;
    Ok(client.query_one(&statement, &[&siret]).await?.try_get(0)?)
}

/// The next establishments by id, after `after`, that were never fetched, or were fetched before `fetched_before`.
///
/// # Errors
/// When the database does not answer.
pub async fn due(
    client: &impl GenericClient,
    after: OrganizationId,
    fetched_before: Option<DateTime<Utc>>,
    limit: i64,
) -> Result<Vec<DueOrganization>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT
               id,
               siret
             FROM organizations
             WHERE id > $1
               AND (organization_info_fetched_at IS NULL OR organization_info_fetched_at < $2)
             ORDER BY id
             LIMIT $3",
        )
        .await?;
    let rows = client
        .query(&statement, &[&after.0, &fetched_before, &limit])
        .await?;
    rows.into_iter()
        .map(|row| {
            Ok(DueOrganization {
                id: OrganizationId(row.try_get(0)?),
                siret: row.try_get(1)?,
            })
        })
        .collect()
}

/// How many establishments [`due`] would give in all.
///
/// # Errors
/// When the database does not answer.
pub async fn count_due(
    client: &impl GenericClient,
    fetched_before: Option<DateTime<Utc>>,
) -> Result<u64, Error> {
    let statement = client
        .prepare_cached(
            "SELECT count(*)
             FROM organizations
             WHERE organization_info_fetched_at IS NULL OR organization_info_fetched_at < $1",
        )
        .await?;
    let count: i64 = client
        .query_one(&statement, &[&fetched_before])
        .await?
        .try_get(0)?;
    Ok(u64::try_from(count).unwrap_or_default())
}
