//! The vectors of the specification over the mapping, the labels and the rules.

use serde_json::{Map, Value, json};

use super::address::one_line;
use super::labels::{libelle_activite_principale, libelle_tranche_effectif, nom_complet};
use super::*;
use crate::domain::legal_category::director_source;
use crate::domain::vectors::{
    ESTABLISHMENTS, PAYLOADS, PREDICATES as PREDICATE_CASES, PUBLIC_LEGAL_CATEGORIES, PUBLIC_SERVICES, cases,
    text,
};

/// A headcount code of an absent member: it is none of the known ones, and not `NULL` either.
const UNDEFINED: &str = "undefined";

/// The register's record that a flattened one of the vectors stands for.
fn record(flat: &Value) -> EstablishmentRecord {
    let headcount = |name: &str| flat.get(name).cloned().unwrap_or(Value::Null);
    let address = flat.get("adresse").cloned().unwrap_or_else(|| json!({}));
    serde_json::from_value(json!({
        "siret": flat["siret"],
        "siege_social": flat["siege_social"],
        "etat_administratif": flat["etat_etablissement"],
        "status_diffusion": flat["diffusion_etablissement"],
        "enseigne": flat["enseigne"],
        "activite_principale": { "code": flat["naf_code"], "libelle": flat["naf_libelle"] },
        "tranche_effectif_salarie": headcount("effectif_etablissement"),
        "adresse": {
            "status_diffusion": address["diffusion"],
            "complement_adresse": address["complement"],
            "numero_voie": address["numero"],
            "indice_repetition_voie": address["indice"],
            "type_voie": address["type_voie"],
            "libelle_voie": address["voie"],
            "distribution_speciale": address["distribution"],
            "code_postal": address["code_postal"],
            "code_cedex": address["code_cedex"],
            "libelle_commune": address["commune"],
            "libelle_cedex": address["libelle_cedex"],
            "libelle_commune_etranger": address["commune_etranger"],
            "code_pays_etranger": address["code_pays"],
            "libelle_pays_etranger": address["libelle_pays"],
            "code_commune": address["code_commune"],
        },
        "unite_legale": {
            "etat_administratif": flat["etat_unite_legale"],
            "forme_juridique": { "code": flat["forme_juridique_code"], "libelle": flat["forme_juridique_libelle"] },
            "tranche_effectif_salarie": headcount("effectif_unite_legale"),
            "personne_morale_attributs": { "raison_sociale": flat["raison_sociale"], "sigle": flat["sigle"] },
            "personne_physique_attributs": {
                "prenom_usuel": flat["prenom_usuel"],
                "nom_naissance": flat["nom_naissance"],
                "nom_usage": flat["nom_usage"],
            },
        },
    }))
    .unwrap_or_else(|error| panic!("{error}: {flat}"))
}

/// The columns, in the names of the database.
fn columns(info: &OrganizationInfo) -> Value {
    let Value::Object(members) = serde_json::to_value(info).unwrap() else {
        panic!("a structure is an object");
    };
    let column = |name: &str| match name {
        "siret" => "siret".to_owned(),
        other => format!("cached_{}", snake_case(other)),
    };
    let renamed: Map<String, Value> = members
        .into_iter()
        .map(|(name, value)| (column(&name), value))
        .collect();
    renamed.into()
}

fn snake_case(name: &str) -> String {
    let separated = |character: char| {
        let prefix = if character.is_ascii_uppercase() { "_" } else { "" };
        format!("{prefix}{}", character.to_ascii_lowercase())
    };
    name.chars().map(separated).collect()
}

fn predicate(profile: &OrganizationProfile<'_>, name: &str) -> bool {
    match name {
        "commune" => profile.is_commune(),
        "commune_with_communaute_flag" => profile.is_commune_or_community(),
        "less_than_fifty_employees" => profile.has_less_than_fifty_employees(),
        "certification_covered" => director_source(profile.categorie_juridique.unwrap_or_default()).is_some(),
        "small_etablissement_public" => profile.is_small_etablissement_public(),
        "small_organization" => profile.is_small_organization(),
        "small_association" => profile.is_small_association(),
        "entreprise_unipersonnelle" => profile.is_entreprise_unipersonnelle(),
        "etablissement_scolaire" => profile.is_etablissement_scolaire(),
        "waste_management" => profile.is_waste_management(),
        other => panic!("no rule is called {other}"),
    }
}

const PREDICATES: [&str; 10] = [
    "commune",
    "commune_with_communaute_flag",
    "less_than_fifty_employees",
    "certification_covered",
    "small_etablissement_public",
    "small_organization",
    "small_association",
    "entreprise_unipersonnelle",
    "etablissement_scolaire",
    "waste_management",
];

fn service_public(profile: &OrganizationProfile<'_>) -> Value {
    let mut told = Map::new();
    told.insert("is_service_public".into(), profile.is_service_public().into());
    if let Some(kind) = profile.public_service() {
        for (name, value) in [
            ("is_administration_etat", kind.administration_etat),
            ("is_collectivite", kind.collectivite),
            (
                "is_service_public_administratif",
                kind.service_public_administratif,
            ),
        ] {
            told.extend(value.map(|value| (name.to_owned(), Value::from(value))));
        }
    }
    told.into()
}

#[test]
fn establishments_are_mapped_and_classified() {
    for case in ESTABLISHMENTS.cases() {
        let info = OrganizationInfo::from(&record(&case["in"]));
        assert_eq!(columns(&info), case["organization"], "{}", info.siret);

        let profile = info.profile();
        let holding: Vec<&str> = PREDICATES
            .into_iter()
            .filter(|name| predicate(&profile, name))
            .collect();
        let mut expected: Vec<&str> = case["true_predicates"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        expected.sort_by_key(|name| PREDICATES.iter().position(|known| known == name));
        assert_eq!(holding, expected, "{}", info.siret);
        assert_eq!(service_public(&profile), case["service_public"], "{}", info.siret);
        assert_eq!(
            Some(profile.type_label().as_str()),
            text(&case, "type_label"),
            "{}",
            info.siret
        );
    }
}

/// Schools are written to at their own address, whichever town they belong to.
#[test]
fn towns_and_schools_have_official_contacts() {
    for (category, activity, expected) in [
        ("7210", "84.11Z", Some(ContactDirectory::ServicePublic)),
        ("7312", "84.11Z", Some(ContactDirectory::ServicePublic)),
        ("7210", "85.20Z", Some(ContactDirectory::EducationNationale)),
        ("7331", "85.31Z", Some(ContactDirectory::EducationNationale)),
        ("7331", "84.11Z", None),
        ("7346", "84.11Z", None),
        ("9220", "85.20Z", None),
    ] {
        let profile = OrganizationProfile {
            categorie_juridique: Some(category),
            activite_principale: Some(activity),
            ..OrganizationProfile::default()
        };
        assert_eq!(profile.contact_directory(), expected, "{category} {activity}");
    }
}

#[test]
fn payloads_become_columns_and_addresses() {
    for case in PAYLOADS.cases() {
        let record = record(&case["in"]);
        assert_eq!(
            Some(one_line(&record.adresse).as_str()),
            text(&case, "address"),
            "{}",
            case["id"]
        );
        assert_eq!(
            columns(&OrganizationInfo::from(&record)),
            case["organization"],
            "{}",
            case["id"]
        );
    }
}

#[test]
fn labels_are_built_as_the_vectors_say() {
    for case in cases("nom_complet", &["nom_complet"]) {
        let company = serde_json::from_value(case.clone()).unwrap();
        let person = serde_json::from_value(case.clone()).unwrap();
        assert_eq!(
            Some(nom_complet(&company, &person).as_str()),
            text(&case, "nom_complet")
        );
    }
    for case in cases("libelle_tranche_effectif", &["libelle"]) {
        let headcount = serde_json::from_value(case.clone()).unwrap();
        assert_eq!(
            Some(libelle_tranche_effectif(&headcount).as_str()),
            text(&case, "libelle")
        );
    }
    for case in cases("libelle_activite_principale", &["expected"]) {
        let activity = serde_json::from_value(case.clone()).unwrap();
        assert_eq!(
            Some(libelle_activite_principale(&activity).as_str()),
            text(&case, "expected")
        );
    }
    for case in cases("tranche_effectifs_label", &["label"]) {
        assert_eq!(
            Some(headcount_label(text(&case, "code"))),
            text(&case, "label"),
            "{case}"
        );
    }
}

#[test]
fn rules_hold_on_single_columns() {
    for case in PREDICATE_CASES.cases() {
        let org = &case["org"];
        let profile = OrganizationProfile {
            siret: text(org, "siret"),
            categorie_juridique: text(org, "categorie_juridique"),
            libelle_categorie_juridique: text(org, "libelle_categorie_juridique"),
            activite_principale: text(org, "activite_principale"),
            libelle_activite_principale: text(org, "libelle_activite_principale"),
            tranche_effectifs_unite_legale: match org.get("tranche_effectifs_unite_legale") {
                None => Some(UNDEFINED),
                Some(value) => value.as_str(),
            },
            etat_administratif: text(org, "etat_administratif"),
        };
        let holds = predicate(&profile, text(&case, "predicate").unwrap());
        assert_eq!(Value::from(holds), case["expected"], "{case}");
    }
}

#[test]
fn public_services_are_told_with_their_kind() {
    for case in PUBLIC_SERVICES.cases() {
        let profile = OrganizationProfile {
            siret: text(&case, "siret"),
            categorie_juridique: text(&case, "categorie_juridique"),
            etat_administratif: text(&case, "etat_administratif"),
            ..OrganizationProfile::default()
        };
        assert_eq!(service_public(&profile), case["expected"], "{}", case["case"]);
    }
    for case in PUBLIC_LEGAL_CATEGORIES.cases() {
        let profile = OrganizationProfile {
            categorie_juridique: text(&case, "code"),
            ..OrganizationProfile::default()
        };
        let expected = json!({
            "is_service_public": true,
            "is_administration_etat": case["administration_etat"],
            "is_collectivite": case["collectivite"],
            "is_service_public_administratif": case["service_public_administratif"],
        });
        assert_eq!(service_public(&profile), expected, "{}", case["code"]);
    }
}

#[test]
fn an_address_of_the_search_reads_like_one_of_the_register() {
    for (line, expected) in [
        (
            "1 PLACE MAURICE GUNSBOURG 92140 CLAMART",
            "1 place maurice gunsbourg, 92140 Clamart",
        ),
        (
            "1 PLACE MAURICE GUNSBOURG, 92140 CLAMART",
            "1 place maurice gunsbourg, 92140 Clamart",
        ),
        (
            "RUE DE L'ÉGLISE BP 12345 34240 LAMALOU-LES-BAINS",
            "rue de l'église bp 12345, 34240 Lamalou-les-bains",
        ),
        (
            "20 AVENUE DE SEGUR 75007 PARIS 7",
            "20 avenue de segur, 75007 Paris 7",
        ),
        ("06220 VALLAURIS", "06220 Vallauris"),
        (
            "10 DOWNING STREET LONDRES ROYAUME-UNI",
            "10 downing street londres royaume-uni",
        ),
        ("LIEU DIT LE BOURG 24000", "lieu dit le bourg, 24000"),
        ("[NON-DIFFUSIBLE]", ""),
        ("", ""),
    ] {
        assert_eq!(display_address(line), expected, "{line}");
    }
}

#[test]
fn those_who_keep_their_particulars_back_leave_no_trace_of_them() {
    let flat = json!({
        "siret": "94957325700019", "siege_social": true, "etat_etablissement": "A", "etat_unite_legale": "A",
        "diffusion_etablissement": "partiellement_diffusible", "enseigne": "CHEZ JEAN",
        "effectif_etablissement": { "code": "01", "intitule": "1 ou 2 salariés", "date_reference": "2022" },
        "effectif_unite_legale": { "code": "01" },
        "nom_naissance": "DUPONT", "prenom_usuel": "JEAN",
        "forme_juridique_code": "1000", "forme_juridique_libelle": "Entrepreneur individuel",
        "adresse": { "diffusion": "partiellement_diffusible", "numero": "1", "voie": "RUE", "code_postal": "06220",
                     "commune": "VALLAURIS", "code_commune": "06155" },
    });
    let info = OrganizationInfo::from(&record(&flat));
    assert_eq!(
        (
            info.libelle.as_str(),
            info.nom_complet.as_str(),
            info.enseigne.as_str(),
            info.adresse.as_str()
        ),
        ("Nom inconnu", "Nom inconnu", "", "06155 Vallauris")
    );
    assert_eq!(
        (info.libelle_tranche_effectif.as_str(), info.tranche_effectifs),
        ("", None)
    );
    assert_eq!(info.code_postal.as_deref(), Some("06155"));
}

#[test]
fn a_name_is_shown_with_its_shop_sign() {
    assert_eq!(display_name("MAIRIE DE CLAMART", None), "Mairie de clamart");
    assert_eq!(display_name("mairie", Some("annexe")), "Mairie - Annexe");
}

#[test]
fn the_register_says_what_may_be_shown() {
    let with = |diffusion: &str| {
        let mut flat = ESTABLISHMENTS.cases()[0]["in"].clone();
        flat["diffusion_etablissement"] = json!(diffusion);
        let record = record(&flat);
        [
            record.is_diffusible(),
            record.is_partially_diffusible(),
            record.is_non_diffusible(),
        ]
    };
    assert_eq!(with("diffusible"), [true, false, false]);
    assert_eq!(with("partiellement_diffusible"), [false, true, false]);
    assert_eq!(with("non_diffusible"), [false, false, true]);
}
