//! Reads variables one by one, remembers what was wrong and what each ended up as.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use secrecy::SecretString;
use sha2::{Digest, Sha256};
use url::Url;

use super::environment::Choice;
use super::error::{ConfigError, Issue};
use super::masking;

/// The longest duration that a variable may ask for: a hundred years, in seconds. Dates computed from it stay valid.
const LONGEST_DURATION_IN_SECONDS: u64 = 100 * 366 * 24 * 3600;

/// One line of the effective configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub variable: &'static str,
    /// As it may be shown: secrets are masked.
    pub value: String,
    /// Nobody set it, this is the default.
    pub is_default: bool,
    fingerprint: Fingerprint,
}

/// Tells whether a masked value is another one than before, and shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
struct Fingerprint([u8; 32]);

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Fingerprint(****)")
    }
}

impl Setting {
    /// `given`: what the variable was set to, as it was written. Two settings are equal only if that is equal, too.
    pub(crate) fn new(variable: &'static str, value: String, is_default: bool, given: Option<&str>) -> Self {
        Self {
            variable,
            value,
            is_default,
            fingerprint: Fingerprint(Sha256::digest(given.unwrap_or_default()).into()),
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = if self.is_default { " (default)" } else { "" };
        write!(formatter, "{}={}{origin}", self.variable, self.value)
    }
}

/// Reads typed values from a source of variables. A wrong value is noted and replaced by the default, so that one pass
/// finds everything that is wrong.
pub(super) struct Reader<'s> {
    source: &'s dyn Fn(&str) -> Option<String>,
    issues: Vec<Issue>,
    settings: Vec<Setting>,
}

impl<'s> Reader<'s> {
    pub fn new(source: &'s dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            source,
            issues: Vec::new(),
            settings: Vec::new(),
        }
    }

    /// What was read, unless something was wrong.
    pub fn finish(self) -> Result<Vec<Setting>, ConfigError> {
        if self.issues.is_empty() {
            Ok(self.settings)
        } else {
            Err(ConfigError::Invalid(self.issues))
        }
    }

    /// Notes that a variable is wrong.
    pub fn reject(&mut self, variable: &'static str, problem: impl Into<String>) {
        self.issues.push(Issue {
            variable,
            problem: problem.into(),
        });
    }

    /// The text of a variable as given, without a note in the effective configuration.
    pub fn raw(&self, variable: &'static str) -> Option<String> {
        (self.source)(variable)
    }

    /// As [`Reader::raw`], an empty value counts as none.
    pub fn raw_filled(&self, variable: &'static str) -> Option<String> {
        self.raw(variable).filter(|value| !value.trim().is_empty())
    }

    /// Any text, also empty.
    pub fn text(&mut self, variable: &'static str, default: &str) -> String {
        let given = self.raw(variable);
        let is_default = given.is_none();
        let value = given.unwrap_or_else(|| default.to_owned());
        self.note(variable, value.clone(), is_default);
        value
    }

    /// Any text; an empty one counts as none.
    pub fn optional_text(&mut self, variable: &'static str) -> Option<String> {
        let value = self.raw_filled(variable);
        self.note_optional(variable, value.clone());
        value
    }

    /// An absolute URL, kept character for character.
    pub fn url(&mut self, variable: &'static str, default: &str) -> String {
        let Some(value) = self.raw(variable) else {
            self.note(variable, masking::url(default), true);
            return default.to_owned();
        };
        self.check_url(variable, &value);
        self.note(variable, masking::url(&value), false);
        value
    }

    /// An absolute URL that has no default.
    pub fn required_url(&mut self, variable: &'static str) -> String {
        if self.raw(variable).is_none() {
            self.reject(variable, "a value is required");
            return String::new();
        }
        self.url(variable, "")
    }

    /// An absolute URL or nothing; an empty text counts as nothing.
    pub fn optional_url(&mut self, variable: &'static str) -> Option<SecretString> {
        let value = self.raw_filled(variable);
        if let Some(value) = &value {
            self.check_url(variable, value);
        }
        self.note_optional(variable, value.as_deref().map(masking::url));
        value.map(SecretString::from)
    }

    fn check_url(&mut self, variable: &'static str, value: &str) {
        if Url::parse(value).is_err() {
            self.reject(variable, "expected a URL");
        }
    }

    /// `True` or `False`.
    pub fn flag(&mut self, variable: &'static str, default: bool) -> bool {
        let given = self.raw(variable);
        let value = match given.as_deref() {
            None => default,
            Some("True") => true,
            Some("False") => false,
            Some(_) => {
                self.reject(variable, "expected True or False");
                default
            }
        };
        self.note(
            variable,
            if value { "True" } else { "False" }.to_owned(),
            given.is_none(),
        );
        value
    }

    /// A flag of a command-line tool: `True` asks for it, everything else does not.
    pub fn exactly_true(&mut self, variable: &'static str) -> bool {
        let given = self.raw(variable);
        let value = given.as_deref() == Some("True");
        self.note(
            variable,
            if value { "True" } else { "False" }.to_owned(),
            given.is_none(),
        );
        value
    }

    /// Items between commas, blanks around them removed, empty ones dropped.
    pub fn list(&mut self, variable: &'static str, default: &[&str]) -> Vec<String> {
        let given = self.raw(variable);
        let is_default = given.is_none();
        let items = given.map_or_else(
            || default.iter().map(|&item| item.to_owned()).collect(),
            |text| items(&text),
        );
        self.note(variable, items.join(","), is_default);
        items
    }

    /// One of a few words.
    pub fn choice<T: Choice>(&mut self, variable: &'static str, default: T) -> T {
        let given = self.raw(variable);
        let Some(word) = given else {
            self.note(variable, word_of(default).to_owned(), true);
            return default;
        };
        let known = T::WORDS.iter().find(|(candidate, _)| *candidate == word);
        let Some((_, value)) = known else {
            let words: Vec<&str> = T::WORDS.iter().map(|(candidate, _)| *candidate).collect();
            self.reject(variable, format!("expected one of {}", words.join(", ")));
            return default;
        };
        self.note(variable, word, false);
        *value
    }

    /// A whole number within a range; an empty value counts as none.
    pub fn number(&mut self, variable: &'static str, default: u64, range: RangeInclusive<u64>) -> u64 {
        self.optional_number(variable, range).unwrap_or_else(|| {
            self.replace_note(variable, default.to_string());
            default
        })
    }

    /// A whole number within a range, or nothing.
    pub fn optional_number(&mut self, variable: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let given = self.raw_filled(variable);
        let value = given
            .as_deref()
            .and_then(|text| match whole_number(text, &range) {
                Ok(number) => Some(number),
                Err(problem) => {
                    self.reject(variable, problem);
                    None
                }
            });
        self.note_optional(variable, value.map(|number| number.to_string()));
        value
    }

    /// A number, possibly with a fraction, within a range; an empty value counts as none.
    pub fn decimal(&mut self, variable: &'static str, default: f64, range: RangeInclusive<f64>) -> f64 {
        let Some(text) = self.raw_filled(variable) else {
            self.note(variable, default.to_string(), true);
            return default;
        };
        match coerced_number(&text) {
            Some(number) if range.contains(&number) => {
                self.note(variable, number.to_string(), false);
                number
            }
            _ => {
                self.reject(
                    variable,
                    format!("expected a number from {} to {}", range.start(), range.end()),
                );
                default
            }
        }
    }

    /// A duration written as a number of milliseconds.
    pub fn milliseconds(&mut self, variable: &'static str, default: u64) -> Duration {
        Duration::from_millis(self.number(variable, default, 0..=LONGEST_DURATION_IN_SECONDS * 1000))
    }

    /// A duration written as a number of seconds.
    pub fn seconds(&mut self, variable: &'static str, default: u64) -> Duration {
        Duration::from_secs(self.number(variable, default, 0..=LONGEST_DURATION_IN_SECONDS))
    }

    /// A duration written as a number of minutes.
    pub fn minutes(&mut self, variable: &'static str, default: u64) -> Duration {
        Duration::from_secs(60 * self.number(variable, default, 0..=LONGEST_DURATION_IN_SECONDS / 60))
    }

    /// A secret; an empty value counts as none.
    pub fn secret(&mut self, variable: &'static str, default: &str) -> SecretString {
        self.optional_secret(variable).unwrap_or_else(|| {
            let shown = if default.is_empty() { "" } else { masking::MASK };
            self.replace_note(variable, shown.to_owned());
            SecretString::from(default)
        })
    }

    /// A secret or nothing.
    pub fn optional_secret(&mut self, variable: &'static str) -> Option<SecretString> {
        let value = self.raw_filled(variable);
        self.note_optional(variable, value.as_ref().map(|_| masking::MASK.to_owned()));
        value.map(SecretString::from)
    }

    /// Notes how a variable ended up, as it may be shown.
    pub fn note(&mut self, variable: &'static str, value: String, is_default: bool) {
        let given = self.raw(variable);
        self.settings
            .push(Setting::new(variable, value, is_default, given.as_deref()));
    }

    fn note_optional(&mut self, variable: &'static str, value: Option<String>) {
        let is_default = value.is_none();
        self.note(variable, value.unwrap_or_default(), is_default);
    }

    fn replace_note(&mut self, variable: &'static str, default: String) {
        self.settings.retain(|setting| setting.variable != variable);
        self.note(variable, default, true);
    }
}

/// The items between commas, trimmed, without the empty ones.
pub(super) fn items(text: &str) -> Vec<String> {
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
        .collect()
}

fn word_of<T: Choice>(value: T) -> &'static str {
    let matches = |candidate: &T| std::mem::discriminant(candidate) == std::mem::discriminant(&value);
    T::WORDS
        .iter()
        .find(|(_, candidate)| matches(candidate))
        .map_or("", |(word, _)| word)
}

fn whole_number(text: &str, range: &RangeInclusive<u64>) -> Result<u64, String> {
    const LARGEST_SAFE: f64 = 9_007_199_254_740_991.0;
    let expected = || match (*range.start(), *range.end()) {
        (least, u64::MAX) => format!("expected a whole number of at least {least}"),
        (least, most) => format!("expected a whole number from {least} to {most}"),
    };
    let number = coerced_number(text).ok_or_else(expected)?;
    if number.fract() != 0.0 || !(0.0..=LARGEST_SAFE).contains(&number) {
        return Err(expected());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked above: whole, not negative and small enough to be exact"
    )]
    let whole = number as u64;
    if range.contains(&whole) {
        Ok(whole)
    } else {
        Err(expected())
    }
}

/// A number as operators may have written it so far, which is what JavaScript's number coercion accepts: decimal with
/// fraction and exponent, or `0x`, `0o`, `0b` and digits; blanks around it do not count.
fn coerced_number(text: &str) -> Option<f64> {
    let text = text.trim();
    for (prefixes, radix) in [(["0x", "0X"], 16), (["0o", "0O"], 8), (["0b", "0B"], 2)] {
        if let Some(digits) = prefixes.iter().find_map(|prefix| text.strip_prefix(prefix)) {
            let only_digits = digits.chars().all(|digit| digit.is_digit(radix));
            let number = if only_digits {
                u32::from_str_radix(digits, radix).ok()
            } else {
                None
            };
            return number.map(f64::from);
        }
    }
    let is_decimal = text
        .chars()
        .all(|character| character.is_ascii_digit() || "+-.eE".contains(character));
    if !is_decimal {
        return None; // Rust would also read "inf" and "nan"
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}
