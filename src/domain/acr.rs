//! Authentication context class references: the level of assurance that is stated to a relying party.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A level that this provider can state. There is no order between them: a relying party lists all it accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Acr {
    /// Declared identity, one factor.
    Eidas0,
    /// Declared identity, two factors.
    Eidas0Mfa,
    /// Verified identity, one factor.
    Eidas1,
    /// Verified identity, two factors.
    Eidas1Mfa,
    /// A verified person whom the official registers name as an executive of the organization.
    CertificationDirigeant,
}

/// A text that names no level of this provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a supported acr value")]
pub struct UnsupportedAcr;

impl Acr {
    /// Every level, in the order of the discovery document.
    pub const ALL: [Self; 5] = [
        Self::Eidas0,
        Self::Eidas0Mfa,
        Self::Eidas1,
        Self::Eidas1Mfa,
        Self::CertificationDirigeant,
    ];

    /// The value of the claim `acr`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Eidas0 => "eidas0",
            Self::Eidas0Mfa => "eidas0-mfa",
            Self::Eidas1 => "eidas1",
            Self::Eidas1Mfa => "eidas1-mfa",
            Self::CertificationDirigeant => "https://proconnect.gouv.fr/assurance/certification-dirigeant",
        }
    }
}

impl FromStr for Acr {
    type Err = UnsupportedAcr;

    fn from_str(text: &str) -> Result<Self, UnsupportedAcr> {
        Self::ALL
            .into_iter()
            .find(|acr| acr.as_str() == text)
            .ok_or(UnsupportedAcr)
    }
}

impl TryFrom<String> for Acr {
    type Error = UnsupportedAcr;

    fn try_from(text: String) -> Result<Self, UnsupportedAcr> {
        text.parse()
    }
}

impl From<Acr> for &'static str {
    fn from(acr: Acr) -> Self {
        acr.as_str()
    }
}

impl fmt::Display for Acr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a relying party insists on: the sign-in succeeds with one of these levels or not at all.
///
/// The values are kept as sent, since a relying party may list levels that do not exist yet (`eidas2`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EssentialAcr {
    /// The list form (`values`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<String>>,
    /// The single form (`value`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

impl EssentialAcr {
    /// An insistence on one of `values`.
    #[must_use]
    pub fn one_of(values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            values: Some(values.into_iter().map(Into::into).collect()),
            value: None,
        }
    }

    /// Whether `acr` is acceptable: literal membership in every form that was sent; no level at all never is.
    #[must_use]
    pub fn accepts(&self, acr: Option<Acr>) -> bool {
        let Some(acr) = acr else { return false };
        self.accepts_in_list(Some(acr)) && self.accepts_as_single(Some(acr))
    }

    /// Whether the list form, if sent, holds `acr`.
    #[must_use]
    pub fn accepts_in_list(&self, acr: Option<Acr>) -> bool {
        let Some(values) = &self.values else { return true };
        acr.is_some_and(|acr| values.iter().any(|value| value == acr.as_str()))
    }

    /// Whether the single form, if sent, is `acr`.
    #[must_use]
    pub fn accepts_as_single(&self, acr: Option<Acr>) -> bool {
        let Some(value) = &self.value else { return true };
        acr.is_some_and(|acr| value == acr.as_str())
    }

    /// Whether one of `acrs` is named in either form.
    #[must_use]
    pub fn names_any(&self, acrs: &[Acr]) -> bool {
        let listed = self.values.iter().flatten().chain(&self.value);
        listed
            .into_iter()
            .any(|named| acrs.iter().any(|acr| acr.as_str() == named))
    }

    /// Whether an executive certification is what is asked for: its level is named, and no ordinary one is.
    #[must_use]
    pub fn asks_for_certification_dirigeant(&self) -> bool {
        self.names_any(&[Acr::CertificationDirigeant])
            && !self.names_any(&[Acr::Eidas0, Acr::Eidas0Mfa, Acr::Eidas1, Acr::Eidas1Mfa])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_every_level_reads_back() {
        for acr in Acr::ALL {
            assert_eq!(acr.as_str().parse(), Ok(acr));
        }
        assert_eq!("eidas2".parse::<Acr>(), Err(UnsupportedAcr));
    }

    #[test]
    fn a_level_is_shown_and_kept_by_its_name() {
        for acr in Acr::ALL {
            assert_eq!(acr.to_string(), acr.as_str());
            let kept = serde_json::to_value(acr).unwrap();
            assert_eq!(kept, acr.as_str());
            assert_eq!(serde_json::from_value::<Acr>(kept).unwrap(), acr);
        }
    }

    #[test]
    fn membership_is_literal_and_unordered() {
        let only_eidas0 = EssentialAcr::one_of(["eidas0"]);
        assert!(only_eidas0.accepts(Some(Acr::Eidas0)));
        assert!(!only_eidas0.accepts(Some(Acr::Eidas1)));
        assert!(!only_eidas0.accepts(None));
        assert!(!EssentialAcr::one_of(["eidas2", "eidas3"]).accepts(Some(Acr::Eidas1Mfa)));
        assert!(!EssentialAcr::one_of(Vec::<String>::new()).accepts(Some(Acr::Eidas0)));
    }

    #[test]
    fn both_forms_together_must_both_hold() {
        let request = EssentialAcr {
            values: Some(vec!["eidas0".into(), "eidas1".into()]),
            value: Some("eidas1".into()),
        };
        assert!(request.accepts(Some(Acr::Eidas1)));
        assert!(!request.accepts(Some(Acr::Eidas0)));
    }

    #[test]
    fn a_certification_next_to_an_ordinary_level_is_an_ordinary_request() {
        let uri = Acr::CertificationDirigeant.as_str();
        assert!(EssentialAcr::one_of([uri]).asks_for_certification_dirigeant());
        assert!(EssentialAcr::one_of([uri, "eidas2", "eidas3"]).asks_for_certification_dirigeant());
        assert!(!EssentialAcr::one_of([uri, "eidas1-mfa"]).asks_for_certification_dirigeant());
        assert!(
            EssentialAcr {
                values: None,
                value: Some(uri.into())
            }
            .asks_for_certification_dirigeant()
        );
    }
}
