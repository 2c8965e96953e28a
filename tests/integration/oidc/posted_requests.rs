//! Authorization requests that were posted without a session (spec/oidc.md §4.1, `OpenID Connect` Core §3.1.2.1).

use chrono::TimeDelta;
use identite::db::clients;
use identite::oidc::{Authentication, AuthorizationAnswer, ErrorCode, Oidc, Visitor};
use serde_json::json;

use super::client_key::ClientKey;
use super::provider::{CALLBACK, ISSUER, Provider, client_form, parameter, request};

async fn post(provider: &Provider, changes: &[(&str, &str)]) -> AuthorizationAnswer {
    let raw = request(changes);
    let row = match Oidc::wanted_client_id(&raw) {
        Some(client_id) => {
            let database = provider.database.pool().get().await.unwrap();
            clients::find(&database, client_id).await.unwrap()
        }
        None => None,
    };
    provider.oidc.keep_posted(raw, row).await
}

/// The name with which a posted request goes on.
async fn name_of(provider: &Provider, changes: &[(&str, &str)]) -> String {
    let answer = post(provider, changes).await;
    let AuthorizationAnswer::Posted { name } = answer else {
        panic!("{answer:?}")
    };
    name
}

async fn go_on(
    provider: &Provider,
    name: &str,
    session: Option<&Authentication>,
) -> Option<AuthorizationAnswer> {
    let posted = provider.oidc.posted_request(name).await.unwrap()?;
    let answer = provider
        .oidc
        .answer_posted(posted, session, &Visitor::default())
        .await;
    Some(answer)
}

#[tokio::test]
async fn a_posted_request_goes_on_with_the_session_that_the_post_did_not_bring() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let name = name_of(&provider, &[("prompt", "none")]).await;
    let answer = go_on(&provider, &name, Some(&session)).await.unwrap();
    assert!(parameter(&answer, "code").is_some());
    assert_eq!(parameter(&answer, "state").as_deref(), Some("s"));
    // Loaded again within the minute.
    let again = go_on(&provider, &name, Some(&session)).await.unwrap();
    let code = parameter(&again, "code");
    assert!(code.is_some() && code != parameter(&answer, "code"));
    assert_eq!(go_on(&provider, "short", Some(&session)).await, None);
}

#[tokio::test]
async fn without_a_session_on_the_way_either_it_is_as_if_it_had_come_by_address() {
    let provider = Provider::start().await;
    let silent = name_of(&provider, &[("prompt", "none")]).await;
    let answer = go_on(&provider, &silent, None).await.unwrap();
    assert_eq!(parameter(&answer, "error").as_deref(), Some("login_required"));
    let name = name_of(&provider, &[]).await;
    let waiting = go_on(&provider, &name, None).await.unwrap();
    let session = provider.sign_in().await;
    let answer = provider.interact(waiting, &session).await;
    assert!(parameter(&answer, "code").is_some());
}

#[tokio::test]
async fn it_waits_for_a_minute() {
    let provider = Provider::start().await;
    let name = name_of(&provider, &[]).await;
    provider.clock.advance(TimeDelta::seconds(61));
    assert_eq!(go_on(&provider, &name, None).await, None);
}

#[tokio::test]
async fn an_unsound_one_is_answered_and_not_kept() {
    let provider = Provider::start().await;
    let answer = post(&provider, &[("scope", "openid phone")]).await;
    assert_eq!(parameter(&answer, "error").as_deref(), Some("invalid_scope"));
    let long = "x".repeat(5000);
    let answer = post(&provider, &[("nonce", &long)]).await;
    assert_eq!(parameter(&answer, "error").as_deref(), Some("invalid_request"));
    let answer = post(&provider, &[("redirect_uri", "https://evil.example/")]).await;
    assert!(
        matches!(&answer, AuthorizationAnswer::ErrorPage { error, .. } if error.code == ErrorCode::InvalidRedirectUri),
        "{answer:?}"
    );
}

/// Posting is not pushing, and signs nothing.
#[tokio::test]
async fn what_a_client_has_set_about_its_requests_holds_for_posted_ones() {
    let provider = Provider::start().await;
    let (session, key) = (provider.sign_in().await, ClientKey::new());
    provider
        .set(json!({"require_pushed_authorization_requests": true}))
        .await;
    let answer = post(&provider, &[]).await;
    assert_eq!(parameter(&answer, "error").as_deref(), Some("invalid_request"));
    let pushed = [
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("scope", "openid"),
    ];
    let uri = provider
        .oidc
        .push_request(client_form(&pushed))
        .await
        .unwrap()
        .request_uri;
    // A pushed request that is posted remains one, and becomes one code.
    let names = [
        name_of(&provider, &[("request_uri", &uri)]).await,
        name_of(&provider, &[("request_uri", &uri)]).await,
    ];
    let first = go_on(&provider, &names[0], Some(&session)).await.unwrap();
    assert!(parameter(&first, "code").is_some());
    for name in &names {
        let again = go_on(&provider, name, Some(&session)).await.unwrap();
        assert_eq!(parameter(&again, "error").as_deref(), Some("invalid_request_uri"));
    }

    provider
        .database
        .execute("DELETE FROM identite_client_settings")
        .await;
    provider
        .set(json!({
            "require_signed_request_object": true, "request_object_signing_alg": "ES256", "jwks": key.set(),
        }))
        .await;
    let answer = post(&provider, &[]).await;
    assert_eq!(parameter(&answer, "error").as_deref(), Some("invalid_request"));
    let claims = json!({
        "iss": "standard_client_id", "aud": ISSUER, "client_id": "standard_client_id",
        "exp": provider.now().timestamp() + 60, "response_type": "code", "redirect_uri": CALLBACK,
        "scope": "openid", "state": "signed",
    });
    let jwt = key.sign(&json!({"kid": "client-key"}), &claims);
    let name = name_of(&provider, &[("request", &jwt)]).await;
    let answer = go_on(&provider, &name, Some(&session)).await.unwrap();
    assert!(parameter(&answer, "code").is_some());
    assert_eq!(parameter(&answer, "state").as_deref(), Some("signed"));
}

/// The name of a posted request is no `request_uri`.
#[tokio::test]
async fn a_posted_request_is_found_by_its_own_address_only() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let name = name_of(&provider, &[]).await;
    let uri = format!("urn:ietf:params:oauth:request_uri:{name}");
    let answer = provider.authorize(&[("request_uri", &uri)], Some(&session)).await;
    assert_eq!(
        parameter(&answer, "error").as_deref(),
        Some("invalid_request_uri")
    );
    let answer = provider
        .oidc
        .resume(&name, Some(&session), &Visitor::default())
        .await;
    assert!(
        matches!(answer, AuthorizationAnswer::ErrorPage { status: 400, .. }),
        "{answer:?}"
    );
}
