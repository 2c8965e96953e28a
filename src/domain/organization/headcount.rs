//! Headcounts as INSEE publishes them, about two years late (spec/organizations.md §2.6, §3.1).

/// `tranche_effectifs`: code and label, by size. Source: the Sirene register's nomenclature.
pub const HEADCOUNTS: [(&str, &str); 16] = [
    ("NN", "Unité non employeuse"),
    ("00", "0 salarié"),
    ("01", "1 ou 2 salariés"),
    ("02", "3 à 5 salariés"),
    ("03", "6 à 9 salariés"),
    ("11", "10 à 19 salariés"),
    ("12", "20 à 49 salariés"),
    ("21", "50 à 99 salariés"),
    ("22", "100 à 199 salariés"),
    ("31", "200 à 249 salariés"),
    ("32", "250 à 499 salariés"),
    ("41", "500 à 999 salariés"),
    ("42", "1 000 à 1 999 salariés"),
    ("51", "2 000 à 4 999 salariés"),
    ("52", "5 000 à 9 999 salariés"),
    ("53", "10 000 salariés et plus"),
];

const UNKNOWN: &str = "Non renseigné";

/// The codes of at most two people.
const UP_TO_TWO: [&str; 3] = ["NN", "00", "01"];
/// The codes of at most 49 people.
const FEWER_THAN_FIFTY: [&str; 7] = ["NN", "00", "01", "02", "03", "11", "12"];

/// The label of a headcount code.
#[must_use]
pub fn headcount_label(code: Option<&str>) -> &'static str {
    HEADCOUNTS
        .iter()
        .find(|(known, _)| Some(*known) == code)
        .map_or(UNKNOWN, |(_, label)| label)
}

/// Whether at most two people work there. Nobody knows: yes.
pub(super) fn is_up_to_two(code: Option<&str>) -> bool {
    code.is_none_or(|code| UP_TO_TWO.contains(&code))
}

/// Whether fewer than fifty people work there. Nobody knows: yes.
pub(super) fn is_fewer_than_fifty(code: Option<&str>) -> bool {
    code.is_none_or(|code| FEWER_THAN_FIFTY.contains(&code))
}
