//! The discovery document and the key set (spec/oidc.md §1.2, §2).

use serde_json::{Value, json};

use super::authorization_request::Prompt;
use super::dpop::PROOF_ALGORITHMS;
use super::jose::{CONTENT_ENCRYPTIONS, KeyEncryption};
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
        let key_encryption = KeyEncryption::ALL.map(KeyEncryption::as_str);
        let mut authentication = vec!["client_secret_post", "client_secret_basic", "private_key_jwt"];
        if self.settings.offers_tls_client_auth {
            authentication.push("tls_client_auth");
        }
        if self.settings.offers_mutual_tls {
            authentication.push("self_signed_tls_client_auth");
        }
        let foreign = SigningAlgorithm::ALL.map(SigningAlgorithm::as_str);
        let mut document = json!({
            "acr_values_supported": Acr::ALL.map(Acr::as_str),
            "authorization_endpoint": url("/oauth/authorize"),
            "claims_parameter_supported": true,
            "claims_supported": claims,
            "code_challenge_methods_supported": ["S256"],
            "end_session_endpoint": url("/oauth/logout"),
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "issuer": self.settings.issuer,
            "jwks_uri": url("/oauth/jwks"),
            "authorization_response_iss_parameter_supported": true,
            "response_modes_supported": [
                "form_post", "fragment", "query", "jwt", "query.jwt", "fragment.jwt", "form_post.jwt"
            ],
            "authorization_signing_alg_values_supported": signing,
            "response_types_supported": ["code"],
            "scopes_supported": Scope::ALL.map(Scope::as_str),
            "subject_types_supported": ["public", "pairwise"],
            "token_endpoint_auth_methods_supported": authentication,
            "token_endpoint_auth_signing_alg_values_supported": foreign,
            "token_endpoint": url("/oauth/token"),
            "id_token_signing_alg_values_supported": signing,
            "id_token_encryption_alg_values_supported": key_encryption,
            "id_token_encryption_enc_values_supported": CONTENT_ENCRYPTIONS,
            "pushed_authorization_request_endpoint": url("/oauth/request"),
            "request_parameter_supported": true,
            "request_object_signing_alg_values_supported": foreign,
            "request_uri_parameter_supported": false,
            "userinfo_endpoint": url("/oauth/userinfo"),
            "userinfo_signing_alg_values_supported": signing,
            "userinfo_encryption_alg_values_supported": key_encryption,
            "userinfo_encryption_enc_values_supported": CONTENT_ENCRYPTIONS,
            "introspection_endpoint": url("/oauth/token/introspection"),
            "introspection_signing_alg_values_supported": signing,
            "revocation_endpoint": url("/oauth/token/revocation"),
            "dpop_signing_alg_values_supported": PROOF_ALGORITHMS.map(SigningAlgorithm::as_str),
            "backchannel_logout_supported": true,
            "backchannel_logout_session_supported": true,
            "claim_types_supported": ["normal"],
            "prompt_values_supported": Prompt::ALL.map(Prompt::as_str),
            "ui_locales_supported": ["fr"],
        });
        for endpoint in ["introspection", "revocation"] {
            document[format!("{endpoint}_endpoint_auth_methods_supported")] = json!(authentication);
            document[format!("{endpoint}_endpoint_auth_signing_alg_values_supported")] = json!(foreign);
        }
        if self.settings.offers_mutual_tls {
            document["tls_client_certificate_bound_access_tokens"] = json!(true);
        }
        document
    }

    /// The public keys.
    #[must_use]
    pub fn jwks(&self) -> Value {
        self.signer.public_jwks()
    }
}
