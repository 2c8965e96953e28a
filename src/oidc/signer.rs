//! What this room needs from the signing keys.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A signature algorithm (RFC 7518, RFC 8037, RFC 9864) that relying parties can choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SigningAlgorithm {
    PS256,
    RS256,
    ES256,
    #[serde(rename = "EdDSA")]
    EdDsa,
    Ed25519,
}

impl SigningAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 5] = [Self::PS256, Self::RS256, Self::ES256, Self::EdDsa, Self::Ed25519];

    /// The name in a JOSE header.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PS256 => "PS256",
            Self::RS256 => "RS256",
            Self::ES256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Ed25519 => "Ed25519",
        }
    }
}

/// A text that names no algorithm of this provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a supported signature algorithm")]
pub struct UnsupportedAlgorithm;

impl FromStr for SigningAlgorithm {
    type Err = UnsupportedAlgorithm;

    fn from_str(text: &str) -> Result<Self, UnsupportedAlgorithm> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == text)
            .ok_or(UnsupportedAlgorithm)
    }
}

impl fmt::Display for SigningAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A JWT whose signature was checked with one of our keys. Nothing else in it was looked at.
#[derive(Debug, Clone)]
pub struct VerifiedJwt {
    /// The algorithm of its header.
    pub algorithm: SigningAlgorithm,
    pub claims: Map<String, Value>,
}

/// The keys could not sign.
#[derive(Debug, thiserror::Error)]
#[error("signing failed: {0}")]
pub struct SigningError(pub String);

/// The signing keys of this provider.
pub trait Signer: Send + Sync {
    /// A compact JWS over `claims`, with the header `alg` and `kid`.
    ///
    /// # Errors
    /// When there is no key for `algorithm`, or the library fails.
    fn sign(&self, algorithm: SigningAlgorithm, claims: &Map<String, Value>) -> Result<String, SigningError>;

    /// The same with the header `typ`: what is signed for another purpose than an ID token says so.
    ///
    /// # Errors
    /// As [`Signer::sign`].
    fn sign_as(
        &self,
        algorithm: SigningAlgorithm,
        token_type: &str,
        claims: &Map<String, Value>,
    ) -> Result<String, SigningError>;

    /// The claims of `jwt`, if one of our keys (current or kept for verification) signed it.
    fn verify(&self, jwt: &str) -> Option<VerifiedJwt>;

    /// What the keys can do, in the order of the discovery document.
    fn algorithms(&self) -> Vec<SigningAlgorithm>;

    /// The document of the JWKS endpoint: public members only.
    fn public_jwks(&self) -> Value;
}
