//! *Act*: token introspection (RFC 7662, spec/oidc.md §8.1).

use serde::Serialize;

use super::artefacts::sid;
use super::claims_request::SignInClaim;
use super::client_authentication::Credentials;
use super::endpoint_error::EndpointError;
use super::error::{ErrorCode, Fault, ProtocolError};
use super::parameters::Body;
use super::service::Oidc;
use super::token::read_form;
use crate::domain::ScopeSet;

const INTROSPECTION_PARAMETERS: &[&str] = &[
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "token",
    "token_type_hint",
];

/// A request as the web floor took it from the wire.
#[derive(Debug, Clone)]
pub struct IntrospectionRequest {
    /// The header `Authorization`.
    pub authorization: Option<String>,
    pub body: Body,
    /// The header `Origin` was there: a browser script asks.
    pub has_origin: bool,
}

/// What a client learns about a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Introspection {
    pub active: bool,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub token: Option<LiveToken>,
}

/// What is told of a live access token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LiveToken {
    pub sub: String,
    pub client_id: String,
    /// Epoch seconds.
    pub exp: i64,
    /// Epoch seconds.
    pub iat: i64,
    pub iss: String,
    pub scope: ScopeSet,
    pub token_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
}

impl Introspection {
    const INACTIVE: Self = Self {
        active: false,
        token: None,
    };
}

impl Oidc {
    /// The introspection endpoint: whether a token lives, asked by a client that has proved itself.
    ///
    /// # Errors
    /// As client authentication; `invalid_request` without token; `unsupported_token_type` for a JWT.
    pub async fn introspect(&self, request: IntrospectionRequest) -> Result<Introspection, EndpointError> {
        let fault = |fault: Fault| EndpointError::fault(&fault);
        let form = read_form(request.body, INTROSPECTION_PARAMETERS)?;
        let credentials = Credentials::read(request.authorization.as_deref(), &form)?;
        let stored = match form.get("token") {
            Some(token) => self.stored_token(token).await.map_err(fault)?,
            None => None,
        };
        let (row, subject) = match &stored {
            Some(token) => {
                let found = self
                    .client_and_subject(&credentials.client_id, &token.grant)
                    .await
                    .map_err(fault)?;
                found.map(|found| (found.client, found.subject)).unzip()
            }
            None => (
                self.client_row(&credentials.client_id).await.map_err(fault)?,
                None,
            ),
        };
        let client = self.authenticated(&credentials, row)?;
        if request.has_origin {
            return Err(EndpointError::refused_origin(&client.client_id));
        }
        if !form.duplicated().is_empty() {
            let error = ProtocolError::invalid_request("parameters must not be given twice");
            return Err(EndpointError::bad_request(error));
        }
        let Some(sent) = form.get("token") else {
            let error = ProtocolError::invalid_request("missing required parameter: token");
            return Err(EndpointError::bad_request(error));
        };
        if looks_like_a_jwt(sent) {
            let error = ProtocolError::new(
                ErrorCode::UnsupportedTokenType,
                "structured tokens cannot be introspected",
            );
            return Err(EndpointError::bad_request(error));
        }
        let is_alive = subject.flatten().is_some();
        let Some(token) = stored.filter(|_| is_alive) else {
            return Ok(Introspection::INACTIVE);
        };
        let is_foreign = token.grant.client_id != client.client_id;
        if is_foreign && self.settings.limit_introspection_to_own_tokens {
            return Ok(Introspection::INACTIVE);
        }
        let grant = token.grant;
        let live = LiveToken {
            sub: grant.user_id.to_string(),
            sid: grant
                .claims
                .tells(SignInClaim::Sid)
                .then(|| sid(&grant.session_uid, &grant.client_id)),
            client_id: grant.client_id,
            exp: token.expires_at.timestamp(),
            iat: token.issued_at.timestamp(),
            iss: self.settings.issuer.clone(),
            scope: grant.scope,
            token_type: "Bearer",
        };
        Ok(Introspection {
            active: true,
            token: Some(live),
        })
    }
}

fn looks_like_a_jwt(token: &str) -> bool {
    token.split('.').count() == 3
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_dead_token_says_nothing_else() {
        assert_eq!(
            serde_json::to_value(Introspection::INACTIVE).unwrap(),
            json!({"active": false})
        );
    }
}
