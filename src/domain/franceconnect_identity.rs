//! The identity that `FranceConnect` vouches for (spec/accounts.md §5.16).

use chrono::NaiveDate;
use serde_json::{Map, Value};

/// What the columns hold, in characters.
const TEXT_LIMIT: usize = 255;

/// A person as the civil registers know them ("identité pivot"), and the name that `FranceConnect` has for them.
#[derive(Clone, PartialEq, Eq)]
pub struct FranceConnectIdentity {
    /// The person, for this server only.
    pub sub: String,
    /// All given names, separated by blanks.
    pub given_name: String,
    /// Name at birth.
    pub family_name: String,
    /// Name in use, when there is another.
    pub preferred_username: Option<String>,
    /// `male`, `female`, or something else.
    pub gender: String,
    /// `None` when the registers do not know the day or the month.
    pub birthdate: Option<NaiveDate>,
    /// Code of the commune (INSEE, "code officiel géographique"); empty for people born abroad.
    pub birthplace: String,
    /// Code of the country (INSEE); 99100 is France.
    pub birthcountry: String,
}

/// Debug output reaches logs: it says nothing of the person.
impl std::fmt::Debug for FranceConnectIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FranceConnectIdentity").finish_non_exhaustive()
    }
}

/// An identity that is on record. Rows of earlier days, and of people whose date of birth is not known in full, have gaps.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RecordedIdentity {
    pub sub: Option<String>,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub preferred_username: Option<String>,
    pub gender: Option<String>,
    pub birthdate: Option<NaiveDate>,
    pub birthplace: Option<String>,
    pub birthcountry: Option<String>,
}

/// Debug output reaches logs: it says nothing of the person.
impl std::fmt::Debug for RecordedIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordedIdentity").finish_non_exhaustive()
    }
}

impl RecordedIdentity {
    /// Whether `other` is the same person as far as can be told: the same `sub`, or, since a `sub` changes with the client
    /// that asks, the same civil identity. A record without a `sub` says nothing against anybody.
    #[must_use]
    pub fn may_be(&self, other: &FranceConnectIdentity) -> bool {
        let Some(sub) = self.sub.as_deref().filter(|sub| !sub.is_empty()) else {
            return true;
        };
        sub == other.sub || self.has_civil_identity_of(other)
    }

    fn has_civil_identity_of(&self, other: &FranceConnectIdentity) -> bool {
        is_same(self.family_name.as_deref(), &other.family_name)
            && is_same(self.given_name.as_deref(), &other.given_name)
            && is_same(self.birthplace.as_deref(), &other.birthplace)
            && self.birthdate.is_some()
            && self.birthdate == other.birthdate
    }
}

fn is_same(recorded: Option<&str>, told: &str) -> bool {
    recorded.is_some_and(|recorded| recorded.trim().to_lowercase() == told.to_lowercase())
}

/// A claim is missing or is not what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the claim {0} is missing or unusable")]
pub struct UnusableClaim(pub &'static str);

impl FranceConnectIdentity {
    /// Reads the claims of a userinfo answer. Claims that nobody asked for are passed over.
    ///
    /// # Errors
    /// Names the first claim that is missing, is no text, is too long to be kept, or is a name without a letter.
    pub fn from_claims(claims: &Map<String, Value>) -> Result<Self, UnusableClaim> {
        Ok(Self {
            sub: filled(claims, "sub")?,
            given_name: filled(claims, "given_name")?,
            family_name: filled(claims, "family_name")?,
            preferred_username: optional(claims, "preferred_username")?,
            gender: text(claims, "gender")?,
            birthdate: birthdate(&text(claims, "birthdate")?)
                .ok_or(UnusableClaim("birthdate"))?
                .0,
            birthplace: text(claims, "birthplace")?,
            birthcountry: text(claims, "birthcountry")?,
        })
    }

    /// The given name that an account takes over: the first one.
    #[must_use]
    pub fn first_given_name(&self) -> &str {
        self.given_name
            .split_whitespace()
            .next()
            .unwrap_or(&self.given_name)
    }

    /// The family name that an account takes over: the one in use, else the one at birth.
    #[must_use]
    pub fn family_name_in_use(&self) -> &str {
        self.preferred_username.as_deref().unwrap_or(&self.family_name)
    }
}

fn text(claims: &Map<String, Value>, name: &'static str) -> Result<String, UnusableClaim> {
    match claims.get(name) {
        Some(Value::String(text)) if text.chars().count() <= TEXT_LIMIT && !text.contains('\0') => {
            Ok(text.trim().to_owned())
        }
        _ => Err(UnusableClaim(name)),
    }
}

fn filled(claims: &Map<String, Value>, name: &'static str) -> Result<String, UnusableClaim> {
    Some(text(claims, name)?)
        .filter(|text| !text.is_empty())
        .ok_or(UnusableClaim(name))
}

fn optional(claims: &Map<String, Value>, name: &'static str) -> Result<Option<String>, UnusableClaim> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(_) => Ok(Some(text(claims, name)?).filter(|text| !text.is_empty())),
    }
}

/// A date of birth that is perhaps not known in full.
struct BirthDate(Option<NaiveDate>);

/// `YYYY-MM-DD`, with `00` for what the registers do not know; a time of day after it is passed over.
fn birthdate(text: &str) -> Option<BirthDate> {
    let date = text.split_once('T').map_or(text, |(date, _)| date);
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || [year.len(), month.len(), day.len()] != [4, 2, 2] {
        return None;
    }
    let year: i32 = digits(year)?.try_into().ok()?;
    let (month, day) = (digits(month)?, digits(day)?);
    if month == 0 || day == 0 {
        return (month <= 12 && day <= 31).then_some(BirthDate(None));
    }
    NaiveDate::from_ymd_opt(year, month, day).map(|date| BirthDate(Some(date)))
}

fn digits(text: &str) -> Option<u32> {
    let are_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    are_digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(changes: &Value) -> Map<String, Value> {
        let Value::Object(mut claims) = json!({
            "sub": "abc", "given_name": "Angela Claire Louise", "family_name": "DUBOIS", "gender": "female",
            "birthdate": "1962-08-24", "birthplace": "75107", "birthcountry": "99100", "email": "unasked@exemple.fr",
        }) else {
            unreachable!()
        };
        for (name, value) in changes.as_object().unwrap() {
            claims.insert(name.clone(), value.clone());
        }
        claims
    }

    fn read(changes: &Value) -> Result<FranceConnectIdentity, UnusableClaim> {
        FranceConnectIdentity::from_claims(&claims(changes))
    }

    #[test]
    fn the_account_takes_the_first_given_name_and_the_name_in_use() {
        let identity = read(&json!({})).unwrap();
        assert_eq!(
            (identity.first_given_name(), identity.family_name_in_use()),
            ("Angela", "DUBOIS")
        );
        let married = read(&json!({"preferred_username": "MARTIN"})).unwrap();
        assert_eq!(married.family_name_in_use(), "MARTIN");
        let empty = read(&json!({"preferred_username": " "})).unwrap();
        assert_eq!(
            (empty.preferred_username.as_deref(), empty.family_name_in_use()),
            (None, "DUBOIS")
        );
    }

    #[test]
    fn another_person_is_told_from_the_same_one_with_another_sub() {
        let told = read(&json!({})).unwrap();
        let recorded = RecordedIdentity {
            sub: Some("abc".to_owned()),
            given_name: Some("ANGELA CLAIRE LOUISE".to_owned()),
            family_name: Some("Dubois".to_owned()),
            birthplace: Some("75107".to_owned()),
            birthdate: NaiveDate::from_ymd_opt(1962, 8, 24),
            ..RecordedIdentity::default()
        };
        let with = |change: &dyn Fn(&mut RecordedIdentity)| {
            let mut changed = recorded.clone();
            change(&mut changed);
            changed.may_be(&told)
        };
        assert!(with(&|_| ()));
        assert!(
            with(&|known| known.family_name = Some("Autre".to_owned())),
            "the sub decides"
        );
        assert!(
            with(&|known| known.sub = Some("xyz".to_owned())),
            "the civil identity decides"
        );
        for change in [
            &(|known: &mut RecordedIdentity| known.family_name = Some("Autre".to_owned()))
                as &dyn Fn(&mut RecordedIdentity),
            &|known| known.given_name = None,
            &|known| known.birthdate = NaiveDate::from_ymd_opt(1962, 8, 25),
            &|known| known.birthdate = None,
            &|known| known.birthplace = Some("75106".to_owned()),
        ] {
            assert!(!with(&|known| {
                known.sub = Some("xyz".to_owned());
                change(known);
            }));
        }
        assert!(RecordedIdentity::default().may_be(&told), "nothing is known");
        let nameless = RecordedIdentity {
            sub: Some(String::new()),
            ..RecordedIdentity::default()
        };
        assert!(nameless.may_be(&told), "an empty sub is none");
        let undated = read(&json!({"birthdate": "1962-00-00"})).unwrap();
        let other_sub = RecordedIdentity {
            sub: Some("xyz".to_owned()),
            birthdate: None,
            ..recorded.clone()
        };
        assert!(!other_sub.may_be(&undated), "two unknown dates are not the same");
        assert_eq!(
            format!("{told:?} {recorded:?}"),
            "FranceConnectIdentity { .. } RecordedIdentity { .. }"
        );
    }

    #[test]
    fn dates_may_be_incomplete_but_not_impossible() {
        let date = |text: &str| read(&json!({ "birthdate": text })).map(|identity| identity.birthdate);
        let known = NaiveDate::from_ymd_opt(1962, 8, 24);
        for (text, expected) in [
            ("1962-08-24", Ok(known)),
            ("1962-08-24T00:00:00.000Z", Ok(known)),
            ("1990-00-00", Ok(None)),
            ("1990-05-00", Ok(None)),
            ("1990-12-00", Ok(None)),
            ("1990-00-31", Ok(None)),
            ("1990-00-32", Err(UnusableClaim("birthdate"))),
            ("1990-1-01", Err(UnusableClaim("birthdate"))),
            ("1990-01-1", Err(UnusableClaim("birthdate"))),
            ("990-01-01", Err(UnusableClaim("birthdate"))),
            ("1990-01-01-01", Err(UnusableClaim("birthdate"))),
            ("1990-02-30", Err(UnusableClaim("birthdate"))),
            ("1990-13-00", Err(UnusableClaim("birthdate"))),
            ("19900101", Err(UnusableClaim("birthdate"))),
            ("", Err(UnusableClaim("birthdate"))),
            ("1990-+1-01", Err(UnusableClaim("birthdate"))),
        ] {
            assert_eq!(date(text), expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_kept_is_refused() {
        for (changes, claim) in [
            (json!({"sub": null}), "sub"),
            (json!({"sub": ""}), "sub"),
            (json!({"family_name": "  "}), "family_name"),
            (json!({"given_name": ["Angela"]}), "given_name"),
            (json!({"gender": 1}), "gender"),
            (json!({"birthplace": "x".repeat(256)}), "birthplace"),
            (json!({"preferred_username": "a\u{0}b"}), "preferred_username"),
        ] {
            assert_eq!(read(&changes).err(), Some(UnusableClaim(claim)), "{changes}");
        }
        assert!(
            read(&json!({"birthplace": "", "birthcountry": "99102"})).is_ok(),
            "born abroad"
        );
        assert!(
            read(&json!({"given_name": "é".repeat(255)})).is_ok(),
            "the column holds as many characters"
        );
    }
}
