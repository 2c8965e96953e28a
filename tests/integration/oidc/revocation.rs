//! Revocation (RFC 7009) and signed introspection (RFC 9701).

use identite::oidc::{ClientRequest, EndpointError, IntrospectionAnswer};
use serde_json::{Value, json};

use super::provider::{ISSUER, Provider, client_form};

async fn introspect(provider: &Provider, token: &str) -> Value {
    let answer = provider
        .oidc
        .introspect(client_form(&[("token", token)]))
        .await
        .unwrap();
    match answer {
        IntrospectionAnswer::Json(answer) => serde_json::to_value(answer).unwrap(),
        IntrospectionAnswer::Jwt(jwt) => panic!("{jwt}"),
    }
}

async fn revoke(provider: &Provider, changes: &[(&str, &str)]) -> Result<(), (u16, &'static str)> {
    let outcome = provider.oidc.revoke_token(client_form(changes)).await;
    outcome.map_err(|error: EndpointError| (error.status, error.error.code.as_str()))
}

#[tokio::test]
async fn an_access_token_is_given_up_and_nothing_else() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let (one, other) = (
        provider.code(&[], &session).await,
        provider.code(&[], &session).await,
    );
    let one = provider.redeem(&one, &[]).await.unwrap().access_token;
    let other = provider.redeem(&other, &[]).await.unwrap().access_token;
    assert_eq!(revoke(&provider, &[("token", &one)]).await, Ok(()));
    assert_eq!(introspect(&provider, &one).await, json!({"active": false}));
    assert_eq!(introspect(&provider, &other).await["active"], true);
    assert_eq!(revoke(&provider, &[("token", &one)]).await, Ok(()), "again");
    assert_eq!(
        revoke(
            &provider,
            &[("token", "unknown"), ("token_type_hint", "refresh_token")]
        )
        .await,
        Ok(())
    );
}

#[tokio::test]
async fn a_refresh_token_takes_everything_with_it() {
    let provider = Provider::start().await;
    provider
        .set(json!({"refresh_token_lifetime_in_seconds": 60}))
        .await;
    let session = provider.sign_in().await;
    let code = provider.code(&[], &session).await;
    let tokens = provider.redeem(&code, &[]).await.unwrap();
    let refresh_token = tokens.refresh_token.unwrap();
    assert_eq!(introspect(&provider, &refresh_token).await["active"], true);
    assert_eq!(revoke(&provider, &[("token", &refresh_token)]).await, Ok(()));
    assert_eq!(
        introspect(&provider, &tokens.access_token).await,
        json!({"active": false})
    );
    assert_eq!(
        introspect(&provider, &refresh_token).await,
        json!({"active": false})
    );
}

#[tokio::test]
async fn only_the_owner_gives_a_token_up() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let code = provider.code(&[], &session).await;
    let tokens = provider.redeem(&code, &[]).await.unwrap();
    let other = [
        ("client_id", "proconnect_federation_client_id"),
        ("client_secret", "proconnect_federation_client_secret"),
        ("token", tokens.access_token.as_str()),
    ];
    assert_eq!(revoke(&provider, &other).await, Err((400, "invalid_grant")));
    assert_eq!(introspect(&provider, &tokens.access_token).await["active"], true);
    assert_eq!(
        revoke(&provider, &[("token", tokens.id_token.as_deref().unwrap())]).await,
        Err((400, "unsupported_token_type"))
    );
    assert_eq!(revoke(&provider, &[]).await, Err((400, "invalid_request")));
    assert_eq!(
        revoke(&provider, &[("token", "x"), ("client_secret", "wrong")]).await,
        Err((401, "invalid_client"))
    );
}

#[tokio::test]
async fn introspection_is_signed_for_whoever_asks_for_it() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let code = provider.code(&[], &session).await;
    let token = provider.redeem(&code, &[]).await.unwrap().access_token;
    let request = ClientRequest {
        wants_jwt: true,
        ..client_form(&[("token", &token)])
    };
    let IntrospectionAnswer::Jwt(jwt) = provider.oidc.introspect(request).await.unwrap() else {
        panic!("no JWT")
    };
    let header = josekit::jwt::decode_header(&jwt).unwrap();
    assert_eq!(header.claim("typ"), Some(&json!("token-introspection+jwt")));
    let claims = provider.claims(&jwt);
    assert_eq!(claims["iss"], ISSUER);
    assert_eq!(claims["aud"], "standard_client_id");
    assert_eq!(claims["token_introspection"]["active"], true);
    assert_eq!(claims["token_introspection"]["sub"], "1");
}
