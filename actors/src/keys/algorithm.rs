//! The signing algorithms that are enabled, and what keys of each shape can do.

use std::fmt;
use std::str::FromStr;

use josekit::JoseError;
use josekit::jwk::Jwk;
use josekit::jws::{ES256, EdDSA, JwsSigner, JwsVerifier, PS256, RS256};

/// A signing algorithm that tokens may be signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SigningAlgorithm {
    Rs256,
    Ps256,
    Es256,
    /// Ed25519 under its older name (RFC 8037).
    EdDsa,
    /// Ed25519 under its own name (RFC 9864).
    Ed25519,
}

impl SigningAlgorithm {
    /// Every algorithm that is enabled.
    pub const ALL: [Self; 5] = [Self::Rs256, Self::Ps256, Self::Es256, Self::EdDsa, Self::Ed25519];

    /// The name in JOSE headers and client registrations.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Ed25519 => "Ed25519",
        }
    }

    /// `key` is a private JWK without `alg`, `use` and `key_ops`.
    pub(super) fn signer(self, key: &Jwk) -> Result<Box<dyn JwsSigner>, JoseError> {
        Ok(match self {
            Self::Rs256 => Box::new(RS256.signer_from_jwk(key)?),
            Self::Ps256 => Box::new(PS256.signer_from_jwk(key)?),
            Self::Es256 => Box::new(ES256.signer_from_jwk(key)?),
            Self::EdDsa | Self::Ed25519 => Box::new(EdDSA.signer_from_jwk(key)?),
        })
    }

    /// `key` is a public JWK without `alg`, `use` and `key_ops`.
    pub(super) fn verifier(self, key: &Jwk) -> Result<Box<dyn JwsVerifier>, JoseError> {
        Ok(match self {
            Self::Rs256 => Box::new(RS256.verifier_from_jwk(key)?),
            Self::Ps256 => Box::new(PS256.verifier_from_jwk(key)?),
            Self::Es256 => Box::new(ES256.verifier_from_jwk(key)?),
            Self::EdDsa | Self::Ed25519 => Box::new(EdDSA.verifier_from_jwk(key)?),
        })
    }
}

impl fmt::Display for SigningAlgorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The algorithm is unknown, or not enabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an enabled signing algorithm")]
pub struct UnknownAlgorithm;

impl FromStr for SigningAlgorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
            .ok_or(UnknownAlgorithm)
    }
}

/// The JOSE algorithms that a key of this shape could be used with, in the order in which the discovery document lists
/// them: for signatures, then for encryption.
pub(super) fn possible(key_type: &str, curve: &str) -> (&'static [&'static str], &'static [&'static str]) {
    const ECDH: &[&str] = &["ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW"];
    match (key_type, curve) {
        ("RSA", _) => (
            &["PS256", "RS256", "PS384", "RS384", "PS512", "RS512"],
            &["RSA-OAEP", "RSA-OAEP-256", "RSA-OAEP-384", "RSA-OAEP-512"],
        ),
        ("EC", "P-256") => (&["ES256"], ECDH),
        ("EC", "P-384") => (&["ES384"], ECDH),
        ("EC", "P-521") => (&["ES512"], ECDH),
        ("OKP", "Ed25519") => (&["EdDSA", "Ed25519"], &[]),
        ("OKP", "X25519") => (&[], ECDH),
        _ => (&[], &[]),
    }
}
