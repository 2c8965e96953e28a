//! The official e-mail addresses of town halls and schools, as directories write them down (spec/organizations.md §4.5.1).

use super::Email;

/// The addresses of the town halls of a commune: the first of each record, without those that are none, each once.
///
/// `records` hold `adresse_courriel`, which may list several addresses separated by semicolons.
#[must_use]
pub fn town_hall_addresses<'a>(records: impl IntoIterator<Item = Option<&'a str>>) -> Vec<Email> {
    let mut addresses: Vec<Email> = Vec::new();
    let first_of_each = records
        .into_iter()
        .flatten()
        .filter_map(|listed| listed.split(';').next())
        .filter_map(|address| Email::parse(address).ok());
    for address in first_of_each {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::vectors::TOWN_HALLS;

    #[test]
    fn addresses_are_read_as_the_vectors_say() {
        for case in TOWN_HALLS.cases() {
            let listed = case["adresse_courriel"].as_array().cloned().unwrap_or_default();
            let found = town_hall_addresses(listed.iter().map(|address| address.as_str()));
            let expected: Vec<&str> = case["emails"]
                .as_array()
                .map(|emails| emails.iter().filter_map(|email| email.as_str()).collect())
                .unwrap_or_default();
            let found: Vec<&str> = found.iter().map(Email::as_str).collect();
            assert_eq!(found, expected, "{}", case["case"]);
            assert_eq!(found.is_empty(), case["error"].is_string(), "{}", case["case"]);
        }
    }

    #[test]
    fn what_is_no_address_is_skipped_and_nothing_is_listed_twice() {
        let records = [
            None,
            Some(""),
            Some("(aucune)"),
            Some(" Mairie@Exemple.FR ; autre@exemple.fr"),
            Some("mairie@exemple.fr"),
        ];
        let found = town_hall_addresses(records);
        assert_eq!(
            found.iter().map(Email::as_str).collect::<Vec<_>>(),
            ["mairie@exemple.fr"]
        );
    }
}
