//! Establishments by name and town.

use serde::Serialize;

use crate::domain::organization::OrganizationInfo;
use crate::domain::text::ecmascript_trim;

/// The register gives no answer to fewer characters.
const SHORTEST_TEXT: usize = 3;
const LONGEST_TEXT: usize = 100;

/// What somebody searches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchQuery {
    text: String,
    code_postal: Option<String>,
}

/// Fewer than three characters, or more than a hundred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a search has from 3 to 100 characters")]
pub struct InvalidSearch;

/// Nobody can tell now: worth another try in a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the search does not answer")]
pub struct SearchError;

/// An open establishment that matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Match {
    pub siret: String,
    pub libelle: String,
    /// On one line.
    pub adresse: String,
    pub est_active: bool,
    pub siege_social: bool,
}

impl From<&OrganizationInfo> for Match {
    fn from(info: &OrganizationInfo) -> Self {
        Self {
            siret: info.siret.clone(),
            libelle: info.libelle.clone(),
            adresse: info.adresse.clone(),
            est_active: info.est_active,
            siege_social: info.siege_social,
        }
    }
}

impl SearchQuery {
    /// Reads what was typed: words of a name, and a town by its name or its postcode, if any. Blanks and capitals do not matter.
    ///
    /// # Errors
    /// When the words are too few or too many characters.
    pub fn parse(text: &str, town: &str) -> Result<Self, InvalidSearch> {
        let mut words = words(text);
        let town = ecmascript_trim(town);
        let is_code_postal = town.len() == 5 && town.bytes().all(|byte| byte.is_ascii_digit());
        if !is_code_postal && !town.is_empty() {
            words = format!("{words} {}", self::words(town));
        }
        if !(SHORTEST_TEXT..=LONGEST_TEXT).contains(&words.trim().chars().count()) {
            return Err(InvalidSearch);
        }
        Ok(Self {
            text: words.trim().to_owned(),
            code_postal: is_code_postal.then(|| town.to_owned()),
        })
    }

    /// The words, in small letters, separated by one blank.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Five digits.
    #[must_use]
    pub fn code_postal(&self) -> Option<&str> {
        self.code_postal.as_deref()
    }

    /// Tells this query from any other.
    #[must_use]
    pub fn key(&self) -> String {
        format!(
            "{}|{}",
            self.code_postal.as_deref().unwrap_or_default(),
            self.text
        )
    }

    /// The query with this key.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        let (code_postal, text) = key.split_once('|')?;
        Some(Self {
            text: text.to_owned(),
            code_postal: (!code_postal.is_empty()).then(|| code_postal.to_owned()),
        })
    }
}

fn words(text: &str) -> String {
    let printable = |character: char| if character.is_control() { ' ' } else { character };
    let text: String = text.chars().map(printable).collect();
    text.to_lowercase()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_capitals_do_not_make_another_search() {
        let query = SearchQuery::parse("  Mairie\tDE ", "Lamalou  les Bains").unwrap();
        assert_eq!(
            (query.text(), query.code_postal()),
            ("mairie de lamalou les bains", None)
        );
        let query = SearchQuery::parse("Mairie", " 34240 ").unwrap();
        assert_eq!((query.text(), query.code_postal()), ("mairie", Some("34240")));
        assert_eq!(SearchQuery::from_key(&query.key()), Some(query));
    }

    #[test]
    fn a_search_says_something() {
        for text in ["", "  ", "ab", "\u{0}\u{0}\u{0}", &"a".repeat(101)] {
            assert_eq!(SearchQuery::parse(text, ""), Err(InvalidSearch), "{text:?}");
        }
        assert!(SearchQuery::parse("ab", "34240").is_err());
        assert!(SearchQuery::parse("a|b", "").is_ok());
    }
}
