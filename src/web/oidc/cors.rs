//! Which browser scripts may read an endpoint (spec/oidc.md §8.4).

use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN, VARY,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};

const PREFLIGHT_LIFE_IN_SECONDS: &str = "3600";

/// The request's `Origin`, if a browser script asks.
pub(super) fn origin(request: &HttpRequest) -> Option<String> {
    Some(request.headers().get(ORIGIN)?.to_str().ok()?.to_owned())
}

/// Lets the script of any origin read the answer; `*` when no origin asked.
pub(super) fn allow(request: &HttpRequest, response: &mut HttpResponseBuilder) {
    let any = HeaderValue::from_static("*");
    let allowed = request.headers().get(ORIGIN).cloned().unwrap_or(any);
    response.insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, allowed));
    response.insert_header((VARY, "Origin"));
}

/// … and its challenge.
pub(super) fn allow_with_challenge(request: &HttpRequest, response: &mut HttpResponseBuilder) {
    allow(request, response);
    response.insert_header((ACCESS_CONTROL_EXPOSE_HEADERS, "WWW-Authenticate"));
}

pub(super) async fn preflight_get(request: HttpRequest) -> HttpResponse {
    preflight(&request, "GET")
}

pub(super) async fn preflight_post(request: HttpRequest) -> HttpResponse {
    preflight(&request, "POST")
}

pub(super) async fn preflight_get_post(request: HttpRequest) -> HttpResponse {
    preflight(&request, "GET,POST")
}

fn preflight(request: &HttpRequest, methods: &'static str) -> HttpResponse {
    if !request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        return HttpResponse::NotFound()
            .content_type("text/plain; charset=utf-8")
            .body("Not Found");
    }
    let mut response = HttpResponse::NoContent();
    allow(request, &mut response);
    response.insert_header((ACCESS_CONTROL_ALLOW_METHODS, methods));
    response.insert_header((ACCESS_CONTROL_MAX_AGE, PREFLIGHT_LIFE_IN_SECONDS));
    if let Some(headers) = request.headers().get(ACCESS_CONTROL_REQUEST_HEADERS) {
        response.insert_header((ACCESS_CONTROL_ALLOW_HEADERS, headers.clone()));
    }
    response.finish()
}
