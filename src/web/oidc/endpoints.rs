//! The endpoints that relying parties call themselves.

use actix_web::http::header::{
    ACCEPT, AUTHORIZATION, Accept, CACHE_CONTROL, CONTENT_TYPE, Header, HeaderName, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError};
use serde_json::json;

use super::cors;
use crate::domain::Network;
use crate::oidc::{
    Body, ClientCertificate, ClientRequest, EndpointError, IntrospectionAnswer, ProtocolError,
    UserinfoAnswer, UserinfoRequest,
};
use crate::web::access_log::RequestId;
use crate::web::app::App;
use crate::web::budgets;
use crate::web::client_address::client_address;
use crate::web::error::{PageError, RETRY_UNAVAILABLE_AFTER, retry_after_seconds};
use crate::web::fields::Fields;
use crate::web::form;

/// How long relying parties may keep the public keys, in seconds. A key is published for longer before it signs.
const KEYS_ARE_FRESH_FOR: u32 = 900;
/// How long they may keep what this provider says about itself, in seconds.
const DISCOVERY_IS_FRESH_FOR: u32 = 300;
/// RFC 9449.
pub(super) const DPOP: HeaderName = HeaderName::from_static("dpop");
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");
/// RFC 9701.
const SIGNED_INTROSPECTION: &str = "application/token-introspection+jwt";
/// As many bytes of body as these endpoints read.
const BODY_LIMIT_IN_BYTES: usize = 56 * 1024;

/// `GET /.well-known/openid-configuration`
pub(super) async fn discovery(app: Data<App>, request: HttpRequest) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    cors::allow(&request, &mut response);
    response.insert_header((CACHE_CONTROL, format!("public, max-age={DISCOVERY_IS_FRESH_FOR}")));
    response
        .content_type("application/json; charset=utf-8")
        .body(app.oidc.discovery().to_string())
}

/// `GET /oauth/jwks`
pub(super) async fn jwks(app: Data<App>, request: HttpRequest) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    cors::allow(&request, &mut response);
    response.insert_header((CACHE_CONTROL, format!("public, max-age={KEYS_ARE_FRESH_FOR}")));
    response
        .content_type("application/jwk-set+json; charset=utf-8")
        .body(app.oidc.jwks().to_string())
}

/// `POST /oauth/token`
pub(super) async fn token(app: Data<App>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let sent = client_request(&app, &request, payload).await;
    match app.oidc.token(sent).await {
        Ok(answer) => ok(&app, &request).json(answer),
        Err(error) => refuse_counting(&app, &request, error).await,
    }
}

/// `POST /oauth/request`
pub(super) async fn push_request(app: Data<App>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let sent = client_request(&app, &request, payload).await;
    match app.oidc.push_request(sent).await {
        Ok(answer) => ok(&app, &request).status(StatusCode::CREATED).json(answer),
        Err(error) => refuse_counting(&app, &request, error).await,
    }
}

/// `POST /oauth/token/revocation`
pub(super) async fn revocation(app: Data<App>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let sent = client_request(&app, &request, payload).await;
    match app.oidc.revoke_token(sent).await {
        Ok(()) => {
            let mut response = ok(&app, &request);
            response.insert_header((CONTENT_TYPE, "text/plain; charset=utf-8"));
            response.finish()
        }
        Err(error) => refuse_counting(&app, &request, error).await,
    }
}

/// `POST /oauth/token/introspection`
pub(super) async fn introspection(app: Data<App>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let mut sent = client_request(&app, &request, payload).await;
    sent.wants_jwt = header(&request, ACCEPT).is_some_and(|accept| accept.contains(SIGNED_INTROSPECTION));
    match app.oidc.introspect(sent).await {
        Ok(IntrospectionAnswer::Json(answer)) => ok(&app, &request).json(answer),
        Ok(IntrospectionAnswer::Jwt(jwt)) => ok(&app, &request)
            .insert_header((CONTENT_TYPE, SIGNED_INTROSPECTION))
            .body(jwt),
        Err(error) => refuse_counting(&app, &request, error).await,
    }
}

async fn client_request(app: &App, request: &HttpRequest, payload: Payload) -> ClientRequest {
    ClientRequest {
        authorization: header(request, AUTHORIZATION),
        body: read_body(request, payload).await,
        has_origin: cors::origin(request).is_some(),
        dpop: dpop(request),
        certificate: certificate(app, request),
        wants_jwt: false,
    }
}

/// `GET` or `POST /oauth/userinfo`
pub(super) async fn userinfo(app: Data<App>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let Ok(query) = Fields::parse(request.query_string().as_bytes()) else {
        let error = EndpointError::bad_request(ProtocolError::invalid_request("the query cannot be decoded"));
        return refuse(&app, &request, &error);
    };
    let userinfo_request = UserinfoRequest {
        method: request.method().as_str().to_owned(),
        authorization: header(&request, AUTHORIZATION),
        query: query.into_pairs(),
        body: if request.method() == Method::POST {
            read_body(&request, payload).await
        } else {
            Body::Absent
        },
        origin: cors::origin(&request),
        dpop: dpop(&request),
        certificate: certificate(&app, &request),
    };
    match app.oidc.userinfo(userinfo_request).await {
        Ok(UserinfoAnswer::Json(claims)) => ok(&app, &request).json(claims),
        Ok(UserinfoAnswer::Jwt(jwt)) => ok(&app, &request)
            .insert_header((CONTENT_TYPE, "application/jwt; charset=utf-8"))
            .body(jwt),
        Err(error) => refuse(&app, &request, &error),
    }
}

fn ok(app: &App, request: &HttpRequest) -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, "no-store"));
    response.insert_header((CONTENT_TYPE, "application/json; charset=utf-8"));
    cors::allow_with_challenge(request, &mut response);
    give_nonce(app, request, &mut response);
    response
}

/// Whoever proves possession of a key is told what to put into the next proof.
fn give_nonce(app: &App, request: &HttpRequest, response: &mut HttpResponseBuilder) {
    if request.headers().contains_key(DPOP) {
        response.insert_header((DPOP_NONCE, app.oidc.dpop_nonce()));
    }
}

fn header(request: &HttpRequest, name: HeaderName) -> Option<String> {
    let value = request.headers().get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// The header `DPoP`. Several of them are no proof (RFC 9449 §4.3).
fn dpop(request: &HttpRequest) -> Option<String> {
    let mut all = request
        .headers()
        .get_all(DPOP)
        .map(|value| String::from_utf8_lossy(value.as_bytes()));
    let mut proof = all.next()?.into_owned();
    for other in all {
        proof.push(',');
        proof.push_str(&other);
    }
    Some(proof)
}

/// The certificate that the client showed to whoever terminates TLS, where this deployment believes in that header.
fn certificate(app: &App, request: &HttpRequest) -> Option<ClientCertificate> {
    let header = app.settings.client_certificate_header.as_ref()?;
    let certificate = ClientCertificate::parse(only(request, header)?)?;
    let verdict = app.settings.certificate_verified_header.as_ref();
    Some(match verdict.and_then(|header| only(request, header)) {
        Some(verdict) => certificate.judged(verdict),
        None => certificate,
    })
}

/// The value of a header that comes once. Of several, one may be what the client itself has sent.
fn only<'a>(request: &'a HttpRequest, name: &HeaderName) -> Option<&'a str> {
    let mut values = request.headers().get_all(name);
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    value.to_str().ok()
}

/// The same as [`refuse`]; who fails too often to prove to be a client is told to wait.
async fn refuse_counting(app: &App, request: &HttpRequest, error: EndpointError) -> HttpResponse {
    let Some(client) = &error.unproven_client else {
        return refuse(app, request, &error);
    };
    let subject = format!("{client}|{}", Network::of(client_address(request)));
    match budgets::spend_on(app, budgets::CLIENT_AUTHENTICATION, &subject).await {
        Err(PageError::TooManyRequests { retry_after }) => {
            refuse(app, request, &EndpointError::too_many_failures(retry_after))
        }
        _ => refuse(app, request, &error),
    }
}

/// An error as JSON; as a page of the same status for somebody who prefers to read HTML.
fn refuse(app: &App, request: &HttpRequest, error: &EndpointError) -> HttpResponse {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    response.insert_header((CACHE_CONTROL, "no-store"));
    let retry_after = match status {
        StatusCode::SERVICE_UNAVAILABLE => Some(RETRY_UNAVAILABLE_AFTER),
        _ => error.retry_after,
    };
    if let Some(retry_after) = retry_after {
        response.insert_header((RETRY_AFTER, retry_after_seconds(retry_after)));
    }
    give_nonce(app, request, &mut response);
    if let Some(challenge) = &error.challenge {
        response.insert_header((WWW_AUTHENTICATE, challenge.as_str()));
    }
    if !error.origin_is_refused {
        cors::allow_with_challenge(request, &mut response);
    }
    if prefers_html(request) {
        let page = PageError::provider(status, &error.error);
        return match page.page(&app.renderer, None, &RequestId::of(request)) {
            Ok(page) => response
                .content_type("text/html; charset=utf-8")
                .body(page.into_body()),
            Err(_) => page.error_response(),
        };
    }
    told_as_json(&mut response, &error.error)
}

/// The answer that tells an error as JSON.
pub(super) fn told_as_json(response: &mut HttpResponseBuilder, error: &ProtocolError) -> HttpResponse {
    let mut body = json!({ "error": error.code.as_str() });
    if let Some(description) = &error.description {
        body["error_description"] = json!(description);
    }
    if let Some(scope) = error.scope {
        body["scope"] = json!(scope);
    }
    response
        .content_type("application/json; charset=utf-8")
        .body(body.to_string())
}

/// Whether an error is told as a page: without a word on it, or with `*/*`, it is JSON (spec/oidc.md §10.1).
pub(super) fn prefers_html(request: &HttpRequest) -> bool {
    let Ok(accept) = Accept::parse(request) else {
        return false;
    };
    let ranked = accept.ranked();
    ranked
        .first()
        .is_some_and(|best| best.type_() == "text" && best.subtype() == "html")
}

/// The form of a request; another content type, a broken, an over-long or a slow body is unreadable.
async fn read_body(request: &HttpRequest, payload: Payload) -> Body {
    let Some(content_type) = request.headers().get(CONTENT_TYPE) else {
        return Body::Absent;
    };
    let essence = content_type
        .to_str()
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Body::Unreadable;
    }
    let Ok(body) = form::read_body(payload, BODY_LIMIT_IN_BYTES).await else {
        return Body::Unreadable;
    };
    match Fields::parse(&body) {
        Ok(fields) => Body::Form(fields.into_pairs()),
        Err(_) => Body::Unreadable,
    }
}
