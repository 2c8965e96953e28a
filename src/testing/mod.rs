//! Remote systems played for development and tests, under `/___testing___`. Mounted only where the configuration says so;
//! our own connectors reach them through HTTP like the real ones.

mod debounce;
mod franceconnect;
mod mails;
mod passkey_names;
mod pwned_passwords;

use actix_web::web::{Data, ServiceConfig, get, scope, to};
use actix_web::{HttpResponse, Resource, Responder};

use crate::mail::Mails;

/// Mounts the mocks, and the preview of `mails`. Paths below `/___testing___` are the addresses of the systems they play.
pub fn mount(config: &mut ServiceConfig, mails: Data<Mails>) {
    config.service(
        scope("/___testing___")
            .app_data(mails)
            .route("/healthz", get().to(healthz))
            .route("/mails", get().to(mails::list))
            .route("/mails/{tag}/{part}", get().to(mails::show))
            .service(Resource::new("/api.debounce.io/v1/").route(get().to(debounce::check)))
            .service(Resource::new("/api.debounce.io/v1").route(get().to(debounce::check)))
            .service(
                Resource::new("/api.pwnedpasswords.com/range/{prefix}")
                    .route(get().to(pwned_passwords::range)),
            )
            .configure(franceconnect::mount)
            .route(
                "/raw.githubusercontent.com/passkeydeveloper/passkey-authenticator-aaguids/main/combined_aaguid.json",
                get().to(passkey_names::list),
            )
            .default_service(to(unknown)),
    );
}

async fn healthz() -> impl Responder {
    "ok"
}

async fn unknown() -> HttpResponse {
    HttpResponse::NotFound()
        .content_type("text/plain; charset=utf-8")
        .body("404 Not Found")
}
