//! Which organizations are a public service, and which are a town (spec/organizations.md §3.7).

/// Legal categories (INSEE `categorie_juridique`) whose organizations are public services, sorted.
const PUBLIC_LEGAL_CATEGORIES: [&str; 78] = [
    "4110", "4120", "4140", "4150", "4160", "5430", "5530", "5546", "5630", "7111", "7112", "7113", "7120",
    "7150", "7160", "7171", "7172", "7179", "7190", "7210", "7220", "7225", "7229", "7230", "7312", "7313",
    "7314", "7321", "7322", "7323", "7331", "7340", "7341", "7342", "7343", "7344", "7345", "7346", "7347",
    "7348", "7349", "7351", "7352", "7353", "7354", "7355", "7356", "7357", "7361", "7362", "7363", "7364",
    "7365", "7366", "7367", "7371", "7372", "7373", "7378", "7379", "7381", "7382", "7383", "7384", "7385",
    "7389", "7410", "7430", "7450", "7470", "7490", "8110", "8120", "8140", "8150", "8160", "8170", "8450",
];

/// SIREN of public services whose legal category does not tell, sorted: pension funds and the like that the
/// "Liste des administrations" names one by one.
const NAMED_PUBLIC_SERVICES: [&str; 46] = [
    "130024094",
    "130024243",
    "180020174",
    "180035016",
    "180035024",
    "180035032",
    "180035040",
    "180035065",
    "180035081",
    "180090045",
    "180092322",
    "180092330",
    "180092462",
    "180092488",
    "180092561",
    "187512496",
    "187512728",
    "194218798",
    "302990445",
    "314603507",
    "321944191",
    "332123892",
    "341246122",
    "391722881",
    "430019125",
    "454057498",
    "478650385",
    "490364015",
    "499147775",
    "775670516",
    "775671886",
    "775671985",
    "775672009",
    "775685316",
    "775691215",
    "784275919",
    "784301525",
    "784338881",
    "784338899",
    "784394710",
    "784394728",
    "784411035",
    "784442964",
    "784621435",
    "784718371",
    "785422304",
];

/// SIREN that the list excludes although their legal category would make them public: SA Eurosérigraphie and Capcusto.
const NAMED_PRIVATE_COMPANIES: [&str; 2] = ["348679010", "498569177"];

/// The state of a legal unit that has ceased.
const CEASED: &str = "C";

/// What INSEE calls a town.
const COMMUNE_LABELS: [&str; 2] = [
    "Commune et commune nouvelle",
    "Commune associée et commune déléguée",
];

/// Whether an organization is a public service.
///
/// `categorie_juridique` is INSEE's legal category code, `siren` the legal unit's number, `etat_administratif` the
/// legal unit's state (`A` active, `C` ceased).
#[must_use]
pub fn is_public_service(
    categorie_juridique: Option<&str>,
    siren: Option<&str>,
    etat_administratif: Option<&str>,
) -> bool {
    let Some(code) = categorie_juridique.filter(|code| !code.is_empty()) else {
        return false;
    };
    let is_named_in = |list: &[&str]| siren.is_some_and(|siren| list.contains(&siren));
    if is_named_in(&NAMED_PRIVATE_COMPANIES) || etat_administratif == Some(CEASED) {
        return false;
    }
    is_named_in(&NAMED_PUBLIC_SERVICES) || PUBLIC_LEGAL_CATEGORIES.binary_search(&code).is_ok()
}

/// Whether the label of a legal category is that of a town.
#[must_use]
pub fn is_commune(libelle_categorie_juridique: Option<&str>) -> bool {
    libelle_categorie_juridique.is_some_and(|label| COMMUNE_LABELS.contains(&label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted() {
        assert!(PUBLIC_LEGAL_CATEGORIES.is_sorted());
        assert!(NAMED_PUBLIC_SERVICES.is_sorted());
    }

    #[test]
    fn legal_category_state_and_names_decide_in_this_order() {
        let rows = [
            (None, Some("835115189"), None, false),
            (Some("9220"), Some("835115189"), None, false),
            (Some("7120"), Some("130025265"), None, true),
            (Some("1000"), Some("828692256"), None, false),
            (Some("4110"), Some("662043116"), None, true),
            (Some("5710"), Some("392346003"), Some("A"), false),
            (Some("7354"), Some("256801697"), None, true),
            (Some("7120"), Some("348679010"), Some("A"), false),
            (Some("7120"), Some("123456789"), Some("C"), false),
            (Some("8110"), Some("777749326"), Some("A"), true),
            (Some("7210"), Some("498569177"), Some("A"), false),
            (Some("5646"), Some("123456789"), Some("A"), false),
            (Some("7364"), Some("123456789"), None, true),
            (Some("7210"), None, Some("A"), true),
            (Some("6599"), Some("180035024"), Some("A"), true),
            (Some(""), Some("180035024"), Some("A"), false),
        ];
        for (code, siren, state, expected) in rows {
            assert_eq!(
                is_public_service(code, siren, state),
                expected,
                "{code:?} {siren:?} {state:?}"
            );
        }
    }

    #[test]
    fn towns_are_known_by_their_label() {
        assert!(is_commune(Some("Commune et commune nouvelle")));
        assert!(!is_commune(Some("Communauté de communes")));
        assert!(!is_commune(None));
    }
}
