//! The signing keys of the house, as this room wants them.

use identite_actors::keys::{self, Keys};
use serde_json::{Map, Value};

use super::signer::{Signer, SigningAlgorithm, SigningError, VerifiedJwt};

impl Signer for Keys {
    fn sign(&self, algorithm: SigningAlgorithm, claims: &Map<String, Value>) -> Result<String, SigningError> {
        let payload = serde_json::to_vec(claims).map_err(|error| SigningError(error.to_string()))?;
        self.current()
            .sign(with_keys(algorithm), &payload)
            .map_err(|error| SigningError(error.to_string()))
    }

    fn sign_as(
        &self,
        algorithm: SigningAlgorithm,
        token_type: &str,
        claims: &Map<String, Value>,
    ) -> Result<String, SigningError> {
        let payload = serde_json::to_vec(claims).map_err(|error| SigningError(error.to_string()))?;
        self.current()
            .sign_as(with_keys(algorithm), token_type, &payload)
            .map_err(|error| SigningError(error.to_string()))
    }

    fn verify(&self, jwt: &str) -> Option<VerifiedJwt> {
        let payload = self.current().verify_own(jwt).ok()?;
        let header = josekit::jwt::decode_header(jwt).ok()?;
        let algorithm = header.claim("alg")?.as_str()?.parse().ok()?;
        let claims = serde_json::from_slice(&payload).ok()?;
        Some(VerifiedJwt { algorithm, claims })
    }

    fn algorithms(&self) -> Vec<SigningAlgorithm> {
        self.current()
            .signing_algorithms()
            .into_iter()
            .map(with_clients)
            .collect()
    }

    fn public_jwks(&self) -> Value {
        serde_json::from_slice(&self.current().public_jwks()).unwrap_or_default()
    }
}

fn with_keys(algorithm: SigningAlgorithm) -> keys::SigningAlgorithm {
    match algorithm {
        SigningAlgorithm::PS256 => keys::SigningAlgorithm::Ps256,
        SigningAlgorithm::RS256 => keys::SigningAlgorithm::Rs256,
        SigningAlgorithm::ES256 => keys::SigningAlgorithm::Es256,
        SigningAlgorithm::EdDsa => keys::SigningAlgorithm::EdDsa,
        SigningAlgorithm::Ed25519 => keys::SigningAlgorithm::Ed25519,
    }
}

fn with_clients(algorithm: keys::SigningAlgorithm) -> SigningAlgorithm {
    match algorithm {
        keys::SigningAlgorithm::Ps256 => SigningAlgorithm::PS256,
        keys::SigningAlgorithm::Rs256 => SigningAlgorithm::RS256,
        keys::SigningAlgorithm::Es256 => SigningAlgorithm::ES256,
        keys::SigningAlgorithm::EdDsa => SigningAlgorithm::EdDsa,
        keys::SigningAlgorithm::Ed25519 => SigningAlgorithm::Ed25519,
    }
}
