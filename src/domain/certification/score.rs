//! How many of five criteria an executive and a person have in common, and what that is worth.

use super::birthplace::{canonical_birthplace, is_france};
use super::folding::{first_word, is_same};
use super::{CivilIdentity, Gender};

/// What is compared. Of the last two only one is, by where the person was born.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Criterion {
    BirthDate,
    FamilyName,
    FirstName,
    Gender,
    BirthPlace,
    BirthCountry,
}

impl Criterion {
    /// The name in addresses and vectors.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BirthDate => "birth_date",
            Self::FamilyName => "family_name",
            Self::FirstName => "first_name",
            Self::Gender => "gender",
            Self::BirthPlace => "birth_place",
            Self::BirthCountry => "birth_country",
        }
    }
}

/// Criteria in common that certify.
const ALL: usize = 5;
/// Criteria in common from which on it is worth telling which ones are not.
const CLOSE: usize = 3;

/// What a comparison is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// All five: the person is the executive.
    ExactMatch,
    /// Three or four.
    CloseMatch,
    /// Fewer.
    BelowThreshold,
    /// The register names nobody.
    NoCandidates,
}

/// The verdict over the executive who comes closest, and the criteria in common with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    pub verdict: Verdict,
    pub matches: Vec<Criterion>,
}

/// Compares a person with the executives that a register names; the first of those who come closest counts.
#[must_use]
pub fn judge(person: &CivilIdentity, executives: &[CivilIdentity]) -> Judgement {
    let mut closest: Option<Vec<Criterion>> = None;
    for executive in executives {
        let matches = matches(person, executive);
        if closest
            .as_ref()
            .is_none_or(|closest| matches.len() > closest.len())
        {
            closest = Some(matches);
        }
    }
    let verdict = match closest.as_ref().map(Vec::len) {
        None => Verdict::NoCandidates,
        Some(ALL..) => Verdict::ExactMatch,
        Some(CLOSE..) => Verdict::CloseMatch,
        Some(_) => Verdict::BelowThreshold,
    };
    Judgement {
        verdict,
        matches: closest.unwrap_or_default(),
    }
}

/// The criteria that `person` and `executive` have in common. What a register does not tell counts as common for the gender and
/// the place of birth, never for names and the date of birth.
fn matches(person: &CivilIdentity, executive: &CivilIdentity) -> Vec<Criterion> {
    let whole: fn(&str) -> &str = |text| text;
    let family_name = is_same(
        person.family_name.as_deref(),
        executive.family_name.as_deref(),
        whole,
    );
    let first_name = is_same(
        person.given_name.as_deref(),
        executive.given_name.as_deref(),
        first_word,
    );
    let birth_date = person.birthdate.is_some() && person.birthdate == executive.birthdate;
    let is_silent_or = |told: Option<Gender>| told.is_none() || told == person.gender;
    let (place, place_is_common) = if is_france(person.birthcountry.as_deref()) {
        (Criterion::BirthPlace, has_same_birthplace(person, executive))
    } else {
        let told = executive.birthcountry.as_deref();
        let is_common = told.is_none() || told == person.birthcountry.as_deref();
        (Criterion::BirthCountry, is_common)
    };
    [
        (Criterion::BirthDate, birth_date),
        (place, place_is_common),
        (Criterion::FamilyName, family_name),
        (Criterion::FirstName, first_name),
        (Criterion::Gender, is_silent_or(executive.gender)),
    ]
    .into_iter()
    .filter_map(|(criterion, is_common)| is_common.then_some(criterion))
    .collect()
}

fn has_same_birthplace(person: &CivilIdentity, executive: &CivilIdentity) -> bool {
    let canonical = |code: &Option<String>| code.as_deref().and_then(canonical_birthplace).map(str::to_owned);
    match canonical(&executive.birthplace) {
        None => true,
        told => told == canonical(&person.birthplace),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::super::folding::{folded_as_agreed, folded_fully};
    use super::*;
    use crate::domain::certification::calendar_date;
    use crate::domain::vectors;

    fn identity(value: &Value) -> CivilIdentity {
        let text = |name: &str| vectors::text(value, name).map(str::to_owned);
        CivilIdentity {
            family_name: text("family_name"),
            given_name: text("given_name"),
            gender: text("gender").as_deref().and_then(Gender::parse),
            birthdate: text("birthdate").as_deref().and_then(calendar_date),
            birthplace: text("birthplace"),
            birthcountry: text("birthcountry"),
        }
    }

    /// names that are equal once the accents of every language are folded match, too.
    fn is_mended(criterion: Criterion, person: &CivilIdentity, executive: &CivilIdentity) -> bool {
        let part: fn(&str) -> &str = match criterion {
            Criterion::FamilyName => |text| text,
            Criterion::FirstName => first_word,
            _ => return false,
        };
        let name = |identity: &CivilIdentity| match criterion {
            Criterion::FamilyName => identity.family_name.clone(),
            _ => identity.given_name.clone(),
        };
        let (Some(one), Some(other)) = (name(person), name(executive)) else {
            return false;
        };
        let is_same_by = |fold: fn(&str) -> String| part(&fold(&one)) == part(&fold(&other));
        !is_same_by(folded_as_agreed) && is_same_by(folded_fully)
    }

    #[test]
    fn the_vectors_of_scores_hold() {
        for case in vectors::cases("cases", &["pivot", "source", "score"]) {
            let (person, executive) = (identity(&case["pivot"]), identity(&case["source"]));
            let found = matches(&person, &executive);
            let expected: Vec<&str> = case["matches"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(Value::as_str)
                .collect();
            for name in &expected {
                assert!(
                    found.iter().any(|criterion| criterion.as_str() == *name),
                    "{case}"
                );
            }
            for criterion in found {
                assert!(
                    expected.contains(&criterion.as_str()) || is_mended(criterion, &person, &executive),
                    "{criterion:?} {case}"
                );
            }
            assert_eq!(case["score"], expected.len(), "{case}");
        }
    }

    fn some_identity() -> impl Strategy<Value = CivilIdentity> {
        let text = || {
            prop::option::of(prop::sample::select(vec![
                "", "Dubois", "DÙBOIS", "Ñ", "75107", "99100", "99136",
            ]))
        };
        let gender = prop::option::of(prop::sample::select(vec![Gender::Male, Gender::Female]));
        let date = prop::option::of(
            (1900..2000_i32).prop_map(|year| chrono::NaiveDate::from_ymd_opt(year, 1, 1).unwrap()),
        );
        (text(), text(), gender, date, text(), text()).prop_map(
            |(family_name, given_name, gender, birthdate, birthplace, birthcountry)| CivilIdentity {
                family_name: family_name.map(str::to_owned),
                given_name: given_name.map(str::to_owned),
                gender,
                birthdate,
                birthplace: birthplace.map(str::to_owned),
                birthcountry: birthcountry.map(str::to_owned),
            },
        )
    }

    /// A woman born in Paris, as a register tells of her with `count` of the five criteria.
    fn executive(count: usize) -> CivilIdentity {
        let other = |is_common: bool, told: &str, else_told: &str| {
            Some(if is_common { told } else { else_told }.to_owned())
        };
        CivilIdentity {
            family_name: other(count > 0, "Dubois", "Martin"),
            given_name: other(count > 1, "Angela Claire", "Claire"),
            gender: Some(if count > 2 { Gender::Female } else { Gender::Male }),
            birthdate: chrono::NaiveDate::from_ymd_opt(if count > 3 { 1962 } else { 1963 }, 8, 24),
            birthplace: other(count > 4, "75107", "29019"),
            birthcountry: None,
        }
    }

    #[test]
    fn the_closest_executive_decides_and_the_first_of_equals() {
        let person = executive(5);
        let verdict = |executives: &[usize]| {
            let executives: Vec<CivilIdentity> = executives.iter().map(|count| executive(*count)).collect();
            let judgement = judge(&person, &executives);
            (judgement.verdict, judgement.matches.len())
        };
        for (executives, expected) in [
            (&[] as &[usize], (Verdict::NoCandidates, 0)),
            (&[0], (Verdict::BelowThreshold, 0)),
            (&[2], (Verdict::BelowThreshold, 2)),
            (&[3], (Verdict::CloseMatch, 3)),
            (&[4], (Verdict::CloseMatch, 4)),
            (&[5], (Verdict::ExactMatch, 5)),
            (&[1, 4, 2], (Verdict::CloseMatch, 4)),
            (&[4, 5, 3], (Verdict::ExactMatch, 5)),
        ] {
            assert_eq!(verdict(executives), expected, "{executives:?}");
        }
        let by_name = executive(1);
        let by_gender = CivilIdentity {
            gender: Some(Gender::Female),
            ..executive(0)
        };
        assert_eq!(
            judge(&person, &[by_name, by_gender]).matches,
            [Criterion::FamilyName]
        );
    }

    proptest! {
        /// Nobody is certified without name, first name and date of birth that are told on both sides.
        #[test]
        fn silence_certifies_nobody(person in some_identity(), executives in prop::collection::vec(some_identity(), 0..4)) {
            let judgement = judge(&person, &executives);
            prop_assert!(judgement.matches.len() <= ALL);
            if judgement.verdict == Verdict::ExactMatch {
                prop_assert!(person.birthdate.is_some() && person.family_name.is_some() && person.given_name.is_some());
                prop_assert!(executives.iter().any(|executive| executive.birthdate == person.birthdate));
            }
        }
    }
}
