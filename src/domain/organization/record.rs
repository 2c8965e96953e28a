//! An establishment as the Sirene register tells of it, in the words of API Entreprise.

use serde::Deserialize;

/// `data` of `GET /v3/insee/sirene/etablissements/{siret}`. What is not optional here is mandatory there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct EstablishmentRecord {
    pub siret: String,
    pub siege_social: bool,
    /// `A` open, `F` closed: of the establishment.
    pub etat_administratif: String,
    /// `diffusible`, `partiellement_diffusible` or (obsolete) `non_diffusible`.
    pub status_diffusion: String,
    pub enseigne: Option<String>,
    #[serde(default)]
    pub activite_principale: ActivitePrincipale,
    #[serde(default)]
    pub tranche_effectif_salarie: Option<TrancheEffectif>,
    #[serde(default)]
    pub adresse: Adresse,
    pub unite_legale: UniteLegale,
}

/// The activity (NAF).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct ActivitePrincipale {
    pub code: Option<String>,
    pub libelle: Option<String>,
}

/// A headcount.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct TrancheEffectif {
    /// See [`super::HEADCOUNTS`].
    pub code: Option<String>,
    pub intitule: Option<String>,
    /// The year that it is about.
    pub date_reference: Option<String>,
}

/// Where the establishment is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Adresse {
    /// Its own status: the address may be kept back where the name is not.
    pub status_diffusion: Option<String>,
    pub complement_adresse: Option<String>,
    pub numero_voie: Option<String>,
    pub indice_repetition_voie: Option<String>,
    pub type_voie: Option<String>,
    pub libelle_voie: Option<String>,
    pub distribution_speciale: Option<String>,
    pub code_postal: Option<String>,
    pub code_cedex: Option<String>,
    pub libelle_commune: Option<String>,
    pub libelle_cedex: Option<String>,
    pub libelle_commune_etranger: Option<String>,
    pub code_pays_etranger: Option<String>,
    pub libelle_pays_etranger: Option<String>,
    /// INSEE's code of the commune (COG).
    pub code_commune: Option<String>,
}

/// The legal unit that the establishment belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct UniteLegale {
    /// `A` active, `C` ceased.
    pub etat_administratif: String,
    pub forme_juridique: FormeJuridique,
    #[serde(default)]
    pub tranche_effectif_salarie: Option<TrancheEffectif>,
    #[serde(default)]
    pub personne_morale_attributs: Option<PersonneMorale>,
    #[serde(default)]
    pub personne_physique_attributs: Option<PersonnePhysique>,
}

/// The legal category.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FormeJuridique {
    pub code: Option<String>,
    pub libelle: String,
}

/// The name of a company or institution.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PersonneMorale {
    pub raison_sociale: Option<String>,
    pub sigle: Option<String>,
}

/// The name of somebody in business on their own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PersonnePhysique {
    pub prenom_usuel: Option<String>,
    pub nom_naissance: Option<String>,
    pub nom_usage: Option<String>,
}

/// What the register shows to everybody of those who asked it to keep their particulars back.
const PARTIALLY: &str = "partiellement_diffusible";
/// What it shows to nobody. Obsolete.
const NOT_AT_ALL: &str = "non_diffusible";
const DIFFUSIBLE: &str = "diffusible";
const OPEN: &str = "A";

impl EstablishmentRecord {
    /// Whether name and headcount are kept back.
    #[must_use]
    pub fn is_partially_diffusible(&self) -> bool {
        self.status_diffusion == PARTIALLY
    }

    /// Whether the register does not want to be quoted about it at all.
    #[must_use]
    pub fn is_non_diffusible(&self) -> bool {
        self.status_diffusion == NOT_AT_ALL
    }

    /// Whether everything about it may be shown.
    #[must_use]
    pub fn is_diffusible(&self) -> bool {
        self.status_diffusion == DIFFUSIBLE
    }

    /// Whether the establishment is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.etat_administratif == OPEN
    }
}

impl Adresse {
    /// Whether all but the commune is kept back.
    #[must_use]
    pub fn is_partially_diffusible(&self) -> bool {
        self.status_diffusion.as_deref() == Some(PARTIALLY)
    }
}
