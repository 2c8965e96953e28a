//! The attacks of RFC 9700 (OAuth 2.0 Security Best Current Practice), tried on the real program.

use serde_json::json;

use super::{Stage, sent};
use crate::support::{Options, RelyingParty, parameter};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const PKCE: [(&str, &str); 2] = [("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];

/// §4.5: a code that was stolen is brought into another session, or to another client.
#[tokio::test]
async fn code_injection() {
    let stage = Stage::set_signed_in().await;
    let thief = RelyingParty::default();
    thief.register(stage.server.database()).await;
    let code = stage.code(&PKCE).await;
    let (status, answer) = thief
        .redeem(&stage.server, &code, &[("code_verifier", VERIFIER)])
        .await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_grant")));
    // The client itself, in the thief's session, whose verifier is another one.
    let foreign_verifier = "x".repeat(43);
    let (status, answer) = stage
        .client
        .redeem(&stage.server, &code, &[("code_verifier", &foreign_verifier)])
        .await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_grant")));
    let (status, _) = stage
        .client
        .redeem(&stage.server, &code, &[("code_verifier", VERIFIER)])
        .await;
    assert_eq!(status, 200, "its owner still can");
}

/// §4.4: the client must be able to tell from whom an answer comes, also when it is an error.
#[tokio::test]
async fn mix_up() {
    let stage = Stage::set_signed_in().await;
    let issuer = stage.server.issuer().to_owned();
    for parameters in [
        vec![],
        vec![("prompt", "none"), ("max_age", "0")],
        vec![("scope", "openid phone")],
    ] {
        let page = stage.send(&parameters).await;
        if page.status == 303 {
            assert_eq!(
                sent(&page, "iss").as_deref(),
                Some(issuer.as_str()),
                "{parameters:?}"
            );
        }
    }
}

/// §4.1, §4.11: no answer and no person goes where the client has not registered.
#[tokio::test]
async fn redirect_manipulation() {
    let stage = Stage::set_signed_in().await;
    for uri in [
        "http://localhost:9.evil.example/login-callback",
        "http://localhost:9@evil.example/login-callback",
        "http://localhost:9/login-callback/../evil",
        "http://localhost:9/login-callback%2f..",
        "http://localhost:9/login-callback#@evil.example",
        "http://localhost:9/login-callback?next=https://evil.example",
        "//evil.example/login-callback",
        "javascript:alert(1)//http://localhost:9/login-callback",
    ] {
        for prompt in ["none", "login"] {
            let page = stage.send(&[("redirect_uri", uri), ("prompt", prompt)]).await;
            assert_eq!(page.status, 400, "{uri}");
            assert!(page.body.contains("invalid_redirect_uri"), "{uri}");
        }
    }
    let code = stage.code(&[]).await;
    let (status, answer) = stage
        .client
        .redeem(
            &stage.server,
            &code,
            &[("redirect_uri", "http://localhost:9/login-callback?x")],
        )
        .await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_grant")));
}

/// §4.8: whoever strips the challenge from a request gains nothing, nor whoever adds a verifier to a redemption.
#[tokio::test]
async fn pkce_downgrade() {
    let stage = Stage::set_signed_in().await;
    let code = stage.code(&[]).await;
    let (status, answer) = stage
        .client
        .redeem(&stage.server, &code, &[("code_verifier", VERIFIER)])
        .await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_grant")));
    let code = stage.code(&PKCE).await;
    let (status, answer) = stage.client.redeem(&stage.server, &code, &[]).await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_grant")));
    let plain = stage
        .send(&[("code_challenge", VERIFIER), ("code_challenge_method", "plain")])
        .await;
    assert_eq!(sent(&plain, "error").as_deref(), Some("invalid_request"));
    stage
        .server
        .database()
        .set_for(&stage.client.client_id, &json!({"require_pkce": true}))
        .await;
    let without = stage.send(&[]).await;
    assert_eq!(sent(&without, "error").as_deref(), Some("invalid_request"));
}

/// RFC 6749 §4.1.2, RFC 9700 §4.2: of a hundred redemptions of one code at once exactly one wins, on two nodes, and what it
/// won is then worth nothing.
#[tokio::test]
async fn code_replay_in_parallel() {
    for options in [Options::default(), Options::default().with_redis()] {
        let stage = Stage::set_with(options, RelyingParty::default()).await;
        let page = stage.send(&[]).await;
        stage.sign_in(page).await;
        let code = stage.code(&[]).await;
        let attempts = (0..100).map(|_| stage.client.redeem(&stage.server, &code, &[]));
        let outcomes = futures::future::join_all(attempts).await;
        let winners: Vec<_> = outcomes.iter().filter(|(status, _)| *status == 200).collect();
        assert_eq!(winners.len(), 1);
        for (status, answer) in outcomes.iter().filter(|(status, _)| *status != 200) {
            assert_eq!((*status, &answer["error"]), (400, &json!("invalid_grant")));
        }
        let token = winners[0].1["access_token"].as_str().unwrap();
        assert_eq!(stage.userinfo(token).await.0, 401);
    }
}

/// §4.10: what is bound to a key cannot be replayed, from the wire or by many at once.
#[tokio::test]
async fn token_replay() {
    let stage = Stage::set_signed_in().await;
    let key = crate::oidc::client_key::ClientKey::new();
    let issuer = stage.server.issuer().to_owned();
    let now = chrono::Utc::now;
    let code = stage.code(&[]).await;
    let http = crate::support::http_client();
    let answer = http
        .post(stage.server.base_url.join("oauth/token").unwrap())
        .header(
            "DPoP",
            key.proof("POST", &format!("{issuer}/oauth/token"), now(), &json!({})),
        )
        .form(&[
            ("grant_type", "authorization_code"),
            ("client_id", &stage.client.client_id),
            ("client_secret", &stage.client.client_secret),
            ("redirect_uri", &stage.client.redirect_uri),
            ("code", &code),
        ])
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("dpop-nonce"));
    let tokens: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(tokens["token_type"], "DPoP");
    let token = tokens["access_token"].as_str().unwrap().to_owned();
    assert_eq!(stage.userinfo(&token).await.0, 401, "as a bearer");

    let hash = crate::oidc::client_key::token_hash(&token);
    let proof = key.proof(
        "GET",
        &format!("{issuer}/oauth/userinfo"),
        now(),
        &json!({"ath": hash}),
    );
    let attempts = (0..100).map(|_| {
        http.get(stage.server.base_url.join("oauth/userinfo").unwrap())
            .header("Authorization", format!("DPoP {token}"))
            .header("DPoP", &proof)
            .send()
    });
    let outcomes = futures::future::join_all(attempts).await;
    let accepted = outcomes
        .iter()
        .filter(|outcome| outcome.as_ref().is_ok_and(|answer| answer.status() == 200))
        .count();
    assert_eq!(accepted, 1);
}

/// §4.3: codes and tokens do not leak through the pages, their addresses or the log.
#[tokio::test]
async fn credential_leakage() {
    let stage = Stage::set_signed_in().await;
    let page = stage.send(&[]).await;
    assert_eq!(page.header("cache-control"), "no-store");
    let code = parameter(&page.location(), "code").unwrap();
    let tokens = stage.tokens(&code).await;
    let secrets = [
        code.as_str(),
        tokens["access_token"].as_str().unwrap(),
        tokens["id_token"].as_str().unwrap(),
        &stage.client.client_secret,
    ];
    stage.server.expect_discreet_log(&secrets).await;
}
