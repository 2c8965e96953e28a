//! The end of a journey: the browser is back at the service, which reads the answer as services do.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use url::Url;

use crate::harness::Browser;
use crate::support::{RelyingParty, TestServer, http_client, parameter};

const PATIENCE: Duration = Duration::from_secs(30);

/// What a service learns at the end.
pub struct Answer {
    /// The claims of the ID token.
    pub id_token: Value,
    pub userinfo: Value,
}

/// Waits until the browser is back at the service, and gives the address.
pub async fn back_at(browser: &Browser, service: &RelyingParty) -> Url {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let url = browser.url().await;
        if url.as_str().starts_with(&service.redirect_uri) {
            return url;
        }
        assert!(Instant::now() < deadline, "on {url}:\n{}", browser.text().await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Waits until the browser brings a code, and redeems it.
pub async fn answer(browser: &Browser, server: &TestServer, service: &RelyingParty) -> Answer {
    let url = back_at(browser, service).await;
    let code = parameter(&url, "code").unwrap_or_else(|| panic!("a code in {url}"));
    let (status, tokens) = service.redeem(server, &code, &[]).await;
    assert_eq!(status, 200, "{tokens}");
    let userinfo = http_client()
        .get(server.base_url.join("oauth/userinfo").expect("a path"))
        .bearer_auth(tokens["access_token"].as_str().expect("an access token"))
        .send()
        .await
        .expect("an answer");
    let userinfo = userinfo.text().await.expect("claims");
    Answer {
        id_token: signed(tokens["id_token"].as_str().expect("an ID token")),
        userinfo: serde_json::from_str(&userinfo).unwrap_or_else(|_| signed(&userinfo)),
    }
}

/// The claims in a signed token; signatures are the business of other tests.
fn signed(token: &str) -> Value {
    let claims = token.split('.').nth(1).expect("three parts");
    let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64");
    serde_json::from_slice(&claims).expect("claims")
}

/// Waits until the browser brings an error, and gives it.
pub async fn error(browser: &Browser, service: &RelyingParty) -> String {
    let url = back_at(browser, service).await;
    parameter(&url, "error").unwrap_or_else(|| panic!("an error in {url}"))
}
