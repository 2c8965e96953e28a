//! E-mail addresses as identities.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::text::{ecmascript_trim, is_ecmascript_whitespace};

const LOCAL_PART_LIMIT_IN_BYTES: usize = 63;
const ADDRESS_LIMIT_IN_BYTES: usize = 254;
const LABEL_LIMIT_IN_BYTES: usize = 63;

/// A normalised address: trimmed, lower-case, with a domain under a public suffix of the ICANN section.
///
/// The rule is the one that stored accounts went through, so that nobody is locked out of an existing account.
/// An address that opens a *new* account must also be [`Email::is_well_formed`].
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Email(String);

/// A text that is not an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an e-mail address")]
pub struct InvalidEmail;

impl Email {
    /// Reads what a person typed: blanks around it and capitals do not matter.
    ///
    /// # Errors
    /// When there are not exactly two parts around `@`, the domain is not under a known public suffix or holds
    /// other characters than letters, digits, dots and hyphens, or a length limit is passed.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        Self::from_normalised(ecmascript_trim(text).to_lowercase())
    }

    fn from_normalised(address: String) -> Result<Self, InvalidEmail> {
        let mut parts = address.split('@').filter(|part| !part.is_empty());
        let (Some(local), Some(domain), None) = (parts.next(), parts.next(), parts.next()) else {
            return Err(InvalidEmail);
        };
        let domain_is_plain = domain
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
        if !domain_is_plain || !has_public_suffix(domain) {
            return Err(InvalidEmail);
        }
        if local.len() > LOCAL_PART_LIMIT_IN_BYTES || address.len() > ADDRESS_LIMIT_IN_BYTES {
            return Err(InvalidEmail);
        }
        if address.contains('\0') {
            return Err(InvalidEmail);
        }
        Ok(Self(address))
    }

    /// The address as stored in `users.email`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What follows the last `@`.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// Whether a mail to this address reaches this address and no other: one `@`, no blank or control character, no
    /// separator outside a quoted local part, and a host name of proper labels. Demanded of new accounts.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        let Some((local, domain)) = self.0.split_once('@') else {
            return false;
        };
        if local.is_empty() || domain.contains('@') {
            return false;
        }
        let is_quoted = local.len() > 2 && local.starts_with('"') && local.ends_with('"');
        let local_is_safe = local.chars().all(|character| {
            !character.is_control() && (is_quoted && character == ' ' || !is_ecmascript_whitespace(character))
        });
        let separators_are_quoted = if is_quoted {
            !local[1..local.len() - 1].contains(['"', '\\'])
        } else {
            !local.contains(|character| ",;:<>()[]\\\"".contains(character))
        };
        local_is_safe && separators_are_quoted && domain.split('.').all(is_host_label)
    }
}

fn is_host_label(label: &str) -> bool {
    (1..=LABEL_LIMIT_IN_BYTES).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
}

/// Whether the domain lies under a suffix of the public suffix list. A suffix of its private section always lies under
/// one of its ICANN section.
fn has_public_suffix(domain: &str) -> bool {
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    psl::suffix(domain.as_bytes()).is_some_and(|suffix| suffix.is_known())
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Debug output reaches logs: it shows the domain only.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Email(…@{})", self.domain())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::vectors;

    /// The vectors tell of already normalised addresses: a capital makes them invalid.
    fn is_valid(address: &str) -> bool {
        let lower = address.to_lowercase();
        let domain_is_lower = address.rsplit('@').next() == lower.rsplit('@').next();
        domain_is_lower && Email::parse(address).is_ok()
    }

    #[test]
    fn addresses_are_judged_as_the_vectors_say() {
        for case in vectors::cases("email", &["valid"]) {
            let address = vectors::text(&case, "email").unwrap_or_default();
            assert_eq!(is_valid(address), vectors::flag(&case, "valid"), "{address:?}");
        }
    }

    #[test]
    fn the_table_of_the_specification_holds() {
        for address in [
            "jean@exemple.fr",
            "jean+tag@exemple.gouv.fr",
            "jean@gouv.fr",
            "a@co.uk",
            "#!$%&'*+-/=?^_`{}|~@example.org",
            "\" \"@example.org",
            "üñîçøðé@example.com",
            "jean@sub.github.io",
            "\"a b,c\"@example.org",
            &format!("a@{}.fr", "b".repeat(63)),
        ] {
            let email = Email::parse(address).unwrap_or_else(|_| panic!("{address:?} is an address"));
            assert!(email.is_well_formed(), "{address:?}");
        }
        for address in [
            "",
            "test",
            "test@",
            "test@test@test",
            "a@localhost",
            "a@1.2.3.4",
            "a@[127.0.0.1]",
            "a@exemple.intranet",
            "a@exämple.fr",
            "test@test_test",
            "a\0b@exemple.fr",
        ] {
            assert!(Email::parse(address).is_err(), "{address:?}");
        }
        let local = |length: usize| format!("{}@exemple.fr", "a".repeat(length));
        assert!(Email::parse(&local(63)).is_ok());
        assert!(Email::parse(&local(64)).is_err());
        let of_length = |length: usize| format!("{}@{}b.fr", "a".repeat(length - 245), "b.".repeat(120));
        assert!(Email::parse(&of_length(254)).is_ok());
        assert!(Email::parse(&of_length(255)).is_err());
    }

    #[test]
    fn an_address_that_means_another_one_opens_no_account() {
        for address in [
            "a@@b.fr",
            "@a@b.fr",
            "a@b.fr@",
            "a b@x.fr",
            "x,y@gouv.fr",
            "<a@x.fr",
            "a\nb@x.fr",
            "a@x.fr.",
            "a@.fr",
            "a@-x.fr",
            "a@x..fr",
            "a@x-.fr",
            "\"@x.fr",
            "\"\"@x.fr",
            "\"a\"b\"@x.fr",
            "\"a\\b\"@x.fr",
            "\"a\u{1}b\"@x.fr",
            "\"a\u{a0}b\"@x.fr",
            &format!("a@{}.fr", "b".repeat(64)),
        ] {
            if let Ok(email) = Email::parse(address) {
                assert!(!email.is_well_formed(), "{address:?}");
            }
        }
    }

    #[test]
    fn typing_habits_do_not_matter() {
        assert_eq!(
            Email::parse("  Jean@Exemple.FR\u{a0}").unwrap().as_str(),
            "jean@exemple.fr"
        );
        let email = Email::parse("jean@exemple.fr").unwrap();
        assert_eq!(
            format!("{email} {email:?}"),
            "jean@exemple.fr Email(…@exemple.fr)"
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_fail(text in "\\PC*") {
            if let Ok(email) = Email::parse(&text) {
                prop_assert!(email.as_str().len() <= ADDRESS_LIMIT_IN_BYTES);
                prop_assert_eq!(Email::parse(email.as_str()).ok(), Some(email));
            }
        }
    }
}
