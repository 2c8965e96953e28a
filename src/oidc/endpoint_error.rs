//! Errors of the endpoints that clients call themselves: JSON, with a status and perhaps a challenge (RFC 6750 §3).

use std::fmt::Write as _;
use std::time::Duration;

use super::dpop::PROOF_ALGORITHMS;
use super::error::{ErrorCode, Fault, ProtocolError};
use super::signer::SigningAlgorithm;

/// An error as an endpoint answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointError {
    pub status: u16,
    pub error: ProtocolError,
    /// The header `WWW-Authenticate`.
    pub challenge: Option<String>,
    /// A browser of an origin that has no business here asked: the answer must not be readable for its script.
    pub origin_is_refused: bool,
    /// The fingerprint of the client that somebody failed to prove to be: such attempts are counted.
    pub unproven_client: Option<String>,
    /// The header `Retry-After`.
    pub retry_after: Option<Duration>,
}

impl EndpointError {
    /// An error without challenge.
    #[must_use]
    pub const fn new(status: u16, error: ProtocolError) -> Self {
        Self {
            status,
            error,
            challenge: None,
            origin_is_refused: false,
            unproven_client: None,
            retry_after: None,
        }
    }

    /// A protocol error with the ordinary status 400.
    #[must_use]
    pub const fn bad_request(error: ProtocolError) -> Self {
        Self::new(400, error)
    }

    /// The one answer to an unknown client and to a wrong secret. `challenge` is the realm, when the client used the
    /// header `Authorization`.
    #[must_use]
    pub fn invalid_client(realm: Option<&str>) -> Self {
        let error = ProtocolError::new(ErrorCode::InvalidClient, "client authentication failed");
        let challenge = realm.map(|realm| challenge("Basic", realm, Some(&error)));
        Self {
            challenge,
            ..Self::new(401, error)
        }
    }

    /// The answer in the place of [`Self::invalid_client`] to somebody who got it too often. Who shows the right secret is
    /// never answered so.
    #[must_use]
    pub fn too_many_failures(retry_after: Duration) -> Self {
        let error = ProtocolError::new(
            ErrorCode::InvalidClient,
            "client authentication failed too often, try again later",
        );
        Self {
            retry_after: Some(retry_after),
            ..Self::new(429, error)
        }
    }

    /// The answer to every unusable code: nothing tells which rule it broke.
    #[must_use]
    pub fn invalid_grant() -> Self {
        Self::bad_request(ProtocolError::new(
            ErrorCode::InvalidGrant,
            "grant request is invalid",
        ))
    }

    /// The answer to a way of getting tokens that this client does not have.
    #[must_use]
    pub fn unsupported_grant_type() -> Self {
        Self::bad_request(ProtocolError::new(
            ErrorCode::UnsupportedGrantType,
            "unsupported grant_type requested",
        ))
    }

    /// The answer to a browser script of an origin that does not belong to the client.
    #[must_use]
    pub fn refused_origin(client_id: &str) -> Self {
        let error = ProtocolError::invalid_request("origin not allowed for this client");
        tracing::debug!(client_id, "a browser origin was refused");
        Self {
            origin_is_refused: true,
            ..Self::bad_request(error)
        }
    }

    /// Logs a fault and gives what may be said of it.
    #[must_use]
    pub fn fault(fault: &Fault) -> Self {
        tracing::error!(error = %fault, "an endpoint failed");
        let status = if fault.is_unavailable() { 503 } else { 500 };
        Self::new(status, fault.said())
    }

    /// This error with a `DPoP` challenge, which names the algorithms of proofs (RFC 9449 §7.1).
    #[must_use]
    pub fn with_dpop_challenge(mut self, realm: &str) -> Self {
        self.challenge = Some(with_algorithms(challenge("DPoP", realm, Some(&self.error))));
        self
    }

    /// This error with a `Bearer` challenge.
    #[must_use]
    pub fn with_bearer_challenge(mut self, realm: &str) -> Self {
        self.challenge = Some(challenge("Bearer", realm, Some(&self.error)));
        self
    }
}

impl From<ProtocolError> for EndpointError {
    fn from(error: ProtocolError) -> Self {
        Self::bad_request(error)
    }
}

/// The value of `WWW-Authenticate`; without error it only says how to authenticate.
#[must_use]
pub fn challenge(scheme: &str, realm: &str, error: Option<&ProtocolError>) -> String {
    let mut header = format!("{scheme} realm=\"{}\"", quoted(realm));
    if let Some(error) = error {
        let _ = write!(header, ", error=\"{}\"", error.code);
        if let Some(description) = &error.description {
            let _ = write!(header, ", error_description=\"{}\"", quoted(description));
        }
        if let Some(scope) = error.scope {
            let _ = write!(header, ", scope=\"{scope}\"");
        }
    }
    header
}

/// The challenge that says how to use DPoP.
#[must_use]
pub fn dpop_challenge(realm: &str) -> String {
    with_algorithms(challenge("DPoP", realm, None))
}

fn with_algorithms(mut challenge: String) -> String {
    let algorithms = PROOF_ALGORITHMS.map(SigningAlgorithm::as_str).join(" ");
    let _ = write!(challenge, ", algs=\"{algorithms}\"");
    challenge
}

/// What a quoted string of a header may hold (RFC 6750 §3): printable ASCII without quotes and backslashes.
fn quoted(text: &str) -> String {
    text.chars()
        .filter(|character| matches!(character, ' '..='~') && !matches!(character, '"' | '\\'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_names_its_error_and_scope() {
        let error = ProtocolError::new(ErrorCode::InsufficientScope, "access token \"lacks\" a scope")
            .about_scope("openid");
        assert_eq!(
            challenge("Bearer", "https://op", Some(&error)),
            "Bearer realm=\"https://op\", error=\"insufficient_scope\", \
             error_description=\"access token lacks a scope\", scope=\"openid\""
        );
        assert_eq!(
            challenge("Bearer", "https://op", None),
            "Bearer realm=\"https://op\""
        );
    }

    #[test]
    fn a_challenge_for_dpop_names_the_algorithms_of_proofs() {
        let challenge = dpop_challenge("https://op");
        let algorithms = challenge
            .strip_prefix("DPoP realm=\"https://op\", algs=\"")
            .unwrap();
        let names: Vec<_> = algorithms.strip_suffix('"').unwrap().split(' ').collect();
        assert_eq!(names, PROOF_ALGORITHMS.map(SigningAlgorithm::as_str));
    }

    #[test]
    fn who_failed_too_often_is_told_how_long_to_wait_and_a_foreign_script_that_it_is_one() {
        let error = EndpointError::too_many_failures(Duration::from_secs(7));
        assert_eq!(
            (error.status, error.retry_after),
            (429, Some(Duration::from_secs(7)))
        );
        let error = EndpointError::refused_origin("c");
        assert_eq!((error.status, error.origin_is_refused), (400, true));
    }

    #[test]
    fn a_wrong_secret_is_challenged_only_when_the_header_was_used() {
        assert_eq!(EndpointError::invalid_client(None).challenge, None);
        assert!(
            EndpointError::invalid_client(Some("https://op"))
                .challenge
                .unwrap()
                .starts_with("Basic realm=")
        );
    }
}
