//! A set of keys, ready to sign and verify.

use std::collections::HashSet;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::InvalidKeys;
use super::algorithm::SigningAlgorithm;
use super::key::{Key, Signing};
use crate::clock::SharedClock;

/// A snapshot of the keys. Everything in it was prepared when it was built: signing and verifying parse no key.
pub struct KeySet {
    active: Vec<Arc<Key>>,
    /// Published before they sign.
    coming: Vec<Arc<Key>>,
    retiring: Vec<Retiring>,
    public_jwks: Bytes,
    clock: SharedClock,
}

/// A key that signs no more; it verifies what it signed for as long as that can be valid.
#[derive(Clone)]
pub(super) struct Retiring {
    pub(super) key: Arc<Key>,
    pub(super) until: DateTime<Utc>,
}

/// Why something was not signed.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    #[error("no key of the set signs with {0}")]
    NoKey(SigningAlgorithm),
    #[error("the signature failed")]
    Failed(#[source] josekit::JoseError),
}

/// Why a signed text is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerificationError {
    /// It is not a compact JWS with the header that our signatures have.
    #[error("not a compact JWS of ours")]
    Malformed,
    /// No key of that `kid` verifies with that `alg`, or no longer.
    #[error("the key is unknown")]
    UnknownKey,
    #[error("the signature is wrong")]
    WrongSignature,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    kid: String,
}

impl KeySet {
    /// Reads a private JWK set.
    ///
    /// # Errors
    /// See [`InvalidKeys`].
    pub fn read(jwks: &str, clock: SharedClock) -> Result<Self, InvalidKeys> {
        Ok(Self::new(read_keys(jwks)?, Vec::new(), Vec::new(), clock))
    }

    pub(super) fn new(
        active: Vec<Arc<Key>>,
        coming: Vec<Arc<Key>>,
        retiring: Vec<Retiring>,
        clock: SharedClock,
    ) -> Self {
        let published: Vec<&Value> = active
            .iter()
            .chain(&coming)
            .chain(retiring.iter().map(|retiring| &retiring.key))
            .map(|key| &key.public_jwk)
            .collect();
        let public_jwks = Bytes::from(json!({ "keys": published }).to_string());
        Self {
            active,
            coming,
            retiring,
            public_jwks,
            clock,
        }
    }

    /// This set without the keys whose time has come; `None` when there are none.
    pub(super) fn without_retired(&self, now: DateTime<Utc>) -> Option<Self> {
        let still: Vec<Retiring> = self
            .retiring
            .iter()
            .filter(|old| old.until > now)
            .cloned()
            .collect();
        (still.len() < self.retiring.len()).then(|| {
            Self::new(
                self.active.clone(),
                self.coming.clone(),
                still,
                self.clock.clone(),
            )
        })
    }

    /// The key of this set that is this private JWK: what was prepared once is not prepared again.
    pub(super) fn known(&self, key: &Key) -> Option<Arc<Key>> {
        self.active
            .iter()
            .chain(&self.coming)
            .chain(self.retiring.iter().map(|retiring| &retiring.key))
            .find(|known| known.kid == key.kid && known.thumbprint == key.thumbprint)
            .cloned()
    }

    /// Whether `other` does exactly what this set does.
    pub(super) fn does_the_same_as(&self, other: &Self) -> bool {
        let kids = |keys: &[Arc<Key>]| -> Vec<String> { keys.iter().map(|key| key.kid.clone()).collect() };
        let ends = |keys: &[Retiring]| -> Vec<DateTime<Utc>> { keys.iter().map(|old| old.until).collect() };
        kids(&self.active) == kids(&other.active)
            && self.public_jwks == other.public_jwks
            && ends(&self.retiring) == ends(&other.retiring)
    }

    /// The compact JWS of `payload`. Its header is exactly `{"alg":…,"kid":…}`. The key is the first of the set that
    /// names `algorithm`, or else the first that can use it.
    ///
    /// # Errors
    /// When no key can use `algorithm`.
    pub fn sign(&self, algorithm: SigningAlgorithm, payload: &[u8]) -> Result<String, SigningError> {
        let signing = self.choose(algorithm).ok_or(SigningError::NoKey(algorithm))?;
        signed(signing, &signing.header, payload)
    }

    /// The same with the header `typ`. Such a token is none of those that [`KeySet::verify_own`] accepts.
    ///
    /// # Errors
    /// When no key can use `algorithm`.
    pub fn sign_as(
        &self,
        algorithm: SigningAlgorithm,
        token_type: &str,
        payload: &[u8],
    ) -> Result<String, SigningError> {
        let signing = self.choose(algorithm).ok_or(SigningError::NoKey(algorithm))?;
        let header = json!({ "alg": algorithm.name(), "kid": signing.kid, "typ": token_type });
        let header = format!("{}.", URL_SAFE_NO_PAD.encode(header.to_string()));
        signed(signing, &header, payload)
    }

    /// The payload of `jws`, which must be signed by a key of this set: the one that its header names.
    ///
    /// # Errors
    /// See [`VerificationError`].
    pub fn verify_own(&self, jws: &str) -> Result<Vec<u8>, VerificationError> {
        let malformed = VerificationError::Malformed;
        let (signed, signature) = jws.rsplit_once('.').ok_or(malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(malformed)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed);
        let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| malformed)?;
        let (payload, signature) = (decode(payload)?, decode(signature)?);

        let now = self.clock.now();
        let retiring = self
            .retiring
            .iter()
            .filter(|old| old.until > now)
            .map(|old| &old.key);
        // One that is coming may sign already at a node that looked at the calendar a moment before this one.
        let key = self
            .active
            .iter()
            .chain(retiring)
            .chain(&self.coming)
            .find(|key| key.kid == header.kid);
        let signing = key
            .and_then(|key| {
                key.signing
                    .iter()
                    .find(|signing| signing.algorithm.name() == header.alg)
            })
            .ok_or(VerificationError::UnknownKey)?;
        signing
            .verifier
            .verify(signed.as_bytes(), &signature)
            .map_err(|_| VerificationError::WrongSignature)?;
        Ok(payload)
    }

    /// The published set, as JSON.
    #[must_use]
    pub fn public_jwks(&self) -> Bytes {
        self.public_jwks.clone()
    }

    /// The algorithms that this set signs with, in key order.
    #[must_use]
    pub fn signing_algorithms(&self) -> Vec<SigningAlgorithm> {
        let mut algorithms = Vec::new();
        for signing in self.active.iter().flat_map(|key| &key.signing) {
            if !algorithms.contains(&signing.algorithm) {
                algorithms.push(signing.algorithm);
            }
        }
        algorithms
    }

    /// For operators: which key signs with what, and which keys retire when.
    pub(super) fn describe(&self) -> Value {
        let signs: Vec<Value> = self
            .signing_algorithms()
            .into_iter()
            .filter_map(|algorithm| self.choose(algorithm))
            .map(|signing| json!({ "alg": signing.algorithm.name(), "kid": signing.kid }))
            .collect();
        let retiring: Vec<Value> = self
            .retiring
            .iter()
            .map(|old| json!({ "kid": old.key.kid, "until": old.until }))
            .collect();
        let coming: Vec<&str> = self.coming.iter().map(|key| key.kid.as_str()).collect();
        json!({ "signs": signs, "coming": coming, "retiring": retiring })
    }

    fn choose(&self, algorithm: SigningAlgorithm) -> Option<&Signing> {
        let mut candidates = self
            .active
            .iter()
            .flat_map(|key| &key.signing)
            .filter(|signing| signing.algorithm == algorithm);
        let first = candidates.next()?;
        if first.is_explicit {
            return Some(first);
        }
        Some(candidates.find(|signing| signing.is_explicit).unwrap_or(first))
    }
}

/// `header` is encoded and ends with its dot.
fn signed(signing: &Signing, header: &str, payload: &[u8]) -> Result<String, SigningError> {
    let mut jws = String::with_capacity(header.len() + payload.len() * 4 / 3 + 360);
    jws.push_str(header);
    URL_SAFE_NO_PAD.encode_string(payload, &mut jws);
    let signature = signing
        .signer
        .sign(jws.as_bytes())
        .map_err(SigningError::Failed)?;
    jws.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut jws);
    Ok(jws)
}

/// Reads the keys of a private JWK set, in order.
pub(super) fn read_keys(jwks: &str) -> Result<Vec<Arc<Key>>, InvalidKeys> {
    #[derive(Deserialize)]
    struct Jwks {
        keys: Vec<Value>,
    }
    let jwks: Jwks = serde_json::from_str(jwks).map_err(|_| InvalidKeys::NotAKeySet)?;
    let mut kids = HashSet::new();
    let mut keys = Vec::new();
    for (position, jwk) in jwks.keys.iter().enumerate() {
        let key = Key::read(position, jwk)?;
        if !kids.insert(key.kid.clone()) {
            return Err(InvalidKeys::DuplicateKid(key.kid));
        }
        keys.push(Arc::new(key));
    }
    Ok(keys)
}
