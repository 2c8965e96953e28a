//! Remote systems played for development and tests, under `/___testing___`. Mounted only where the configuration says so;
//! our own connectors reach them through HTTP like the real ones. Each can be told to misbehave: see [`faults`].

mod annuaires;
mod api_entreprise;
pub mod collection;
mod companies;
mod crisp;
mod debounce;
pub mod faults;
mod franceconnect;
mod insee;
mod mails;
mod passkey_names;
#[cfg(test)]
mod persona_tests;
mod pwned_passwords;
mod recherche_entreprises;

use actix_web::middleware::from_fn;
use actix_web::web::{Data, ServiceConfig, get, scope, to};
use actix_web::{HttpResponse, Resource, Responder};

use self::faults::Faults;
use crate::mail::Mails;

/// What the mocks of one process share. Cheap to clone.
#[derive(Clone)]
pub struct Mocks {
    mails: Data<Mails>,
    faults: Data<Faults>,
}

impl Mocks {
    /// Mocks that are well, and the preview of `mails`.
    #[must_use]
    pub fn new(mails: Mails) -> Self {
        Self {
            mails: Data::new(mails),
            faults: Data::default(),
        }
    }
}

/// Mounts the mocks and the preview of e-mails. Paths below `/___testing___` are the addresses of the systems they play.
pub fn mount(config: &mut ServiceConfig, mocks: &Mocks) {
    let faults = mocks.faults.clone();
    config.service(
        scope("/___testing___")
            .app_data(mocks.mails.clone())
            .app_data(mocks.faults.clone())
            .configure(crisp::mount)
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
            .configure(faults::mount)
            .configure(api_entreprise::mount)
            .configure(insee::mount)
            .configure(companies::mount)
            .configure(annuaires::mount)
            .configure(recherche_entreprises::mount)
            .default_service(to(unknown))
            .wrap(from_fn(move |request, next| {
                faults::interpose(faults.clone(), request, next)
            })),
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
