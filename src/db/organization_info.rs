//! The `cached_` columns of `organizations`: what the register said of an establishment, and when.

use std::collections::HashMap;

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

/// Writes what a register said at `fetched_at` of establishments, no two of the same SIRET, into the rows of their SIRET, and makes
/// those that are missing, in one statement. A row of which a register has told since is left as it is: what arrives late undoes
/// nothing. Gives identifier and whether it is open, by SIRET, as the rows are now.
///
/// # Errors
/// When the database does not answer.
pub async fn upsert_all(
    client: &impl GenericClient,
    infos: &[&OrganizationInfo],
    fetched_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<HashMap<String, (OrganizationId, bool)>, Error> {
    if infos.is_empty() {
        return Ok(HashMap::new());
    }
    let statement = client
        .prepare_cached(
            "WITH written AS (
             INSERT INTO organizations (
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
             SELECT info.*, $2, $3, $3
             FROM jsonb_to_recordset($1) AS info (
               \"siret\" text,
               \"libelle\" text,
               \"nomComplet\" text,
               \"enseigne\" text,
               \"trancheEffectifs\" text,
               \"trancheEffectifsUniteLegale\" text,
               \"libelleTrancheEffectif\" text,
               \"etatAdministratif\" text,
               \"estActive\" boolean,
               \"statutDiffusion\" text,
               \"estDiffusible\" boolean,
               \"adresse\" text,
               \"codePostal\" text,
               \"codeOfficielGeographique\" text,
               \"activitePrincipale\" text,
               \"libelleActivitePrincipale\" text,
               \"categorieJuridique\" text,
               \"libelleCategorieJuridique\" text,
               \"siegeSocial\" boolean
             )
             ON CONFLICT (siret) DO UPDATE SET
               cached_libelle = excluded.cached_libelle,
               cached_nom_complet = excluded.cached_nom_complet,
               cached_enseigne = excluded.cached_enseigne,
               cached_tranche_effectifs = excluded.cached_tranche_effectifs,
               cached_tranche_effectifs_unite_legale = excluded.cached_tranche_effectifs_unite_legale,
               cached_libelle_tranche_effectif = excluded.cached_libelle_tranche_effectif,
               cached_etat_administratif = excluded.cached_etat_administratif,
               cached_est_active = excluded.cached_est_active,
               cached_statut_diffusion = excluded.cached_statut_diffusion,
               cached_est_diffusible = excluded.cached_est_diffusible,
               cached_adresse = excluded.cached_adresse,
               cached_code_postal = excluded.cached_code_postal,
               cached_code_officiel_geographique = excluded.cached_code_officiel_geographique,
               cached_activite_principale = excluded.cached_activite_principale,
               cached_libelle_activite_principale = excluded.cached_libelle_activite_principale,
               cached_categorie_juridique = excluded.cached_categorie_juridique,
               cached_libelle_categorie_juridique = excluded.cached_libelle_categorie_juridique,
               cached_siege_social = excluded.cached_siege_social,
               organization_info_fetched_at = excluded.organization_info_fetched_at,
               updated_at = excluded.updated_at
             WHERE organizations.organization_info_fetched_at IS NULL
               OR organizations.organization_info_fetched_at < excluded.organization_info_fetched_at
             RETURNING siret, id, cached_est_active)
             SELECT siret, id, cached_est_active FROM written
             UNION ALL
             SELECT siret, id, coalesce(cached_est_active, false)
             FROM organizations JOIN jsonb_to_recordset($1) AS info (\"siret\" text) USING (siret)
             WHERE NOT EXISTS (SELECT FROM written WHERE written.siret = organizations.siret)",
        )
        .await?;
    let document = serde_json::to_value(infos).map_err(|error| Error::unreadable(error.to_string()))?;
    let write = async || client.query(&statement, &[&document, &fetched_at, &now]).await;
    let mut rows = write().await?;
    if rows.len() < infos.len() {
        // Somebody else made a row while the statement ran, which could not see it yet.
        rows = write().await?;
    }
    rows.iter()
        .map(|row| {
            Ok((
                row.try_get(0)?,
                (OrganizationId(row.try_get(1)?), row.try_get(2)?),
            ))
        })
        .collect()
}

/// [`upsert_all`], of one establishment. Gives its identifier.
///
/// # Errors
/// When the database does not answer.
pub async fn upsert(
    client: &impl GenericClient,
    info: &OrganizationInfo,
    fetched_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<OrganizationId, Error> {
    let written = upsert_all(client, &[info], fetched_at, now).await?;
    let row = written.into_values().next();
    row.map(|(id, _)| id)
        .ok_or_else(|| Error::unreadable("no row was written".to_owned()))
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
