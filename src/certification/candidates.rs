//! What each register tells of a person, in one form (spec/organizations.md §5.5).

use crate::connectors::CallError;
use crate::connectors::infogreffe::Mandataire;
use crate::connectors::insee::UniteLegaleInsee;
use crate::connectors::rne::DescriptionPersonne;
use crate::domain::certification::{
    CivilIdentity, Gender, birth_country_of_iso, calendar_date, compact_date, date_of_timestamp,
    is_commune_code,
};

/// Codes that begin so name countries, not communes.
const COUNTRIES: &str = "99";

/// Who is in business on their own, as the register has them today. Without a name in the period that goes on nobody is known
/// (spec/organizations.md §5.4).
///
/// # Errors
/// When the register does not know the company, or names nobody today: that does not tell who is not its executive.
pub(super) fn of_sole_trader(unit: Option<&UniteLegaleInsee>) -> Result<CivilIdentity, CallError> {
    let unit = unit.ok_or(CallError::Status(404))?;
    if unit.current_name().is_none() {
        return Err(CallError::Unreadable("the legal unit names nobody".to_owned()));
    }
    Ok(of_sirene(unit))
}

fn of_sirene(unit: &UniteLegaleInsee) -> CivilIdentity {
    CivilIdentity {
        family_name: unit.current_name().map(str::to_owned),
        given_name: Some(unit.first_names().join(" ")),
        gender: match unit.sexe.as_deref() {
            Some("M") => Some(Gender::Male),
            Some("F") => Some(Gender::Female),
            _ => None,
        },
        birthdate: unit.date_naissance.as_deref().and_then(compact_date),
        birthplace: unit.code_commune_naissance.clone(),
        birthcountry: unit.code_pays_naissance.clone(),
    }
}

pub(super) fn of_rne(person: &DescriptionPersonne) -> CivilIdentity {
    let birthplace = person
        .code_insee_geographique
        .clone()
        .filter(|code| is_commune_code(code) && !code.starts_with(COUNTRIES))
        .filter(|_| {
            person
                .code_postal_naissance
                .as_deref()
                .is_some_and(|code| !code.is_empty())
        });
    CivilIdentity {
        family_name: person.nom.clone(),
        given_name: person.prenoms.as_ref().map(|names| names.join(" ")),
        gender: match person.genre.as_deref() {
            Some("1") => Some(Gender::Male),
            Some("2") => Some(Gender::Female),
            _ => None,
        },
        birthdate: person.date_de_naissance.as_deref().and_then(calendar_date),
        birthplace,
        birthcountry: country(person.code_pays_naissance.as_deref()),
    }
}

/// The date that is written counts; the timestamp only where there is none.
pub(super) fn of_rcs(person: &Mandataire) -> CivilIdentity {
    let birthdate = match person.date_naissance.as_deref().filter(|date| !date.is_empty()) {
        Some(date) => calendar_date(date),
        None => person.date_naissance_timestamp.and_then(date_of_timestamp),
    };
    CivilIdentity {
        family_name: person.nom.clone(),
        given_name: person.prenom.clone(),
        gender: None,
        birthdate,
        birthplace: None,
        birthcountry: country(person.code_pays_naissance.as_deref()),
    }
}

fn country(iso: Option<&str>) -> Option<String> {
    iso.and_then(birth_country_of_iso).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::vectors;

    fn shown(identity: &CivilIdentity) -> Value {
        json!({
            "family_name": identity.family_name,
            "given_name": identity.given_name,
            "gender": identity.gender.map(|gender| match gender { Gender::Male => "male", Gender::Female => "female" }),
            "birthdate": identity.birthdate.map(|date| date.to_string()),
            "birthplace": identity.birthplace,
            "birthcountry": identity.birthcountry,
        })
    }

    /// The day of an instant in UTC; `birthdate` of the vectors.
    fn day(instant: Option<&str>) -> Option<String> {
        let (day, _) = instant?.split_once('T')?;
        calendar_date(day.trim_start_matches(['+', '0'])).map(|date| date.to_string())
    }

    /// Every vector of `section` holds as it is written, but for what `mend` changes: it names the paragraph that says so.
    fn check<T: DeserializeOwned + Default>(
        section: &str,
        member: &str,
        adapt: impl Fn(&T) -> CivilIdentity,
        mend: impl Fn(&Value, &mut Value),
    ) {
        for case in vectors::cases(section, &[member, "identity"]) {
            let record: Option<T> = serde_json::from_value(case[member].clone()).unwrap();
            let mut expected = case["identity"].clone();
            expected["birthdate"] = day(vectors::text(&expected, "birthdate")).into();
            mend(&case[member], &mut expected);
            assert_eq!(shown(&adapt(&record.unwrap_or_default())), expected, "{case}");
        }
    }

    #[test]
    fn the_vectors_of_the_national_register_hold() {
        check(
            "rne_to_identity",
            "description_personne",
            of_rne,
            |person, expected| {
                // a date that is no day of the calendar is none.
                let written = vectors::text(person, "dateDeNaissance");
                if written.is_some_and(|date| calendar_date(date).is_none()) {
                    expected["birthdate"] = Value::Null;
                }
            },
        );
    }

    #[test]
    fn the_vectors_of_the_sirene_register_hold() {
        check(
            "insee_to_identity",
            "unite_legale",
            of_sirene,
            |unit, expected| {
                // the name is that of the period that goes on, and a date that is no day of the calendar is none.
                let periods = unit["periodesUniteLegale"].as_array();
                let open =
                    periods.and_then(|periods| periods.iter().find(|period| period["dateFin"].is_null()));
                expected["family_name"] = open.map_or(Value::Null, |period| period["nomUniteLegale"].clone());
                let written = vectors::text(unit, "dateNaissanceUniteLegale");
                if written.is_some_and(|date| compact_date(date).is_none()) {
                    expected["birthdate"] = Value::Null;
                }
            },
        );
    }

    #[test]
    fn the_vectors_of_the_commercial_courts_hold() {
        check(
            "infogreffe_to_identity",
            "mandataire",
            of_rcs,
            |person, expected| {
                // the date that is written counts, whatever the unit of the timestamp.
                if let Some(written) = vectors::text(person, "date_naissance") {
                    expected["birthdate"] = calendar_date(written).map(|date| date.to_string()).into();
                }
            },
        );
    }

    #[test]
    fn dates_are_days_and_names_are_those_of_today() {
        let rcs = |changes: Value| -> CivilIdentity { of_rcs(&serde_json::from_value(changes).unwrap()) };
        let day = |identity: CivilIdentity| identity.birthdate.map(|date| date.to_string());
        let written = rcs(json!({"date_naissance": "1965-01-27", "date_naissance_timestamp": -155_523_600}));
        assert_eq!(day(written).as_deref(), Some("1965-01-27"));
        let told = rcs(json!({"date_naissance_timestamp": -155_523_600}));
        assert_eq!(day(told).as_deref(), Some("1965-01-27"));
        assert_eq!(
            day(rcs(
                json!({"date_naissance": "1234-56-78", "date_naissance_timestamp": 0})
            )),
            None
        );

        let unit: UniteLegaleInsee = serde_json::from_value(json!({"periodesUniteLegale": [
            {"dateFin": "2022-12-30", "nomUniteLegale": "OLD"}, {"dateFin": null, "nomUniteLegale": "NEW"},
        ]}))
        .unwrap();
        assert_eq!(
            of_sole_trader(Some(&unit)).unwrap().family_name.as_deref(),
            Some("NEW")
        );
        assert!(of_sole_trader(Some(&UniteLegaleInsee::default())).is_err());
        assert!(of_sole_trader(None).is_err());
    }
}
