//! The crate `openidconnect`, as it is: discovery, code flow with PKCE, signed userinfo, refreshing, introspection, logout.

use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreGenderClaim, CoreIdToken, CoreIdTokenClaims,
    CoreJwsSigningAlgorithm, CoreTokenResponse,
};
use openidconnect::{
    AccessToken, AdditionalClaims, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IntrospectionUrl, IssuerUrl, LogoutRequest,
    Nonce, OAuth2TokenResponse, PkceCodeChallenge, PostLogoutRedirectUrl, ProviderMetadataWithLogout,
    RedirectUrl, Scope, TokenIntrospectionResponse, TokenResponse, UserInfoClaims, http,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use crate::support::{EMAIL, PASSWORD, Page, RelyingParty, TestServer, Visitor, parameter};

type Client =
    CoreClient<EndpointSet, EndpointNotSet, EndpointSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// What userinfo tells beyond the standard claims.
#[derive(Debug, Clone, Deserialize, Serialize)]
struct Organization {
    label: Option<String>,
    siret: String,
    is_public_service: bool,
}

impl AdditionalClaims for Organization {}

/// A call of the library.
async fn call(request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let (head, body) = request.into_parts();
    let answer = client
        .request(head.method, head.uri.to_string())
        .headers(head.headers)
        .body(body)
        .send()
        .await?;
    let mut response = http::Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        response = response.header(name, value);
    }
    let body = answer.bytes().await?.to_vec();
    Ok(response.body(body).expect("an answer that was read is one"))
}

/// A service on this library.
struct Service {
    client: Client,
    metadata: ProviderMetadataWithLogout,
    registered: RelyingParty,
}

impl Service {
    async fn discover(server: &TestServer, registered: RelyingParty) -> Self {
        let issuer = IssuerUrl::new(server.issuer().to_owned()).unwrap();
        let metadata = ProviderMetadataWithLogout::discover_async(issuer, &call)
            .await
            .expect("the library accepts what the provider says about itself");
        let introspection = format!("{}/oauth/token/introspection", server.issuer());
        let client = CoreClient::from_provider_metadata(
            metadata.clone(),
            ClientId::new(registered.client_id.clone()),
            Some(ClientSecret::new(registered.client_secret.clone())),
        )
        .set_redirect_uri(RedirectUrl::new(registered.redirect_uri.clone()).unwrap())
        .set_introspection_url(IntrospectionUrl::new(introspection).unwrap());
        Self {
            client,
            metadata,
            registered,
        }
    }

    /// Sends the browser away and redeems what it brings. The person is asked whatever there is to ask.
    async fn sign_in(&self, visitor: &Visitor) -> (CoreTokenResponse, CoreIdTokenClaims) {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = self.client.authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            CsrfToken::new_random,
            Nonce::new_random,
        );
        for scope in self
            .registered
            .scope
            .split(' ')
            .filter(|scope| *scope != "openid")
        {
            request = request.add_scope(Scope::new(scope.to_owned()));
        }
        let (url, state, nonce) = request.set_pkce_challenge(challenge).url();
        let answer = answer_pages(visitor, visitor.get(url.as_str()).await).await;
        assert_eq!(
            parameter(&answer, "state").as_deref(),
            Some(state.secret().as_str())
        );
        let code = parameter(&answer, "code").expect("a code");
        let tokens = self
            .client
            .exchange_code(AuthorizationCode::new(code))
            .unwrap()
            .set_pkce_verifier(verifier)
            .request_async(&call)
            .await
            .expect("the library accepts the answer of the token endpoint");
        let claims = self.verified(tokens.id_token().expect("an ID token"), &nonce);
        (tokens, claims)
    }

    fn verified(&self, id_token: &CoreIdToken, nonce: &Nonce) -> CoreIdTokenClaims {
        let verifier = self.client.id_token_verifier();
        id_token
            .claims(&verifier, nonce)
            .expect("the library accepts the ID token")
            .clone()
    }

    /// Userinfo, which must be signed.
    async fn userinfo(
        &self,
        token: &AccessToken,
        claims: &CoreIdTokenClaims,
    ) -> UserInfoClaims<Organization, CoreGenderClaim> {
        self.client
            .user_info(token.clone(), Some(claims.subject().clone()))
            .unwrap()
            .require_signed_response(true)
            .request_async(&call)
            .await
            .expect("the library accepts userinfo")
    }

    async fn is_active(&self, token: &AccessToken) -> bool {
        let answer = self.client.introspect(token).request_async(&call).await;
        answer.expect("the library accepts the introspection").active()
    }
}

/// Answers the pages of the provider until it sends the browser back.
async fn answer_pages(visitor: &Visitor, first: Page) -> Url {
    let mut page = first;
    for _ in 0..6 {
        if page.status.is_redirection() {
            return page.location();
        }
        let path = page.url.path().to_owned();
        let values: &[(&str, &str)] = match path.as_str() {
            "/users/start-sign-in" => &[("login", EMAIL)],
            "/users/sign-in" => &[("password", PASSWORD)],
            "/users/select-organization" => &[("organization_id", "1")],
            other => panic!("{other}: {}", page.title()),
        };
        page = visitor.submit(&page, &path, values).await;
    }
    panic!("still on {}", page.url)
}

#[tokio::test]
async fn the_crate_openidconnect_signs_people_in_and_out() {
    let server = TestServer::start().await;
    let registered = RelyingParty {
        // The only algorithm that the library verifies userinfo with unless it is told otherwise.
        userinfo_alg: Some("RS256".into()),
        ..RelyingParty::default()
    };
    registered.register(server.database()).await;
    let settings = json!({"require_pkce": true, "refresh_token_lifetime_in_seconds": 3600});
    server.database().set_for(&registered.client_id, &settings).await;
    let service = Service::discover(&server, registered).await;
    let algorithms = service.metadata.id_token_signing_alg_values_supported();
    assert!(algorithms.contains(&CoreJwsSigningAlgorithm::EcdsaP256Sha256));

    let visitor = server.visitor();
    let (tokens, claims) = service.sign_in(&visitor).await;
    let userinfo = service.userinfo(tokens.access_token(), &claims).await;
    assert_eq!(userinfo.email().map(|email| email.as_str()), Some(EMAIL));
    assert!(
        userinfo.updated_at().is_some(),
        "a number, as the library reads it"
    );
    assert_eq!(userinfo.additional_claims().siret.len(), 14);
    assert!(service.is_active(tokens.access_token()).await);

    // Who is signed in is asked nothing.
    let (_, again) = service.sign_in(&visitor).await;
    assert_eq!(again.subject(), claims.subject());

    let refreshed = service
        .client
        .exchange_refresh_token(tokens.refresh_token().expect("a refresh token"))
        .unwrap()
        .request_async(&call)
        .await
        .expect("the library accepts the refreshed tokens");
    assert!(service.is_active(refreshed.access_token()).await);

    let endpoint = service
        .metadata
        .additional_metadata()
        .end_session_endpoint
        .clone();
    let after = service.registered.post_logout_redirect_uri.clone();
    let url = LogoutRequest::from(endpoint.expect("an end-session endpoint"))
        .set_id_token_hint(tokens.id_token().unwrap())
        .set_post_logout_redirect_uri(PostLogoutRedirectUrl::new(after.clone()).unwrap())
        .set_state(CsrfToken::new("signed out".into()))
        .http_get_url();
    let page = visitor.get(url.as_str()).await;
    let page = visitor.submit(&page, "/oauth/logout/confirm", &[]).await;
    assert_eq!(page.location().as_str(), format!("{after}?state=signed+out"));
    assert!(
        !service.is_active(refreshed.access_token()).await,
        "its tokens ended"
    );
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let silent = [
        ("prompt", "none"),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256"),
    ];
    let silent = service.registered.authorization_url(&server, &silent);
    let silent = visitor.get(silent.as_str()).await.location();
    assert_eq!(parameter(&silent, "error").as_deref(), Some("login_required"));
}

/// What a client that registered an algorithm tells the library to accept.
fn named(algorithm: &str) -> CoreJwsSigningAlgorithm {
    match algorithm {
        "PS256" => CoreJwsSigningAlgorithm::RsaSsaPssSha256,
        "ES256" => CoreJwsSigningAlgorithm::EcdsaP256Sha256,
        _ => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    }
}

#[tokio::test]
async fn the_crate_openidconnect_reads_signatures_of_each_kind() {
    let server = TestServer::start().await;
    let visitor = server.visitor();
    for algorithm in ["RS256", "PS256", "ES256"] {
        let registered = RelyingParty {
            id_token_alg: Some(algorithm.into()),
            ..RelyingParty::default()
        };
        registered.register(server.database()).await;
        let service = Service::discover(&server, registered).await;
        let url = service.registered.authorization_url(&server, &[]);
        let answer = answer_pages(&visitor, visitor.get(url.as_str()).await).await;
        let code = parameter(&answer, "code").expect("a code");
        let exchange = service
            .client
            .exchange_code(AuthorizationCode::new(code))
            .unwrap();
        let tokens = exchange.request_async(&call).await.expect("tokens");
        let verifier = service
            .client
            .id_token_verifier()
            .set_allowed_algs([named(algorithm)]);
        let nonce = Nonce::new("the-nonce".into());
        let claims = tokens.id_token().unwrap().claims(&verifier, &nonce);
        assert!(claims.is_ok(), "{algorithm}: {claims:?}");
    }
}
