//! How clients prove who they are, beyond the secret of the reference.

use std::time::Duration;

use chrono::TimeDelta;
use identite::oidc::{ClientCertificate, ClientRequest, EndpointError, ErrorCode, hash_secret};
use serde_json::{Value, json};

use super::client_key::ClientKey;
use super::encryption::certificate_header;
use super::provider::{ISSUER, Provider, client_form, redemption};
use crate::support::Receiver;

/// How long a fetch may take to be noted.
const PATIENCE: Duration = Duration::from_secs(10);

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

/// Whether the endpoint `path` believes that it is the client who calls, whatever it says of the rest.
async fn believes(provider: &Provider, path: &str, assertion: &str) -> bool {
    let credentials = [
        ("client_id", ""),
        ("client_secret", ""),
        ("client_assertion", assertion),
        ("client_assertion_type", ASSERTION_TYPE),
        ("token", "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"),
    ];
    let (oidc, form) = (&provider.oidc, client_form(&credentials));
    let error = match path {
        "/oauth/token" => return with_assertion(provider, assertion).await != "invalid_client",
        "/oauth/request" => oidc.push_request(form).await.err(),
        "/oauth/token/introspection" => oidc.introspect(form).await.err(),
        "/oauth/token/revocation" => oidc.revoke_token(form).await.err(),
        other => panic!("{other} is no endpoint of clients"),
    };
    error.is_none_or(|error| error.error.code != ErrorCode::InvalidClient)
}

/// The issuer, the token endpoint, the endpoint that is called, and nothing else (spec/oidc.md §3.4).
#[tokio::test]
async fn an_assertion_proves_the_client_for_each_audience_that_is_us() {
    let (provider, key) = with_key().await;
    let endpoints = [
        "/oauth/token",
        "/oauth/request",
        "/oauth/token/introspection",
        "/oauth/token/revocation",
    ];
    for called in endpoints {
        for meant in ["", "/", "/oauth"].into_iter().chain(endpoints) {
            let audience = format!("{ISSUER}{meant}");
            let expected = ["", "/oauth/token", called].contains(&meant);
            for audience in [json!(audience), json!(["https://other.example", audience])] {
                let assertion = assertion(&provider, &key, &json!({"aud": audience}));
                let is_believed = believes(&provider, called, &assertion).await;
                assert_eq!(is_believed, expected, "{called}: {audience}");
            }
        }
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
    // Anybody can write a name into a certificate: it counts where the proxy has verified who issued it.
    for (name, verdict, expected) in [
        ("rp.example", Some("SUCCESS"), "invalid_grant"),
        (
            "rp.example",
            Some("FAILED:self-signed certificate"),
            "invalid_client",
        ),
        ("rp.example", None, "invalid_client"),
        ("other.example", Some("SUCCESS"), "invalid_client"),
    ] {
        let certificate = super::encryption::certificate(name);
        let certificate = match verdict {
            Some(verdict) => certificate.judged(verdict),
            None => certificate,
        };
        let error = provider.oidc.token(with(Some(certificate))).await.unwrap_err();
        assert_eq!(error.error.code.as_str(), expected, "{name} {verdict:?}");
    }
}

/// One of its own keys proves a client, whoever issued the certificate.
#[tokio::test]
async fn a_certificate_that_nobody_verified_proves_the_client_whose_key_it_is() {
    let provider = Provider::start().await;
    let (own, other) = (certificate_header("rp.example"), certificate_header("rp.example"));
    provider
        .set(json!({
            "token_endpoint_auth_method": "self_signed_tls_client_auth",
            "jwks": set_with(&ClientKey::new(), &own)
        }))
        .await;
    for (header, expected) in [(&own, "invalid_grant"), (&other, "invalid_client")] {
        assert_eq!(with_certificate(&provider, header).await, expected);
    }
}

/// The error of a redemption with the certificate of `header`.
async fn with_certificate(provider: &Provider, header: &str) -> &'static str {
    let request = ClientRequest {
        certificate: ClientCertificate::parse(header),
        ..redemption(
            "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG",
            &[("client_secret", "")],
        )
    };
    let error = provider.oidc.token(request).await.unwrap_err();
    error.error.code.as_str()
}

/// A key set whose key has the certificate of `header`.
fn set_with(key: &ClientKey, header: &str) -> Value {
    let pem = header.replace("%2B", "+").replace("%0A", "\n");
    let der: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let mut public = key.public();
    public["x5c"] = json!([der]);
    json!({"keys": [public]})
}

/// A relying party that changes its certificate, or begins to publish a key to encrypt for, is not kept waiting.
#[tokio::test]
async fn published_keys_are_fetched_again_for_a_certificate_and_for_an_encryption_too() {
    let provider = Provider::start().await.fetching_keys();
    let (old, new) = (certificate_header("rp.example"), certificate_header("rp.example"));
    let key = ClientKey::new();
    let receiver = Receiver::serving_in_turn(vec![
        set_with(&key, &old).to_string(),
        set_with(&key, &new).to_string(),
    ]);
    provider
        .set(json!({
            "token_endpoint_auth_method": "self_signed_tls_client_auth",
            "jwks_uri": receiver.url()
        }))
        .await;
    assert_eq!(with_certificate(&provider, &old).await, "invalid_grant");
    // Not at once: nobody makes this server ask somebody else's all the time.
    assert_eq!(with_certificate(&provider, &new).await, "invalid_client");
    provider.clock.advance(TimeDelta::seconds(11));
    assert_eq!(with_certificate(&provider, &new).await, "invalid_grant");
    expect_fetches(&receiver, 2).await;

    let signing = |usage: &str| {
        let mut public = key.public();
        public["use"] = json!(usage);
        json!({"keys": [public]}).to_string()
    };
    let receiver = Receiver::serving_in_turn(vec![signing("sig"), signing("enc")]);
    let database = &provider.database;
    let settings = json!({"id_token_encrypted_response_alg": "ECDH-ES", "jwks_uri": receiver.url()});
    database.execute("DELETE FROM identite_client_settings").await;
    provider.set(settings).await;
    let session = provider.sign_in().await;
    let code = provider.code(&[], &session).await;
    assert_eq!(provider.redeem(&code, &[]).await.unwrap_err().status, 500);
    provider.clock.advance(TimeDelta::seconds(11));
    let tokens = provider.redeem(&code, &[]).await.unwrap();
    let parts = tokens.id_token.unwrap().split('.').count();
    assert_eq!(parts, 5, "encrypted, with the key that came");
    expect_fetches(&receiver, 2).await;
}

async fn expect_fetches(receiver: &Receiver, expected: usize) {
    for _ in 0..expected {
        receiver.next(PATIENCE).await.expect("a fetch");
    }
    assert_eq!(receiver.count(), expected);
}
