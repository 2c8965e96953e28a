//! A relying party, as far as the server can tell: it sends browsers away, redeems what they bring back and asks who the
//! person is.

use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use url::Url;

use crate::browser::encode_form;
use crate::dataset::Client;
use crate::error::LoadError;
use crate::feature::{ASSERTION_TYPE, Feature, PKCE_CHALLENGE, PKCE_VERIFIER};
use crate::http::Connection;
use crate::journey::{Steps, Target};

/// A relying party: sends browsers away, redeems what they bring back.
pub struct RelyingParty {
    connection: Connection,
    target: Target,
    client: Client,
    journeys: u64,
}

impl RelyingParty {
    /// The relying party that is registered as `client`.
    pub fn new(target: &Target, client: Client) -> Self {
        Self {
            connection: Connection::to(target.address),
            target: target.clone(),
            client,
            journeys: 0,
        }
    }

    /// Path and query of a new authorization request.
    ///
    /// # Errors
    /// The request has to be pushed first, and that fails.
    pub async fn authorization_request(&mut self) -> Result<String, LoadError> {
        self.journeys += 1;
        let feature = self.client.feature();
        let (state, nonce) = (self.state(), format!("nonce-{}", self.journeys));
        let mut parameters = vec![
            ("client_id", self.client.id()),
            ("redirect_uri", Client::REDIRECT_URI),
            ("response_type", "code"),
            ("scope", Client::SCOPE),
            ("state", state.as_str()),
            ("nonce", nonce.as_str()),
        ];
        match feature {
            Feature::Pkce => parameters.extend([
                ("code_challenge", PKCE_CHALLENGE),
                ("code_challenge_method", "S256"),
            ]),
            Feature::SignedResponse => parameters.push(("response_mode", "jwt")),
            _ => {}
        }
        let sent = match feature {
            Feature::SignedRequest => {
                let object = self.target.key.request_object(&self.target.origin, &parameters)?;
                encode_form(&[("client_id", self.client.id()), ("request", &object)])
            }
            Feature::PushedRequest => {
                parameters.push(("client_secret", self.client.secret()));
                let request_uri = self.push(&encode_form(&parameters)).await?;
                encode_form(&[("client_id", self.client.id()), ("request_uri", &request_uri)])
            }
            _ => encode_form(&parameters),
        };
        Ok(format!("/oauth/authorize?{sent}"))
    }

    /// Pushes an authorization request (RFC 9126); gives its name.
    async fn push(&mut self, body: &str) -> Result<String, LoadError> {
        let request = self.post("/oauth/request", "", body);
        let answer = self.json("push", &request, 201).await?;
        let request_uri = answer.get("request_uri").and_then(Value::as_str);
        Ok(request_uri
            .ok_or(LoadError::Malformed("pushed request without name"))?
            .to_owned())
    }

    fn state(&self) -> String {
        format!("state-{}", self.journeys)
    }

    /// Redeems a code, and asks who the person is.
    ///
    /// # Errors
    /// An answer is not what it should be.
    pub async fn complete(&mut self, code: &str, steps: &mut Steps) -> Result<(), LoadError> {
        let began = Instant::now();
        let access_token = self.redeem(code).await?;
        steps.add("token", began);

        let began = Instant::now();
        self.userinfo(&access_token).await?;
        steps.add("userinfo", began);
        Ok(())
    }

    /// The code in the URL that the browser came back with from the latest authorization request.
    ///
    /// # Errors
    /// There is none, or it answers another request.
    pub fn code_in(&self, callback: &str) -> Result<String, LoadError> {
        let unexpected = |got: String| LoadError::Unexpected {
            step: "authorize",
            expected: "a code",
            got,
        };
        if !callback.starts_with(Client::REDIRECT_URI) {
            return Err(unexpected("a redirect to somewhere else".to_owned()));
        }
        let url = Url::parse(callback).map_err(|_| LoadError::Malformed("callback URL"))?;
        let in_query = |name: &str| {
            url.query_pairs()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
        };
        let signed = in_query("response").and_then(|jwt| json_part(&jwt, 1));
        let parameter = |name: &str| match &signed {
            Some(claims) => claims.get(name).and_then(Value::as_str).map(str::to_owned),
            None => in_query(name),
        };
        if parameter("state") != Some(self.state()) {
            return Err(unexpected("another state".to_owned()));
        }
        parameter("code").ok_or_else(|| unexpected(parameter("error").unwrap_or_default()))
    }

    /// Redeems a code; gives the access token.
    ///
    /// # Errors
    /// The answer is not what it should be.
    pub async fn redeem(&mut self, code: &str) -> Result<String, LoadError> {
        let feature = self.client.feature();
        let key = &self.target.key;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", Client::REDIRECT_URI),
            ("client_id", self.client.id()),
        ];
        let assertion;
        if feature == Feature::PrivateKeyJwt {
            assertion = key.assertion(self.client.id(), &self.target.origin)?;
            form.extend([
                ("client_assertion_type", ASSERTION_TYPE),
                ("client_assertion", assertion.as_str()),
            ]);
        } else {
            form.push(("client_secret", self.client.secret()));
        }
        if feature == Feature::Pkce {
            form.push(("code_verifier", PKCE_VERIFIER));
        }
        let proof = match feature {
            Feature::Dpop => {
                let url = format!("{}/oauth/token", self.target.origin);
                format!("DPoP: {}\r\n", key.proof("POST", &url, None)?)
            }
            _ => String::new(),
        };
        let request = self.post("/oauth/token", &proof, &encode_form(&form));
        let answer = self.json("token", &request, 200).await?;
        let member = |name: &str| answer.get(name).and_then(Value::as_str);
        let (Some(access_token), Some(id_token)) = (member("access_token"), member("id_token")) else {
            return Err(LoadError::Malformed("token answer without its tokens"));
        };
        let expected = match feature {
            Feature::EncryptedIdToken => "ECDH-ES",
            _ => self.client.algorithm(),
        };
        if json_part(id_token, 0).is_none_or(|header| header["alg"] != expected) {
            return Err(LoadError::Malformed("ID token signed with another algorithm"));
        }
        Ok(access_token.to_owned())
    }

    /// Asks who the person is.
    ///
    /// # Errors
    /// The answer is not what it should be.
    pub async fn userinfo(&mut self, access_token: &str) -> Result<(), LoadError> {
        let credentials = match self.client.feature() {
            Feature::Dpop => {
                let url = format!("{}/oauth/userinfo", self.target.origin);
                let proof = self.target.key.proof("GET", &url, Some(access_token))?;
                format!("Authorization: DPoP {access_token}\r\nDPoP: {proof}")
            }
            _ => format!("Authorization: Bearer {access_token}"),
        };
        let request = format!(
            "GET /oauth/userinfo HTTP/1.1\r\nHost: {}\r\nAccept: application/json\r\n{credentials}\r\n\r\n",
            self.host()
        );
        let body = self.text("userinfo", &request, 200).await?;
        let claims = match self.client.feature() {
            Feature::SignedUserinfo => json_part(&body, 1),
            _ => serde_json::from_str(&body).ok(),
        };
        let claims = claims.ok_or(LoadError::Malformed("userinfo"))?;
        if claims.get("sub").is_none() || claims.get("siret").is_none() {
            return Err(LoadError::Malformed("userinfo without its claims"));
        }
        Ok(())
    }

    /// A form sent to an endpoint of relying parties. `headers`: whole lines.
    fn post(&self, path: &str, headers: &str, body: &str) -> String {
        format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nAccept: application/json\r\n{headers}\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            self.host(),
            body.len()
        )
    }

    async fn json(&mut self, step: &'static str, request: &str, status: u16) -> Result<Value, LoadError> {
        let body = self.text(step, request, status).await?;
        serde_json::from_str(&body).map_err(|_| LoadError::Malformed("JSON"))
    }

    async fn text(&mut self, step: &'static str, request: &str, status: u16) -> Result<String, LoadError> {
        let response = self.connection.exchange(request.as_bytes()).await?;
        let body = response.text()?;
        if response.status == status {
            return Ok(body);
        }
        Err(LoadError::Unexpected {
            step,
            expected: "success",
            got: format!("{} {body}", response.status),
        })
    }

    fn host(&self) -> &str {
        self.target.origin.split("://").nth(1).unwrap_or_default()
    }
}

/// The header (0) or the claims (1) of a JWT. Its signature is not checked here: that is the work of the tests.
fn json_part(jwt: &str, part: usize) -> Option<Value> {
    let part = URL_SAFE_NO_PAD.decode(jwt.split('.').nth(part)?).ok()?;
    serde_json::from_slice(&part).ok()
}
