//! The token endpoint.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::TimeDelta;
use identite::oidc::{
    AuthorizationAnswer, Body, ClientRequest, EndpointError, IntrospectionAnswer, UserinfoRequest,
};
use serde_json::{Value, json};

use super::provider::{CALLBACK, ISSUER, Provider, parameter};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Changed parameters, and the refusal that they meet.
type Attempt<'a> = (&'a [(&'a str, &'a str)], (u16, &'a str));

fn refusal<T: std::fmt::Debug>(outcome: Result<T, EndpointError>) -> (u16, &'static str) {
    let error = outcome.unwrap_err();
    (error.status, error.error.code.as_str())
}

async fn is_alive(provider: &Provider, access_token: &str) -> bool {
    let request = UserinfoRequest {
        authorization: Some(format!("Bearer {access_token}")),
        ..UserinfoRequest::default()
    };
    provider.oidc.userinfo(request).await.is_ok()
}

#[tokio::test]
async fn a_code_becomes_tokens_and_a_minimal_id_token() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let code = provider
        .code(&[("scope", "openid email unknown")], &session)
        .await;
    let response = provider.redeem(&code, &[]).await.unwrap();
    assert_eq!((response.expires_in, response.token_type), (3600, "Bearer"));
    assert_eq!(response.scope.to_string(), "openid email");
    assert_eq!(response.access_token.len(), 43);
    let mut claims = provider.claims(response.id_token.as_deref().unwrap());
    let (issued, expires) = (claims.remove("iat").unwrap(), claims.remove("exp").unwrap());
    assert_eq!(expires.as_i64().unwrap() - issued.as_i64().unwrap(), 3600);
    let expected = json!({"sub": "1", "iss": ISSUER, "aud": "standard_client_id", "nonce": "n"});
    assert_eq!(Value::Object(claims), expected);
}

#[tokio::test]
async fn an_id_token_tells_what_was_asked_for() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let asked =
        r#"{"id_token":{"amr":{"essential":true},"acr":null,"auth_time":null,"sid":null,"given_name":null}}"#;
    let code = provider.code(&[("claims", asked)], &session).await;
    let claims = provider.claims(&provider.redeem(&code, &[]).await.unwrap().id_token.unwrap());
    assert_eq!(claims["amr"], json!(["pwd"]));
    assert_eq!(claims["acr"], "eidas0");
    assert_eq!(claims["auth_time"], session.auth_time.timestamp());
    assert_eq!(claims["sid"].as_str().unwrap().len(), 43);
    assert_eq!(claims["given_name"], "Camille");
}

#[tokio::test]
async fn an_id_token_is_about_the_organization_that_was_granted() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let claims = r#"{"id_token":{"siret":null,"acr":null}}"#;
    let code = provider.code(&[("claims", claims)], &session).await;
    provider.select(&session, "49").await;
    let told = provider.claims(&provider.redeem(&code, &[]).await.unwrap().id_token.unwrap());
    let granted = session.selected_organization.clone().unwrap();
    assert_eq!(told["siret"], granted.siret);

    let code = provider.code(&[("claims", claims)], &session).await;
    provider
        .database
        .execute("DELETE FROM users_organizations WHERE user_id = 1 AND organization_id = 1")
        .await;
    let refused = provider.redeem(&code, &[]).await.unwrap_err();
    assert_eq!(refused.error.code.as_str(), "invalid_grant", "no other stands in");
}

#[tokio::test]
async fn without_openid_there_is_no_id_token() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let code = provider
        .code(&[("scope", "email"), ("nonce", "")], &session)
        .await;
    assert_eq!(provider.redeem(&code, &[]).await.unwrap().id_token, None);
}

#[tokio::test]
async fn basic_authentication_works_as_well() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let code = provider.code(&[], &session).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
    ];
    let body = Body::Form(
        form.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    );
    let basic = |secret: &str| {
        format!(
            "Basic {}",
            BASE64_STANDARD.encode(format!("standard_client_id:{secret}"))
        )
    };
    let with = |secret: &str| ClientRequest {
        authorization: Some(basic(secret)),
        body: body.clone(),
        ..ClientRequest::default()
    };
    let wrong = provider.oidc.token(with("wrong")).await.unwrap_err();
    assert_eq!((wrong.status, wrong.error.code.as_str()), (401, "invalid_client"));
    assert!(
        wrong
            .challenge
            .unwrap()
            .starts_with("Basic realm=\"http://localhost:3000\"")
    );
    provider.oidc.token(with("standard_client_secret")).await.unwrap();
}

#[tokio::test]
async fn a_code_works_once_and_its_replay_revokes_what_it_gave() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let [first, second] = [
        provider.code(&[], &session).await,
        provider.code(&[], &session).await,
    ];
    let token = provider.redeem(&first, &[]).await.unwrap().access_token;
    assert!(is_alive(&provider, &token).await);
    assert_eq!(
        refusal(provider.redeem(&first, &[]).await),
        (400, "invalid_grant")
    );
    assert!(!is_alive(&provider, &token).await);
    assert_eq!(
        refusal(provider.redeem(&second, &[]).await),
        (400, "invalid_grant")
    );
    let later = provider.code(&[], &session).await;
    let token = provider.redeem(&later, &[]).await.unwrap().access_token;
    assert!(is_alive(&provider, &token).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_at_once_exactly_one_redeems_a_code() {
    let provider = Arc::new(Provider::start().await);
    let session = provider.sign_in().await;
    let code = provider.code(&[], &session).await;
    let attempts = (0..64).map(|_| {
        let (provider, code) = (Arc::clone(&provider), code.clone());
        tokio::spawn(async move { provider.redeem(&code, &[]).await })
    });
    let outcomes = futures::future::join_all(attempts).await;
    let winners = outcomes
        .into_iter()
        .filter(|outcome| outcome.as_ref().unwrap().is_ok())
        .count();
    assert_eq!(winners, 1);
}

#[tokio::test]
async fn a_failed_attempt_leaves_the_code_usable() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let challenged = [("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
    let code = provider.code(&challenged, &session).await;
    let wrong_verifier = "a".repeat(43);
    let federation = [
        ("client_id", "proconnect_federation_client_id"),
        ("client_secret", "proconnect_federation_client_secret"),
    ];
    let rows: [Attempt<'_>; 11] = [
        (&[("client_secret", "wrong")], (401, "invalid_client")),
        (&[("client_id", "nobody")], (401, "invalid_client")),
        (&[("client_secret", "")], (401, "invalid_client")),
        (
            &[("grant_type", "refresh_token")],
            (400, "unsupported_grant_type"),
        ),
        (&[("grant_type", "")], (400, "invalid_request")),
        (
            &[("resource", "https://a"), ("code_verifier", VERIFIER)],
            (400, "invalid_target"),
        ),
        (&[("code_verifier", "short")], (400, "invalid_request")),
        (&[], (400, "invalid_grant")),
        (&[("code_verifier", &wrong_verifier)], (400, "invalid_grant")),
        (
            &[
                ("code_verifier", VERIFIER),
                ("redirect_uri", "http://localhost:4000/a/../login-callback"),
            ],
            (400, "invalid_grant"),
        ),
        (
            &[("code_verifier", VERIFIER), federation[0], federation[1]],
            (400, "invalid_grant"),
        ),
    ];
    for (changes, expected) in rows {
        assert_eq!(
            refusal(provider.redeem(&code, changes).await),
            expected,
            "{changes:?}"
        );
    }
    provider
        .redeem(&code, &[("code_verifier", VERIFIER)])
        .await
        .unwrap();
}

#[tokio::test]
async fn a_verifier_nobody_asked_for_is_refused() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let code = provider.code(&[], &session).await;
    assert_eq!(
        refusal(provider.redeem(&code, &[("code_verifier", VERIFIER)]).await),
        (400, "invalid_grant")
    );
}

#[tokio::test]
async fn a_code_lives_ten_minutes_and_no_longer_than_its_session() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let expired = provider.code(&[], &session).await;
    provider.clock.advance(TimeDelta::seconds(601));
    assert_eq!(
        refusal(provider.redeem(&expired, &[]).await),
        (400, "invalid_grant")
    );
    let orphan = provider.code(&[], &session).await;
    provider.sign_out(&session).await;
    assert_eq!(
        refusal(provider.redeem(&orphan, &[]).await),
        (400, "invalid_grant")
    );
    assert_eq!(
        refusal(provider.redeem(&"a".repeat(43), &[]).await),
        (400, "invalid_grant")
    );
}

#[tokio::test]
async fn the_right_address_is_the_one_that_was_sent() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let sent = "HTTP://LOCALHOST:4000/login-callback";
    let code = provider.code(&[("redirect_uri", sent)], &session).await;
    assert_eq!(refusal(provider.redeem(&code, &[]).await), (400, "invalid_grant"));
    provider.redeem(&code, &[("redirect_uri", sent)]).await.unwrap();
}

#[tokio::test]
async fn browsers_have_no_business_here() {
    let provider = Provider::start().await;
    let body = Body::Form(vec![
        ("client_id".into(), "standard_client_id".into()),
        ("client_secret".into(), "standard_client_secret".into()),
    ]);
    let refused = provider
        .oidc
        .token(ClientRequest {
            body,
            has_origin: true,
            ..ClientRequest::default()
        })
        .await
        .unwrap_err();
    assert!(refused.origin_is_refused);
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn a_form_post_answer_carries_the_same_code() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let answer = provider
        .authorize(&[("response_mode", "form_post")], Some(&session))
        .await;
    let AuthorizationAnswer::FormPost {
        status: 200,
        action,
        fields,
    } = answer
    else {
        panic!("{answer:?}")
    };
    assert_eq!(action, CALLBACK);
    provider.redeem(&fields[0].1, &[]).await.unwrap();
}

#[tokio::test]
async fn introspection_tells_live_tokens_from_all_others() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let code = provider.code(&[], &session).await;
    let tokens = provider.redeem(&code, &[]).await.unwrap();
    let introspect = async |token: &str, secret: &str| {
        let body = Body::Form(vec![
            ("client_id".into(), "standard_client_id".into()),
            ("client_secret".into(), secret.into()),
            ("token".into(), token.into()),
        ]);
        let request = ClientRequest {
            body,
            ..ClientRequest::default()
        };
        let answer = provider.oidc.introspect(request).await?;
        let IntrospectionAnswer::Json(answer) = answer else {
            panic!("{answer:?}")
        };
        Ok::<_, EndpointError>(answer)
    };
    let secret = "standard_client_secret";
    let live = introspect(&tokens.access_token, secret).await.unwrap();
    let live = serde_json::to_value(live).unwrap();
    assert_eq!((&live["active"], &live["sub"]), (&json!(true), &json!("1")));
    assert_eq!(live["client_id"], "standard_client_id");
    assert_eq!(live["scope"], "openid email profile organization");
    for dead in ["unknown", &code, &"a".repeat(43)] {
        let answer = serde_json::to_value(introspect(dead, secret).await.unwrap()).unwrap();
        assert_eq!(answer, json!({"active": false}));
    }
    assert_eq!(
        refusal(introspect(&tokens.id_token.unwrap(), secret).await),
        (400, "unsupported_token_type")
    );
    assert_eq!(refusal(introspect("", secret).await), (400, "invalid_request"));
    assert_eq!(
        refusal(introspect(&tokens.access_token, "wrong").await),
        (401, "invalid_client")
    );
    provider.sign_out(&session).await;
    assert!(!introspect(&tokens.access_token, secret).await.unwrap().active);
}

#[tokio::test]
async fn a_changed_secret_is_effective_on_the_next_request() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let code = parameter(&provider.authorize(&[], Some(&session)).await, "code").unwrap();
    provider
        .database
        .execute("UPDATE oidc_clients SET client_secret = 'new' WHERE id = 2")
        .await;
    assert_eq!(
        refusal(provider.redeem(&code, &[]).await),
        (401, "invalid_client")
    );
    provider.redeem(&code, &[("client_secret", "new")]).await.unwrap();
}
