//! The names that people read (spec/organizations.md §2.2, §2.3).

use super::record::{ActivitePrincipale, PersonneMorale, PersonnePhysique, TrancheEffectif};

/// The name of what has none, or keeps it back.
pub(super) const UNKNOWN_NAME: &str = "Nom inconnu";
const UNKNOWN_ACTIVITY: &str = "Activité inconnue";

/// The first character in upper case and all others in lower case: registers write in capitals.
#[must_use]
pub(super) fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    let Some(first) = characters.next() else {
        return String::new();
    };
    first
        .to_uppercase()
        .chain(characters.as_str().to_lowercase().chars())
        .collect()
}

/// The name of a legal unit: its company name, or the name of the person, then its abbreviation in brackets.
#[must_use]
pub(super) fn nom_complet(company: &PersonneMorale, person: &PersonnePhysique) -> String {
    let base = match filled(company.raison_sociale.as_deref()) {
        Some(name) => capitalized(name),
        None => name_of_person(person).unwrap_or_else(|| UNKNOWN_NAME.to_owned()),
    };
    match filled(company.sigle.as_deref()) {
        Some(sigle) => format!("{base} ({sigle})"),
        None => base,
    }
}

fn name_of_person(person: &PersonnePhysique) -> Option<String> {
    let first_name = filled(person.prenom_usuel.as_deref()).map(capitalized);
    let usage = filled(person.nom_usage.as_deref()).map(capitalized);
    let birth = filled(person.nom_naissance.as_deref()).map(capitalized);
    let family_name = match (usage, birth) {
        (Some(usage), Some(birth)) => Some(format!("{usage} ({birth})")),
        (usage, birth) => usage.or(birth),
    };
    match (first_name, family_name) {
        (Some(first_name), Some(family_name)) => Some(format!("{first_name} {family_name}")),
        (first_name, family_name) => first_name.or(family_name),
    }
}

/// The name that people see, of a legal unit as the register writes it and of a shop sign.
#[must_use]
pub fn display_name(nom_complet: &str, enseigne: Option<&str>) -> String {
    libelle(&capitalized(nom_complet), enseigne.unwrap_or_default())
}

/// The name that people see: that of the legal unit, and its shop sign.
#[must_use]
pub(super) fn libelle(nom_complet: &str, enseigne: &str) -> String {
    if enseigne.is_empty() {
        nom_complet.to_owned()
    } else {
        format!("{nom_complet} - {}", capitalized(enseigne))
    }
}

/// A headcount in words, with its year. A year alone says nothing.
#[must_use]
pub(super) fn libelle_tranche_effectif(headcount: &TrancheEffectif) -> String {
    match (
        filled(headcount.intitule.as_deref()),
        filled(headcount.date_reference.as_deref()),
    ) {
        (Some(label), Some(year)) => format!("{label}, en {year}"),
        (Some(label), None) => label.to_owned(),
        (None, _) => String::new(),
    }
}

/// An activity: its code and its name.
#[must_use]
pub(super) fn libelle_activite_principale(activity: &ActivitePrincipale) -> String {
    match (
        filled(activity.code.as_deref()),
        filled(activity.libelle.as_deref()),
    ) {
        (None, _) => UNKNOWN_ACTIVITY.to_owned(),
        (Some(code), Some(label)) => format!("{code} - {label}"),
        (Some(code), None) => code.to_owned(),
    }
}

/// `text` unless it is missing or empty.
pub(super) fn filled(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}
