//! What kind of organization it is: pure functions of the columns (spec/organizations.md §3.1 to §3.7).
//!
//! A legal category or an activity counts when its code *or* its label says so: rows of other applications hold either, and
//! labels change with time.

use super::headcount::{is_fewer_than_fifty, is_up_to_two};
use crate::domain::public_service::{self, PublicService};

/// The columns that the rules look at, without their prefix `cached_`. A `None` is SQL's `NULL`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OrganizationProfile<'a> {
    pub siret: Option<&'a str>,
    pub categorie_juridique: Option<&'a str>,
    pub libelle_categorie_juridique: Option<&'a str>,
    pub activite_principale: Option<&'a str>,
    pub libelle_activite_principale: Option<&'a str>,
    /// Headcount code of the legal unit.
    pub tranche_effectifs_unite_legale: Option<&'a str>,
    /// `A` or `C`: of the legal unit.
    pub etat_administratif: Option<&'a str>,
}

/// Codes of INSEE's nomenclature, each with its label.
type Entries = [(&'static str, &'static str)];

const ONE_PERSON_COMPANIES: &Entries = &[
    ("1000", "Entrepreneur individuel"),
    ("5499", "Société à responsabilité limitée (sans autre indication)"),
    ("5710", "SAS, société par actions simplifiée"),
];

const SMALL_ORGANIZATIONS: &Entries = &[
    ("6533", "Groupement agricole d'exploitation en commun (GAEC)"),
    ("6534", "Groupement foncier agricole"),
    ("6540", "Société civile immobilière"),
    ("6597", "Société civile d'exploitation agricole"),
    ("6598", "Exploitation agricole à responsabilité limitée"),
];

const ASSOCIATIONS: &Entries = &[
    ("9210", "Association non déclarée"),
    ("9220", "Association déclarée"),
    ("9221", "Association déclarée d'insertion par l'économique"),
    ("9222", "Association intermédiaire"),
    ("9223", "Groupement d'employeurs"),
    (
        "9224",
        "Association d'avocats à responsabilité professionnelle individuelle",
    ),
    ("9230", "Association déclarée, reconnue d'utilité publique"),
    ("9240", "Congrégation"),
    (
        "9260",
        "Association de droit local (Bas-Rhin, Haut-Rhin et Moselle)",
    ),
];

const COMMUNES: &Entries = &[
    ("7210", "Commune et commune nouvelle"),
    ("7312", "Commune associée et commune déléguée"),
];

const COMMUNITIES_OF_COMMUNES: &Entries = &[("7346", "Communauté de communes")];

const SMALL_PUBLIC_ESTABLISHMENTS: &Entries = &[
    ("7321", "Association syndicale autorisée"),
    ("7322", "Association foncière urbaine"),
    ("7323", "Association foncière de remembrement"),
    ("7345", "Syndicat intercommunal à vocation multiple (SIVOM)"),
    (
        "7349",
        "Autre établissement public local de coopération non spécialisé ou entente",
    ),
    ("7353", "Syndicat intercommunal à vocation unique (SIVU)"),
    ("7354", "Syndicat mixte fermé"),
    ("7355", "Syndicat mixte ouvert"),
    (
        "7356",
        "Commission syndicale pour la gestion des biens indivis des communes",
    ),
    ("7357", "Pôle d'équilibre territorial et rural (PETR)"),
    ("7361", "Centre communal d'action sociale"),
    ("7362", "Caisse des écoles"),
    ("7363", "Caisse de crédit municipal"),
    ("7366", "Établissement public local social et médico-social"),
    ("7367", "Centre Intercommunal d'action sociale (CIAS)"),
    ("7373", "Établissement public local culturel"),
    ("7379", "(Autre) Établissement public administratif local"),
    ("7470", "Groupement de coopération sanitaire à gestion publique"),
];

const PUBLIC_SECONDARY_SCHOOLS: &Entries = &[("7331", "Établissement public local d'enseignement")];
const SECONDARY_EDUCATION: &Entries = &[
    ("85.31Z", "85.31Z - Enseignement secondaire général"),
    (
        "85.32Z",
        "85.32Z - Enseignement secondaire technique ou professionnel",
    ),
];

const TOWNS: &Entries = &[("7210", "Commune et commune nouvelle")];
const PRIMARY_EDUCATION: &Entries = &[
    ("85.10Z", "85.10Z - Enseignement pré-primaire"),
    ("85.20Z", "85.20Z - Enseignement primaire"),
];

const WASTE_MANAGEMENT: &Entries = &[
    ("38.11Z", "38.11Z - Collecte des déchets non dangereux"),
    ("38.12Z", "38.12Z - Collecte des déchets dangereux"),
    (
        "38.21Z",
        "38.21Z - Traitement et élimination des déchets non dangereux",
    ),
    (
        "38.22Z",
        "38.22Z - Traitement et élimination des déchets dangereux",
    ),
    ("38.31Z", "38.31Z - Démantèlement d’épaves"),
    ("38.32Z", "38.32Z - Récupération de déchets triés"),
    (
        "39.00Z",
        "39.00Z - Dépollution et autres services de gestion des déchets",
    ),
];

/// What pages call an organization when they speak of its official contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeLabel {
    EtablissementScolaire,
    Mairie,
    Service,
    Entreprise,
    Organisation,
}

impl TypeLabel {
    /// In French, lower-case, without article.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EtablissementScolaire => "établissement scolaire",
            Self::Mairie => "mairie",
            Self::Service => "service",
            Self::Entreprise => "entreprise",
            Self::Organisation => "organisation",
        }
    }
}

/// A directory that names official contacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactDirectory {
    /// Town halls, by commune.
    ServicePublic,
    /// Schools, by SIRET.
    EducationNationale,
}

impl OrganizationProfile<'_> {
    /// Fewer than 50 people, or nobody knows.
    #[must_use]
    pub fn has_less_than_fifty_employees(&self) -> bool {
        is_fewer_than_fifty(self.tranche_effectifs_unite_legale)
    }

    /// A company that most likely consists of one person.
    #[must_use]
    pub fn is_entreprise_unipersonnelle(&self) -> bool {
        self.has_legal_category(ONE_PERSON_COMPANIES) && is_up_to_two(self.tranche_effectifs_unite_legale)
    }

    /// A farm or a property company of at most two people.
    #[must_use]
    pub fn is_small_organization(&self) -> bool {
        self.has_legal_category(SMALL_ORGANIZATIONS) && is_up_to_two(self.tranche_effectifs_unite_legale)
    }

    /// An association of fewer than 50 people.
    #[must_use]
    pub fn is_small_association(&self) -> bool {
        self.has_legal_category(ASSOCIATIONS) && self.has_less_than_fifty_employees()
    }

    /// A town. Its schools are towns too by this rule: see [`Self::is_etablissement_scolaire`].
    #[must_use]
    pub fn is_commune(&self) -> bool {
        self.has_legal_category(COMMUNES)
    }

    /// A town or a community of towns.
    #[must_use]
    pub fn is_commune_or_community(&self) -> bool {
        self.is_commune() || self.has_legal_category(COMMUNITIES_OF_COMMUNES)
    }

    /// A local public establishment of the kinds that tend to be small.
    #[must_use]
    pub fn is_small_etablissement_public(&self) -> bool {
        self.has_legal_category(SMALL_PUBLIC_ESTABLISHMENTS)
    }

    /// A public school of the first or second degree. Private schools are none here: their official contacts proved unreliable.
    #[must_use]
    pub fn is_etablissement_scolaire(&self) -> bool {
        let is_secondary_school =
            self.has_activity(SECONDARY_EDUCATION) && self.has_legal_category(PUBLIC_SECONDARY_SCHOOLS);
        let is_primary_school = self.has_activity(PRIMARY_EDUCATION) && self.has_legal_category(TOWNS);
        is_secondary_school || is_primary_school
    }

    /// The directory that names its official contacts, of which only towns and schools have any.
    #[must_use]
    pub fn contact_directory(&self) -> Option<ContactDirectory> {
        if self.is_etablissement_scolaire() {
            Some(ContactDirectory::EducationNationale)
        } else if self.is_commune() {
            Some(ContactDirectory::ServicePublic)
        } else {
            None
        }
    }

    /// Collects or treats waste.
    #[must_use]
    pub fn is_waste_management(&self) -> bool {
        self.has_activity(WASTE_MANAGEMENT)
    }

    /// Whether it is a public service, and of which kind.
    #[must_use]
    pub fn public_service(&self) -> Option<PublicService> {
        public_service::classify(
            self.categorie_juridique,
            self.siret.and_then(|siret| siret.get(..9)),
            self.etat_administratif,
        )
    }

    /// Whether it is a public service.
    #[must_use]
    pub fn is_service_public(&self) -> bool {
        self.public_service().is_some()
    }

    /// What pages call it.
    #[must_use]
    pub fn type_label(&self) -> TypeLabel {
        if self.is_etablissement_scolaire() {
            TypeLabel::EtablissementScolaire
        } else if self.is_commune() {
            TypeLabel::Mairie
        } else if self.is_service_public() {
            TypeLabel::Service
        } else if self.is_entreprise_unipersonnelle() && self.is_waste_management() {
            TypeLabel::Entreprise
        } else {
            TypeLabel::Organisation
        }
    }

    fn has_legal_category(&self, entries: &Entries) -> bool {
        is_among(
            entries,
            self.categorie_juridique,
            self.libelle_categorie_juridique,
        )
    }

    fn has_activity(&self, entries: &Entries) -> bool {
        is_among(
            entries,
            self.activite_principale,
            self.libelle_activite_principale,
        )
    }
}

fn is_among(entries: &Entries, code: Option<&str>, label: Option<&str>) -> bool {
    entries
        .iter()
        .any(|&(known_code, known_label)| code == Some(known_code) || label == Some(known_label))
}
