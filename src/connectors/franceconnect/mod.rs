//! `FranceConnect`, of which this server is an OpenID Connect client: it verifies who somebody is, and never signs
//! anybody in (spec/connectors-and-operations.md §2.8).

mod provider;
mod tokens;
mod userinfo;

use std::sync::Arc;
use std::time::Instant;

use identite_actors::clock::SharedClock;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use self::provider::{Metadata, Provider};
pub use self::tokens::{Distrust, SignatureAlgorithm, UnsupportedSignatureAlgorithm};
use self::tokens::{Expected, Trust};
use super::call::{Answer, CallError, Request};
use super::http::{HttpClient, Line};
use crate::config::ReloadableSecret;
use crate::domain::FranceConnectIdentity;
use crate::domain::franceconnect_identity::UnusableClaim;

/// The level that is asked of `FranceConnect`.
const ACR_VALUES: &str = "eidas1";
/// What is logged of an error code that the provider sends.
const ERROR_CODE_LIMIT: usize = 40;
/// The code was used already, has expired, or is none (RFC 6749 §5.2).
const INVALID_GRANT: &str = "invalid_grant";

/// How this server is known to `FranceConnect`.
#[derive(Clone)]
pub struct FranceConnectSettings {
    /// `FRANCECONNECT_ISSUER`, character for character.
    pub issuer: String,
    /// `FRANCECONNECT_CLIENT_ID`
    pub client_id: String,
    /// `FRANCECONNECT_CLIENT_SECRET`
    pub client_secret: ReloadableSecret,
    /// `FRANCECONNECT_ID_TOKEN_SIGNED_RESPONSE_ALG`
    pub algorithm: SignatureAlgorithm,
    /// `FRANCECONNECT_SCOPES`, in the order in which they are asked for.
    pub scopes: Vec<String>,
    /// Whether the provider may be reached without TLS: only on a developer's machine.
    pub allows_plain_http: bool,
}

/// The line to `FranceConnect`. Cheap to clone.
#[derive(Clone)]
pub struct FranceConnect(Arc<Inner>);

struct Inner {
    line: Line,
    clock: SharedClock,
    provider: Provider,
    settings: FranceConnectSettings,
}

/// The secrets of one round trip and where it ends.
#[derive(Debug, Clone, Copy)]
pub struct RoundTrip<'a> {
    pub redirect_uri: &'a str,
    pub state: &'a str,
    pub nonce: &'a str,
    /// SHA-256 of the code verifier, base64url (RFC 7636).
    pub code_challenge: &'a str,
}

/// Where the person is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationUrl {
    pub url: Url,
    /// Whether the code challenge went along: the code verifier is then owed.
    pub uses_pkce: bool,
}

/// What the person came back with, and what was kept of the round trip.
#[derive(Debug, Clone, Copy)]
pub struct Callback<'a> {
    pub code: &'a str,
    /// `iss` of the answer (RFC 9207).
    pub issuer: Option<&'a str>,
    pub redirect_uri: &'a str,
    pub nonce: &'a str,
    pub code_verifier: Option<&'a str>,
}

/// Somebody whom `FranceConnect` knows.
pub struct Identified {
    pub identity: FranceConnectIdentity,
    /// To sign them out there.
    pub id_token: String,
}

/// Why nobody was identified.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FranceConnectError {
    /// Nothing usable came back: the provider is down, or answers nonsense.
    #[error(transparent)]
    Unreachable(#[from] CallError),
    /// The provider refused the code, with this error code.
    #[error("the provider refused: {0}")]
    Refused(String),
    /// What came back is not to be believed.
    #[error("what the provider sent is not believed: {0}")]
    Distrusted(#[from] Distrust),
    /// What came back cannot be used.
    #[error(transparent)]
    Unusable(#[from] UnusableClaim),
}

impl FranceConnectError {
    /// Whether the provider or we have to mend something: everything but a code that is not good any more, which somebody brought
    /// too late or twice.
    #[must_use]
    pub fn is_a_fault(&self) -> bool {
        !matches!(self, Self::Refused(code) if code == INVALID_GRANT)
    }
}

#[derive(Deserialize)]
struct Tokens {
    access_token: String,
    id_token: String,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

impl FranceConnect {
    #[must_use]
    pub fn new(http: &HttpClient, settings: FranceConnectSettings) -> Self {
        let line = http.line("franceconnect");
        let provider = Provider::new(
            http,
            line.clone(),
            settings.issuer.clone(),
            settings.allows_plain_http,
        );
        Self(Arc::new(Inner {
            line,
            clock: http.clock().clone(),
            provider,
            settings,
        }))
    }

    /// Where to send a person, so that they come back to `trip.redirect_uri` with a code or an error.
    ///
    /// # Errors
    /// When the provider does not tell where that is.
    pub async fn authorization_url(
        &self,
        trip: RoundTrip<'_>,
    ) -> Result<AuthorizationUrl, FranceConnectError> {
        let metadata = self.0.provider.metadata(self.0.line.until()).await?;
        let settings = &self.0.settings;
        let mut url = metadata.authorization_endpoint.clone();
        url.query_pairs_mut()
            .append_pair("acr_values", ACR_VALUES)
            .append_pair("nonce", trip.nonce)
            .append_pair("redirect_uri", trip.redirect_uri)
            .append_pair("scope", &settings.scopes.join(" "))
            .append_pair("state", trip.state)
            .append_pair("client_id", &settings.client_id)
            .append_pair("response_type", "code");
        let uses_pkce = metadata.offers_pkce();
        if uses_pkce {
            url.query_pairs_mut()
                .append_pair("code_challenge", trip.code_challenge)
                .append_pair("code_challenge_method", "S256");
        }
        Ok(AuthorizationUrl { url, uses_pkce })
    }

    /// Whom the code stands for. All that is asked for it shares the time of one call.
    ///
    /// # Errors
    /// When the provider does not answer, refuses, or sends something that is not to be believed.
    pub async fn identify(&self, callback: Callback<'_>) -> Result<Identified, FranceConnectError> {
        let until = self.0.line.until();
        let metadata = self.0.provider.metadata(until).await?;
        self.require_issuer(&metadata, callback.issuer)?;
        let outcome = self.identify_with(&metadata, callback, until).await;
        if let Err(FranceConnectError::Unreachable(CallError::Network(_) | CallError::Status(_))) = &outcome {
            // Perhaps the provider has moved: its description is fetched again next time.
            self.0.provider.doubt(&metadata).await;
        }
        outcome
    }

    /// Where to send a person to sign out of the provider, so that they come back to `return_to` with `state`; `None` when
    /// the provider offers no sign-out or does not tell where.
    pub async fn end_session_url(&self, id_token: &str, return_to: &str, state: &str) -> Option<Url> {
        let metadata = self.0.provider.metadata(self.0.line.until()).await.ok()?;
        let mut url = metadata.end_session_endpoint.clone()?;
        url.query_pairs_mut()
            .append_pair("id_token_hint", id_token)
            .append_pair("post_logout_redirect_uri", return_to)
            .append_pair("state", state)
            .append_pair("client_id", &self.0.settings.client_id);
        Some(url)
    }

    fn require_issuer(&self, metadata: &Metadata, issuer: Option<&str>) -> Result<(), Distrust> {
        let is_right = match issuer {
            Some(issuer) => issuer == self.0.provider.issuer(),
            None => !metadata.authorization_response_iss_parameter_supported,
        };
        if is_right {
            Ok(())
        } else {
            Err(Distrust::Claim("iss"))
        }
    }

    async fn identify_with(
        &self,
        metadata: &Metadata,
        callback: Callback<'_>,
        until: Instant,
    ) -> Result<Identified, FranceConnectError> {
        let tokens = self.redeem(metadata, callback, until).await?;
        let expected = Expected {
            issuer: self.0.provider.issuer(),
            client_id: &self.0.settings.client_id,
            nonce: callback.nonce,
            now: self.0.clock.now(),
        };
        let claims = self.verified(metadata, &tokens.id_token, until).await?;
        let subject = tokens::subject(&claims, expected)?;
        let access_token = SecretString::from(tokens.access_token);
        let claims = self.userinfo(metadata, &access_token, expected, until).await?;
        let identity = FranceConnectIdentity::from_claims(&claims)?;
        if identity.sub != subject {
            return Err(Distrust::Claim("sub").into());
        }
        Ok(Identified {
            identity,
            id_token: tokens.id_token,
        })
    }

    /// Exchanges the code (RFC 6749 §4.1.3).
    async fn redeem(
        &self,
        metadata: &Metadata,
        callback: Callback<'_>,
        until: Instant,
    ) -> Result<Tokens, FranceConnectError> {
        let settings = &self.0.settings;
        let secret = settings.client_secret.current();
        let secret = secret.expose_secret();
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", callback.code),
            ("redirect_uri", callback.redirect_uri),
        ];
        form.extend(callback.code_verifier.map(|verifier| ("code_verifier", verifier)));
        let in_form = metadata.wants_secret_in_form();
        if in_form {
            form.extend([
                ("client_id", settings.client_id.as_str()),
                ("client_secret", secret),
            ]);
        }
        let url = metadata.token_endpoint.clone();
        let mut request = Request::post_form(url, &form)
            .accept("application/json")
            .by(until);
        if !in_form {
            request = request.authorization(&basic(&settings.client_id, secret))?;
        }
        self.0.line.call(request, read_tokens).await?
    }

    async fn userinfo(
        &self,
        metadata: &Metadata,
        access_token: &SecretString,
        expected: Expected<'_>,
        until: Instant,
    ) -> Result<Map<String, Value>, FranceConnectError> {
        let request = Request::get(metadata.userinfo_endpoint.clone())
            .accept("application/json, application/jwt")
            .bearer(access_token)?
            .by(until);
        match self.0.line.call(request, userinfo::read).await? {
            userinfo::Document::Plain(claims) => Ok(claims),
            userinfo::Document::Signed(token) => {
                let claims = self.verified(metadata, &token, until).await?;
                tokens::check_userinfo(&claims, expected)?;
                Ok(claims)
            }
        }
    }

    /// The claims of something signed by the provider, with the keys that it has by now.
    async fn verified(
        &self,
        metadata: &Metadata,
        token: &str,
        until: Instant,
    ) -> Result<Map<String, Value>, FranceConnectError> {
        let keys = self.0.provider.keys(metadata, until).await?;
        let with = |keys| {
            tokens::verify(
                token,
                Trust {
                    algorithm: self.0.settings.algorithm,
                    keys,
                    client_secret: self.0.settings.client_secret.current().expose_secret(),
                },
            )
        };
        match with(&keys) {
            Err(Distrust::UnknownKey) => {
                let newer = self.0.provider.newer_keys(metadata, &keys, until).await?;
                Ok(with(&newer)?)
            }
            outcome => Ok(outcome?),
        }
    }
}

/// RFC 6749 §2.3.1: identifier and secret are form-encoded before they are joined.
fn basic(client_id: &str, secret: &str) -> String {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;

    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pair = format!("{}:{}", encoded(client_id), encoded(secret));
    format!("Basic {}", BASE64_STANDARD.encode(pair))
}

/// A refusal is an answer: the provider is well.
fn read_tokens(answer: &Answer) -> Result<Result<Tokens, FranceConnectError>, CallError> {
    if matches!(answer.status, 400 | 401) {
        let error = serde_json::from_str::<Refusal>(&answer.body)
            .map_or_else(|_| answer.status.to_string(), |refusal| printable(&refusal.error));
        return Ok(Err(FranceConnectError::Refused(error)));
    }
    answer.json().map(Ok)
}

/// An error code as a log can hold it.
fn printable(code: &str) -> String {
    code.chars()
        .filter(|character| character.is_ascii_alphanumeric() || *character == '_')
        .take(ERROR_CODE_LIMIT)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_that_is_not_good_any_more_is_no_fault() {
        let refused = |code: &str| FranceConnectError::Refused(code.to_owned());
        assert!(!refused("invalid_grant").is_a_fault());
        for fault in [
            refused("invalid_client"),
            refused("400"),
            CallError::Timeout.into(),
            Distrust::Signature.into(),
            UnusableClaim("birthdate").into(),
        ] {
            assert!(fault.is_a_fault(), "{fault}");
        }
    }
}
