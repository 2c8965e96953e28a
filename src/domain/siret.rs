//! SIRET: the number of an establishment, and its SIREN.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::text::without_whitespace;

/// Fourteen ASCII digits. INSEE's check digit is not enforced: some establishments do not satisfy it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Siret(String);

/// A text that is not fourteen digits once its blanks are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a SIRET has 14 digits")]
pub struct InvalidSiret;

impl Siret {
    /// The fourteen digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The nine digits of the legal unit.
    #[must_use]
    pub fn siren(&self) -> &str {
        &self.0[..9]
    }
}

impl FromStr for Siret {
    type Err = InvalidSiret;

    fn from_str(text: &str) -> Result<Self, InvalidSiret> {
        let digits = without_whitespace(text);
        if digits.len() == 14 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Self(digits))
        } else {
            Err(InvalidSiret)
        }
    }
}

impl TryFrom<String> for Siret {
    type Error = InvalidSiret;

    fn try_from(text: String) -> Result<Self, InvalidSiret> {
        text.parse()
    }
}

impl From<Siret> for String {
    fn from(siret: Siret) -> Self {
        siret.0
    }
}

impl fmt::Display for Siret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_siret_is_fourteen_digits_whatever_the_blanks() {
        assert_eq!(
            " 123 456 789 01234 ".parse::<Siret>().unwrap().as_str(),
            "12345678901234"
        );
        let siret: Siret = "12345678901234".parse().unwrap();
        assert_eq!(
            (siret.siren(), siret.to_string().as_str()),
            ("123456789", "12345678901234")
        );
        let kept = serde_json::to_value(&siret).unwrap();
        assert_eq!(kept, "12345678901234");
        assert_eq!(serde_json::from_value::<Siret>(kept).unwrap(), siret);
        for text in [
            "",
            "1234567890123",
            "123456789012345",
            "1234567890123a",
            "123-456-789-01234",
            "١٢٣٤٥٦٧٨٩٠١٢٣٤",
        ] {
            assert_eq!(text.parse::<Siret>(), Err(InvalidSiret), "{text:?}");
        }
    }
}
