//! Parameters that ask for something, and those that ask for what this provider does not have.

use serde_json::Value;

use super::{Stage, sent};
use crate::support::{Options, RelyingParty, parameter};

/// Somebody signed in at a client that may ask for everything a plan asks for.
async fn with_phone() -> Stage {
    let client = RelyingParty {
        scope: "openid email profile phone organization".into(),
        ..RelyingParty::default()
    };
    let stage = Stage::set_with(Options::default(), client).await;
    let page = stage.send(&[]).await;
    stage.sign_in(page).await;
    stage
}

/// Asks for `scope`: what was granted, and what userinfo tells then.
async fn told_for(stage: &Stage, scope: &str) -> (Vec<String>, Value) {
    let tokens = stage
        .tokens_with_basic(&stage.code(&[("scope", scope)]).await)
        .await;
    let granted = tokens["scope"].as_str().unwrap().split(' ');
    let mut granted: Vec<String> = granted.map(str::to_owned).collect();
    granted.sort_unstable();
    let (status, claims) = stage.userinfo(tokens["access_token"].as_str().unwrap()).await;
    assert_eq!(status, 200);
    (granted, claims)
}

fn expect_claims(claims: &Value, expected: &[&str], absent: &[&str]) {
    for name in expected {
        assert!(!claims[name].is_null(), "{name} in {claims}");
    }
    for name in absent {
        assert!(claims.get(name).is_none(), "{name} in {claims}");
    }
}

#[tokio::test]
async fn oidcc_ensure_request_without_nonce_succeeds_for_code_flow() {
    let stage = Stage::set_signed_in().await;
    let tokens = stage.tokens_with_basic(&stage.code(&[("nonce", "")]).await).await;
    assert!(!stage.id_token(&tokens).await.contains_key("nonce"));
}

#[tokio::test]
async fn oidcc_scope_profile() {
    let (granted, claims) = told_for(&with_phone().await, "openid profile").await;
    assert_eq!(granted, ["openid", "profile"]);
    expect_claims(
        &claims,
        &["family_name", "given_name", "updated_at"],
        &["email", "siret"],
    );
    assert!(claims["updated_at"].is_u64(), "a number: {claims}");
}

#[tokio::test]
async fn oidcc_scope_email() {
    let (granted, claims) = told_for(&with_phone().await, "openid email").await;
    assert_eq!(granted, ["email", "openid"]);
    expect_claims(&claims, &["email", "email_verified"], &["given_name"]);
    assert!(claims["email_verified"].is_boolean());
}

/// There is no such claim here: the scope is dropped.
#[tokio::test]
async fn oidcc_scope_address() {
    let (granted, claims) = told_for(&with_phone().await, "openid address").await;
    assert_eq!(granted, ["openid"]);
    expect_claims(&claims, &["sub"], &["address", "email"]);
}

#[tokio::test]
async fn oidcc_scope_phone() {
    let (granted, claims) = told_for(&with_phone().await, "openid phone").await;
    assert_eq!(granted, ["openid", "phone"]);
    expect_claims(&claims, &["phone_number_verified"], &["email"]);
    assert!(claims["phone_number_verified"].is_boolean());
}

#[tokio::test]
async fn oidcc_scope_all() {
    let (granted, claims) = told_for(&with_phone().await, "openid profile email address phone").await;
    assert_eq!(granted, ["email", "openid", "phone", "profile"]);
    expect_claims(&claims, &["email", "given_name", "updated_at"], &["siret"]);
}

#[tokio::test]
async fn oidcc_ensure_other_scope_order_succeeds() {
    let stage = Stage::set_signed_in().await;
    let code = stage.code(&[("scope", "email openid")]).await;
    assert!(stage.tokens_with_basic(&code).await["id_token"].is_string());
}

/// Everything that a careful client may leave out or send otherwise, at once.
#[tokio::test]
async fn oidcc_alternate_happy_flow() {
    let client = RelyingParty {
        redirect_uri: "http://localhost:9/login-callback?dummy1=lorem&dummy2=ipsum".into(),
        ..RelyingParty::default()
    };
    let stage = Stage::set_with(Options::default(), client).await;
    let page = stage
        .send(&[("state", ""), ("nonce", ""), ("scope", "profile email openid")])
        .await;
    let answer = stage.sign_in(page).await;
    assert_eq!(parameter(&answer, "dummy1").as_deref(), Some("lorem"));
    assert_eq!(parameter(&answer, "dummy2").as_deref(), Some("ipsum"));
    assert_eq!(parameter(&answer, "state"), None);
    let tokens = stage
        .tokens_with_basic(&parameter(&answer, "code").unwrap())
        .await;
    assert!(tokens["id_token"].is_string());
}

async fn expect_no_effect(parameter: (&str, &str)) {
    let stage = Stage::set_signed_in().await;
    let tokens = stage.tokens_with_basic(&stage.code(&[parameter]).await).await;
    assert!(tokens["id_token"].is_string(), "{parameter:?}");
}

#[tokio::test]
async fn oidcc_display_page() {
    expect_no_effect(("display", "page")).await;
}

#[tokio::test]
async fn oidcc_display_popup() {
    expect_no_effect(("display", "popup")).await;
}

#[tokio::test]
async fn oidcc_ui_locales() {
    expect_no_effect(("ui_locales", "se")).await;
}

#[tokio::test]
async fn oidcc_claims_locales() {
    expect_no_effect(("claims_locales", "se")).await;
}

#[tokio::test]
async fn oidcc_ensure_request_with_unknown_parameter_succeeds() {
    expect_no_effect(("extra", "foobar")).await;
}

#[tokio::test]
async fn oidcc_ensure_request_with_acr_values_succeeds() {
    let stage = Stage::set_signed_in().await;
    let code = stage.code(&[("acr_values", "1 2")]).await;
    let tokens = stage.tokens_with_basic(&code).await;
    assert_eq!(stage.id_token(&tokens).await["acr"], "eidas0");
}

#[tokio::test]
async fn oidcc_claims_essential() {
    let stage = Stage::set_signed_in().await;
    let claims = r#"{"userinfo":{"name":{"essential":true},"given_name":{"essential":true}}}"#;
    let code = stage.code(&[("scope", "openid"), ("claims", claims)]).await;
    let tokens = stage.tokens_with_basic(&code).await;
    let (_, userinfo) = stage.userinfo(tokens["access_token"].as_str().unwrap()).await;
    assert!(userinfo["given_name"].is_string(), "{userinfo}");
}

/// `alg` `none`, with a scope.
const UNSIGNED: &str = "eyJhbGciOiJub25lIn0.eyJzY29wZSI6Im9wZW5pZCJ9.";

#[tokio::test]
async fn oidcc_unsigned_request_object_supported_correctly_or_rejected_as_unsupported() {
    let stage = Stage::set_signed_in().await;
    let page = stage.send(&[("request", UNSIGNED)]).await;
    assert_eq!(sent(&page, "error").as_deref(), Some("request_not_supported"));
    assert_eq!(sent(&page, "state").as_deref(), Some("the-state"));
}

#[tokio::test]
async fn oidcc_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported() {
    let stage = Stage::set_signed_in().await;
    let document = stage.json("/.well-known/openid-configuration").await;
    assert_eq!(document["request_uri_parameter_supported"], false);
    let page = stage
        .send(&[("request_uri", "https://rp.example/request.jwt")])
        .await;
    assert_eq!(sent(&page, "error").as_deref(), Some("request_uri_not_supported"));
    assert_eq!(sent(&page, "state").as_deref(), Some("the-state"));
}

/// An address inside of a request object does not count where request objects do not.
#[tokio::test]
async fn oidcc_ensure_request_object_with_redirect_uri() {
    let stage = Stage::set_signed_in().await;
    // {"redirect_uri":"https://evil.example/"}
    let object = "eyJhbGciOiJub25lIn0.eyJyZWRpcmVjdF91cmkiOiJodHRwczovL2V2aWwuZXhhbXBsZS8ifQ.";
    let page = stage.send(&[("request", object)]).await;
    assert_eq!(sent(&page, "error").as_deref(), Some("request_not_supported"));
    assert!(page.location().as_str().starts_with(&stage.client.redirect_uri));
}
