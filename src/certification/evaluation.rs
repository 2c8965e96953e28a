//! From an organization and a person to a verdict: which register is asked, and in which order (spec/organizations.md §5.4).

use async_trait::async_trait;

use crate::connectors::CallError;
use crate::domain::certification::{CivilIdentity, Criterion, Judgement, Register, Verdict, judge};
use crate::domain::legal_category;

/// The legal category whose people are looked for in the Sirene register, by its label.
const IN_BUSINESS_ON_THEIR_OWN: &str = "Entrepreneur individuel";

/// The registers, as far as executives are concerned.
#[async_trait]
pub(super) trait Registers: Send + Sync {
    async fn sirene(&self, siren: &str) -> Result<Vec<CivilIdentity>, CallError>;
    async fn rne(&self, siren: &str) -> Result<Vec<CivilIdentity>, CallError>;
    async fn rcs(&self, siren: &str) -> Result<Vec<CivilIdentity>, CallError>;
}

/// The legal form of an organization.
#[derive(Debug, Clone, Copy)]
pub(super) struct LegalForm<'a> {
    pub(super) code: Option<&'a str>,
    pub(super) label: Option<&'a str>,
}

/// What the registers say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Evaluation {
    /// Nobody can be certified for organizations of this legal form.
    NotCovered,
    Certified {
        register: Register,
    },
    /// Some criteria differ.
    CloseMatch {
        register: Register,
        matches: Vec<Criterion>,
    },
    NoMatch {
        register: Register,
        verdict: Verdict,
        /// How many criteria the closest executive has in common.
        score: usize,
    },
    /// No register answers: nothing is known.
    Unavailable,
}

impl Evaluation {
    /// Every [`Self::name`].
    pub(super) const NAMES: [&'static str; 5] = [
        "certified",
        "close_match",
        "no_match",
        "not_covered",
        "unavailable",
    ];

    /// As logs and metrics tell it.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::NotCovered => "not_covered",
            Self::Certified { .. } => "certified",
            Self::CloseMatch { .. } => "close_match",
            Self::NoMatch { .. } => "no_match",
            Self::Unavailable => "unavailable",
        }
    }

    pub(super) const fn register(&self) -> Option<Register> {
        match self {
            Self::Certified { register }
            | Self::CloseMatch { register, .. }
            | Self::NoMatch { register, .. } => Some(*register),
            Self::NotCovered | Self::Unavailable => None,
        }
    }

    /// Criteria in common with the closest executive, where not all are.
    pub(super) const fn score(&self) -> Option<usize> {
        match self {
            Self::CloseMatch { matches, .. } => Some(matches.len()),
            Self::NoMatch { score, .. } => Some(*score),
            Self::NotCovered | Self::Certified { .. } | Self::Unavailable => None,
        }
    }
}

/// Asks the register of the legal form. Where the national register of companies does not answer, or names nobody, those of the
/// commercial courts are asked; what they do not confirm leaves an empty answer as it is.
pub(super) async fn evaluate(
    registers: &dyn Registers,
    form: LegalForm<'_>,
    siren: &str,
    person: &CivilIdentity,
) -> Evaluation {
    if form.code.and_then(legal_category::director_source).is_none() {
        return Evaluation::NotCovered;
    }
    if form.label == Some(IN_BUSINESS_ON_THEIR_OWN) {
        return match registers.sirene(siren).await {
            Ok(executives) => evaluation(Register::Sirene, judge(person, &executives)),
            Err(error) => unavailable(Register::Sirene, &error),
        };
    }
    match registers.rne(siren).await {
        Ok(executives) if executives.is_empty() => {
            let confirmed = match registers.rcs(siren).await {
                Ok(executives) => evaluation(Register::Rcs, judge(person, &executives)),
                Err(error) => unavailable(Register::Rcs, &error),
            };
            match confirmed {
                Evaluation::Certified { .. } | Evaluation::CloseMatch { .. } => confirmed,
                _ => evaluation(Register::Rne, judge(person, &[])),
            }
        }
        Ok(executives) => evaluation(Register::Rne, judge(person, &executives)),
        Err(error) => {
            tracing::info!(%error, "the national register of companies tells nothing, the commercial courts are asked");
            match registers.rcs(siren).await {
                Ok(executives) => evaluation(Register::Rcs, judge(person, &executives)),
                Err(error) => unavailable(Register::Rcs, &error),
            }
        }
    }
}

fn unavailable(register: Register, error: &CallError) -> Evaluation {
    let register = register.as_str();
    if *error == CallError::Status(404) {
        tracing::warn!(register, "a register does not know a company");
    } else {
        tracing::error!(register, %error, "a register tells nothing of executives");
    }
    Evaluation::Unavailable
}

fn evaluation(register: Register, Judgement { verdict, matches }: Judgement) -> Evaluation {
    match verdict {
        Verdict::ExactMatch => Evaluation::Certified { register },
        Verdict::CloseMatch => Evaluation::CloseMatch { register, matches },
        Verdict::BelowThreshold | Verdict::NoCandidates => Evaluation::NoMatch {
            register,
            verdict,
            score: matches.len(),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;
    use serde_json::Value;

    use super::super::candidates;
    use super::*;
    use crate::connectors::infogreffe::Mandataire;
    use crate::domain::certification::{Gender, calendar_date};
    use crate::domain::vectors;

    /// Registers that answer what a case says; null is an outage.
    struct Stub(Value);

    impl Stub {
        fn list<T: DeserializeOwned>(&self, name: &str) -> Result<Vec<T>, CallError> {
            match &self.0[name] {
                Value::Null => Err(CallError::Timeout),
                list => Ok(serde_json::from_value(list.clone()).unwrap()),
            }
        }
    }

    #[async_trait]
    impl Registers for Stub {
        async fn sirene(&self, _: &str) -> Result<Vec<CivilIdentity>, CallError> {
            match &self.0["insee"] {
                Value::Null => Err(CallError::Timeout),
                unit => {
                    let unit = serde_json::from_value(unit.clone()).unwrap();
                    Ok(vec![candidates::of_sole_trader(Some(&unit))?])
                }
            }
        }

        async fn rne(&self, _: &str) -> Result<Vec<CivilIdentity>, CallError> {
            Ok(self
                .list("rne_description_personnes")?
                .iter()
                .map(candidates::of_rne)
                .collect())
        }

        async fn rcs(&self, _: &str) -> Result<Vec<CivilIdentity>, CallError> {
            let natural_persons = self.list::<Mandataire>("infogreffe")?;
            Ok(natural_persons
                .iter()
                .filter(|person| person.is_natural_person())
                .map(candidates::of_rcs)
                .collect())
        }
    }

    fn person(value: &Value) -> CivilIdentity {
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

    async fn outcome(case: &Value) -> Evaluation {
        let form = LegalForm {
            code: vectors::text(case, "categorie_juridique"),
            label: vectors::text(case, "libelle_categorie_juridique"),
        };
        evaluate(
            &Stub(case.clone()),
            form,
            "123456789",
            &person(&case["franceconnect"]),
        )
        .await
    }

    #[tokio::test]
    async fn the_vectors_of_the_process_hold() {
        for case in vectors::cases("cases", &["franceconnect", "expected"]) {
            let expected = &case["expected"];
            let evaluation = outcome(&case).await;
            assert!(Evaluation::NAMES.contains(&evaluation.name()), "{case}");
            if vectors::flag(expected, "throws") {
                assert_eq!(evaluation, Evaluation::Unavailable, "{case}");
                continue;
            }
            let (cause, register) = match &evaluation {
                Evaluation::NotCovered => ("organisation_not_covered", None),
                Evaluation::Certified { register } => ("exact_match", Some(register)),
                Evaluation::CloseMatch { register, .. } => ("close_match", Some(register)),
                Evaluation::NoMatch {
                    register,
                    verdict: Verdict::NoCandidates,
                    ..
                } => ("no_candidates", Some(register)),
                Evaluation::NoMatch { register, .. } => ("below_threshold", Some(register)),
                Evaluation::Unavailable => ("unavailable", None),
            };
            assert_eq!(Some(cause), vectors::text(expected, "cause"), "{case}");
            assert_eq!(
                register.map(|register| register.as_str()),
                vectors::text(expected, "source"),
                "{case}"
            );
            assert_eq!(
                matches!(evaluation, Evaluation::Certified { .. }),
                vectors::flag(expected, "ok"),
                "{case}"
            );
            if let Evaluation::CloseMatch { matches, .. } = &evaluation {
                let mut found: Vec<&str> = matches.iter().map(|criterion| criterion.as_str()).collect();
                found.sort_unstable();
                assert_eq!(Value::from(found), expected["matches"], "{case}");
            }
        }
    }

    #[tokio::test]
    async fn an_empty_register_is_checked_against_the_commercial_courts() {
        let mut case = vectors::cases("cases", &["franceconnect", "expected"])
            .into_iter()
            .find(|case| case["id"] == "rne-down-fallback-infogreffe-exact")
            .unwrap();
        case["rne_description_personnes"] = serde_json::json!([]);
        assert_eq!(
            outcome(&case).await,
            Evaluation::Certified {
                register: Register::Rcs
            }
        );
        case["infogreffe"] = Value::Null;
        let nobody = Evaluation::NoMatch {
            register: Register::Rne,
            verdict: Verdict::NoCandidates,
            score: 0,
        };
        assert_eq!(
            outcome(&case).await,
            nobody,
            "an answer is an answer, whoever else is away"
        );
    }
}
