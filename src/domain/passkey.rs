//! Passkeys: how a credential is named, and what a ceremony has proven.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::ids::UserId;
use super::text::ecmascript_trim;

/// No authenticator makes longer identifiers (WebAuthn §4, "credential ID").
const IDENTIFIER_LIMIT_IN_BYTES: usize = 1023;
/// Characters of an identifier that stand for the name of a passkey without one.
const SHOWN_OF_AN_IDENTIFIER: usize = 10;
const NAME_LIMIT_IN_CHARACTERS: usize = 64;

/// The identifier of a credential. Its text is base64url without padding, as the column `credential_id` holds it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CredentialId(Vec<u8>);

/// A text that names no credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the identifier of a credential")]
pub struct InvalidCredentialId;

impl CredentialId {
    /// The identifier that `text` spells, in the one way that it can be spelled.
    ///
    /// # Errors
    /// When `text` is no base64url, is padded, or too long.
    pub fn parse(text: &str) -> Result<Self, InvalidCredentialId> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCredentialId)?;
        Self::from_bytes(&bytes)
    }

    /// The identifier that an authenticator gives.
    ///
    /// # Errors
    /// When there is none, or it is longer than any authenticator makes them.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidCredentialId> {
        if bytes.is_empty() || bytes.len() > IDENTIFIER_LIMIT_IN_BYTES {
            return Err(InvalidCredentialId);
        }
        Ok(Self(bytes.to_vec()))
    }

    /// The bytes that travel between browser and authenticator.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(&self.0))
    }
}

/// The name that a person gives to a passkey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasskeyName(String);

impl PasskeyName {
    /// A name of 1 to 64 characters, without what surrounds it. `None`: it is empty, longer, or holds control characters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let name = ecmascript_trim(text);
        let length = name.chars().count();
        let is_valid =
            (1..=NAME_LIMIT_IN_CHARACTERS).contains(&length) && !name.chars().any(char::is_control);
        is_valid.then(|| Self(name.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a passkey without a name is called: `Clé ` and the beginning of its identifier (base64url).
#[must_use]
pub fn name_of_unnamed(credential_id: &str) -> String {
    let shown: String = credential_id.chars().take(SHOWN_OF_AN_IDENTIFIER).collect();
    format!("Clé {shown}")
}

/// A passkey whose owner has just proven to hold it. Only a verified assertion makes one; it counts once recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenPasskey {
    pub user: UserId,
    pub credential_id: CredentialId,
    /// The authenticator's counter of signatures, 0 where it keeps none.
    pub counter: u32,
    /// The authenticator verified the person: a PIN, a fingerprint, a face.
    pub user_verified: bool,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_identifier_has_one_spelling() {
        for text in ["", "A", "AA==", "+/+/", "AAB", "é", &"A".repeat(1368)] {
            assert_eq!(CredentialId::parse(text), Err(InvalidCredentialId), "{text:?}");
        }
        assert_eq!(CredentialId::parse("AAA").unwrap().as_bytes(), [0, 0]);
        assert!(CredentialId::from_bytes(&[7; 1023]).is_ok());
        assert_eq!(CredentialId::from_bytes(&[7; 1024]), Err(InvalidCredentialId));
    }

    proptest! {
        #[test]
        fn identifiers_read_back(bytes in proptest::collection::vec(any::<u8>(), 1..200)) {
            let identifier = CredentialId::from_bytes(&bytes).unwrap();
            prop_assert_eq!(CredentialId::parse(&identifier.to_string()), Ok(identifier));
        }
    }

    #[test]
    fn a_name_is_short_and_printable() {
        for (text, expected) in [
            ("  Clé du bureau ", Some("Clé du bureau")),
            ("", None),
            (" \u{a0} ", None),
            ("deux\nlignes", None),
            (&"é".repeat(64), Some("é".repeat(64).as_str())),
            (&"é".repeat(65), None),
        ] {
            assert_eq!(
                PasskeyName::parse(text).as_ref().map(PasskeyName::as_str),
                expected,
                "{text:?}"
            );
        }
    }

    #[test]
    fn the_beginning_of_the_identifier_stands_for_a_name() {
        assert_eq!(name_of_unnamed("EEEEuispecABC"), "Clé EEEEuispec");
        assert_eq!(name_of_unnamed("AAA"), "Clé AAA");
    }
}
