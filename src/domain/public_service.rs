//! Which organizations are a public service, and which are a town (spec/organizations.md §3.7).

use super::reference_list::ReferenceList;

/// Legal categories (INSEE `categorie_juridique`) whose organizations are public services, each with its three flags.
const PUBLIC_LEGAL_CATEGORIES: ReferenceList =
    ReferenceList::new(include_str!("../../assets/data/public_legal_categories.csv"));

/// SIREN of the State's operators (LOLF).
const STATE_OPERATORS: ReferenceList =
    ReferenceList::new(include_str!("../../assets/data/state_operators.csv"));

/// SIREN of public services whose legal category does not tell: pension funds and the like that the "Liste des
/// administrations" names one by one.
const NAMED_PUBLIC_SERVICES: ReferenceList =
    ReferenceList::new(include_str!("../../assets/data/named_public_services.csv"));

/// SIREN that the list excludes although their legal category would make them public.
const NAMED_PRIVATE_COMPANIES: ReferenceList =
    ReferenceList::new(include_str!("../../assets/data/named_private_companies.csv"));

/// The state of a legal unit that has ceased.
const CEASED: &str = "C";

/// What INSEE calls a town.
const COMMUNE_LABELS: [&str; 2] = [
    "Commune et commune nouvelle",
    "Commune associée et commune déléguée",
];

/// What kind of public service it is, where the lists tell. Informative: no decision depends on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PublicService {
    /// Part of the State, or one of its operators.
    pub administration_etat: Option<bool>,
    /// A local authority.
    pub collectivite: Option<bool>,
    /// An administrative public service.
    pub service_public_administratif: Option<bool>,
}

/// The kind of public service that an organization is; `None` when it is none.
///
/// `categorie_juridique` is INSEE's legal category code, `siren` the legal unit's number, `etat_administratif` the
/// legal unit's state (`A` active, `C` ceased).
#[must_use]
pub fn classify(
    categorie_juridique: Option<&str>,
    siren: Option<&str>,
    etat_administratif: Option<&str>,
) -> Option<PublicService> {
    let code = categorie_juridique.filter(|code| !code.is_empty())?;
    let is_named_in = |list: ReferenceList| siren.is_some_and(|siren| list.contains(siren));
    if is_named_in(NAMED_PRIVATE_COMPANIES) || etat_administratif == Some(CEASED) {
        return None;
    }
    if is_named_in(STATE_OPERATORS) {
        return Some(PublicService {
            administration_etat: Some(true),
            ..PublicService::default()
        });
    }
    if is_named_in(NAMED_PUBLIC_SERVICES) {
        return Some(PublicService::default());
    }
    let mut flags = PUBLIC_LEGAL_CATEGORIES
        .find(code)?
        .split(',')
        .map(|flag| flag == "1");
    Some(PublicService {
        administration_etat: flags.next(),
        collectivite: flags.next(),
        service_public_administratif: flags.next(),
    })
}

/// Whether an organization is a public service. Takes what [`classify`] takes.
#[must_use]
pub fn is_public_service(
    categorie_juridique: Option<&str>,
    siren: Option<&str>,
    etat_administratif: Option<&str>,
) -> bool {
    classify(categorie_juridique, siren, etat_administratif).is_some()
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
            (Some("9220"), Some("338840564"), Some("A"), true),
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
    fn the_lists_are_whole_and_in_the_form_that_look_ups_need() {
        for (list, count) in [
            (STATE_OPERATORS, 426),
            (NAMED_PUBLIC_SERVICES, 46),
            (NAMED_PRIVATE_COMPANIES, 2),
        ] {
            let numbers: Vec<&str> = list
                .lines()
                .filter_map(|line| Some(line.split_once(',')?.0))
                .collect();
            assert_eq!(numbers.len(), count);
            assert!(numbers.is_sorted_by(|earlier, later| earlier < later));
            assert!(
                numbers
                    .iter()
                    .all(|siren| siren.len() == 9 && siren.bytes().all(|byte| byte.is_ascii_digit()))
            );
            assert!(numbers.iter().all(|siren| list.contains(siren)));
        }
        assert_eq!(PUBLIC_LEGAL_CATEGORIES.lines().count(), 78);
    }

    #[test]
    fn towns_are_known_by_their_label() {
        assert!(is_commune(Some("Commune et commune nouvelle")));
        assert!(!is_commune(Some("Communauté de communes")));
        assert!(!is_commune(None));
    }
}
