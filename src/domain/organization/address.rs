//! The address of an establishment on one line (spec/organizations.md §2.5).

use super::labels::{capitalized, filled};
use super::record::Adresse;

/// What the public search writes in the place of an address that the register keeps back.
const KEPT_BACK: &str = "[NON-DIFFUSIBLE]";

/// The non-empty parts, each with the separator that belongs to it. Where the register keeps the address back, the
/// commune remains.
#[must_use]
pub(super) fn one_line(address: &Adresse) -> String {
    let mut line = String::new();
    let mut add = |part: String, separator: &str| {
        if !part.is_empty() {
            line.push_str(&part);
            line.push_str(separator);
        }
    };
    let is_kept_back = address.is_partially_diffusible();
    if !is_kept_back {
        add(capital(address.complement_adresse.as_ref()), ", ");
        add(lower(address.numero_voie.as_ref()), " ");
        add(lower(address.indice_repetition_voie.as_ref()), " ");
        add(lower(address.type_voie.as_ref()), " ");
        add(lower(address.libelle_voie.as_ref()), ", ");
        add(lower(address.distribution_speciale.as_ref()), ", ");
    }
    let code = if is_kept_back {
        filled(address.code_commune.as_deref())
    } else {
        first_filled([&address.code_postal, &address.code_cedex])
    };
    add(code.map(str::to_lowercase).unwrap_or_default(), " ");
    let town = first_filled([
        &address.libelle_commune,
        &address.libelle_cedex,
        &address.libelle_commune_etranger,
    ]);
    let is_abroad = filled(address.code_pays_etranger.as_deref()).is_some();
    add(
        town.map(capitalized).unwrap_or_default(),
        if is_abroad { ", " } else { "" },
    );
    add(lower(address.code_pays_etranger.as_ref()), ", ");
    add(address.libelle_pays_etranger.clone().unwrap_or_default(), "");
    line
}

/// An address on one line of capitals, as the public search writes it, in the style of those of the register: the street in small
/// letters, the commune with one capital. Empty where it is kept back.
#[must_use]
pub fn display_address(line: &str) -> String {
    if line == KEPT_BACK {
        return String::new();
    }
    let words: Vec<&str> = line.split_whitespace().collect();
    let at = words.iter().rposition(|word| is_code_postal(word));
    let (street, place) = words.split_at(at.unwrap_or_default());
    let street = street.join(" ").to_lowercase();
    let place = match place.split_first() {
        Some((code, commune)) if is_code_postal(code) => {
            format!("{code} {}", capitalized(&commune.join(" ")))
        }
        // Abroad.
        _ => capitalized(&place.join(" ")),
    };
    let line = match street.trim_end_matches(',') {
        "" => place,
        street => format!("{street}, {place}"),
    };
    line.trim_end().to_owned()
}

fn is_code_postal(word: &str) -> bool {
    word.len() == 5 && word.bytes().all(|byte| byte.is_ascii_digit())
}

fn first_filled<const N: usize>(candidates: [&Option<String>; N]) -> Option<&str> {
    candidates
        .into_iter()
        .find_map(|candidate| filled(candidate.as_deref()))
}

fn capital(part: Option<&String>) -> String {
    part.map(|part| capitalized(part)).unwrap_or_default()
}

fn lower(part: Option<&String>) -> String {
    part.map(|part| part.to_lowercase()).unwrap_or_default()
}
