//! The keys of this deployment: what is encrypted at rest, and every keyed digest, comes from them.
//!
//! One key is current: everything new is made with it. Former keys only read what was made while they were current, until
//! that is encrypted anew or has had its time. Purposes have keys of their own, derived by HMAC-SHA256: none serves two.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretBox};
use sha2::Sha256;

const KEY_LENGTH_IN_BYTES: usize = 32;
/// Of the name of a key.
const NAME_LENGTH_IN_BYTES: usize = 8;
const NAME_PURPOSE: &[u8] = b"identite name of a master key v1";

/// One key. It never shows.
pub struct MasterKey(SecretBox<[u8; KEY_LENGTH_IN_BYTES]>);

impl MasterKey {
    /// The key's bytes, to be handed to a cipher and nowhere else.
    #[must_use]
    pub fn expose(&self) -> &[u8; KEY_LENGTH_IN_BYTES] {
        self.0.expose_secret()
    }

    /// The key for one purpose.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "HMAC takes keys of any length")]
    pub fn derived(&self, purpose: &[u8]) -> [u8; KEY_LENGTH_IN_BYTES] {
        let mut mac =
            <Hmac<Sha256> as KeyInit>::new_from_slice(self.expose()).expect("HMAC takes keys of any length");
        mac.update(purpose);
        mac.finalize().into_bytes().into()
    }

    /// What tells this key from others, and nothing about it: 16 hexadecimal characters.
    #[must_use]
    pub fn name(&self) -> String {
        hex::encode(&self.derived(NAME_PURPOSE)[..NAME_LENGTH_IN_BYTES])
    }
}

impl From<[u8; KEY_LENGTH_IN_BYTES]> for MasterKey {
    fn from(key: [u8; KEY_LENGTH_IN_BYTES]) -> Self {
        Self(SecretBox::new(Box::new(key)))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// `SYMMETRIC_ENCRYPTION_KEY` and `SYMMETRIC_ENCRYPTION_KEY_PREVIOUS`. Clones share the keys, which may be replaced while the
/// process runs.
#[derive(Debug, Clone)]
pub struct MasterKeys(Arc<RwLock<Arc<Ring>>>);

/// The keys as they are at one moment.
#[derive(Debug)]
pub struct Ring {
    current: MasterKey,
    former: Vec<MasterKey>,
}

impl Ring {
    /// What everything new is made with.
    #[must_use]
    pub fn current(&self) -> &MasterKey {
        &self.current
    }

    /// Every key, the current one first.
    pub fn all(&self) -> impl Iterator<Item = &MasterKey> {
        std::iter::once(&self.current).chain(&self.former)
    }
}

impl MasterKeys {
    /// These keys.
    #[must_use]
    pub fn new(current: MasterKey, former: Vec<MasterKey>) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(Ring { current, former }))))
    }

    /// From now on these are the keys, wherever this value was cloned to.
    pub fn replace(&self, current: MasterKey, former: Vec<MasterKey>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Ring { current, former });
    }

    /// The keys of this moment.
    #[must_use]
    pub fn ring(&self) -> Arc<Ring> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl From<[u8; KEY_LENGTH_IN_BYTES]> for MasterKeys {
    fn from(current: [u8; KEY_LENGTH_IN_BYTES]) -> Self {
        Self::new(current.into(), Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_see_the_keys_of_the_moment_and_purposes_share_none() {
        let keys = MasterKeys::from([1; 32]);
        let elsewhere = keys.clone();
        keys.replace([2; 32].into(), vec![[1; 32].into()]);
        let ring = elsewhere.ring();
        assert_eq!(ring.current().expose(), &[2; 32]);
        let all: Vec<_> = ring.all().map(|key| *key.expose()).collect();
        assert_eq!(all, [[2; 32], [1; 32]]);
        assert_ne!(ring.current().derived(b"a"), ring.current().derived(b"b"));
    }

    #[test]
    fn names_tell_keys_apart_and_nothing_of_a_key_shows() {
        let (one, other) = (MasterKey::from([1; 32]), MasterKey::from([2; 32]));
        assert_ne!(one.name(), other.name());
        assert_eq!(one.name(), MasterKey::from([1; 32]).name());
        assert_eq!(one.name().len(), 16);
        assert_eq!(
            format!("{:?}", MasterKeys::from([1; 32])),
            "MasterKeys(RwLock { data: Ring { current: MasterKey(…), former: [] }, poisoned: false, .. })"
        );
    }
}
