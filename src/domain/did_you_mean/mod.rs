//! Did you mean …? The address that somebody most likely wanted to type (spec/accounts.md §5.1.1).

mod domains;
mod sift3;

use domains::KNOWN_DOMAINS;
use sift3::distance;

/// Beyond this distance two names have nothing to do with each other.
const THRESHOLD: f64 = 2.0;

/// First labels of the big mailbox providers.
const FIRST_LABELS: [&str; 5] = ["yahoo", "hotmail", "mail", "live", "outlook"];
const ENDINGS: [&str; 3] = ["fr", "com", "net"];

/// The address with the nearest known domain. `None` when the domain is known, or close to none.
///
/// `address` is what was typed; what precedes the last `@` is kept.
#[must_use]
pub fn suggest(address: &str) -> Option<String> {
    let (local, domain) = address.rsplit_once('@')?;
    let domain = domain.to_lowercase();
    if local.is_empty() || domain.is_empty() {
        return None;
    }
    suggest_domain(&domain).map(|suggestion| format!("{local}@{suggestion}"))
}

fn suggest_domain(domain: &str) -> Option<String> {
    let (first_label, ending) = domain.split_once('.').unwrap_or(("", domain));
    if FIRST_LABELS.contains(&first_label) && ENDINGS.contains(&ending) {
        return None;
    }
    if let Some(nearest) = nearest(domain, KNOWN_DOMAINS) {
        return (nearest != domain).then(|| nearest.to_owned());
    }
    if first_label.is_empty() {
        return None;
    }
    let nearest_label = nearest(first_label, &FIRST_LABELS).unwrap_or(first_label);
    let nearest_ending = nearest(ending, &ENDINGS).unwrap_or(ending);
    let suggestion = format!("{nearest_label}.{nearest_ending}");
    (suggestion != domain).then_some(suggestion)
}

/// The name at the smallest distance, the first of several, unless all are too far.
fn nearest(text: &str, names: &'static [&'static str]) -> Option<&'static str> {
    let mut best: Option<(&'static str, f64)> = None;
    for &name in names {
        if name == text {
            return Some(name);
        }
        let distance = distance(text, name);
        if distance <= THRESHOLD && best.is_none_or(|(_, smallest)| distance < smallest) {
            best = Some((name, distance));
        }
    }
    best.map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_table_of_the_specification_holds() {
        for (typed, expected) in [
            ("agent@gmil.com", Some("agent@gmail.com")),
            ("agent@wanadoo.rf", Some("agent@wanadoo.fr")),
            ("agent@beta.gouv.rf", Some("agent@beta.gouv.fr")),
            ("agent@beta.gouvfr", Some("agent@beta.gouv.fr")),
            ("agent@beta.gov.fr", Some("agent@beta.gouv.fr")),
            ("agent@betagouv.rf", Some("agent@betagouv.fr")),
            (
                "agent@gendarmerie.interieure.gouv.fr",
                Some("agent@gendarmerie.interieur.gouv.fr"),
            ),
            (
                "agent@gendarmerie.interieur.gouv.frl",
                Some("agent@gendarmerie.interieur.gouv.fr"),
            ),
            ("agent@nomatch", None),
            ("unused2@yopmail.com", Some("unused2@hotmail.com")),
        ] {
            assert_eq!(suggest(typed).as_deref(), expected, "{typed}");
        }
    }

    #[test]
    fn a_known_domain_needs_no_suggestion() {
        for domain in KNOWN_DOMAINS {
            assert_eq!(suggest(&format!("agent@{domain}")), None, "{domain}");
        }
        for address in [
            "agent@yahoo.net",
            "agent@live.com",
            "",
            "agent",
            "@gmil.com",
            "agent@",
        ] {
            assert_eq!(suggest(address), None, "{address}");
        }
    }

    #[test]
    fn known_domains_are_listed_once_in_lower_case() {
        for (index, domain) in KNOWN_DOMAINS.iter().enumerate() {
            assert!(!KNOWN_DOMAINS[index + 1..].contains(domain), "{domain}");
            assert_eq!(*domain, domain.to_lowercase());
        }
    }

    #[test]
    fn the_nearest_name_wins_and_the_first_of_equals() {
        assert_eq!(nearest("comm", &["co", "com"]), Some("com"));
        assert_eq!(nearest("comm", &["com", "co"]), Some("com"));
        assert_eq!(nearest("comz", &["comx", "comy"]), Some("comx"));
        assert_eq!(nearest("comm", &["xyz"]), None);
    }

    #[test]
    fn the_local_part_is_kept() {
        assert_eq!(
            suggest("Jean.Test+x@GMIL.com").as_deref(),
            Some("Jean.Test+x@gmail.com")
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_the_speller_fail(text in "\\PC{0,60}") {
            if let Some(suggestion) = suggest(&text) {
                prop_assert_ne!(suggestion, text);
            }
        }
    }
}
