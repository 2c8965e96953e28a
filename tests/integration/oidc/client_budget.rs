//! Whoever fails too often to prove to be a client is told to wait; the client itself never is.

use reqwest::Response;
use serde_json::Value;

use crate::support::{RelyingParty, TestServer};

/// As many failures are answered as such, a minute, by client and network.
const BUDGET: usize = 60;
const HERE: &str = "203.0.113.7";

async fn try_secret(server: &TestServer, address: &str, endpoint: &str, id: &str, secret: &str) -> Response {
    crate::support::http_client()
        .post(server.base_url.join(endpoint).unwrap())
        .header("X-Forwarded-For", address)
        .form(&[
            ("client_id", id),
            ("client_secret", secret),
            ("token", "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"),
        ])
        .send()
        .await
        .unwrap()
}

#[tokio::test]
async fn guesses_at_a_secret_are_told_to_wait_and_the_client_never_is() {
    let server = TestServer::start().await;
    let (client, other) = (RelyingParty::default(), RelyingParty::default());
    client.register(server.database()).await;
    other.register(server.database()).await;
    let introspection = "oauth/token/introspection";
    let id = client.client_id.as_str();
    for _ in 0..BUDGET {
        let answer = try_secret(&server, HERE, introspection, id, "a guess").await;
        assert_eq!(answer.status(), 401);
    }
    // One budget for all endpoints.
    for endpoint in [
        "oauth/token",
        "oauth/request",
        introspection,
        "oauth/token/revocation",
    ] {
        let answer = try_secret(&server, HERE, endpoint, id, "a guess").await;
        assert_eq!(answer.status(), 429, "{endpoint}");
        let seconds: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["error"], "invalid_client");
    }
    // The client itself, from the very same address; others there; the same guesses from elsewhere.
    let right = try_secret(&server, HERE, introspection, id, &client.client_secret).await;
    assert_eq!(right.status(), 200);
    let another = try_secret(&server, HERE, introspection, &other.client_id, "a guess").await;
    assert_eq!(another.status(), 401);
    let elsewhere = try_secret(&server, "203.0.113.8", introspection, id, "a guess").await;
    assert_eq!(elsewhere.status(), 401);
}

#[tokio::test]
async fn a_client_that_does_not_exist_is_refused_like_one_that_does() {
    let server = TestServer::start().await;
    let client = RelyingParty::default();
    client.register(server.database()).await;
    for id in ["nobody", &client.client_id] {
        let mut statuses = Vec::new();
        for _ in 0..=BUDGET {
            let answer = try_secret(&server, HERE, "oauth/token", id, "a guess").await;
            statuses.push(answer.status().as_u16());
        }
        assert_eq!(statuses.pop(), Some(429), "{id}");
        assert!(statuses.iter().all(|status| *status == 401), "{id}: {statuses:?}");
    }
}
