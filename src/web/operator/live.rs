//! The actors, as JSON and as a page that keeps itself up to date.

use actix_web::HttpResponse;
use actix_web::web::Data;

use super::Operator;

const PAGE: &str = include_str!("live.html");
const SCRIPT: &str = include_str!("live.js");
const STYLE: &str = include_str!("live.css");

/// `GET /actors`
pub async fn actors(operator: Data<Operator>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(("cache-control", "no-store"))
        .json(operator.instruments.observations())
}

/// `GET /clients`: sign-ins, failures by error and time by relying party, since this process started.
pub async fn clients(operator: Data<Operator>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(("cache-control", "no-store"))
        .json(operator.provider.by_client())
}

/// `GET /`
pub async fn page() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((
            "content-security-policy",
            "default-src 'none';script-src 'self';style-src 'self';connect-src 'self'",
        ))
        .body(PAGE)
}

/// `GET /live.js`
pub async fn script() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/javascript; charset=utf-8")
        .body(SCRIPT)
}

/// `GET /live.css`
pub async fn style() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .body(STYLE)
}
