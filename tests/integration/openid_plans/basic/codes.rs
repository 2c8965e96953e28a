//! What is redeemed, how often, by whom, and where codes are sent.

use std::time::Duration;

use serde_json::json;

use super::{CHALLENGE, Stage, VERIFIER, sent};
use crate::support::RelyingParty;

/// Redeems a code twice, the second time after `pause`.
async fn expect_one_use(pause: Duration) {
    let stage = Stage::set_signed_in().await;
    let code = stage.code(&[]).await;
    let tokens = stage.tokens_with_basic(&code).await;
    tokio::time::sleep(pause).await;
    let (status, answer) = stage.client.redeem(&stage.server, &code, &[]).await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_grant")));
    // What the first use gave is worth nothing any more.
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(stage.userinfo(token).await.0, 401);
}

#[tokio::test]
async fn oidcc_codereuse() {
    expect_one_use(Duration::ZERO).await;
}

#[tokio::test]
async fn oidcc_codereuse_30seconds() {
    expect_one_use(Duration::from_secs(30)).await;
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
async fn oidcc_refresh_token() {
    let stage = Stage::set_signed_in().await;
    let other = RelyingParty::default();
    other.register(stage.server.database()).await;
    let settings = json!({"refresh_token_lifetime_in_seconds": 3600});
    for client in [&stage.client, &other] {
        let database = stage.server.database();
        database.set_for(&client.client_id, &settings).await;
    }
    let tokens = stage.tokens_with_basic(&stage.code(&[]).await).await;
    let refreshing = |token: &str| {
        vec![
            ("grant_type", "refresh_token".to_owned()),
            ("refresh_token", token.to_owned()),
            ("code", String::new()),
            ("redirect_uri", String::new()),
        ]
    };
    let refresh = async |client: &RelyingParty, token: &str| {
        let changes = refreshing(token);
        let changes: Vec<(&str, &str)> = changes
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        client.redeem(&stage.server, "", &changes).await
    };
    let first = tokens["refresh_token"].as_str().expect("a refresh token");
    let (status, answer) = refresh(&stage.client, first).await;
    assert_eq!(status, 200, "{answer}");
    let (old, new) = (stage.id_token(&tokens).await, stage.id_token(&answer).await);
    for claim in ["iss", "sub", "aud"] {
        assert_eq!(old[claim], new[claim]);
    }
    let token = answer["access_token"].as_str().unwrap();
    assert_eq!(stage.userinfo(token).await.0, 200);
    // Another client gets nothing for it.
    let (status, answer) = refresh(&other, answer["refresh_token"].as_str().unwrap()).await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_grant")));
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
