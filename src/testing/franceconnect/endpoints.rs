//! The endpoints of the played provider.

use actix_web::http::header::{AUTHORIZATION, LOCATION};
use actix_web::web::{Form, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::persona::Persona;
use super::provider::{PROVIDER, Request};
use super::{HOST, pages};

/// States and nonces shorter than this could be guessed.
const SHORTEST_SECRET: usize = 22;

/// `<origin>/___testing___/oidc.franceconnect.gouv.fr`, as the client sees it.
fn base(request: &HttpRequest) -> String {
    let connection = request.connection_info();
    format!(
        "{}://{}/___testing___{HOST}",
        connection.scheme(),
        connection.host()
    )
}

fn issuer(request: &HttpRequest) -> String {
    format!("{}/api/v2", base(request))
}

fn refusal(problem: &str) -> HttpResponse {
    HttpResponse::BadRequest()
        .content_type("text/plain; charset=utf-8")
        .body(format!("Error: {problem}"))
}

fn redirect(target: &str) -> HttpResponse {
    HttpResponse::Found().insert_header((LOCATION, target)).finish()
}

pub(super) async fn discovery(request: HttpRequest) -> HttpResponse {
    let issuer = issuer(&request);
    let at = |path: &str| format!("{issuer}{path}");
    HttpResponse::Ok().json(json!({
        "issuer": issuer,
        "authorization_endpoint": at("/authorize"),
        "token_endpoint": at("/token"),
        "userinfo_endpoint": at("/userinfo"),
        "end_session_endpoint": at("/session/end"),
        "jwks_uri": at("/jwks"),
        "acr_values_supported": ["eidas1"],
        "authorization_response_iss_parameter_supported": true,
        "code_challenge_methods_supported": ["S256"],
        "grant_types_supported": ["authorization_code"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "response_types_supported": ["code"],
        "scopes_supported": [
            "openid", "given_name", "family_name", "preferred_username", "gender", "birthdate", "birthplace",
            "birthcountry",
        ],
        "subject_types_supported": ["pairwise"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
    }))
}

pub(super) async fn jwks() -> HttpResponse {
    HttpResponse::Ok().json(PROVIDER.jwks())
}

#[derive(Deserialize)]
pub(super) struct Authorization {
    acr_values: String,
    client_id: String,
    nonce: String,
    redirect_uri: Url,
    response_type: String,
    scope: String,
    state: String,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
}

pub(super) async fn authorize(Query(asked): Query<Authorization>) -> HttpResponse {
    if asked.acr_values != "eidas1" {
        return refusal("acr_values must be eidas1");
    }
    if asked.response_type != "code" || !asked.scope.split(' ').any(|scope| scope == "openid") {
        return refusal("response_type must be code, and scope hold openid");
    }
    if asked.nonce.len() < SHORTEST_SECRET || asked.state.len() < SHORTEST_SECRET {
        return refusal("nonce and state must have 22 characters");
    }
    if asked.code_challenge.is_some() && asked.code_challenge_method.as_deref() != Some("S256") {
        return refusal("code_challenge_method must be S256");
    }
    let code = PROVIDER.remember(Request {
        client_id: asked.client_id,
        redirect_uri: asked.redirect_uri.into(),
        state: asked.state,
        nonce: asked.nonce,
        code_challenge: asked.code_challenge,
        persona: None,
    });
    redirect(&format!("/___testing___{HOST}/interaction/{code}/login"))
}

pub(super) async fn choose(http: HttpRequest, code: Path<String>) -> HttpResponse {
    let Some(request) = PROVIDER.request(&code) else {
        return refusal("unknown interaction");
    };
    let issuer = issuer(&http);
    let declined = answer(
        &request,
        &issuer,
        &[
            ("error", "access_denied"),
            ("error_description", "User auth aborted"),
        ],
    );
    match declined {
        Some(way_back) => pages::choose(Persona::all(), &way_back),
        None => refusal("redirect_uri is no URL"),
    }
}

pub(super) async fn chosen(
    http: HttpRequest,
    code: Path<String>,
    Form(fields): Form<Vec<(String, String)>>,
) -> HttpResponse {
    let Some(request) = PROVIDER.choose(&code, Persona::from_form(&fields)) else {
        return refusal("unknown interaction");
    };
    match answer(&request, &issuer(&http), &[("code", &code)]) {
        Some(target) => redirect(&target),
        None => refusal("redirect_uri is no URL"),
    }
}

fn answer(request: &Request, issuer: &str, parameters: &[(&str, &str)]) -> Option<String> {
    let mut url = Url::parse(&request.redirect_uri).ok()?;
    url.query_pairs_mut()
        .extend_pairs(parameters)
        .append_pair("iss", issuer)
        .append_pair("state", &request.state);
    Some(url.into())
}

#[derive(Deserialize)]
pub(super) struct Redemption {
    grant_type: String,
    code: String,
    redirect_uri: String,
    code_verifier: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
}

pub(super) async fn token(http: HttpRequest, Form(form): Form<Redemption>) -> HttpResponse {
    let error = |code: &str| HttpResponse::BadRequest().json(json!({ "error": code }));
    let is_authenticated = form
        .client_secret
        .as_ref()
        .is_some_and(|secret| !secret.is_empty())
        || http.headers().contains_key(AUTHORIZATION);
    if !is_authenticated {
        return error("invalid_client");
    }
    if form.grant_type != "authorization_code" {
        return error("unsupported_grant_type");
    }
    let Some((request, persona)) = PROVIDER.redeem(&form.code) else {
        return error("invalid_grant");
    };
    let is_same_client = form
        .client_id
        .is_none_or(|client_id| client_id == request.client_id);
    if !is_same_client
        || form.redirect_uri != request.redirect_uri
        || !request.accepts_verifier(form.code_verifier.as_deref())
    {
        return error("invalid_grant");
    }
    let Some(id_token) = PROVIDER.id_token(&issuer(&http), &request, &persona.sub) else {
        return HttpResponse::InternalServerError().finish();
    };
    HttpResponse::Ok().json(json!({
        "access_token": PROVIDER.access_token(persona),
        "token_type": "Bearer",
        "expires_in": 3600,
        "id_token": id_token,
    }))
}

pub(super) async fn userinfo(http: HttpRequest) -> HttpResponse {
    let header = http
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| value.strip_prefix("Bearer "));
    match token.and_then(|token| PROVIDER.persona(token)) {
        Some(persona) => HttpResponse::Ok().json(persona),
        None => HttpResponse::Unauthorized().json(json!({ "error": "invalid_token" })),
    }
}

#[derive(Deserialize)]
pub(super) struct EndSession {
    id_token_hint: String,
    post_logout_redirect_uri: Url,
    state: String,
}

pub(super) async fn end_session(Query(asked): Query<EndSession>) -> HttpResponse {
    if asked.id_token_hint.is_empty() {
        return refusal("id_token_hint is missing");
    }
    let mut way_back = asked.post_logout_redirect_uri;
    way_back.query_pairs_mut().append_pair("state", &asked.state);
    pages::sign_out(way_back.as_str())
}
