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
    pub fn authorization_request(&mut self) -> String {
        self.journeys += 1;
        let query = encode_form(&[
            ("client_id", self.client.id()),
            ("redirect_uri", Client::REDIRECT_URI),
            ("response_type", "code"),
            ("scope", Client::SCOPE),
            ("state", &format!("state-{}", self.journeys)),
            ("nonce", &format!("nonce-{}", self.journeys)),
        ]);
        format!("/oauth/authorize?{query}")
    }

    /// Redeems the code in the URL that the browser came back with, and asks who the person is.
    ///
    /// # Errors
    /// There is no code, or an answer is not what it should be.
    pub async fn complete(&mut self, callback: &str, steps: &mut Steps) -> Result<(), LoadError> {
        let code = self.code_in(callback)?;

        let began = Instant::now();
        let access_token = self.redeem(&code).await?;
        steps.add("token", began);

        let began = Instant::now();
        self.userinfo(&access_token).await?;
        steps.add("userinfo", began);
        Ok(())
    }

    fn code_in(&self, callback: &str) -> Result<String, LoadError> {
        let unexpected = |got: String| LoadError::Unexpected {
            step: "authorize",
            expected: "a code",
            got,
        };
        if !callback.starts_with(Client::REDIRECT_URI) {
            return Err(unexpected("a redirect to somewhere else".to_owned()));
        }
        let url = Url::parse(callback).map_err(|_| LoadError::Malformed("callback URL"))?;
        let parameter = |name: &str| {
            url.query_pairs()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
        };
        if parameter("state") != Some(format!("state-{}", self.journeys)) {
            return Err(unexpected("another state".to_owned()));
        }
        parameter("code").ok_or_else(|| unexpected(parameter("error").unwrap_or_default()))
    }

    async fn redeem(&mut self, code: &str) -> Result<String, LoadError> {
        let body = encode_form(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", Client::REDIRECT_URI),
            ("client_id", self.client.id()),
            ("client_secret", self.client.secret()),
        ]);
        let request = format!(
            "POST /oauth/token HTTP/1.1\r\nHost: {}\r\nAccept: application/json\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            self.host(),
            body.len()
        );
        let answer = self.json("token", &request).await?;
        let member = |name: &str| answer.get(name).and_then(Value::as_str);
        let (Some(access_token), Some(id_token)) = (member("access_token"), member("id_token")) else {
            return Err(LoadError::Malformed("token answer without its tokens"));
        };
        if signature_algorithm(id_token).as_deref() != Some(self.client.algorithm()) {
            return Err(LoadError::Malformed("ID token signed with another algorithm"));
        }
        Ok(access_token.to_owned())
    }

    async fn userinfo(&mut self, access_token: &str) -> Result<(), LoadError> {
        let request = format!(
            "GET /oauth/userinfo HTTP/1.1\r\nHost: {}\r\nAccept: application/json\r\n\
             Authorization: Bearer {access_token}\r\n\r\n",
            self.host()
        );
        let answer = self.json("userinfo", &request).await?;
        if answer.get("sub").is_none() || answer.get("siret").is_none() {
            return Err(LoadError::Malformed("userinfo without its claims"));
        }
        Ok(())
    }

    async fn json(&mut self, step: &'static str, request: &str) -> Result<Value, LoadError> {
        let response = self.connection.exchange(request.as_bytes()).await?;
        let body = response.text()?;
        if response.status != 200 {
            return Err(LoadError::Unexpected {
                step,
                expected: "200",
                got: format!("{} {body}", response.status),
            });
        }
        serde_json::from_str(&body).map_err(|_| LoadError::Malformed("JSON"))
    }

    fn host(&self) -> &str {
        self.target.origin.split("://").nth(1).unwrap_or_default()
    }
}

/// The `alg` in the header of a JWT. The signature itself is not checked here: that is the work of the tests.
fn signature_algorithm(jwt: &str) -> Option<String> {
    let header = jwt.split('.').next()?;
    let header = URL_SAFE_NO_PAD.decode(header).ok()?;
    let header: Value = serde_json::from_slice(&header).ok()?;
    header.get("alg")?.as_str().map(str::to_owned)
}
