//! How clients prove who they are, beyond the secret of the reference.

use identite::oidc::{ClientRequest, EndpointError, hash_secret};
use serde_json::{Value, json};

use super::client_key::ClientKey;
use super::provider::{ISSUER, Provider, redemption};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The error of a redemption, `invalid_grant` meaning that the client was believed: the code is none.
async fn outcome(provider: &Provider, changes: &[(&str, &str)]) -> &'static str {
    let request = redemption("0123456789abcdefghijklmnopqrstuvwxyzABCDEFG", changes);
    let error: EndpointError = provider.oidc.token(request).await.unwrap_err();
    error.error.code.as_str()
}

async fn with_assertion(provider: &Provider, assertion: &str) -> &'static str {
    let changes = [
        ("client_id", ""),
        ("client_secret", ""),
        ("client_assertion", assertion),
        ("client_assertion_type", ASSERTION_TYPE),
    ];
    outcome(provider, &changes).await
}

async fn with_key() -> (Provider, ClientKey) {
    let provider = Provider::start().await;
    let key = ClientKey::new();
    provider
        .set(json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": key.set()}))
        .await;
    (provider, key)
}

fn assertion(provider: &Provider, key: &ClientKey, changes: &Value) -> String {
    key.assertion("standard_client_id", ISSUER, provider.now(), changes)
}

#[tokio::test]
async fn an_assertion_proves_the_client_for_each_audience_that_is_us() {
    let (provider, key) = with_key().await;
    for audience in [
        json!(ISSUER),
        json!(format!("{ISSUER}/oauth/token")),
        json!(["https://other.example", format!("{ISSUER}/oauth/request")]),
    ] {
        let assertion = assertion(&provider, &key, &json!({"aud": audience}));
        assert_eq!(
            with_assertion(&provider, &assertion).await,
            "invalid_grant",
            "{audience}"
        );
    }
}

#[tokio::test]
async fn an_assertion_works_once_and_of_many_at_once_one_works() {
    let (provider, key) = with_key().await;
    let assertion = assertion(&provider, &key, &json!({}));
    let attempts = (0..100).map(|_| with_assertion(&provider, &assertion));
    let outcomes = futures::future::join_all(attempts).await;
    let believed = outcomes.iter().filter(|code| **code == "invalid_grant").count();
    assert_eq!(believed, 1, "{outcomes:?}");
}

#[tokio::test]
async fn an_unsound_assertion_proves_nothing() {
    let (provider, key) = with_key().await;
    let now = provider.now().timestamp();
    for changes in [
        json!({"iss": "other"}),
        json!({"sub": "proconnect_federation_client_id"}),
        json!({"aud": "https://other.example"}),
        json!({"aud": null}),
        json!({"exp": now - 16}),
        json!({"exp": now + 200_000}),
        json!({"exp": null}),
        json!({"jti": null}),
        json!({"nbf": now + 60}),
        json!({"iat": now + 60}),
    ] {
        let assertion = assertion(&provider, &key, &changes);
        assert_eq!(
            with_assertion(&provider, &assertion).await,
            "invalid_client",
            "{changes}"
        );
    }
    let foreign = assertion(&provider, &ClientKey::new(), &json!({}));
    assert_eq!(with_assertion(&provider, &foreign).await, "invalid_client");
    assert_eq!(
        outcome(&provider, &[]).await,
        "invalid_client",
        "the secret counts no more"
    );
}

#[tokio::test]
async fn the_way_that_is_registered_is_the_only_one() {
    let provider = Provider::start().await;
    provider
        .set(json!({"token_endpoint_auth_method": "client_secret_basic"}))
        .await;
    assert_eq!(outcome(&provider, &[]).await, "invalid_client");
}

#[tokio::test]
async fn two_secrets_work_during_a_rotation() {
    let provider = Provider::start().await;
    let soon = provider.now() + chrono::TimeDelta::hours(1);
    provider
        .set(json!({
            "secret_hash": hash_secret("new"),
            "previous_secret_hash": hash_secret("standard_client_secret"),
            "previous_secret_expires_at": soon,
        }))
        .await;
    let with = |secret: &'static str| [("client_secret", secret)];
    assert_eq!(outcome(&provider, &with("new")).await, "invalid_grant");
    assert_eq!(
        outcome(&provider, &with("standard_client_secret")).await,
        "invalid_grant"
    );
    assert_eq!(outcome(&provider, &with("other")).await, "invalid_client");
    provider.clock.advance(chrono::TimeDelta::hours(2));
    assert_eq!(
        outcome(&provider, &with("standard_client_secret")).await,
        "invalid_client"
    );
    assert_eq!(outcome(&provider, &with("new")).await, "invalid_grant");
}

#[tokio::test]
async fn settings_that_contradict_each_other_break_the_client_and_no_other() {
    let provider = Provider::start().await;
    provider
        .set(json!({"token_endpoint_auth_method": "private_key_jwt"}))
        .await;
    assert_eq!(outcome(&provider, &[]).await, "invalid_client_metadata");
    let other = [
        ("client_id", "proconnect_federation_client_id"),
        ("client_secret", "proconnect_federation_client_secret"),
        ("redirect_uri", "http://localhost:4001/login-callback"),
    ];
    assert_eq!(outcome(&provider, &other).await, "invalid_grant");
}

#[tokio::test]
async fn a_certificate_proves_the_client_that_registered_it() {
    let provider = Provider::start().await;
    provider
        .set(
            json!({"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_san_dns": "rp.example"}),
        )
        .await;
    let with = |certificate| ClientRequest {
        certificate,
        ..redemption(
            "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG",
            &[("client_secret", "")],
        )
    };
    let refused = provider.oidc.token(with(None)).await.unwrap_err();
    assert_eq!(refused.error.code.as_str(), "invalid_client");
    for (name, expected) in [
        ("rp.example", "invalid_grant"),
        ("other.example", "invalid_client"),
    ] {
        let certificate = super::encryption::certificate(name);
        let error = provider.oidc.token(with(Some(certificate))).await.unwrap_err();
        assert_eq!(error.error.code.as_str(), expected, "{name}");
    }
}
