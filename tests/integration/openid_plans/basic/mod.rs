//! Basic OP (`oidcc-basic-certification-test-plan`), one test a module. The plan runs with `client_secret_basic`.
//!
//! | what the modules are about | file |
//! |---|---|
//! | the answer: tokens, userinfo, how the client proves itself | here |
//! | parameters that ask for something | `requests.rs` |
//! | who is signed in, since when | `sessions.rs` |
//! | what is redeemed, how often, by whom | `codes.rs` |

mod codes;
mod requests;
mod sessions;

use serde_json::{Value, json};

use super::{Stage, sent};
use crate::support::parameter;

pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(super) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

impl Stage {
    /// Redeems a code with `client_secret_basic`; gives the answer.
    async fn tokens_with_basic(&self, code: &str) -> Value {
        let encoded: String =
            url::form_urlencoded::byte_serialize(self.client.client_secret.as_bytes()).collect();
        let answer = crate::support::http_client()
            .post(self.server.base_url.join("oauth/token").unwrap())
            .basic_auth(&self.client.client_id, Some(encoded))
            .form(&[
                ("grant_type", "authorization_code"),
                ("code", code),
                ("redirect_uri", &self.client.redirect_uri),
            ])
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["cache-control"], "no-store");
        answer.json().await.unwrap()
    }

    /// An access token of somebody signed in.
    async fn access_token(&self) -> String {
        let tokens = self.tokens_with_basic(&self.code(&[]).await).await;
        tokens["access_token"].as_str().expect("a token").to_owned()
    }
}

/// Looks at an answer of userinfo.
async fn expect_userinfo(request: reqwest::RequestBuilder) {
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.headers()["content-type"],
        "application/json; charset=utf-8"
    );
    let claims: Value = answer.json().await.unwrap();
    assert_eq!(claims["sub"], "1");
}

#[tokio::test]
async fn oidcc_server() {
    let stage = Stage::set().await;
    let page = stage.send(&[]).await;
    let answer = stage.sign_in(page).await;
    assert_eq!(parameter(&answer, "state").as_deref(), Some("the-state"));
    assert_eq!(parameter(&answer, "iss").as_deref(), Some(stage.server.issuer()));
    let tokens = stage
        .tokens_with_basic(&parameter(&answer, "code").unwrap())
        .await;
    assert_eq!(tokens["token_type"], "Bearer");
    let claims = stage.id_token(&tokens).await;
    assert_eq!(claims["iss"], stage.server.issuer());
    assert_eq!(claims["aud"], stage.client.client_id.as_str());
    assert_eq!(claims["nonce"], "the-nonce");
    assert!(claims["exp"].as_i64() > claims["iat"].as_i64());
    assert!((claims["iat"].as_i64().unwrap() - chrono::Utc::now().timestamp()).abs() < 300);
    let (status, userinfo) = stage.userinfo(tokens["access_token"].as_str().unwrap()).await;
    assert_eq!(status, 200);
    assert_eq!(userinfo["sub"], claims["sub"]);
}

/// The same with `client_secret_post`.
#[tokio::test]
async fn oidcc_server_client_secret_post() {
    let stage = Stage::set_signed_in().await;
    let tokens = stage.tokens(&stage.code(&[]).await).await;
    assert!(tokens["access_token"].is_string() && tokens["id_token"].is_string());
}

#[tokio::test]
async fn oidcc_response_type_missing() {
    let stage = Stage::set().await;
    let page = stage.send(&[("response_type", "")]).await;
    assert_eq!(sent(&page, "error").as_deref(), Some("invalid_request"));
    assert_eq!(sent(&page, "state").as_deref(), Some("the-state"));
}

#[tokio::test]
async fn oidcc_idtoken_signature() {
    let stage = Stage::set_signed_in().await;
    let tokens = stage.tokens_with_basic(&stage.code(&[]).await).await;
    let id_token = tokens["id_token"].as_str().unwrap();
    let header = josekit::jwt::decode_header(id_token).unwrap();
    assert_eq!(header.claim("alg"), Some(&json!("RS256")));
    let kid = header.claim("kid").expect("a name of the key");
    let published = stage.json("/oauth/jwks").await;
    let named: Vec<&Value> = published["keys"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|key| &key["kid"] == kid)
        .collect();
    assert_eq!(named.len(), 1, "one published key has this name");
    stage.verified(id_token).await;
}

/// `none` is offered to nobody, and no client can have registered it.
#[tokio::test]
async fn oidcc_idtoken_unsigned() {
    let stage = Stage::set_signed_in().await;
    let document = stage.json("/.well-known/openid-configuration").await;
    let offered = document["id_token_signing_alg_values_supported"]
        .as_array()
        .unwrap();
    assert!(!offered.contains(&json!("none")));
    stage
        .server
        .database()
        .execute(&format!(
            "UPDATE oidc_clients SET id_token_signed_response_alg = 'none' WHERE client_id = '{}'",
            stage.client.client_id
        ))
        .await;
    let page = stage.send(&[]).await;
    assert_eq!(page.status, 400);
    assert!(page.body.contains("invalid_client_metadata"), "{}", page.text());
}

#[tokio::test]
async fn oidcc_userinfo_get() {
    let stage = Stage::set_signed_in().await;
    let url = stage.server.base_url.join("oauth/userinfo").unwrap();
    let token = stage.access_token().await;
    expect_userinfo(crate::support::http_client().get(url).bearer_auth(token)).await;
}

#[tokio::test]
async fn oidcc_userinfo_post_header() {
    let stage = Stage::set_signed_in().await;
    let url = stage.server.base_url.join("oauth/userinfo").unwrap();
    let token = stage.access_token().await;
    expect_userinfo(crate::support::http_client().post(url).bearer_auth(token)).await;
}

#[tokio::test]
async fn oidcc_userinfo_post_body() {
    let stage = Stage::set_signed_in().await;
    let url = stage.server.base_url.join("oauth/userinfo").unwrap();
    let token = stage.access_token().await;
    expect_userinfo(
        crate::support::http_client()
            .post(url)
            .form(&[("access_token", token)]),
    )
    .await;
}
