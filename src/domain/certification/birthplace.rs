//! Places of birth, whose codes changed with the map.

use crate::domain::reference_list::ReferenceList;

/// Former code, code of today.
const PLACES: ReferenceList = ReferenceList::new(include_str!("../../../assets/data/birthplace_codes.csv"));
/// Communes of Île-de-France whose codes begin like those of former departments outside of France.
const METROPOLITAN: ReferenceList =
    ReferenceList::new(include_str!("../../../assets/data/metropolitan_codes.csv"));
/// ISO 3166-1, INSEE's code.
const COUNTRIES: ReferenceList = ReferenceList::new(include_str!("../../../assets/data/country_codes.csv"));

const FRANCE: &str = "99100";
const MOROCCO: &str = "99350";
const TUNISIA: &str = "99351";
const ALGERIA: &str = "99352";
/// Departments and territories that ISO 3166-1 counts apart and INSEE does not: alpha-2, alpha-3.
const OVERSEAS: [(&str, &str); 12] = [
    ("GP", "GLP"),
    ("MQ", "MTQ"),
    ("GF", "GUF"),
    ("RE", "REU"),
    ("YT", "MYT"),
    ("PM", "SPM"),
    ("BL", "BLM"),
    ("MF", "MAF"),
    ("WF", "WLF"),
    ("PF", "PYF"),
    ("NC", "NCL"),
    ("TF", "ATF"),
];

/// The code that a place of birth has today; one that nobody replaced stays as it is. `None` for an empty one.
#[must_use]
pub fn canonical_birthplace(code: &str) -> Option<&str> {
    if code.is_empty() {
        return None;
    }
    let today = PLACES.find(code).or_else(|| country_of_former_department(code));
    Some(today.unwrap_or(code))
}

/// The country that a department or protectorate outside of today's France has become, by a code of one of its communes.
fn country_of_former_department(code: &str) -> Option<&'static str> {
    if !is_commune_code(code) || METROPOLITAN.contains(code) {
        return None;
    }
    match code.get(..2)? {
        "91" | "92" | "93" | "94" => Some(ALGERIA),
        "95" => Some(MOROCCO),
        "96" => Some(TUNISIA),
        _ => None,
    }
}

/// INSEE's code of the country with the ISO code `iso`, of two or three letters; `None` for an unknown one.
#[must_use]
pub fn birth_country_of_iso(iso: &str) -> Option<&'static str> {
    let iso = iso.to_uppercase();
    let is_overseas = OVERSEAS.iter().any(|(two, three)| *two == iso || *three == iso);
    if is_overseas {
        return Some(FRANCE);
    }
    COUNTRIES.find(&iso)
}

/// Whether `code` is in the form of a commune's code: five digits, or of Corsica. Countries begin with 99.
#[must_use]
pub fn is_commune_code(code: &str) -> bool {
    let bytes = code.as_bytes();
    let digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    match bytes {
        [b'2', b'A' | b'B', rest @ ..] => rest.len() == 3 && digits(rest),
        _ => bytes.len() == 5 && digits(bytes),
    }
}

/// Whether a country is France; without one it is taken to be.
pub(super) fn is_france(code: Option<&str>) -> bool {
    code.is_none_or(|code| code.is_empty() || code == FRANCE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::vectors;

    #[test]
    fn codes_of_corsica_have_three_digits_more() {
        for (code, expected) in [
            ("2A004", true),
            ("2B33", false),
            ("2A0040", false),
            ("2A00x", false),
            ("2C004", false),
        ] {
            assert_eq!(is_commune_code(code), expected, "{code}");
        }
    }

    #[test]
    fn the_vectors_of_codes_hold() {
        for case in vectors::cases("commune_code", &["output"]) {
            let code = vectors::text(&case, "input").unwrap_or_default();
            assert_eq!(
                canonical_birthplace(code),
                vectors::text(&case, "output"),
                "{case}"
            );
        }
        for case in vectors::cases("sample", &["from", "to"]) {
            let code = vectors::text(&case, "from").unwrap_or_default();
            assert_eq!(canonical_birthplace(code), vectors::text(&case, "to"), "{case}");
        }
        for case in vectors::cases("birthplace_format", &["valid"]) {
            let code = vectors::text(&case, "input").unwrap_or_default();
            assert_eq!(is_commune_code(code), vectors::flag(&case, "valid"), "{case}");
        }
    }

    #[test]
    fn the_vectors_of_countries_hold() {
        for case in vectors::cases("country_iso_to_cog", &["output"]) {
            let iso = vectors::text(&case, "input").unwrap_or_default();
            let found = birth_country_of_iso(iso);
            let expected = vectors::text(&case, "output");
            // Namibia is known by both of its codes, and what ISO counts apart of France is France.
            let mended = match iso.to_uppercase().as_str() {
                "NA" => Some("99311"),
                code if OVERSEAS.iter().any(|(two, three)| [*two, *three].contains(&code)) => Some(FRANCE),
                _ => expected,
            };
            assert_eq!(found, mended, "{case}");
        }
        assert_eq!(birth_country_of_iso("na"), Some("99311"));
        assert_eq!(birth_country_of_iso("NC"), Some(FRANCE));
    }

    #[test]
    fn former_departments_are_told_from_those_of_today() {
        for (code, expected) in [
            ("91228", "91228"),
            ("92050", "92050"),
            ("95127", "95127"),
            ("92241", ALGERIA),
            ("94401", ALGERIA),
            ("95546", MOROCCO),
            ("96305", TUNISIA),
            ("9110", "9110"),
            ("9é10", "9é10"),
        ] {
            assert_eq!(canonical_birthplace(code), Some(expected), "{code}");
        }
    }

    #[test]
    fn no_code_of_today_is_replaced() {
        for line in PLACES.lines() {
            let (former, today) = line.split_once(',').unwrap();
            assert_eq!(canonical_birthplace(today), Some(today), "{former}");
        }
    }
}
