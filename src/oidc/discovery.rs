//! The discovery document and the key set (spec/oidc.md §1.2, §2).

use serde_json::{Value, json};

use super::authorization_request::Prompt;
use super::service::Oidc;
use super::signer::SigningAlgorithm;
use super::user_claim::UserClaim;
use crate::domain::{Acr, Scope};

/// Claims about the sign-in rather than the person, which ID tokens can tell.
const PROTOCOL_CLAIMS: [&str; 5] = ["acr", "sid", "auth_time", "iss", "amr"];

impl Oidc {
    /// What this provider can do. Every URL begins with the issuer, whatever host the request named.
    #[must_use]
    pub fn discovery(&self) -> Value {
        let url = |path: &str| self.settings.url(path);
        let signing: Vec<&str> = self
            .signer
            .algorithms()
            .into_iter()
            .map(SigningAlgorithm::as_str)
            .collect();
        let claims: Vec<&str> = UserClaim::ALL
            .iter()
            .map(|claim| claim.as_str())
            .chain(PROTOCOL_CLAIMS)
            .collect();
        json!({
            "acr_values_supported": Acr::ALL.map(Acr::as_str),
            "authorization_endpoint": url("/oauth/authorize"),
            "claims_parameter_supported": true,
            "claims_supported": claims,
            "code_challenge_methods_supported": ["S256"],
            "end_session_endpoint": url("/oauth/logout"),
            "grant_types_supported": ["authorization_code"],
            "issuer": self.settings.issuer,
            "jwks_uri": url("/oauth/jwks"),
            "authorization_response_iss_parameter_supported": true,
            "response_modes_supported": ["form_post", "fragment", "query"],
            "response_types_supported": ["code"],
            "scopes_supported": Scope::ALL.map(Scope::as_str),
            "subject_types_supported": ["public"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "token_endpoint": url("/oauth/token"),
            "id_token_signing_alg_values_supported": signing,
            "request_uri_parameter_supported": false,
            "userinfo_endpoint": url("/oauth/userinfo"),
            "userinfo_signing_alg_values_supported": signing,
            "introspection_endpoint": url("/oauth/token/introspection"),
            "claim_types_supported": ["normal"],
            "prompt_values_supported": Prompt::ALL.map(Prompt::as_str),
            "ui_locales_supported": ["fr"],
        })
    }

    /// The public keys.
    #[must_use]
    pub fn jwks(&self) -> Value {
        self.signer.public_jwks()
    }
}
