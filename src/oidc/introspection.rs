//! *Act*: token introspection (RFC 7662, spec/oidc.md §8.1).

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::artefacts::{AccessToken, Confirmation, sid};
use super::claims_request::SignInClaim;
use super::client::Client;
use super::client_authentication::Credentials;
use super::client_request::ClientRequest;
use super::endpoint_error::EndpointError;
use super::error::{ErrorCode, Fault, ProtocolError};
use super::metrics::Meter;
use super::parameters::Parameters;
use super::service::{ActingFor, Oidc};
use super::token::{missing, read_form};
use crate::domain::ScopeSet;

/// The path of this endpoint, which assertions name.
const INTROSPECTION_PATH: &str = "/oauth/token/introspection";

const INTROSPECTION_PARAMETERS: &[&str] = &[
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "token",
    "token_type_hint",
];

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
    /// A refresh token has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// What whoever presents it must possess.
    #[serde(rename = "cnf", skip_serializing_if = "Confirmation::is_empty")]
    pub confirmation: Confirmation,
}

/// The answer, in the form that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntrospectionAnswer {
    /// `application/json`
    Json(Introspection),
    /// `application/token-introspection+jwt` (RFC 9701)
    Jwt(String),
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
    pub async fn introspect(&self, request: ClientRequest) -> Result<IntrospectionAnswer, EndpointError> {
        let meter = self.meter("introspection");
        let answer = self.introspect_for(request, &meter).await;
        meter.counted(answer)
    }

    async fn introspect_for(
        &self,
        request: ClientRequest,
        meter: &Meter<'_>,
    ) -> Result<IntrospectionAnswer, EndpointError> {
        let wants_jwt = request.wants_jwt;
        let (client, introspection) = self.introspection(request, meter).await?;
        if !wants_jwt {
            return Ok(IntrospectionAnswer::Json(introspection));
        }
        self.signed_introspection(&client, &introspection)
            .map(IntrospectionAnswer::Jwt)
            .map_err(|fault| EndpointError::fault(&fault))
    }

    async fn introspection(
        &self,
        request: ClientRequest,
        meter: &Meter<'_>,
    ) -> Result<(Arc<Client>, Introspection), EndpointError> {
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
                    .client_and_subject(&credentials.client_id, &token.grant, ActingFor::Now)
                    .await
                    .map_err(fault)?;
                found.map(|found| (found.client, found.subject)).unzip()
            }
            None => (
                self.client_row(&credentials.client_id).await.map_err(fault)?,
                None,
            ),
        };
        let client = self
            .authenticated(
                &credentials,
                row,
                request.certificate.as_ref(),
                INTROSPECTION_PATH,
                meter,
            )
            .await?;
        if request.has_origin {
            return Err(EndpointError::refused_origin(&client.client_id));
        }
        let sent = read_token(&form)?;
        let is_alive = subject.flatten().is_some();
        let introspection = match stored {
            Some(token) if is_alive => self.told_of(token, &client),
            Some(_) => Introspection::INACTIVE,
            None => self.refresh_token_told(sent, &client).await.map_err(fault)?,
        };
        Ok((client, introspection))
    }

    fn told_of(&self, token: AccessToken, client: &Client) -> Introspection {
        let is_foreign = token.grant.client_id != client.client_id;
        if is_foreign && self.settings.limit_introspection_to_own_tokens {
            return Introspection::INACTIVE;
        }
        let grant = token.grant;
        let live = LiveToken {
            sub: grant.subject(),
            sid: grant
                .claims
                .tells(SignInClaim::Sid)
                .then(|| sid(&grant.session_uid, &grant.client_id)),
            client_id: grant.client_id,
            exp: token.expires_at.timestamp(),
            iat: token.issued_at.timestamp(),
            iss: self.settings.issuer.clone(),
            scope: grant.scope,
            token_type: Some(token.confirmation.token_type()),
            confirmation: token.confirmation,
        };
        Introspection {
            active: true,
            token: Some(live),
        }
    }

    /// A refresh token is told of to its own client only, if that gets any.
    async fn refresh_token_told(&self, sent: &str, client: &Client) -> Result<Introspection, Fault> {
        if client.settings.refresh_token_ttl.is_none() {
            return Ok(Introspection::INACTIVE);
        }
        let stored = self.stored_refresh_token(sent).await?;
        let Some(token) = stored.filter(|token| token.grant.client_id == client.client_id) else {
            return Ok(Introspection::INACTIVE);
        };
        let was_used = self
            .state
            .get(&super::artefacts::consumed_key(&super::artefacts::refresh_key(
                sent,
            )))
            .await?
            .is_some();
        let found = self
            .client_and_subject(&client.client_id, &token.grant, ActingFor::AsGranted)
            .await?;
        if was_used || found.and_then(|found| found.subject).is_none() {
            return Ok(Introspection::INACTIVE);
        }
        let grant = token.grant;
        let live = LiveToken {
            sub: grant.subject(),
            sid: None,
            client_id: grant.client_id,
            exp: token.expires_at.timestamp(),
            iat: token.issued_at.timestamp(),
            iss: self.settings.issuer.clone(),
            scope: grant.scope,
            token_type: None,
            confirmation: Confirmation::default(),
        };
        Ok(Introspection {
            active: true,
            token: Some(live),
        })
    }

    fn signed_introspection(&self, client: &Client, introspection: &Introspection) -> Result<String, Fault> {
        let mut claims = Map::new();
        claims.insert("iss".to_owned(), json!(self.settings.issuer));
        claims.insert("aud".to_owned(), json!(client.client_id));
        claims.insert("iat".to_owned(), json!(self.now().timestamp()));
        let told: Value = serde_json::to_value(introspection)?;
        claims.insert("token_introspection".to_owned(), told);
        let algorithm = client.introspection_algorithm;
        Ok(self
            .signer
            .sign_as(algorithm, "token-introspection+jwt", &claims)?)
    }
}

fn read_token(form: &Parameters) -> Result<&str, EndpointError> {
    if !form.duplicated().is_empty() {
        let error = ProtocolError::invalid_request("parameters must not be given twice");
        return Err(EndpointError::bad_request(error));
    }
    let sent = form.get("token").ok_or_else(|| missing("token"))?;
    if looks_like_a_jwt(sent) {
        let error = ProtocolError::new(
            ErrorCode::UnsupportedTokenType,
            "structured tokens cannot be introspected",
        );
        return Err(EndpointError::bad_request(error));
    }
    Ok(sent)
}

/// Whether `token` is none of ours, which have no dots.
pub(super) fn looks_like_a_jwt(token: &str) -> bool {
    token.split('.').count() == 3
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_token_of_ours_is_looked_at() {
        let read = |raw: &[(&str, &str)]| {
            let form = Parameters::read(super::super::parameters::pairs(raw), INTROSPECTION_PARAMETERS);
            let read = read_token(&form).map(str::to_owned);
            read.map_err(|error| error.error.code)
        };
        let rows: [(&[(&str, &str)], _); 5] = [
            (&[("token", "abc")], Ok("abc".to_owned())),
            (&[("token", "a.b")], Ok("a.b".to_owned())),
            (&[("token", "a.b.c")], Err(ErrorCode::UnsupportedTokenType)),
            (&[("token", "a"), ("token", "a")], Err(ErrorCode::InvalidRequest)),
            (&[], Err(ErrorCode::InvalidRequest)),
        ];
        for (raw, expected) in rows {
            assert_eq!(read(raw), expected, "{raw:?}");
        }
    }

    #[test]
    fn a_dead_token_says_nothing_else() {
        assert_eq!(
            serde_json::to_value(Introspection::INACTIVE).unwrap(),
            json!({"active": false})
        );
    }
}
