//! Which browser scripts may read an endpoint (spec/oidc.md §8.4).

use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN, VARY,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};

use super::endpoints::DPOP;

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

/// … and its challenge, and where a proof of possession was sent the nonce for the next one (RFC 9449 §8).
pub(super) fn allow_with_challenge(request: &HttpRequest, response: &mut HttpResponseBuilder) {
    allow(request, response);
    let readable = if request.headers().contains_key(DPOP) {
        "WWW-Authenticate, DPoP-Nonce"
    } else {
        "WWW-Authenticate"
    };
    response.insert_header((ACCESS_CONTROL_EXPOSE_HEADERS, readable));
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

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_script_that_proves_possession_reads_the_nonce_that_it_needs() {
        let readable = |request: TestRequest| {
            let mut response = HttpResponse::Ok();
            allow_with_challenge(&request.to_http_request(), &mut response);
            let response = response.finish();
            let header = response.headers().get(ACCESS_CONTROL_EXPOSE_HEADERS).cloned();
            header.expect("the header")
        };
        assert_eq!(readable(TestRequest::post()), "WWW-Authenticate");
        let with_proof = TestRequest::post().insert_header((DPOP, "a.b.c"));
        assert_eq!(readable(with_proof), "WWW-Authenticate, DPoP-Nonce");
    }
}
