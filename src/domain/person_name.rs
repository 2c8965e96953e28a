//! Given names and family names, as people type them (spec/accounts.md §9.3).

use std::fmt;

use super::text::{ecmascript_trim, has_visible_character, is_one_line};

/// Characters that no name holds: digits and signs that tell of an address, a title or a trick.
const FORBIDDEN_CHARACTERS: &str = "$&+:;=?@#|<>.^*()%!0123456789_[]{}\\/\"`~";

/// A given or family name: trimmed, in any script, on one line, with something to see.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PersonName(String);

/// A text that is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    #[error("a name that is too long")]
    TooLong,
    #[error("not a name")]
    NoName,
}

impl PersonName {
    /// A name is no place for a message: mails to others begin with it.
    pub const LIMIT_IN_CHARACTERS: usize = 100;

    /// Reads what a person typed.
    ///
    /// # Errors
    /// When nothing is visible, a digit or one of the forbidden signs is in it, or it is more than a line or 100 characters long.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let name = ecmascript_trim(text);
        let is_name = has_visible_character(name)
            && is_one_line(name)
            && !name.contains(|character| FORBIDDEN_CHARACTERS.contains(character));
        if !is_name {
            Err(InvalidName::NoName)
        } else if name.chars().count() > Self::LIMIT_IN_CHARACTERS {
            Err(InvalidName::TooLong)
        } else {
            Ok(Self(name.to_owned()))
        }
    }

    /// The name as stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_specification_holds() {
        for name in [
            "Jean",
            "Jean-Jean",
            "TAREK      WAJDI",
            "O'Neil",
            "Надежда",
            "沃德天·",
            "อาทิตย์ นาถมทอง",
            "Hanåğğne",
            "سليمان خالد",
            "Yamina⁵",
            "Le Bon",
            "Loïs",
            "Lion El'Jonson",
            "d’Artagnan",
        ] {
            assert_eq!(PersonName::parse(name).as_ref().map(PersonName::as_str), Ok(name));
        }
        for text in [
            "jean@domaine.fr",
            "R2 - Sebastien",
            "0000",
            ";GOUZE",
            "Agathe/Carine",
            "<script>alert</script>",
            "Jose_luis",
            "MME.",
            "M. le Président",
            "\u{200b}",
            "",
            "   ",
            "\u{feff}\u{2060}",
        ] {
            assert_eq!(PersonName::parse(text), Err(InvalidName::NoName), "{text:?}");
        }
        let trimmed = PersonName::parse("  Jean\u{a0}").unwrap();
        assert_eq!((trimmed.as_str(), trimmed.to_string().as_str()), ("Jean", "Jean"));
        assert!(PersonName::parse(&"a".repeat(100)).is_ok());
        assert_eq!(PersonName::parse(&"a".repeat(101)), Err(InvalidName::TooLong));
        for text in ["Jean\r\n\r\nAttention", "Jean\u{2028}Dupont", &"4".repeat(101)] {
            assert_eq!(PersonName::parse(text), Err(InvalidName::NoName), "{text:?}");
        }
    }
}
