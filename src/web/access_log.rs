//! The name of a request, and the line about it in the access log.

use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CONTENT_LENGTH, HeaderName, HeaderValue, REFERER, USER_AGENT};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage, HttpRequest};
use rand::RngExt as _;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use super::app::App;
use super::client_address::address_of;
use super::paths;
use crate::config::TRACES;
use crate::telemetry::{self, AccessEntry};

/// What the log and the error page call a request. Ours, never the client's choice.
#[derive(Clone)]
pub struct RequestId(String);

impl RequestId {
    fn draw() -> Self {
        Self(hex::encode(rand::rng().random::<[u8; 8]>()))
    }

    /// The name of `request`.
    #[must_use]
    pub fn of(request: &HttpRequest) -> String {
        request
            .extensions()
            .get::<Self>()
            .map_or_else(String::new, |id| id.0.clone())
    }
}

/// Names the request, finds the path that the route table knows, and writes one line about the answer.
///
/// # Errors
/// When the handler fails in a way that no gate turned into a page.
pub async fn around<B: MessageBody>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let started = Instant::now();
    let id = RequestId::draw();
    request.extensions_mut().insert(id.clone());
    let app = request.app_data::<Data<App>>().cloned();
    let target = request
        .uri()
        .path_and_query()
        .map_or_else(|| "/".to_owned(), |target| target.as_str().to_owned());
    make_canonical(&mut request);

    // Of the highest level, so that it names the request whatever is logged.
    let span = tracing::error_span!("request", request_id = %id.0);
    let trace = tracing::trace_span!(
        target: TRACES,
        "request",
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = %request.method(),
        http.route = Empty,
        http.response.status_code = Empty,
        request_id = %id.0,
    );
    let answer = next.call(request).instrument(span).instrument(trace.clone());
    let mut response = answer.await?;
    if !trace.is_disabled() {
        describe(&trace, &response);
    }
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        response
            .headers_mut()
            .insert(HeaderName::from_static("x-request-id"), value);
    }
    if let Some(app) = app {
        app.settings.security_headers.apply(response.headers_mut());
        app.http_metrics.observe(response.status(), started.elapsed());
        if !target.starts_with("/dist/") {
            write_line(&app, target, &response, &id, started);
        }
    }
    Ok(response)
}

/// What came of a request, by its route: addresses may hold what opens a door.
fn describe<B>(trace: &Span, response: &ServiceResponse<B>) {
    let request = response.request();
    let route = request.match_pattern().unwrap_or_else(|| "unknown".to_owned());
    let status = response.status();
    telemetry::name_trace(trace, format!("{} {route}", request.method()));
    trace.record("http.route", route);
    trace.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        trace.record("otel.status_code", "ERROR");
    }
}

fn make_canonical(request: &mut ServiceRequest) {
    let Some(path) = paths::canonical(request.uri().path()) else {
        return;
    };
    let target = match request.uri().query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    let mut parts = request.uri().clone().into_parts();
    let Ok(target) = target.parse() else { return };
    parts.path_and_query = Some(target);
    if let Ok(uri) = actix_web::http::Uri::from_parts(parts) {
        request.match_info_mut().get_mut().update(&uri);
        request.head_mut().uri = uri;
    }
}

fn write_line<B: MessageBody>(
    app: &App,
    target: String,
    response: &ServiceResponse<B>,
    id: &RequestId,
    started: Instant,
) {
    let request = response.request();
    let header = |name| Some(request.headers().get(name)?.to_str().ok()?.to_owned());
    let length = match response.response().body().size() {
        actix_web::body::BodySize::Sized(length) => Some(length),
        _ => response
            .headers()
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.parse().ok()),
    };
    app.access_log.write(AccessEntry {
        at: app.clock.now(),
        client_ip: address_of(request.head()),
        user: None,
        method: request.method().to_string(),
        target,
        http_version: version_name(request.version()),
        status: response.status().as_u16(),
        length,
        referrer: header(REFERER),
        user_agent: header(USER_AGENT),
        request_id: id.0.clone(),
        duration: started.elapsed(),
    });
}

fn version_name(version: actix_web::http::Version) -> &'static str {
    match version {
        actix_web::http::Version::HTTP_10 => "1.0",
        actix_web::http::Version::HTTP_2 => "2.0",
        _ => "1.1",
    }
}
