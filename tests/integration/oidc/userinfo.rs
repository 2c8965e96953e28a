//! The userinfo endpoint.

use chrono::TimeDelta;
use identite::domain::UserId;
use identite::oidc::{Authentication, EndpointError, UserinfoAnswer, UserinfoRequest};
use serde_json::{Map, Value, json};

use super::provider::{ISSUER, Provider, parameter};

async fn token(provider: &Provider, changes: &[(&str, &str)], session: &Authentication) -> String {
    let code = provider.code(changes, session).await;
    provider.redeem(&code, &[]).await.unwrap().access_token
}

fn bearing(access_token: &str) -> UserinfoRequest {
    UserinfoRequest {
        method: "GET".into(),
        authorization: Some(format!("Bearer {access_token}")),
        ..UserinfoRequest::default()
    }
}

async fn json_of(provider: &Provider, access_token: &str) -> Result<Map<String, Value>, EndpointError> {
    provider
        .oidc
        .userinfo(bearing(access_token))
        .await
        .map(|answer| match answer {
            UserinfoAnswer::Json(claims) => claims,
            UserinfoAnswer::Jwt(jwt) => panic!("{jwt}"),
        })
}

fn sorted_names(claims: &Map<String, Value>) -> Vec<String> {
    let mut names: Vec<String> = claims.keys().cloned().collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_standard_client_reads_the_person_and_the_organization() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let token = token(&provider, &[], &session).await;
    let mut claims = json_of(&provider, &token).await.unwrap();
    let updated_at = claims.remove("updated_at").unwrap();
    assert!(updated_at.is_u64(), "{updated_at}");
    assert!(claims.remove("label").unwrap().is_string());
    assert_eq!(
        Value::Object(claims),
        json!({
            "sub": "1", "email": "user@yopmail.com", "email_verified": true, "given_name": "Camille",
            "family_name": "Martin", "job": "Chargée de mission", "siret": "21690123100011", "is_commune": true,
            "is_external": false, "is_public_service": true, "is_service_public": true
        })
    );
}

#[tokio::test]
async fn a_federation_client_reads_a_signed_answer() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let federation = [
        ("client_id", "proconnect_federation_client_id"),
        ("redirect_uri", "http://localhost:4001/login-callback"),
        (
            "scope",
            "openid uid given_name usual_name email siren siret phone chorusdt is_service_public",
        ),
    ];
    let code = provider.code(&federation, &session).await;
    let credentials = [
        ("client_id", "proconnect_federation_client_id"),
        ("client_secret", "proconnect_federation_client_secret"),
        ("redirect_uri", "http://localhost:4001/login-callback"),
    ];
    let tokens = provider.redeem(&code, &credentials).await.unwrap();
    let answer = provider
        .oidc
        .userinfo(bearing(&tokens.access_token))
        .await
        .unwrap();
    let UserinfoAnswer::Jwt(jwt) = answer else {
        panic!("{answer:?}")
    };
    let header = josekit::jwt::decode_header(&jwt).unwrap();
    assert_eq!(header.claim("alg"), Some(&json!("ES256")));
    let claims = provider.claims(&jwt);
    assert_eq!(claims["iss"], ISSUER);
    assert_eq!(claims["aud"], "proconnect_federation_client_id");
    assert_eq!((&claims["sub"], &claims["uid"]), (&json!("1"), &json!("1")));
    assert_eq!(
        (&claims["usual_name"], &claims["phone_number_verified"]),
        (&json!("Martin"), &json!(false))
    );
    assert!(claims["exp"].as_i64().unwrap() > provider.now().timestamp() + 3500);
    assert!(!claims.contains_key("siren") && !claims.contains_key("family_name"));
}

#[tokio::test]
async fn a_token_dies_with_its_session_its_hour_and_its_account() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let ended = token(&provider, &[], &session).await;
    provider.sign_out(&session).await;
    let refused = json_of(&provider, &ended).await.unwrap_err();
    assert_eq!(
        (refused.status, refused.error.code.as_str()),
        (401, "invalid_token")
    );
    assert!(
        refused
            .challenge
            .unwrap()
            .starts_with("Bearer realm=\"http://localhost:3000\", error=\"invalid_token\"")
    );

    let session = provider.sign_in().await;
    let expired = token(&provider, &[], &session).await;
    provider.clock.advance(TimeDelta::seconds(3601));
    assert_eq!(json_of(&provider, &expired).await.unwrap_err().status, 401);

    let session = provider.sign_in_as(UserId(2), 2).await;
    let orphan = token(&provider, &[], &session).await;
    provider
        .database
        .execute("DELETE FROM users_organizations WHERE user_id = 2; DELETE FROM users WHERE id = 2")
        .await;
    assert_eq!(json_of(&provider, &orphan).await.unwrap_err().status, 401);
}

#[tokio::test]
async fn the_organization_follows_the_session_and_falls_back_to_that_of_the_code() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let token = token(&provider, &[], &session).await;
    let select = async |organization: &str| provider.select(&session, organization).await;
    let siret = async || {
        json_of(&provider, &token)
            .await
            .map(|claims| claims["siret"].clone())
    };
    let first = siret().await.unwrap();
    select("49").await;
    let second = siret().await.unwrap();
    assert_ne!(first, second);
    select("NULL").await;
    assert_eq!(siret().await.unwrap(), first);
    select("49").await;
    provider
        .database
        .execute("DELETE FROM users_organizations WHERE user_id = 1 AND organization_id = 49")
        .await;
    assert_eq!(siret().await.unwrap(), first);
    provider
        .database
        .execute("DELETE FROM users_organizations WHERE user_id = 1")
        .await;
    assert_eq!(siret().await.unwrap_err().status, 401);
}

/// What was stated of the sign-in, its acr above all, must not come to stand beside another organization that it does not hold for.
#[tokio::test]
async fn a_link_that_is_worth_less_does_not_stand_in_for_the_one_that_was_granted() {
    use identite::domain::OrganizationLevel::{Certified, Unverified, Verified};
    let provider = Provider::start().await;
    for (granted, selected, follows) in [
        (Verified, "domain", true),
        (Verified, "organization_dirigeant", true),
        (Verified, "no_verification_means_for_small_association", false),
        (Unverified, "no_verification_means_for_small_association", true),
        (Unverified, "domain", true),
        (Certified, "domain", false),
        (Certified, "organization_dirigeant", false),
    ] {
        let mut session = provider.sign_in().await;
        session.selected_organization.as_mut().unwrap().level = granted;
        session.identity_level = identite::domain::IdentityLevel::Verified;
        let token = token(&provider, &[], &session).await;
        let before = json_of(&provider, &token).await.unwrap()["siret"].clone();
        provider
            .database
            .execute(&format!(
                "UPDATE users_organizations SET verification_type = '{selected}' WHERE user_id = 1 AND organization_id = 49"
            ))
            .await;
        provider.select(&session, "49").await;
        let after = json_of(&provider, &token).await.unwrap()["siret"].clone();
        assert_eq!(before != after, follows, "{granted:?} {selected}");
    }
}

#[tokio::test]
async fn a_code_without_any_organization_left_is_an_invalid_grant() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let code = provider
        .code(&[("scope", "email"), ("nonce", "")], &session)
        .await;
    provider
        .database
        .execute("DELETE FROM users_organizations WHERE user_id = 1")
        .await;
    let refused = provider.redeem(&code, &[]).await.unwrap_err();
    assert_eq!(
        (refused.status, refused.error.code.as_str()),
        (400, "invalid_grant")
    );
}

#[tokio::test]
async fn the_answer_can_be_narrowed_but_always_tells_the_subject() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let token = token(&provider, &[], &session).await;
    let narrowed = |scope: &str| UserinfoRequest {
        query: vec![("scope".into(), scope.into())],
        ..bearing(&token)
    };
    let answer = provider.oidc.userinfo(narrowed("email")).await.unwrap();
    let UserinfoAnswer::Json(claims) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(sorted_names(&claims), ["email", "email_verified", "sub"]);
    for scope in ["phone", "unknown"] {
        let refused = provider.oidc.userinfo(narrowed(scope)).await.unwrap_err();
        assert_eq!(
            (refused.status, refused.error.code.as_str()),
            (403, "insufficient_scope"),
            "{scope}"
        );
    }
}

#[tokio::test]
async fn a_token_without_openid_is_not_for_userinfo() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let token = token(&provider, &[("scope", "email"), ("nonce", "")], &session).await;
    let refused = json_of(&provider, &token).await.unwrap_err();
    assert_eq!((refused.status, refused.error.scope), (403, Some("openid")));
}

#[tokio::test]
async fn nothing_presented_is_a_plain_challenge() {
    let provider = Provider::start().await;
    let request = UserinfoRequest {
        authorization: None,
        ..bearing("")
    };
    let refused = provider.oidc.userinfo(request).await.unwrap_err();
    assert_eq!(refused.status, 401);
    assert_eq!(
        refused.challenge.as_deref(),
        Some(
            "Bearer realm=\"http://localhost:3000\", DPoP realm=\"http://localhost:3000\", algs=\"ES256 Ed25519 EdDSA\""
        )
    );
}

#[tokio::test]
async fn only_origins_of_the_client_may_ask_from_a_browser() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let token = token(&provider, &[], &session).await;
    let from = |origin: &str| UserinfoRequest {
        origin: Some(origin.into()),
        ..bearing(&token)
    };
    assert!(
        provider
            .oidc
            .userinfo(from("http://localhost:4000"))
            .await
            .is_ok()
    );
    let refused = provider
        .oidc
        .userinfo(from("https://evil.example"))
        .await
        .unwrap_err();
    assert_eq!((refused.status, refused.origin_is_refused), (400, true));
}

#[tokio::test]
async fn named_claims_are_told_unless_claims_are_limited_to_scopes() {
    let asked = [
        ("scope", "openid"),
        ("claims", r#"{"userinfo":{"phone_number":null,"email":null}}"#),
    ];
    let named = async |provider: &Provider| {
        let session = provider.sign_in().await;
        let answer = provider.authorize(&asked, Some(&session)).await;
        let code = parameter(&answer, "code").unwrap();
        let token = provider.redeem(&code, &[]).await.unwrap().access_token;
        sorted_names(&json_of(provider, &token).await.unwrap())
    };
    let open = Provider::start().await;
    assert_eq!(named(&open).await, ["email", "phone_number", "sub"]);
    let limited = Provider::start_with(|settings| settings.limit_claims_to_client_scopes = true).await;
    assert_eq!(named(&limited).await, ["email", "sub"]);
}
