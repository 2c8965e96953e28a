//! Remote systems played for development and tests, under `/___testing___`. Mounted only where the configuration says so;
//! our own connectors reach them through HTTP like the real ones.

mod debounce;
mod pwned_passwords;

use actix_web::web::{ServiceConfig, get, scope, to};
use actix_web::{HttpResponse, Resource, Responder};

/// Mounts the mocks. Paths below `/___testing___` are the addresses of the systems they play.
pub fn mount(config: &mut ServiceConfig) {
    config.service(
        scope("/___testing___")
            .route("/healthz", get().to(healthz))
            .service(resource("/api.debounce.io/v1/").route(get().to(debounce::check)))
            .service(resource("/api.debounce.io/v1").route(get().to(debounce::check)))
            .service(
                resource("/api.pwnedpasswords.com/range/{prefix}").route(get().to(pwned_passwords::range)),
            )
            .default_service(to(unknown)),
    );
}

fn resource(path: &str) -> Resource {
    Resource::new(path)
}

async fn healthz() -> impl Responder {
    "ok"
}

async fn unknown() -> HttpResponse {
    HttpResponse::NotFound()
        .content_type("text/plain; charset=utf-8")
        .body("404 Not Found")
}
