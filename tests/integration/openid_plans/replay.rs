//! What works once works once, a hundred times at once (RFC 9700 §2.2.2, §4.14; RFC 9126 §7.3; RFC 7523 §3).

use futures::future::join_all;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::Stage;
use crate::oidc::client_key::ClientKey;
use crate::support::http_client;

const AT_ONCE: usize = 100;

/// Sends a request as often, all at once; gives the statuses and the bodies.
///
/// All go through one client: a hundred of them would still be reading certificates when the first connections have idled too long.
async fn at_once(request: &RequestBuilder) -> Vec<(u16, Value)> {
    let attempts = (0..AT_ONCE).map(|_| {
        let attempt = request.try_clone().expect("a body that can be sent again");
        async move {
            let answer = attempt.send().await.expect("an answer");
            let status = answer.status().as_u16();
            (status, answer.json().await.unwrap_or_default())
        }
    });
    join_all(attempts).await
}

fn won(outcomes: &[(u16, Value)], status: u16) -> usize {
    outcomes.iter().filter(|(found, _)| *found == status).count()
}

/// A refresh token that is used by many is in wrong hands: at most one wins, and what it won is worth nothing.
#[tokio::test]
async fn refresh_token_replay_in_parallel() {
    let stage = Stage::set_signed_in().await;
    let settings = json!({"refresh_token_lifetime_in_seconds": 3600});
    let database = stage.server.database();
    database.set_for(&stage.client.client_id, &settings).await;
    let tokens = stage.tokens(&stage.code(&[]).await).await;
    let request = http_client()
        .post(stage.server.base_url.join("oauth/token").unwrap())
        .form(&[
            ("grant_type", "refresh_token"),
            ("client_id", &stage.client.client_id),
            ("client_secret", &stage.client.client_secret),
            ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
        ]);
    let outcomes = at_once(&request).await;
    assert!(won(&outcomes, 200) <= 1);
    for (status, answer) in &outcomes {
        if *status == 200 {
            let token = answer["access_token"].as_str().unwrap();
            assert_eq!(stage.userinfo(token).await.0, 401);
        } else {
            assert_eq!((*status, &answer["error"]), (400, &json!("invalid_grant")));
        }
    }
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(stage.userinfo(token).await.0, 401);
}

/// An assertion of a client proves it once.
#[tokio::test]
async fn client_assertion_replay_in_parallel() {
    let stage = Stage::set_signed_in().await;
    let key = ClientKey::new();
    let settings = json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": key.set()});
    let database = stage.server.database();
    database.set_for(&stage.client.client_id, &settings).await;
    let assertion = key.assertion(
        &stage.client.client_id,
        stage.server.issuer(),
        chrono::Utc::now(),
        &json!({}),
    );
    let request = http_client()
        .post(stage.server.base_url.join("oauth/token/introspection").unwrap())
        .form(&[
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
            ("client_assertion", assertion.as_str()),
            ("token", &"x".repeat(43)),
        ]);
    let outcomes = at_once(&request).await;
    assert_eq!(won(&outcomes, 200), 1);
    // After sixty failures the rest is told to wait.
    for (status, answer) in outcomes.iter().filter(|(status, _)| *status != 200) {
        assert!([401, 429].contains(status), "{status}");
        assert_eq!(answer["error"], "invalid_client");
    }
}

/// A pushed request becomes one code.
#[tokio::test]
async fn pushed_request_replay_in_parallel() {
    let stage = Stage::set_signed_in().await;
    let pushed = http_client()
        .post(stage.server.base_url.join("oauth/request").unwrap())
        .form(&[
            ("client_id", stage.client.client_id.as_str()),
            ("client_secret", &stage.client.client_secret),
            ("redirect_uri", &stage.client.redirect_uri),
            ("response_type", "code"),
            ("scope", "openid"),
        ])
        .send()
        .await
        .unwrap();
    assert_eq!(pushed.status(), 201);
    let pushed: Value = pushed.json().await.unwrap();
    let mut url = stage.server.base_url.join("oauth/authorize").unwrap();
    url.query_pairs_mut()
        .append_pair("client_id", &stage.client.client_id)
        .append_pair("request_uri", pushed["request_uri"].as_str().unwrap());
    let attempts = (0..AT_ONCE).map(|_| stage.visitor.get(url.as_str()));
    let pages = join_all(attempts).await;
    let codes = pages
        .iter()
        .filter(|page| super::sent(page, "code").is_some())
        .count();
    assert_eq!(codes, 1);
    for page in pages.iter().filter(|page| super::sent(page, "code").is_none()) {
        assert_eq!(super::sent(page, "error").as_deref(), Some("invalid_request_uri"));
    }
}
