//! Identifiers of rows: 32-bit serials that are never mixed up.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::text::ecmascript_trim;

/// A text that is not an identifier: empty, not only ASCII digits, or beyond a 32-bit serial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier")]
pub struct InvalidId;

macro_rules! row_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i32);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            /// Reads a decimal identifier as forms and paths carry it: blanks around it are ignored.
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse_serial(text).map(Self)
            }
        }
    };
}

row_id!(
    /// `users.id`: the identity of a person, exposed as the claim `sub` in decimal.
    UserId
);
row_id!(
    /// `organizations.id`: an establishment.
    OrganizationId
);
row_id!(
    /// `moderations.id`: a request that a person of the support decides on.
    ModerationId
);

fn parse_serial(text: &str) -> Result<i32, InvalidId> {
    let digits = ecmascript_trim(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(InvalidId);
    }
    digits.parse().map_err(|_| InvalidId)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_read_as_forms_carry_them() {
        for (text, expected) in [
            ("12", Some(12)),
            (" 007 ", Some(7)),
            ("2147483647", Some(i32::MAX)),
        ] {
            assert_eq!(text.parse::<UserId>().ok().map(|id| id.0), expected, "{text:?}");
        }
        for text in [
            "",
            " ",
            "-1",
            "1.5",
            "+1",
            "2147483648",
            "9".repeat(400).as_str(),
            "١٢",
        ] {
            assert_eq!(text.parse::<UserId>(), Err(InvalidId), "{text:?}");
        }
    }
}
