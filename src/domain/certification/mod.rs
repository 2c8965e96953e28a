//! Is this person one of the executives that an official register names? (spec/organizations.md §5.5, §5.6) Pure.

mod birthplace;
mod dates;
mod folding;
mod score;

pub use birthplace::{birth_country_of_iso, canonical_birthplace, is_commune_code};
pub use dates::{calendar_date, compact_date, date_of_timestamp};
pub use score::{Criterion, Judgement, Verdict, judge};

use chrono::NaiveDate;

use super::RecordedIdentity;

/// `male` or `female`: other values are no criterion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gender {
    Male,
    Female,
}

/// What is compared of a person, as far as a source tells it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CivilIdentity {
    /// Name at birth.
    pub family_name: Option<String>,
    /// All given names, separated by blanks.
    pub given_name: Option<String>,
    pub gender: Option<Gender>,
    pub birthdate: Option<NaiveDate>,
    /// INSEE's code of the commune.
    pub birthplace: Option<String>,
    /// INSEE's code of the country; 99100 is France.
    pub birthcountry: Option<String>,
}

/// Debug output reaches logs: it says nothing of the person.
impl std::fmt::Debug for CivilIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CivilIdentity").finish_non_exhaustive()
    }
}

impl From<&RecordedIdentity> for CivilIdentity {
    fn from(recorded: &RecordedIdentity) -> Self {
        Self {
            family_name: recorded.family_name.clone(),
            given_name: recorded.given_name.clone(),
            gender: recorded.gender.as_deref().and_then(Gender::parse),
            birthdate: recorded.birthdate,
            birthplace: recorded.birthplace.clone(),
            birthcountry: recorded.birthcountry.clone(),
        }
    }
}

impl Gender {
    /// As `FranceConnect` writes it, in any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.to_lowercase().as_str() {
            "male" => Some(Self::Male),
            "female" => Some(Self::Female),
            _ => None,
        }
    }
}

/// The register that an answer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Register {
    /// INSEE's Sirene register: people in business on their own.
    Sirene,
    /// The national register of companies (INPI).
    Rne,
    /// The registers of the commercial courts (Infogreffe).
    Rcs,
}

impl Register {
    /// The identifier in addresses, logs and vectors.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sirene => "api.insee.fr/api-sirene/private",
            Self::Rne => "registre-national-entreprises.inpi.fr/api",
            Self::Rcs => {
                "entreprise.api.gouv.fr/v3/infogreffe/rcs/unites_legales/{siren}/mandataires_sociaux"
            }
        }
    }

    /// How people call it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Sirene => "Répertoire SIRENE de l'INSEE",
            Self::Rne => "Registre National des Entreprises",
            Self::Rcs => "Registre du commerce et des sociétés (RCS)",
        }
    }
}

impl std::str::FromStr for Register {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Sirene, Self::Rne, Self::Rcs]
            .into_iter()
            .find(|register| register.as_str() == text)
            .ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_register_is_known_by_its_address_and_its_label() {
        for (register, label) in [
            (Register::Sirene, "Répertoire SIRENE de l'INSEE"),
            (Register::Rne, "Registre National des Entreprises"),
            (Register::Rcs, "Registre du commerce et des sociétés (RCS)"),
        ] {
            assert_eq!(register.as_str().parse(), Ok(register));
            assert_eq!(register.label(), label);
        }
        assert_eq!("insee".parse::<Register>(), Err(()));
    }

    #[test]
    fn what_is_on_record_is_compared_and_does_not_show() {
        let recorded = RecordedIdentity {
            family_name: Some("DUBOIS".to_owned()),
            gender: Some("Female".to_owned()),
            birthdate: NaiveDate::from_ymd_opt(1962, 8, 24),
            ..RecordedIdentity::default()
        };
        let compared = CivilIdentity::from(&recorded);
        assert_eq!(
            (
                compared.family_name.as_deref(),
                compared.gender,
                compared.birthdate
            ),
            (Some("DUBOIS"), Some(Gender::Female), recorded.birthdate)
        );
        assert_eq!(format!("{compared:?}"), "CivilIdentity { .. }");
    }
}
