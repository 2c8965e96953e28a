//! Basic OP (`oidcc-basic-certification-test-plan`), one test a module.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Stage, sent};
use crate::support::{EMAIL, RelyingParty, parameter};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

#[tokio::test]
async fn oidcc_server() {
    let stage = Stage::set().await;
    let page = stage.send(&[]).await;
    let answer = stage.sign_in(page).await;
    assert_eq!(parameter(&answer, "state").as_deref(), Some("the-state"));
    assert_eq!(parameter(&answer, "iss").as_deref(), Some(stage.server.issuer()));
    let tokens = stage.tokens(&parameter(&answer, "code").unwrap()).await;
    assert_eq!(tokens["token_type"], "Bearer");
    let claims = stage.id_token(&tokens).await;
    assert_eq!(claims["iss"], stage.server.issuer());
    assert_eq!(claims["aud"], stage.client.client_id.as_str());
    assert_eq!(claims["nonce"], "the-nonce");
    assert!(claims["exp"].as_i64() > claims["iat"].as_i64());
    let (status, userinfo) = stage.userinfo(tokens["access_token"].as_str().unwrap()).await;
    assert_eq!(status, 200);
    assert_eq!(userinfo["sub"], claims["sub"]);
}

#[tokio::test]
async fn oidcc_response_type_missing() {
    let stage = Stage::set().await;
    let page = stage.send(&[("response_type", "")]).await;
    assert_eq!(sent(&page, "error").as_deref(), Some("invalid_request"));
    assert_eq!(sent(&page, "state").as_deref(), Some("the-state"));
}

#[tokio::test]
async fn oidcc_userinfo_get_post_header_and_post_body() {
    let stage = Stage::set_signed_in().await;
    let tokens = stage.tokens(&stage.code(&[]).await).await;
    let token = tokens["access_token"].as_str().unwrap();
    let url = stage.server.base_url.join("oauth/userinfo").unwrap();
    let http = crate::support::http_client();
    let requests = [
        http.get(url.clone()).bearer_auth(token),
        http.post(url.clone()).bearer_auth(token),
        http.post(url).form(&[("access_token", token)]),
    ];
    for request in requests {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(
            answer.headers()["content-type"],
            "application/json; charset=utf-8"
        );
        let claims: Value = answer.json().await.unwrap();
        assert_eq!(claims["sub"], "1");
    }
}

#[tokio::test]
async fn oidcc_ensure_request_without_nonce_succeeds_for_code_flow() {
    let stage = Stage::set_signed_in().await;
    let tokens = stage.tokens(&stage.code(&[("nonce", "")]).await).await;
    assert!(!stage.id_token(&tokens).await.contains_key("nonce"));
}

#[tokio::test]
async fn oidcc_scope_profile_email_address_phone_and_all() {
    let client = RelyingParty {
        scope: "openid email profile phone organization".into(),
        ..RelyingParty::default()
    };
    let stage = Stage::set_with(crate::support::Options::default(), client).await;
    let page = stage.send(&[]).await;
    stage.sign_in(page).await;
    let table: [(&str, &[&str], &str); 5] = [
        (
            "openid profile",
            &["family_name", "given_name", "updated_at"],
            "openid profile",
        ),
        ("openid email", &["email", "email_verified"], "openid email"),
        ("openid address", &[], "openid"),
        ("openid phone", &["phone_number_verified"], "openid phone"),
        (
            "openid profile email address phone",
            &["email", "given_name", "updated_at"],
            "openid profile email phone",
        ),
    ];
    for (scope, expected, granted) in table {
        let tokens = stage.tokens(&stage.code(&[("scope", scope)]).await).await;
        let mut told: Vec<&str> = tokens["scope"].as_str().unwrap().split(' ').collect();
        let mut granted: Vec<&str> = granted.split(' ').collect();
        told.sort_unstable();
        granted.sort_unstable();
        assert_eq!(told, granted);
        let (_, claims) = stage.userinfo(tokens["access_token"].as_str().unwrap()).await;
        for name in expected {
            assert!(!claims[name].is_null(), "{scope}: {name} in {claims}");
        }
        if scope.contains("profile") {
            assert!(claims["updated_at"].is_u64(), "a number: {claims}");
        }
        assert!(claims.get("email").is_none() || scope.contains("email"));
    }
}

#[tokio::test]
async fn oidcc_ensure_other_scope_order_succeeds() {
    let stage = Stage::set_signed_in().await;
    let tokens = stage
        .tokens(&stage.code(&[("scope", "email openid")]).await)
        .await;
    assert!(tokens["id_token"].is_string());
}

#[tokio::test]
async fn oidcc_display_page_popup_ui_locales_and_claims_locales() {
    let stage = Stage::set_signed_in().await;
    for parameter in [
        ("display", "page"),
        ("display", "popup"),
        ("ui_locales", "se"),
        ("claims_locales", "se"),
    ] {
        assert!(!stage.code(&[parameter]).await.is_empty());
    }
}

#[tokio::test]
async fn oidcc_prompt_login() {
    let stage = Stage::set_signed_in().await;
    let first = stage
        .id_token(&stage.tokens(&stage.code(&[("max_age", "10000")]).await).await)
        .await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let page = stage.send(&[("prompt", "login")]).await;
    assert_eq!(page.status, 200, "a page asks");
    let answer = stage.sign_in(page).await;
    let tokens = stage.tokens(&parameter(&answer, "code").unwrap()).await;
    let second = stage.id_token(&tokens).await;
    assert!(second["auth_time"].as_i64() > first["auth_time"].as_i64());
    assert_eq!(second["sub"], first["sub"]);
}

#[tokio::test]
async fn oidcc_prompt_login_cannot_be_skipped() {
    let stage = Stage::set_signed_in().await;
    let page = stage.send(&[("prompt", "login")]).await;
    let uid = stage
        .visitor
        .client()
        .get(
            stage
                .client
                .authorization_url(&stage.server, &[("prompt", "login")]),
        )
        .send()
        .await
        .unwrap();
    assert_eq!(uid.url().path(), page.url.path(), "the same page again");
    assert_eq!(page.url.path(), "/users/start-sign-in");
}

#[tokio::test]
async fn oidcc_prompt_none_not_logged_in() {
    let stage = Stage::set().await;
    let page = stage.send(&[("prompt", "none")]).await;
    assert_eq!(sent(&page, "error").as_deref(), Some("login_required"));
    assert_eq!(sent(&page, "iss").as_deref(), Some(stage.server.issuer()));
}

#[tokio::test]
async fn oidcc_prompt_none_logged_in() {
    let stage = Stage::set_signed_in().await;
    let first = stage.id_token(&stage.tokens(&stage.code(&[]).await).await).await;
    let tokens = stage.tokens(&stage.code(&[("prompt", "none")]).await).await;
    assert_eq!(stage.id_token(&tokens).await["sub"], first["sub"]);
}

#[tokio::test]
async fn oidcc_max_age_1() {
    let stage = Stage::set_signed_in().await;
    let first = stage
        .id_token(&stage.tokens(&stage.code(&[("max_age", "10000")]).await).await)
        .await;
    tokio::time::sleep(Duration::from_millis(2100)).await;
    let page = stage.send(&[("max_age", "1")]).await;
    assert_eq!(page.status, 200, "a page asks");
    let answer = stage.sign_in(page).await;
    let tokens = stage.tokens(&parameter(&answer, "code").unwrap()).await;
    let second = stage.id_token(&tokens).await;
    assert!(second["auth_time"].as_i64() > first["auth_time"].as_i64());
}

#[tokio::test]
async fn oidcc_max_age_10000() {
    let stage = Stage::set_signed_in().await;
    let mut times = Vec::new();
    for _ in 0..2 {
        let tokens = stage.tokens(&stage.code(&[("max_age", "10000")]).await).await;
        times.push(stage.id_token(&tokens).await["auth_time"].clone());
    }
    assert!(times[0].is_i64() && times[0] == times[1]);
}

#[tokio::test]
async fn oidcc_ensure_request_with_unknown_parameter_succeeds() {
    let stage = Stage::set_signed_in().await;
    assert!(
        !stage
            .code(&[("extra", "foobar"), ("extra", "twice")])
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn oidcc_id_token_hint() {
    let stage = Stage::set_signed_in().await;
    let tokens = stage.tokens(&stage.code(&[]).await).await;
    let hint = tokens["id_token"].as_str().unwrap();
    let again = stage
        .tokens(&stage.code(&[("prompt", "none"), ("id_token_hint", hint)]).await)
        .await;
    assert_eq!(
        stage.id_token(&again).await["sub"],
        stage.id_token(&tokens).await["sub"]
    );
}

#[tokio::test]
async fn oidcc_login_hint() {
    let stage = Stage::set().await;
    let page = stage.send(&[("login_hint", EMAIL)]).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains(EMAIL), "{}", page.text());
}

#[tokio::test]
async fn oidcc_ensure_request_with_acr_values_succeeds() {
    let stage = Stage::set_signed_in().await;
    let tokens = stage.tokens(&stage.code(&[("acr_values", "1 2")]).await).await;
    assert_eq!(stage.id_token(&tokens).await["acr"], "eidas0");
}

#[tokio::test]
async fn oidcc_codereuse_and_codereuse_30seconds() {
    let stage = Stage::set_signed_in().await;
    let code = stage.code(&[]).await;
    let tokens = stage.tokens(&code).await;
    let (status, answer) = stage.client.redeem(&stage.server, &code, &[]).await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_grant")));
    // What the first use gave is worth nothing any more, at once and later.
    assert_eq!(
        stage.userinfo(tokens["access_token"].as_str().unwrap()).await.0,
        401
    );
}

#[tokio::test]
async fn oidcc_ensure_registered_redirect_uri() {
    let stage = Stage::set_signed_in().await;
    for uri in [
        "http://localhost:9/other",
        "http://localhost:9/login-callback?x=1",
        "https://evil.example/",
    ] {
        let page = stage.send(&[("redirect_uri", uri)]).await;
        assert_eq!(page.status, 400, "{uri}");
        assert!(page.body.contains("invalid_redirect_uri"));
    }
}

#[tokio::test]
async fn oidcc_ensure_post_request_succeeds() {
    let stage = Stage::set_signed_in().await;
    let url = stage.client.authorization_url(&stage.server, &[]);
    let fields: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let page = stage.visitor.post("/oauth/authorize", &fields).await;
    assert!(sent(&page, "code").is_some());
}

#[tokio::test]
async fn oidcc_server_client_secret_post_and_basic() {
    let stage = Stage::set_signed_in().await;
    assert!(stage.tokens(&stage.code(&[]).await).await["access_token"].is_string());
    let code = stage.code(&[]).await;
    let encoded: String =
        url::form_urlencoded::byte_serialize(stage.client.client_secret.as_bytes()).collect();
    let answer = crate::support::http_client()
        .post(stage.server.base_url.join("oauth/token").unwrap())
        .basic_auth(&stage.client.client_id, Some(encoded))
        .form(&[
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", &stage.client.redirect_uri),
        ])
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn oidcc_unsigned_request_object_supported_correctly_or_rejected_as_unsupported() {
    let stage = Stage::set_signed_in().await;
    let unsigned = "eyJhbGciOiJub25lIn0.eyJzY29wZSI6Im9wZW5pZCJ9.";
    let page = stage.send(&[("request", unsigned)]).await;
    assert_eq!(sent(&page, "error").as_deref(), Some("request_not_supported"));
}

#[tokio::test]
async fn oidcc_ensure_request_object_with_redirect_uri() {
    let stage = Stage::set_signed_in().await;
    let page = stage
        .send(&[("request_uri", "https://rp.example/request.jwt")])
        .await;
    assert_eq!(sent(&page, "error").as_deref(), Some("request_uri_not_supported"));
}

#[tokio::test]
async fn oidcc_claims_essential() {
    let stage = Stage::set_signed_in().await;
    let claims = r#"{"userinfo":{"given_name":{"essential":true}}}"#;
    let tokens = stage
        .tokens(&stage.code(&[("scope", "openid"), ("claims", claims)]).await)
        .await;
    let (_, userinfo) = stage.userinfo(tokens["access_token"].as_str().unwrap()).await;
    assert!(userinfo["given_name"].is_string(), "{userinfo}");
}

#[tokio::test]
async fn oidcc_refresh_token() {
    let stage = Stage::set_signed_in().await;
    stage
        .server
        .database()
        .set_for(
            &stage.client.client_id,
            &json!({"refresh_token_lifetime_in_seconds": 3600}),
        )
        .await;
    let tokens = stage.tokens(&stage.code(&[]).await).await;
    let refresh_token = tokens["refresh_token"].as_str().expect("a refresh token");
    let changes = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token),
        ("code", ""),
        ("redirect_uri", ""),
    ];
    let (status, answer) = stage.client.redeem(&stage.server, "", &changes).await;
    assert_eq!(status, 200, "{answer}");
    let (old, new) = (stage.id_token(&tokens).await, stage.id_token(&answer).await);
    for claim in ["iss", "sub", "aud"] {
        assert_eq!(old[claim], new[claim]);
    }
    assert_eq!(
        stage.userinfo(answer["access_token"].as_str().unwrap()).await.0,
        200
    );
    let other = RelyingParty::default();
    other.register(stage.server.database()).await;
    let fresh = answer["refresh_token"].as_str().unwrap();
    let changes = [
        ("grant_type", "refresh_token"),
        ("refresh_token", fresh),
        ("code", ""),
    ];
    let (status, answer) = other.redeem(&stage.server, "", &changes).await;
    assert_eq!(status, 400, "{answer}");
}

#[tokio::test]
async fn oidcc_ensure_request_with_valid_pkce_succeeds() {
    let stage = Stage::set_signed_in().await;
    let code = stage
        .code(&[("code_challenge", CHALLENGE), ("code_challenge_method", "S256")])
        .await;
    let (status, answer) = stage
        .client
        .redeem(&stage.server, &code, &[("code_verifier", VERIFIER)])
        .await;
    assert_eq!(status, 200, "{answer}");
}
