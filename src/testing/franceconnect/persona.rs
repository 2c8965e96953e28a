//! Who one can be.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// The same for all personas: with it a tester can be several people on one account.
const SUB: &str = "🎭 FranceConnect Sub";
/// What the form of a tester leaves out.
const DEFAULT: [(&str, &str); 7] = [
    ("given_name", "Jean"),
    ("family_name", "Dupont"),
    ("gender", "male"),
    ("birthdate", "2001-01-01"),
    ("birthplace", "Internet"),
    ("birthcountry", "99100"),
    ("preferred_username", "Dulac"),
];

/// The claims of a civil identity.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Persona {
    #[serde(default = "sub")]
    pub(super) sub: String,
    pub(super) given_name: String,
    pub(super) family_name: String,
    pub(super) gender: String,
    pub(super) birthdate: String,
    pub(super) birthplace: String,
    pub(super) birthcountry: String,
    pub(super) preferred_username: String,
}

fn sub() -> String {
    SUB.to_owned()
}

static PERSONAS: LazyLock<Vec<Persona>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../fixtures/api/franceconnect-personas.json"))
        .unwrap_or_default()
});

impl Persona {
    /// All of them.
    pub(super) fn all() -> &'static [Self] {
        &PERSONAS
    }

    /// The one that a posted form describes, completed by a default person. Another `sub` makes it another person for us.
    pub(super) fn from_form(fields: &[(String, String)]) -> Self {
        let field = |name: &str| {
            fields
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.clone())
        };
        let claim = |name: &str| {
            let default = DEFAULT
                .iter()
                .find(|(key, _)| *key == name)
                .map_or("", |(_, value)| value);
            field(name).unwrap_or_else(|| default.to_owned())
        };
        Self {
            sub: field("sub").filter(|sub| !sub.is_empty()).unwrap_or_else(sub),
            given_name: claim("given_name"),
            family_name: claim("family_name"),
            gender: claim("gender"),
            birthdate: claim("birthdate"),
            birthplace: claim("birthplace"),
            birthcountry: claim("birthcountry"),
            preferred_username: claim("preferred_username"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_people_can_be_played() {
        assert_eq!(Persona::all().len(), 10);
        assert!(Persona::all().iter().all(|persona| persona.sub == SUB));
    }

    #[test]
    fn what_a_form_leaves_out_is_completed() {
        let fields = [("given_name".to_owned(), "Loïs".to_owned())];
        let persona = Persona::from_form(&fields);
        assert_eq!(
            (persona.given_name.as_str(), persona.family_name.as_str()),
            ("Loïs", "Dupont")
        );
        assert_eq!(persona.sub, SUB);
    }
}
