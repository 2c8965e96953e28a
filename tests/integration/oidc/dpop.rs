//! DPoP (RFC 9449) at every endpoint that knows it.

use chrono::TimeDelta;
use identite::oidc::{
    ClientRequest, EndpointError, IntrospectionAnswer, TokenResponse, UserinfoAnswer, UserinfoRequest,
};
use serde_json::{Value, json};

use super::client_key::{ClientKey, token_hash};
use super::provider::{ISSUER, Provider, client_form, redemption};

fn token_url() -> String {
    format!("{ISSUER}/oauth/token")
}

async fn redeem(
    provider: &Provider,
    code: &str,
    proof: Option<String>,
) -> Result<TokenResponse, EndpointError> {
    let request = ClientRequest {
        dpop: proof,
        ..redemption(code, &[])
    };
    provider.oidc.token(request).await
}

fn proof(provider: &Provider, key: &ClientKey) -> String {
    key.proof("POST", &token_url(), provider.now(), &json!({}))
}

fn code_of<T: std::fmt::Debug>(outcome: Result<T, EndpointError>) -> (u16, &'static str) {
    let error = outcome.unwrap_err();
    (error.status, error.error.code.as_str())
}

fn showing(scheme: &str, token: &str, proof: Option<String>) -> UserinfoRequest {
    UserinfoRequest {
        method: "GET".into(),
        authorization: Some(format!("{scheme} {token}")),
        dpop: proof,
        ..UserinfoRequest::default()
    }
}

fn resource_proof(provider: &Provider, key: &ClientKey, token: &str) -> String {
    let url = format!("{ISSUER}/oauth/userinfo");
    key.proof("GET", &url, provider.now(), &json!({"ath": token_hash(token)}))
}

#[tokio::test]
async fn a_bound_token_is_worth_nothing_without_its_key() {
    let provider = Provider::start().await;
    let (session, key, thief) = (provider.sign_in().await, ClientKey::new(), ClientKey::new());
    let code = provider.code(&[], &session).await;
    let tokens = redeem(&provider, &code, Some(proof(&provider, &key)))
        .await
        .unwrap();
    assert_eq!(tokens.token_type, "DPoP");
    let token = &tokens.access_token;

    let good = showing("DPoP", token, Some(resource_proof(&provider, &key, token)));
    let replayed = good.clone();
    assert!(matches!(
        provider.oidc.userinfo(good).await,
        Ok(UserinfoAnswer::Json(_))
    ));
    let error = provider.oidc.userinfo(replayed).await.unwrap_err();
    assert_eq!(
        (error.status, error.error.code.as_str()),
        (401, "invalid_dpop_proof")
    );
    assert!(error.challenge.unwrap().starts_with("DPoP realm="));

    let stolen = showing("DPoP", token, Some(resource_proof(&provider, &thief, token)));
    assert_eq!(
        code_of(provider.oidc.userinfo(stolen).await),
        (401, "invalid_token")
    );
    let as_bearer = showing("Bearer", token, None);
    let error = provider.oidc.userinfo(as_bearer).await.unwrap_err();
    assert_eq!((error.status, error.error.code.as_str()), (401, "invalid_token"));
    let challenge = error.challenge.unwrap();
    assert!(
        challenge.starts_with("DPoP realm=") && challenge.contains("algs="),
        "{challenge}"
    );
    let without_proof = showing("DPoP", token, None);
    assert_eq!(
        code_of(provider.oidc.userinfo(without_proof).await),
        (400, "invalid_request")
    );
    let without_hash = key.proof(
        "GET",
        &format!("{ISSUER}/oauth/userinfo"),
        provider.now(),
        &json!({}),
    );
    let without_hash = showing("DPoP", token, Some(without_hash));
    assert_eq!(
        code_of(provider.oidc.userinfo(without_hash).await),
        (401, "invalid_dpop_proof")
    );

    let answer = provider
        .oidc
        .introspect(client_form(&[("token", token)]))
        .await
        .unwrap();
    let IntrospectionAnswer::Json(answer) = answer else {
        panic!("{answer:?}")
    };
    let told = serde_json::to_value(answer).unwrap();
    assert_eq!(told["token_type"], "DPoP");
    assert_eq!(told["cnf"], json!({"jkt": key.thumbprint()}));
}

#[tokio::test]
async fn a_free_token_takes_no_proof() {
    let provider = Provider::start().await;
    let (session, key) = (provider.sign_in().await, ClientKey::new());
    let code = provider.code(&[], &session).await;
    let token = redeem(&provider, &code, None).await.unwrap().access_token;
    let request = showing("DPoP", &token, Some(resource_proof(&provider, &key, &token)));
    assert_eq!(
        code_of(provider.oidc.userinfo(request).await),
        (401, "invalid_token")
    );
}

#[tokio::test]
async fn a_proof_works_once_even_when_many_come_at_once() {
    let provider = Provider::start().await;
    let (session, key) = (provider.sign_in().await, ClientKey::new());
    let proof = proof(&provider, &key);
    let mut codes = Vec::new();
    for _ in 0..20 {
        codes.push(provider.code(&[], &session).await);
    }
    let attempts = codes
        .iter()
        .map(|code| redeem(&provider, code, Some(proof.clone())));
    let outcomes = futures::future::join_all(attempts).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    for outcome in outcomes.into_iter().filter(Result::is_err) {
        assert_eq!(code_of(outcome), (400, "invalid_grant"));
    }
}

#[tokio::test]
async fn an_unsound_proof_leaves_the_code_usable() {
    let provider = Provider::start().await;
    let (session, key) = (provider.sign_in().await, ClientKey::new());
    let code = provider.code(&[], &session).await;
    for changes in [
        json!({"htm": "GET"}),
        json!({"htu": format!("{ISSUER}/oauth/userinfo")}),
        json!({"iat": provider.now().timestamp() - 600}),
    ] {
        let proof = key.proof("POST", &token_url(), provider.now(), &changes);
        let outcome = redeem(&provider, &code, Some(proof)).await;
        assert_eq!(code_of(outcome), (400, "invalid_dpop_proof"), "{changes}");
    }
    assert_eq!(
        code_of(redeem(&provider, &code, Some("a,b".into())).await),
        (400, "invalid_dpop_proof")
    );
    assert!(
        redeem(&provider, &code, Some(proof(&provider, &key)))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_code_bound_to_a_key_needs_a_proof_of_that_key() {
    let provider = Provider::start().await;
    let (session, key, thief) = (provider.sign_in().await, ClientKey::new(), ClientKey::new());
    let thumbprint = key.thumbprint();
    let code = provider.code(&[("dpop_jkt", &thumbprint)], &session).await;
    assert_eq!(
        code_of(redeem(&provider, &code, None).await),
        (400, "invalid_grant")
    );
    let foreign = proof(&provider, &thief);
    assert_eq!(
        code_of(redeem(&provider, &code, Some(foreign)).await),
        (400, "invalid_grant")
    );
    assert!(
        redeem(&provider, &code, Some(proof(&provider, &key)))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_client_that_must_prove_possession_does_so_with_our_nonce() {
    let provider = Provider::start().await;
    provider
        .set(json!({"dpop_bound_access_tokens": true, "require_dpop_nonce": true}))
        .await;
    let (session, key) = (provider.sign_in().await, ClientKey::new());
    let code = provider.code(&[], &session).await;
    assert_eq!(
        code_of(redeem(&provider, &code, None).await),
        (400, "invalid_dpop_proof")
    );
    let without = proof(&provider, &key);
    assert_eq!(
        code_of(redeem(&provider, &code, Some(without)).await),
        (400, "use_dpop_nonce")
    );
    let nonce = provider.oidc.dpop_nonce();
    let with = |nonce: &str| -> Value { json!({"nonce": nonce}) };
    provider.clock.advance(TimeDelta::minutes(11));
    let old = key.proof("POST", &token_url(), provider.now(), &with(&nonce));
    let code = provider.code(&[], &session).await;
    assert_eq!(
        code_of(redeem(&provider, &code, Some(old)).await),
        (400, "use_dpop_nonce")
    );
    let nonce = provider.oidc.dpop_nonce();
    let fresh = key.proof("POST", &token_url(), provider.now(), &with(&nonce));
    assert!(redeem(&provider, &code, Some(fresh)).await.is_ok());
}

/// The nonce tells the time where the clock of the client does not (RFC 9449 §4.3, §8), and a proof works once all the same.
#[tokio::test]
async fn a_client_whose_clock_is_wrong_is_led_to_our_nonce() {
    let provider = Provider::start().await;
    provider.set(json!({"require_dpop_nonce": true})).await;
    let (session, key) = (provider.sign_in().await, ClientKey::new());
    let code = provider.code(&[], &session).await;
    let wrong = provider.now() - TimeDelta::hours(2);
    let without = key.proof("POST", &token_url(), wrong, &json!({}));
    assert_eq!(
        code_of(redeem(&provider, &code, Some(without)).await),
        (400, "use_dpop_nonce")
    );
    let nonce = json!({"nonce": provider.oidc.dpop_nonce()});
    let proof = key.proof("POST", &token_url(), wrong, &nonce);
    assert!(redeem(&provider, &code, Some(proof.clone())).await.is_ok());
    let mut told = Vec::new();
    for _ in 0..7 {
        let code = provider.code(&[], &session).await;
        told.push(code_of(redeem(&provider, &code, Some(proof.clone())).await).1);
        provider.clock.advance(TimeDelta::minutes(2));
    }
    assert_eq!(told.first(), Some(&"invalid_grant"), "it was used");
    assert_eq!(told.last(), Some(&"use_dpop_nonce"), "its nonce is too old");
    assert!(
        told.iter()
            .all(|code| ["invalid_grant", "use_dpop_nonce"].contains(code)),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_proof_counts_no_longer_than_its_client_says() {
    let provider = Provider::start().await;
    let (session, key) = (provider.sign_in().await, ClientKey::new());
    let code = provider.code(&[], &session).await;
    let now = provider.now().timestamp();
    for changes in [json!({"exp": now - 60}), json!({"nbf": now + 60})] {
        let proof = key.proof("POST", &token_url(), provider.now(), &changes);
        let outcome = redeem(&provider, &code, Some(proof)).await;
        assert_eq!(code_of(outcome), (400, "invalid_dpop_proof"), "{changes}");
    }
    let in_time = json!({"exp": now + 60, "nbf": now - 60});
    let proof = key.proof("POST", &token_url(), provider.now(), &in_time);
    assert!(redeem(&provider, &code, Some(proof)).await.is_ok());
}
