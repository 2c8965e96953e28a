//! Phone numbers, kept as typed (spec/accounts.md §9.4).

use std::fmt;

use super::text::ecmascript_trim;

const FEWEST_DIGITS: usize = 7;
const MOST_DIGITS: usize = 15;

/// Seven to fifteen digits, single blanks or hyphens between them, perhaps a `+` in front.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PhoneNumber(String);

/// A text that is no phone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a phone number")]
pub struct InvalidPhoneNumber;

impl PhoneNumber {
    /// What its field takes. The longest there is has 30: a `+`, fifteen digits and what may stand between them; what is no number yet
    /// may be longer.
    pub const LIMIT_IN_CHARACTERS: usize = 40;

    /// Reads what a person typed; an empty field is no number.
    ///
    /// # Errors
    /// When something is typed that is not a phone number, be it blanks only.
    pub fn parse_optional(text: &str) -> Result<Option<Self>, InvalidPhoneNumber> {
        if text.is_empty() {
            return Ok(None);
        }
        let number = ecmascript_trim(text);
        if is_phone_number(number) {
            Ok(Some(Self(number.to_owned())))
        } else {
            Err(InvalidPhoneNumber)
        }
    }

    /// The number as stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `^\+?(?:[0-9][ -]?){6,14}[0-9]$`
fn is_phone_number(text: &str) -> bool {
    let text = text.strip_prefix('+').unwrap_or(text);
    let mut digits = 0;
    let mut after_digit = false;
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' => {
                digits += 1;
                after_digit = true;
            }
            b' ' | b'-' if after_digit => after_digit = false,
            _ => return false,
        }
    }
    after_digit && (FEWEST_DIGITS..=MOST_DIGITS).contains(&digits)
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_specification_holds() {
        assert_eq!(PhoneNumber::parse_optional(""), Ok(None));
        for number in [
            "0123456789",
            "+33 1 23 45 67 89",
            "0-1-2-3-4-5-6-7-8-9",
            "+00123456",
            "1234567",
            "123456789012345",
        ] {
            assert_eq!(
                PhoneNumber::parse_optional(number).unwrap().unwrap().as_str(),
                number
            );
        }
        let trimmed = PhoneNumber::parse_optional(" 0123456789 ").unwrap().unwrap();
        assert_eq!(
            (trimmed.as_str(), trimmed.to_string().as_str()),
            ("0123456789", "0123456789")
        );
        for text in [
            "+33210",
            "123456",
            "01.23.45.67.89",
            "FR",
            "  ",
            "01  23456789",
            "0123456789-",
            "-0123456789",
            "++33123456789",
            "1234567890123456",
            "٠١٢٣٤٥٦٧٨٩",
        ] {
            assert_eq!(
                PhoneNumber::parse_optional(text),
                Err(InvalidPhoneNumber),
                "{text:?}"
            );
        }
    }
}
