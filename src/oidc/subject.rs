//! Under which name a client knows people: the claim `sub` (`OpenID Connect` Core §8).

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::domain::UserId;

/// What makes subjects pairwise: clients with the same key know a person under the same name, others under another one.
///
/// It is read from the settings of the client and stored nowhere else: there is no way to serialise it.
#[derive(Clone, PartialEq, Eq)]
pub struct PairwiseKey(String);

impl PairwiseKey {
    /// A key that was drawn at random; the names never change as long as it does not.
    #[must_use]
    pub fn new(drawn: String) -> Self {
        Self(drawn)
    }
}

impl fmt::Debug for PairwiseKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PairwiseKey")
    }
}

/// The kind of names that a client gets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SubjectType {
    /// The identifier of the account, the same for all clients, as the reference has it.
    #[default]
    Public,
    /// A name that tells nothing, and cannot be compared with that of another client.
    Pairwise(PairwiseKey),
}

impl SubjectType {
    /// The claim `sub` of `user_id`.
    ///
    /// # Panics
    /// Never: HMAC takes keys of any length.
    #[must_use]
    pub fn subject(&self, user_id: UserId) -> String {
        match self {
            Self::Public => user_id.to_string(),
            Self::Pairwise(PairwiseKey(key)) => {
                let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key.as_bytes())
                    .expect("HMAC takes keys of any length");
                mac.update(b"identite pairwise subject v1");
                mac.update(user_id.to_string().as_bytes());
                BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
            }
        }
    }

    /// Whether these are the names that the reference gives.
    #[must_use]
    pub fn is_public(&self) -> bool {
        *self == Self::Public
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairwise_subjects_are_of_one_person_and_one_key() {
        let pairwise = |key: &str| SubjectType::Pairwise(PairwiseKey::new(key.to_owned()));
        let subject = pairwise("a").subject(UserId(1));
        assert_eq!(subject, pairwise("a").subject(UserId(1)), "it never changes");
        assert_ne!(subject, pairwise("b").subject(UserId(1)));
        assert_ne!(subject, pairwise("a").subject(UserId(2)));
        assert_eq!(subject.len(), 43, "at most 255 characters of ASCII");
        assert_eq!(SubjectType::Public.subject(UserId(1)), "1");
        assert_eq!(
            subject, "GAjC5I22DWcpQajXxJHwrhW2RZi2o91uQeEkHK6Uv-Y",
            "relying parties have stored it"
        );
        assert!(SubjectType::Public.is_public() && !pairwise("a").is_public());
        assert_eq!(
            format!("{:?}", pairwise("a")),
            "Pairwise(PairwiseKey)",
            "the key does not show"
        );
    }
}
