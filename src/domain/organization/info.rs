//! What is kept of an establishment: the `cached_` columns of `organizations`.

use serde::{Deserialize, Serialize};

use super::address::one_line;
use super::labels::{
    UNKNOWN_NAME, libelle, libelle_activite_principale, libelle_tranche_effectif, nom_complet,
};
use super::profile::OrganizationProfile;
use super::record::EstablishmentRecord;

/// One establishment, as pages show it and the rules judge it. Field `x` is the column `cached_x` (`siret` excepted), and the
/// member of the JSON look-up in camel case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationInfo {
    /// Fourteen digits.
    pub siret: String,
    /// Name of the legal unit and shop sign.
    pub libelle: String,
    /// Name of the legal unit.
    pub nom_complet: String,
    /// Shop sign, in the register's capitals; empty when there is none.
    pub enseigne: String,
    /// Headcount code of the establishment.
    pub tranche_effectifs: Option<String>,
    /// Headcount code of the legal unit: the one that the rules look at.
    pub tranche_effectifs_unite_legale: Option<String>,
    /// Headcount of the establishment in words, with its year.
    pub libelle_tranche_effectif: String,
    /// `A` or `C`: of the legal unit.
    pub etat_administratif: String,
    /// Whether the establishment is open.
    pub est_active: bool,
    /// `diffusible`, `partiellement_diffusible`, `non_diffusible`.
    pub statut_diffusion: String,
    pub est_diffusible: bool,
    /// On one line.
    pub adresse: String,
    pub code_postal: Option<String>,
    /// INSEE's code of the commune (COG); empty abroad.
    pub code_officiel_geographique: String,
    /// NAF code; empty when unknown.
    pub activite_principale: String,
    /// NAF code and its name.
    pub libelle_activite_principale: String,
    /// Legal category code; empty when unknown.
    pub categorie_juridique: String,
    pub libelle_categorie_juridique: String,
    /// Whether it is the head office.
    pub siege_social: bool,
}

impl From<&EstablishmentRecord> for OrganizationInfo {
    /// The mapping of spec/organizations.md §2.2. Of those who keep their particulars back, name, headcount, shop sign
    /// and street are not kept here either.
    fn from(record: &EstablishmentRecord) -> Self {
        let is_kept_back = record.is_partially_diffusible();
        let unit = &record.unite_legale;
        let (nom_complet, enseigne) = if is_kept_back {
            (UNKNOWN_NAME.to_owned(), String::new())
        } else {
            let company = unit.personne_morale_attributs.clone().unwrap_or_default();
            let person = unit.personne_physique_attributs.clone().unwrap_or_default();
            (nom_complet(&company, &person), text(record.enseigne.as_ref()))
        };
        let headcount = record
            .tranche_effectif_salarie
            .clone()
            .filter(|_| !is_kept_back)
            .unwrap_or_default();
        let headcount_of_unit = unit
            .tranche_effectif_salarie
            .clone()
            .filter(|_| !is_kept_back)
            .unwrap_or_default();
        let address = &record.adresse;
        let code_postal = if is_kept_back {
            &address.code_commune
        } else {
            &address.code_postal
        };
        Self {
            siret: record.siret.clone(),
            libelle: libelle(&nom_complet, &enseigne),
            nom_complet,
            enseigne,
            libelle_tranche_effectif: libelle_tranche_effectif(&headcount),
            tranche_effectifs: headcount.code,
            tranche_effectifs_unite_legale: headcount_of_unit.code,
            etat_administratif: unit.etat_administratif.clone(),
            est_active: record.is_open(),
            statut_diffusion: record.status_diffusion.clone(),
            est_diffusible: record.is_diffusible(),
            adresse: one_line(address),
            code_postal: code_postal.clone(),
            code_officiel_geographique: text(address.code_commune.as_ref()),
            activite_principale: text(record.activite_principale.code.as_ref()),
            libelle_activite_principale: libelle_activite_principale(&record.activite_principale),
            categorie_juridique: text(unit.forme_juridique.code.as_ref()),
            libelle_categorie_juridique: unit.forme_juridique.libelle.clone(),
            siege_social: record.siege_social,
        }
    }
}

impl OrganizationInfo {
    /// What the rules look at.
    #[must_use]
    pub fn profile(&self) -> OrganizationProfile<'_> {
        OrganizationProfile {
            siret: Some(&self.siret),
            categorie_juridique: Some(&self.categorie_juridique),
            libelle_categorie_juridique: Some(&self.libelle_categorie_juridique),
            activite_principale: Some(&self.activite_principale),
            libelle_activite_principale: Some(&self.libelle_activite_principale),
            tranche_effectifs_unite_legale: self.tranche_effectifs_unite_legale.as_deref(),
            etat_administratif: Some(&self.etat_administratif),
        }
    }
}

fn text(value: Option<&String>) -> String {
    value.cloned().unwrap_or_default()
}
