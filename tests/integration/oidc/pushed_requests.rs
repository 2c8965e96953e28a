//! Pushed authorization requests (RFC 9126) and request objects (RFC 9101).

use chrono::TimeDelta;
use identite::oidc::{AuthorizationAnswer, ClientRequest, EndpointError, ErrorCode};
use serde_json::{Value, json};

use super::client_key::ClientKey;
use super::provider::{CALLBACK, ISSUER, Provider, client_form, parameter, redemption};

const PARAMETERS: [(&str, &str); 5] = [
    ("response_type", "code"),
    ("redirect_uri", CALLBACK),
    ("scope", "openid email"),
    ("state", "pushed"),
    ("nonce", "n"),
];

async fn push(provider: &Provider, changes: &[(&str, &str)]) -> Result<String, EndpointError> {
    let mut fields = PARAMETERS.to_vec();
    fields.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    fields.extend(changes);
    let answer = provider.oidc.push_request(client_form(&fields)).await?;
    assert_eq!(answer.expires_in, 60);
    Ok(answer.request_uri)
}

fn refusal(outcome: Result<String, EndpointError>) -> (u16, &'static str) {
    let error = outcome.unwrap_err();
    (error.status, error.error.code.as_str())
}

/// What the browser brings when it comes with `request_uri` only, besides the ordinary parameters that do not count.
async fn come_with(
    provider: &Provider,
    uri: &str,
    session: &identite::oidc::Authentication,
) -> AuthorizationAnswer {
    provider
        .authorize(
            &[("request_uri", uri), ("scope", "openid"), ("state", "outside")],
            Some(session),
        )
        .await
}

#[tokio::test]
async fn a_pushed_request_is_used_once_and_only_its_parameters_count() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let uri = push(&provider, &[]).await.unwrap();
    assert!(uri.starts_with("urn:ietf:params:oauth:request_uri:"));
    let answer = come_with(&provider, &uri, &session).await;
    assert_eq!(parameter(&answer, "state").as_deref(), Some("pushed"));
    let code = parameter(&answer, "code").unwrap();
    let tokens = provider.redeem(&code, &[]).await.unwrap();
    assert_eq!(tokens.scope.to_string(), "openid email");
    let again = come_with(&provider, &uri, &session).await;
    assert_eq!(parameter(&again, "error").as_deref(), Some("invalid_request_uri"));
}

#[tokio::test]
async fn of_many_at_once_one_uses_a_pushed_request() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let uri = push(&provider, &[]).await.unwrap();
    let answers = futures::future::join_all((0..100).map(|_| come_with(&provider, &uri, &session))).await;
    let codes = answers
        .iter()
        .filter(|answer| parameter(answer, "code").is_some())
        .count();
    assert_eq!(codes, 1);
}

/// People reload and go back, and some mail programs visit links first: nothing is lost by that, and one code is all there is.
#[tokio::test]
async fn looking_at_a_pushed_request_does_not_use_it_up_and_its_code_does() {
    let provider = Provider::start().await;
    let uri = push(&provider, &[]).await.unwrap();
    let visit = async || provider.authorize(&[("request_uri", &uri)], None).await;
    let (scanner, first, second) = (visit().await, visit().await, visit().await);
    // The minute is for the browser to come, not for its person to sign in.
    provider.clock.advance(TimeDelta::minutes(5));
    let session = provider.sign_in().await;
    let answer = provider.interact(second, &session).await;
    assert!(parameter(&answer, "code").is_some());
    assert_eq!(parameter(&answer, "state").as_deref(), Some("pushed"));

    let late = provider.interact(first, &session).await;
    assert_eq!(parameter(&late, "error").as_deref(), Some("invalid_request_uri"));
    assert_eq!(parameter(&late, "state").as_deref(), Some("pushed"));
    // Nor does what began with it begin anything else, at the very end of its hour.
    provider.clock.advance(TimeDelta::minutes(54));
    let AuthorizationAnswer::Interaction { uid, .. } = scanner else {
        panic!("{scanner:?}")
    };
    let later = provider
        .oidc
        .resume(&uid, None, &identite::oidc::Visitor::default())
        .await;
    assert_eq!(parameter(&later, "error").as_deref(), Some("invalid_request_uri"));
}

#[tokio::test]
async fn a_pushed_request_that_became_a_code_is_known_no_more() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let uri = push(&provider, &[]).await.unwrap();
    let silent = [("request_uri", uri.as_str())];
    assert!(parameter(&provider.authorize(&silent, Some(&session)).await, "code").is_some());
    let again = provider.authorize(&silent, None).await;
    assert_eq!(parameter(&again, "error").as_deref(), Some("invalid_request_uri"));
}

#[tokio::test]
async fn of_many_who_sign_in_at_once_for_a_pushed_request_one_gets_its_code() {
    let provider = Provider::start().await;
    let uri = push(&provider, &[]).await.unwrap();
    let request = [("request_uri", uri.as_str())];
    let visits = futures::future::join_all((0..100).map(|_| provider.authorize(&request, None))).await;
    let session = provider.sign_in().await;
    let ends = visits.into_iter().map(|visit| provider.interact(visit, &session));
    let answers = futures::future::join_all(ends).await;
    let codes = answers
        .iter()
        .filter(|answer| parameter(answer, "code").is_some())
        .count();
    assert_eq!(codes, 1);
}

#[tokio::test]
async fn it_waits_a_minute_and_serves_one_client() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let uri = push(&provider, &[]).await.unwrap();
    let foreign = provider
        .authorize(
            &[
                ("request_uri", &uri),
                ("client_id", "proconnect_federation_client_id"),
                ("redirect_uri", "http://localhost:4001/login-callback"),
            ],
            Some(&session),
        )
        .await;
    assert_eq!(
        parameter(&foreign, "error").as_deref(),
        Some("invalid_request_object")
    );
    provider.clock.advance(TimeDelta::seconds(61));
    let late = come_with(&provider, &uri, &session).await;
    assert_eq!(parameter(&late, "error").as_deref(), Some("invalid_request_uri"));
}

#[tokio::test]
async fn what_the_authorization_endpoint_would_refuse_is_refused_at_once() {
    let provider = Provider::start().await;
    for (changes, expected) in [
        (vec![("client_secret", "wrong")], (401, "invalid_client")),
        (
            vec![("redirect_uri", "https://evil.example/")],
            (400, "invalid_request"),
        ),
        (vec![("scope", "openid phone")], (400, "invalid_scope")),
        (
            vec![("response_type", "token")],
            (400, "unsupported_response_type"),
        ),
        (vec![("prompt", "none login")], (400, "invalid_request")),
        (vec![("request_uri", "urn:x")], (400, "invalid_request")),
        (vec![("request", "x")], (400, "request_not_supported")),
        (vec![("state", "a"), ("state", "b")], (400, "invalid_request")),
        (vec![("dpop_jkt", "x")], (400, "invalid_request")),
    ] {
        assert_eq!(refusal(push(&provider, &changes).await), expected, "{changes:?}");
    }
}

#[tokio::test]
async fn who_must_push_and_use_pkce_does() {
    let provider = Provider::start().await;
    provider
        .set(json!({"require_pushed_authorization_requests": true, "require_pkce": true}))
        .await;
    let session = provider.sign_in().await;
    let direct = provider.authorize(&[], Some(&session)).await;
    assert_eq!(parameter(&direct, "error").as_deref(), Some("invalid_request"));
    assert_eq!(refusal(push(&provider, &[]).await), (400, "invalid_request"));
    let challenge = [
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method", "S256"),
    ];
    let uri = push(&provider, &challenge).await.unwrap();
    assert!(parameter(&come_with(&provider, &uri, &session).await, "code").is_some());
}

#[tokio::test]
async fn a_proof_that_comes_with_the_request_binds_its_code() {
    let provider = Provider::start().await;
    let (session, key) = (provider.sign_in().await, ClientKey::new());
    let request = |dpop: Option<String>, base: ClientRequest| ClientRequest { dpop, ..base };
    let proof = key.proof(
        "POST",
        &format!("{ISSUER}/oauth/request"),
        provider.now(),
        &json!({}),
    );
    let uri = provider
        .oidc
        .push_request(request(Some(proof.clone()), client_form(&PARAMETERS)))
        .await
        .unwrap()
        .request_uri;
    let replayed = request(Some(proof), client_form(&PARAMETERS));
    let error = provider.oidc.push_request(replayed).await.unwrap_err();
    assert_eq!(
        (error.status, error.error.code),
        (400, ErrorCode::InvalidDpopProof)
    );
    let code = parameter(&come_with(&provider, &uri, &session).await, "code").unwrap();
    let error = provider.redeem(&code, &[]).await.unwrap_err();
    assert_eq!(error.error.code, ErrorCode::InvalidGrant);
    let proof = key.proof(
        "POST",
        &format!("{ISSUER}/oauth/token"),
        provider.now(),
        &json!({}),
    );
    let redeeming = request(Some(proof), redemption(&code, &[]));
    assert!(provider.oidc.token(redeeming).await.is_ok());
}

fn object(provider: &Provider, key: &ClientKey, changes: &Value) -> String {
    let mut claims = json!({
        "iss": "standard_client_id", "aud": ISSUER, "client_id": "standard_client_id",
        "exp": provider.now().timestamp() + 60, "response_type": "code", "redirect_uri": CALLBACK,
        "scope": "openid email", "state": "signed", "max_age": 3600,
        "claims": {"id_token": {"amr": null}}
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    key.sign(
        &json!({"typ": "oauth-authz-req+jwt", "kid": "client-key"}),
        &claims,
    )
}

#[tokio::test]
async fn only_what_was_signed_counts() {
    let provider = Provider::start().await;
    let (session, key) = (provider.sign_in().await, ClientKey::new());
    let jwt = object(&provider, &key, &json!({}));
    let unasked = provider.authorize(&[("request", &jwt)], Some(&session)).await;
    assert_eq!(
        parameter(&unasked, "error").as_deref(),
        Some("request_not_supported")
    );

    provider
        .set(json!({"request_object_signing_alg": "ES256", "jwks": key.set(), "require_signed_request_object": true}))
        .await;
    let answer = provider
        .authorize(
            &[
                ("request", &jwt),
                ("state", "outside"),
                ("scope", "openid profile"),
            ],
            Some(&session),
        )
        .await;
    assert_eq!(parameter(&answer, "state").as_deref(), Some("signed"));
    let code = parameter(&answer, "code").unwrap();
    let tokens = provider.redeem(&code, &[]).await.unwrap();
    assert_eq!(tokens.scope.to_string(), "openid email");
    let claims = provider.claims(&tokens.id_token.unwrap());
    assert_eq!(claims["amr"], json!(["pwd"]));
    assert!(
        claims.contains_key("auth_time"),
        "max_age is a number in the object"
    );

    let unsigned = provider.authorize(&[], Some(&session)).await;
    assert_eq!(parameter(&unsigned, "error").as_deref(), Some("invalid_request"));
    let uri = push(
        &provider,
        &[("request", &jwt), ("client_id", "standard_client_id")],
    )
    .await
    .unwrap();
    assert!(parameter(&come_with(&provider, &uri, &session).await, "code").is_some());
}

#[tokio::test]
async fn an_unsound_request_object_is_refused() {
    let provider = Provider::start().await;
    let (session, key) = (provider.sign_in().await, ClientKey::new());
    provider
        .set(json!({"request_object_signing_alg": "ES256", "jwks": key.set()}))
        .await;
    let mut objects: Vec<String> = [
        json!({"iss": "other"}),
        json!({"client_id": "other"}),
        json!({"client_id": null}),
        json!({"aud": "https://other.example"}),
        json!({"exp": provider.now().timestamp() - 60}),
        json!({"exp": (provider.now().timestamp() + 60).to_string()}),
        json!({"nbf": provider.now().timestamp() + 60}),
        json!({"nbf": true}),
        json!({"iat": "now"}),
        json!({"iss": ["standard_client_id"]}),
        json!({"request": "x"}),
        json!({"request_uri": "urn:x"}),
        json!({"scope": ["openid"]}),
    ]
    .iter()
    .map(|changes| object(&provider, &key, changes))
    .collect();
    objects.push(object(&provider, &ClientKey::new(), &json!({})));
    objects.push("not.a.jwt".into());
    for jwt in objects {
        let answer = provider.authorize(&[("request", &jwt)], Some(&session)).await;
        assert_eq!(
            parameter(&answer, "error").as_deref(),
            Some("invalid_request_object"),
            "{jwt}"
        );
    }
}

/// What was signed says where its error goes; before that is known to be the client's, what came with it does (RFC 9101 §6.3).
#[tokio::test]
async fn an_error_of_a_signed_request_goes_where_that_says() {
    let provider = Provider::start().await;
    let (session, key) = (provider.sign_in().await, ClientKey::new());
    provider
        .set(json!({"request_object_signing_alg": "ES256", "jwks": key.set()}))
        .await;
    let send = async |jwt: String| {
        let outer = [("request", jwt.as_str()), ("state", "outside")];
        provider.authorize(&outer, Some(&session)).await
    };
    let late = json!({"exp": provider.now().timestamp() - 60});
    let answer = send(object(&provider, &key, &late)).await;
    assert_eq!(
        parameter(&answer, "error").as_deref(),
        Some("invalid_request_object")
    );
    assert_eq!(parameter(&answer, "state").as_deref(), Some("signed"));

    let mut changes = late.clone();
    changes["response_mode"] = json!("fragment");
    let answer = send(object(&provider, &key, &changes)).await;
    let AuthorizationAnswer::Redirect { url } = &answer else {
        panic!("{answer:?}")
    };
    assert!(url.contains("#error=invalid_request_object"), "{url}");

    changes["redirect_uri"] = json!("https://evil.example/");
    let answer = send(object(&provider, &key, &changes)).await;
    assert!(
        matches!(&answer, AuthorizationAnswer::ErrorPage { error, .. } if error.code == ErrorCode::InvalidRedirectUri),
        "{answer:?}"
    );

    let foreign = send(object(&provider, &ClientKey::new(), &late)).await;
    assert_eq!(parameter(&foreign, "state").as_deref(), Some("outside"));
}

#[tokio::test]
async fn who_must_sign_requests_says_until_when_and_not_for_long() {
    let provider = Provider::start().await;
    let (session, key) = (provider.sign_in().await, ClientKey::new());
    provider
        .set(json!({"request_object_signing_alg": "ES256", "jwks": key.set(), "require_signed_request_object": true}))
        .await;
    for (seconds, outcome) in [(3600, "code"), (7200, "error")] {
        let exp = provider.now().timestamp() + seconds;
        let jwt = object(&provider, &key, &json!({"exp": exp}));
        let answer = provider.authorize(&[("request", &jwt)], Some(&session)).await;
        assert!(parameter(&answer, outcome).is_some(), "{seconds}: {answer:?}");
    }
}
