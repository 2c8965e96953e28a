//! Refresh tokens, for clients that chose to get them.

use chrono::TimeDelta;
use identite::oidc::{EndpointError, TokenResponse, UserinfoRequest};
use serde_json::json;

use super::provider::{Provider, client_form};

async fn provider() -> Provider {
    let provider = Provider::start().await;
    provider
        .set(json!({"refresh_token_lifetime_in_seconds": 7200}))
        .await;
    provider
}

async fn refresh(
    provider: &Provider,
    token: &str,
    changes: &[(&str, &str)],
) -> Result<TokenResponse, EndpointError> {
    let mut fields = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
    fields.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    fields.extend(changes);
    provider.oidc.token(client_form(&fields)).await
}

fn error_of<T: std::fmt::Debug>(outcome: Result<T, EndpointError>) -> &'static str {
    outcome.unwrap_err().error.code.as_str()
}

async fn is_alive(provider: &Provider, access_token: &str) -> bool {
    let request = UserinfoRequest {
        method: "GET".into(),
        authorization: Some(format!("Bearer {access_token}")),
        ..UserinfoRequest::default()
    };
    provider.oidc.userinfo(request).await.is_ok()
}

#[tokio::test]
async fn nobody_gets_any_unasked() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let code = provider.code(&[], &session).await;
    assert_eq!(provider.redeem(&code, &[]).await.unwrap().refresh_token, None);
    assert_eq!(
        error_of(refresh(&provider, "x", &[]).await),
        "unsupported_grant_type"
    );
}

#[tokio::test]
async fn each_use_brings_the_next_and_tells_of_the_same_sign_in() {
    let provider = provider().await;
    let session = provider.sign_in().await;
    let code = provider.code(&[("max_age", "600")], &session).await;
    let first = provider.redeem(&code, &[]).await.unwrap();
    let mut token = first.refresh_token.unwrap();
    for _ in 0..3 {
        provider.clock.advance(TimeDelta::hours(1));
        let next = refresh(&provider, &token, &[]).await.unwrap();
        let claims = provider.claims(next.id_token.as_deref().unwrap());
        assert_eq!(claims["auth_time"], session.auth_time.timestamp());
        assert_eq!(claims["iat"], provider.now().timestamp());
        assert!(!claims.contains_key("nonce"));
        assert!(is_alive(&provider, &next.access_token).await);
        token = next.refresh_token.unwrap();
    }
    provider.clock.advance(TimeDelta::hours(3));
    assert_eq!(
        error_of(refresh(&provider, &token, &[]).await),
        "invalid_grant",
        "expired"
    );
}

#[tokio::test]
async fn it_tells_of_the_organization_that_was_granted() {
    let provider = provider().await;
    let session = provider.sign_in().await;
    let claims = r#"{"id_token":{"siret":null,"acr":null}}"#;
    let code = provider.code(&[("claims", claims)], &session).await;
    let first = provider.redeem(&code, &[]).await.unwrap();
    provider.select(&session, "49").await;
    let next = refresh(&provider, &first.refresh_token.unwrap(), &[])
        .await
        .unwrap();
    let told = provider.claims(next.id_token.as_deref().unwrap());
    assert_eq!(told["siret"], session.selected_organization.unwrap().siret);
}

#[tokio::test]
async fn a_second_use_revokes_everything() {
    let provider = provider().await;
    let session = provider.sign_in().await;
    let code = provider.code(&[], &session).await;
    let first = provider.redeem(&code, &[]).await.unwrap();
    let stolen = first.refresh_token.unwrap();
    let next = refresh(&provider, &stolen, &[]).await.unwrap();
    assert_eq!(error_of(refresh(&provider, &stolen, &[]).await), "invalid_grant");
    assert!(!is_alive(&provider, &next.access_token).await);
    assert!(!is_alive(&provider, &first.access_token).await);
    let honest = refresh(&provider, &next.refresh_token.unwrap(), &[]).await;
    assert_eq!(error_of(honest), "invalid_grant");
}

#[tokio::test]
async fn of_many_uses_at_once_at_most_one_wins_and_none_survives() {
    let provider = provider().await;
    let session = provider.sign_in().await;
    let code = provider.code(&[], &session).await;
    let token = provider.redeem(&code, &[]).await.unwrap().refresh_token.unwrap();
    let attempts = (0..100).map(|_| refresh(&provider, &token, &[]));
    let outcomes = futures::future::join_all(attempts).await;
    let winners: Vec<_> = outcomes.into_iter().filter_map(Result::ok).collect();
    assert_eq!(winners.len(), 1);
    assert!(!is_alive(&provider, &winners[0].access_token).await);
}

#[tokio::test]
async fn the_scope_can_shrink_and_never_grow() {
    let provider = provider().await;
    let session = provider.sign_in().await;
    let code = provider.code(&[("scope", "openid email")], &session).await;
    let token = provider.redeem(&code, &[]).await.unwrap().refresh_token.unwrap();
    for scope in ["openid profile", "unknown", "offline_access"] {
        let outcome = refresh(&provider, &token, &[("scope", scope)]).await;
        assert_eq!(error_of(outcome), "invalid_scope", "{scope}");
    }
    let narrowed = refresh(&provider, &token, &[("scope", "email")]).await.unwrap();
    assert_eq!(narrowed.scope.to_string(), "email");
    let whole = refresh(&provider, &narrowed.refresh_token.unwrap(), &[])
        .await
        .unwrap();
    assert_eq!(whole.scope.to_string(), "openid email");
}

#[tokio::test]
async fn it_ends_with_the_session_and_belongs_to_one_client() {
    let provider = provider().await;
    let session = provider.sign_in().await;
    let code = provider.code(&[], &session).await;
    let token = provider.redeem(&code, &[]).await.unwrap().refresh_token.unwrap();
    provider.sign_out(&session).await;
    assert_eq!(error_of(refresh(&provider, &token, &[]).await), "invalid_grant");
    assert_eq!(
        error_of(refresh(&provider, &token, &[("client_secret", "wrong")]).await),
        "invalid_client"
    );
    assert_eq!(
        error_of(refresh(&provider, &token, &[("refresh_token", "")]).await),
        "invalid_request"
    );
}
