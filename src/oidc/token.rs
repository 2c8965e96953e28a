//! *Act*: the token endpoint (spec/oidc.md §6).

use std::sync::Arc;

use chrono::{DateTime, Utc};
use identite_actors::state::Write;
use serde::Serialize;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;

use super::artefacts::{
    AccessToken, AuthorizationCode, code_key, consumed_key, fingerprint, grant_set, new_secret, sid,
    token_key,
};
use super::authorization_checks::is_pkce_text;
use super::claims_request::SignInClaim;
use super::client::Client;
use super::client_authentication::Credentials;
use super::endpoint_error::EndpointError;
use super::error::{ErrorCode, Fault, ProtocolError};
use super::parameters::{Body, Parameters};
use super::service::{Oidc, Registered, after};
use super::user_info_claims::ClaimSource;
use crate::db::clients::ClientRow;
use crate::db::grants::SubjectRow;
use crate::domain::{Scope, ScopeSet};

/// The parameters that this endpoint knows.
const TOKEN_PARAMETERS: &[&str] = &[
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "grant_type",
    "code",
    "redirect_uri",
    "code_verifier",
    "resource",
];

/// A request as the web floor took it from the wire.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// The header `Authorization`.
    pub authorization: Option<String>,
    pub body: Body,
    /// The header `Origin` was there: a browser script asks.
    pub has_origin: bool,
}

/// The answer to a redeemed code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenResponse {
    pub access_token: String,
    /// Seconds.
    pub expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
    pub scope: ScopeSet,
    pub token_type: &'static str,
}

impl Oidc {
    /// The token endpoint: a code, once, becomes an access token and an ID token.
    ///
    /// # Errors
    /// The first failing check of spec/oidc.md §6.2. A code that comes a second time also revokes every code and
    /// token of its session and client.
    pub async fn token(&self, request: TokenRequest) -> Result<TokenResponse, EndpointError> {
        let form = read_form(request.body, TOKEN_PARAMETERS)?;
        let credentials = Credentials::read(request.authorization.as_deref(), &form)?;
        let loaded = self
            .load_code(&credentials, &form)
            .await
            .map_err(|fault| EndpointError::fault(&fault))?;
        let client = self.authenticated(&credentials, loaded.client)?;
        if request.has_origin {
            return Err(EndpointError::refused_origin(&client.client_id));
        }
        let sent = read_redemption(&form, &client)?;

        let code = loaded.code.ok_or_else(EndpointError::invalid_grant)?;
        check_code(&code, &client, &sent)?;
        let person = loaded.subject.ok_or_else(EndpointError::invalid_grant)?;
        let organization = person
            .organization
            .as_ref()
            .ok_or_else(EndpointError::invalid_grant)?;
        let source = ClaimSource {
            person: &person,
            organization,
        };
        self.redeem(&client, &code, sent.code, &source).await
    }

    /// Everything that the checks need, in one state round trip and one statement.
    async fn load_code(&self, credentials: &Credentials, form: &Parameters) -> Result<Loaded, Fault> {
        let code = match form.get("code") {
            Some(code) => self.stored_code(code).await?,
            None => None,
        };
        let Some(code) = code else {
            let client = self.client_row(&credentials.client_id).await?;
            return Ok(Loaded {
                client,
                code: None,
                subject: None,
            });
        };
        let found = self
            .client_and_subject(&credentials.client_id, &code.grant)
            .await?;
        let (client, subject) = found.map(|found| (found.client, found.subject)).unzip();
        Ok(Loaded {
            client,
            code: Some(code),
            subject: subject.flatten(),
        })
    }

    /// The client, if the credentials prove it.
    pub(super) fn authenticated(
        &self,
        credentials: &Credentials,
        row: Option<ClientRow>,
    ) -> Result<Arc<Client>, EndpointError> {
        let refused = || {
            let realm = credentials
                .came_in_header
                .then_some(self.settings.issuer.as_str());
            EndpointError::invalid_client(realm)
        };
        match self.registered(row) {
            Registered::Known(client) if credentials.prove(&client) => Ok(client),
            Registered::Known(_) | Registered::Unknown => Err(refused()),
            Registered::Broken(error) => Err(EndpointError::bad_request(error)),
        }
    }

    async fn redeem(
        &self,
        client: &Client,
        code: &AuthorizationCode,
        secret: &str,
        source: &ClaimSource<'_>,
    ) -> Result<TokenResponse, EndpointError> {
        let fault = |fault: Fault| EndpointError::fault(&fault);
        let now = self.now();
        let id_token = if code.grant.scope.contains(Scope::OpenId) {
            Some(self.id_token(client, code, source, now)?)
        } else {
            None
        };
        let access_token = new_secret();
        if !self
            .consume(code, secret, &access_token, now)
            .await
            .map_err(fault)?
        {
            let set = grant_set(&code.grant.session_uid, &code.grant.client_id);
            tracing::warn!(client_id = %client.client_id, "an authorization code came twice: its grant is revoked");
            self.revoke(&set).await.map_err(fault)?;
            return Err(EndpointError::invalid_grant());
        }
        Ok(TokenResponse {
            access_token,
            expires_in: self.settings.access_token_ttl.as_secs(),
            id_token,
            scope: code.grant.scope.clone(),
            token_type: "Bearer",
        })
    }

    /// Exchanges the code for the token in one atomic step. Gives `false` when the code was used or revoked before.
    async fn consume(
        &self,
        code: &AuthorizationCode,
        secret: &str,
        access_token: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, Fault> {
        let code_key = code_key(secret);
        let consumed = consumed_key(&code_key);
        let token_key = token_key(access_token);
        let set = grant_set(&code.grant.session_uid, &code.grant.client_id);
        let ttl = self.settings.access_token_ttl;
        let token = AccessToken {
            grant: code.grant.clone(),
            issued_at: now,
            expires_at: after(now, ttl),
        };
        let writes = vec![
            Write::Put {
                key: consumed.clone(),
                value: b"1".to_vec(),
                ttl: self.settings.code_ttl,
            },
            Write::Put {
                key: token_key.clone(),
                value: serde_json::to_vec(&token)?,
                ttl,
            },
            Write::RemoveMember {
                set: set.clone(),
                member: code_key,
            },
            Write::AddMember {
                set,
                member: token_key,
                ttl,
            },
        ];
        Ok(self.state.write(&[consumed], writes).await?)
    }

    fn id_token(
        &self,
        client: &Client,
        code: &AuthorizationCode,
        source: &ClaimSource<'_>,
        now: DateTime<Utc>,
    ) -> Result<String, EndpointError> {
        let mut claims = id_token_claims(&self.settings.issuer, client, code, source);
        claims.insert("iat".into(), now.timestamp().into());
        claims.insert(
            "exp".into(),
            after(now, self.settings.id_token_ttl).timestamp().into(),
        );
        self.signer
            .sign(client.id_token_algorithm, &claims)
            .map_err(|error| EndpointError::fault(&Fault::Signing(error)))
    }
}

struct Loaded {
    client: Option<ClientRow>,
    code: Option<AuthorizationCode>,
    /// `None` when the session of the code is over.
    subject: Option<SubjectRow>,
}

/// What the client sent to redeem a code.
struct Redemption<'a> {
    code: &'a str,
    redirect_uri: &'a str,
    code_verifier: Option<&'a str>,
}

/// The known parameters of a form; no body at all is an empty form.
pub(super) fn read_form(body: Body, known: &[&'static str]) -> Result<Parameters, EndpointError> {
    match body {
        Body::Absent => Ok(Parameters::default()),
        Body::Form(raw) => Ok(Parameters::read(raw, known)),
        Body::Unreadable => {
            let description = "the body must be application/x-www-form-urlencoded";
            Err(EndpointError::bad_request(ProtocolError::invalid_request(
                description,
            )))
        }
    }
}

fn read_redemption<'a>(form: &'a Parameters, client: &'a Client) -> Result<Redemption<'a>, EndpointError> {
    let missing = |name: &str| {
        EndpointError::bad_request(ProtocolError::invalid_request(format!(
            "missing required parameter: {name}"
        )))
    };
    match form.get("grant_type") {
        Some("authorization_code") => {}
        Some(_) => {
            let error = ProtocolError::new(
                ErrorCode::UnsupportedGrantType,
                "unsupported grant_type requested",
            );
            return Err(EndpointError::bad_request(error));
        }
        None if !form.duplicated().contains(&"grant_type") => return Err(missing("grant_type")),
        None => {}
    }
    if !form.duplicated().is_empty() {
        let names = form.duplicated().join(", ");
        let error = ProtocolError::invalid_request(format!("parameters must not be given twice: {names}"));
        return Err(EndpointError::bad_request(error));
    }
    if form.has("resource") {
        let error = ProtocolError::new(ErrorCode::InvalidTarget, "resource indicators are not supported");
        return Err(EndpointError::bad_request(error));
    }
    let code_verifier = form.get("code_verifier");
    if code_verifier.is_some_and(|verifier| !is_pkce_text(verifier)) {
        return Err(EndpointError::bad_request(ProtocolError::invalid_request(
            "code_verifier is not well-formed",
        )));
    }
    Ok(Redemption {
        code: form.get("code").ok_or_else(|| missing("code"))?,
        redirect_uri: form
            .get("redirect_uri")
            .or_else(|| client.single_redirect_uri().map(|uri| uri.registered.as_str()))
            .ok_or_else(|| missing("redirect_uri"))?,
        code_verifier,
    })
}

/// The checks that leave the code usable.
fn check_code(code: &AuthorizationCode, client: &Client, sent: &Redemption<'_>) -> Result<(), EndpointError> {
    let verifier_matches = match (&code.code_challenge, sent.code_verifier) {
        (None, None) => true,
        (Some(challenge), Some(verifier)) => fingerprint(verifier)
            .as_bytes()
            .ct_eq(challenge.as_bytes())
            .into(),
        (Some(_), None) | (None, Some(_)) => false,
    };
    let is_sound = code.grant.client_id == client.client_id
        && verifier_matches
        && code.redirect_uri == sent.redirect_uri;
    if is_sound {
        Ok(())
    } else {
        Err(EndpointError::invalid_grant())
    }
}

/// The claims of an ID token but its times. It is minimal: most claims are told only when asked for by name.
fn id_token_claims(
    issuer: &str,
    client: &Client,
    code: &AuthorizationCode,
    source: &ClaimSource<'_>,
) -> Map<String, Value> {
    let grant = &code.grant;
    let asked = &grant.claims;
    let mut claims = source.claims(&ScopeSet::default(), &asked.id_token);
    let mut tell = |name: &str, value: Value| {
        claims.insert(name.to_owned(), value);
    };
    tell("sub", grant.user_id.to_string().into());
    tell("iss", issuer.into());
    tell("aud", client.client_id.as_str().into());
    if let Some(nonce) = &code.nonce {
        tell("nonce", nonce.as_str().into());
    }
    if let Some(acr) = code.acr.filter(|_| asked.tells(SignInClaim::Acr)) {
        tell("acr", acr.as_str().into());
    }
    if asked.tells(SignInClaim::Amr) {
        tell("amr", code.amr.clone().into());
    }
    if asked.tells(SignInClaim::AuthTime) {
        tell("auth_time", code.auth_time.timestamp().into());
    }
    if asked.tells(SignInClaim::Sid) {
        tell("sid", sid(&grant.session_uid, &grant.client_id).into());
    }
    claims
}
