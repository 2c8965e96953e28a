//! What the registers said of an executive.

use std::borrow::Cow;

use chrono::NaiveDate;
use serde::Serialize;

use super::errors::ReturnLink;
use super::organizations::OrganizationTile;
use crate::domain::RecordedIdentity;
use crate::domain::certification::{Criterion, Gender};
use crate::journey::CertificationRefusal;
use crate::web::render::{Layout, Page};

const TITLE: &str = "Certification impossible";

/// « Compte certifié » (spec ui H2).
#[derive(Debug, Clone, Serialize)]
pub struct CertifiedPage {
    given_name: String,
    family_name: String,
    email: String,
    birth_date: Option<String>,
    birth_place: Option<String>,
    is_female: bool,
    organization: OrganizationTile,
}

impl CertifiedPage {
    /// The page for a person with these names in use, this address and this civil identity.
    #[must_use]
    pub fn new(
        (given_name, family_name): (Option<&str>, Option<&str>),
        email: &str,
        identity: &RecordedIdentity,
        organization: OrganizationTile,
    ) -> Self {
        Self {
            given_name: given_name.unwrap_or_default().to_owned(),
            family_name: family_name.unwrap_or_default().to_owned(),
            email: email.to_owned(),
            birth_date: identity.birthdate.map(shown),
            birth_place: identity
                .birthplace
                .as_deref()
                .filter(|place| !place.is_empty())
                .map(place),
            is_female: gender(identity) == Some(Gender::Female),
            organization: OrganizationTile {
                certified: true,
                ..organization
            },
        }
    }
}

impl Page for CertifiedPage {
    const TEMPLATE: &'static str = "pages/certification/certified";
    const LAYOUT: Layout = Layout::Connexion;
    const SHOWS_NOTIFICATION: bool = false;

    fn title(&self) -> Cow<'_, str> {
        "Compte certifié".into()
    }
}

/// The legal form has no executives that registers name (spec ui H3).
#[derive(Debug, Clone, Serialize)]
pub struct NotCoveredPage {
    /// The way out.
    pub link: ReturnLink,
}

impl Page for NotCoveredPage {
    const TEMPLATE: &'static str = "pages/certification/not-covered";
    const LAYOUT: Layout = Layout::Connexion;
    const SHOWS_NOTIFICATION: bool = false;

    fn title(&self) -> Cow<'_, str> {
        TITLE.into()
    }
}

/// No executive is close (spec ui H4).
#[derive(Debug, Clone, Serialize)]
pub struct NoMatchPage {
    /// The organization, when the session remembers it.
    pub organization: Option<String>,
    /// The register that was asked, when the session remembers it.
    pub register: Option<String>,
    /// The way out.
    pub link: ReturnLink,
}

impl Page for NoMatchPage {
    const TEMPLATE: &'static str = "pages/certification/no-match";
    const LAYOUT: Layout = Layout::Connexion;
    const SHOWS_NOTIFICATION: bool = false;

    fn title(&self) -> Cow<'_, str> {
        TITLE.into()
    }
}

/// An executive is close, but not the same (spec ui H5).
#[derive(Debug, Clone, Serialize)]
pub struct CloseMatchPage {
    organization: String,
    register: String,
    /// Where the public register shows the executives.
    registry: String,
    items: Vec<Item>,
    link: ReturnLink,
}

/// A part of the person's identity.
#[derive(Debug, Clone, Serialize)]
struct Item {
    label: &'static str,
    value: String,
    /// For machines, of a date.
    datetime: Option<String>,
    differs: bool,
}

impl CloseMatchPage {
    /// The page for this refusal: the person's own `identity`, with marks where the register has something else.
    #[must_use]
    pub fn new(refusal: CertificationRefusal, identity: &RecordedIdentity, link: ReturnLink) -> Self {
        let differs = |criterion: Criterion| !refusal.matches.iter().any(|name| name == criterion.as_str());
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let item = |label, value, criterion| Item {
            label,
            value,
            datetime: None,
            differs: differs(criterion),
        };
        let mut items = vec![
            item("Prénom", text(&identity.given_name), Criterion::FirstName),
            item("Nom", text(&identity.family_name), Criterion::FamilyName),
        ];
        if let Some(gender) = identity.gender.as_deref().filter(|gender| !gender.is_empty()) {
            let value = match Gender::parse(gender) {
                Some(Gender::Male) => "Masculin",
                Some(Gender::Female) => "Féminin",
                None => "Non précisé",
            };
            items.push(item("Genre", value.to_owned(), Criterion::Gender));
        }
        items.push(Item {
            datetime: identity.birthdate.map(|date| date.to_string()),
            ..item(
                "Date de naissance",
                identity.birthdate.map_or_else(|| "Inconnue".to_owned(), shown),
                Criterion::BirthDate,
            )
        });
        // Of people born abroad the country is compared, not the commune.
        let is_born_in_france = identity
            .birthcountry
            .as_deref()
            .is_none_or(|country| country.is_empty() || country == "99100");
        items.push(if is_born_in_france {
            item(
                "Commune de naissance",
                identity.birthplace.as_deref().map_or_else(String::new, place),
                Criterion::BirthPlace,
            )
        } else {
            item(
                "Pays de naissance",
                identity.birthcountry.as_deref().map_or_else(String::new, place),
                Criterion::BirthCountry,
            )
        });
        Self {
            organization: refusal.organization,
            register: refusal.register,
            registry: format!(
                "https://annuaire-entreprises.data.gouv.fr/dirigeants/{}",
                refusal.siren
            ),
            items,
            link,
        }
    }
}

impl Page for CloseMatchPage {
    const TEMPLATE: &'static str = "pages/certification/close-match";
    const LAYOUT: Layout = Layout::Connexion;
    const SHOWS_NOTIFICATION: bool = false;

    fn title(&self) -> Cow<'_, str> {
        TITLE.into()
    }
}

/// The registers do not answer.
#[derive(Debug, Clone, Serialize)]
pub struct RegistersUnavailablePage {
    /// The way out.
    pub link: ReturnLink,
}

impl Page for RegistersUnavailablePage {
    const TEMPLATE: &'static str = "pages/certification/unavailable";
    const LAYOUT: Layout = Layout::Connexion;
    const SHOWS_NOTIFICATION: bool = false;

    fn title(&self) -> Cow<'_, str> {
        "Les registres ne répondent pas".into()
    }
}

fn gender(identity: &RecordedIdentity) -> Option<Gender> {
    identity.gender.as_deref().and_then(Gender::parse)
}

/// `24/08/1962`
fn shown(date: NaiveDate) -> String {
    date.format("%d/%m/%Y").to_string()
}

/// A commune or a country as INSEE numbers it, `code INSEE 75107`, since no list of ours has the names of all; another text as it is.
fn place(text: &str) -> String {
    match text.as_bytes() {
        [first, second, rest @ ..]
            if first.is_ascii_digit()
                && matches!(second, b'0'..=b'9' | b'A' | b'B')
                && rest.len() == 3
                && rest.iter().all(u8::is_ascii_digit) =>
        {
            format!("code INSEE {text}")
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_called_what_it_is() {
        for (text, expected) in [
            ("75107", "code INSEE 75107"),
            ("2A004", "code INSEE 2A004"),
            ("99109", "code INSEE 99109"),
            ("Ajaccio", "Ajaccio"),
            ("Paris", "Paris"),
            ("7510", "7510"),
            ("751070", "751070"),
            ("", ""),
        ] {
            assert_eq!(place(text), expected);
        }
    }

    #[test]
    fn a_country_of_birth_is_shown_with_its_code() {
        let refusal = CertificationRefusal {
            organization: "Herisson".to_owned(),
            siren: "792713778".to_owned(),
            register: "Registre National des Entreprises".to_owned(),
            matches: Vec::new(),
        };
        let identity = RecordedIdentity {
            birthcountry: Some("99109".to_owned()),
            ..RecordedIdentity::default()
        };
        let page = CloseMatchPage::new(refusal, &identity, ReturnLink::home());
        let item = page.items.last().unwrap();
        assert_eq!(
            (item.label, item.value.as_str()),
            ("Pays de naissance", "code INSEE 99109")
        );
    }
}
