//! The played systems know everybody whom the specification names (`spec/vectors/mock_external_services.json`).

use serde_json::{Value, json};

const NAMED: &str = include_str!("../../tests/vectors/mock_external_services.json");

fn read(document: &str) -> Value {
    serde_json::from_str(document).unwrap()
}

/// The entries of one system, each with the code that it is found by.
fn named(system: &str, code: &str) -> Vec<(String, Value)> {
    let entries = read(NAMED)[system].as_array().unwrap().clone();
    assert!(!entries.is_empty(), "{system}");
    let code_of = |entry: &Value| entry[code].as_str().unwrap().to_owned();
    entries
        .into_iter()
        .map(|entry| (code_of(&entry), entry))
        .collect()
}

#[test]
fn the_national_register_plays_the_companies_that_are_named() {
    let played = read(include_str!("../../fixtures/api/rne-companies.json"));
    for (siren, company) in named("rne_companies", "siren") {
        let composition = &played[&siren]["formality"]["content"]["personneMorale"]["composition"];
        let found: Vec<Value> = composition["pouvoirs"]
            .as_array()
            .unwrap_or_else(|| panic!("{siren}"))
            .iter()
            .map(|power| {
                json!({
                    "type_de_personne": power["typeDePersonne"],
                    "actif": power["actif"],
                    "description_personne": power["individu"]["descriptionPersonne"],
                })
            })
            .collect();
        let expected: Vec<Value> = company["pouvoirs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|power| {
                json!({
                    "type_de_personne": power["type_de_personne"],
                    "actif": power["actif"],
                    "description_personne": power["description_personne"],
                })
            })
            .collect();
        assert_eq!(found, expected, "{siren}");
    }
}

#[test]
fn the_commercial_courts_play_the_companies_that_are_named() {
    let played = read(include_str!("../../fixtures/api/infogreffe-mandataires.json"));
    for (siren, company) in named("infogreffe_mandataires", "siren") {
        let found: Vec<&Value> = played[&siren]["data"]
            .as_array()
            .unwrap_or_else(|| panic!("{siren}"))
            .iter()
            .map(|entry| &entry["data"])
            .collect();
        let expected: Vec<&Value> = company["mandataires"].as_array().unwrap().iter().collect();
        assert_eq!(found, expected, "{siren}");
    }
}

#[test]
fn insee_plays_the_people_that_are_named() {
    let individuals = read(include_str!("../../fixtures/api/insee-sirene-individuals.json"));
    let legal_units = read(include_str!("../../fixtures/api/insee-sirene-legal-units.json"));
    for (siren, expected) in named("insee_siren", "siren") {
        let answer = individuals.get(&siren).or_else(|| legal_units.get(&siren));
        let unit = &answer.unwrap_or_else(|| panic!("{siren}"))["uniteLegale"];
        for (column, value) in expected["unite_legale"].as_object().unwrap() {
            assert_eq!(&unit[column], value, "{siren}: {column}");
        }
        let periods = unit["periodesUniteLegale"].as_array().unwrap();
        let names: Vec<Value> = periods
            .iter()
            .map(|period| json!({"dateFin": period["dateFin"], "nomUniteLegale": period["nomUniteLegale"]}))
            .collect();
        assert_eq!(Value::from(names), expected["periodes"], "{siren}");
    }
}

#[test]
fn town_halls_play_the_addresses_that_are_named() {
    let played = read(include_str!(
        "../../fixtures/api/annuaire-service-public-records.json"
    ));
    for (code, town) in named("annuaire_service_public", "code_insee") {
        let address = |record: &Value| (record["nom"].clone(), record["adresse_courriel"].clone());
        let addresses =
            |records: &Value| -> Vec<_> { records.as_array().unwrap().iter().map(address).collect() };
        assert_eq!(
            addresses(&played[&code]["results"]),
            addresses(&town["records"]),
            "{code}"
        );
    }
}

#[test]
fn franceconnect_plays_the_people_that_are_named() {
    let played = read(include_str!("../../fixtures/api/franceconnect-personas.json"));
    let mut expected = named("franceconnect_identities", "label");
    for (_, person) in &mut expected {
        person.as_object_mut().unwrap().remove("label");
    }
    let expected: Vec<Value> = expected.into_iter().map(|(_, person)| person).collect();
    assert_eq!(played, Value::from(expected));
}
