//! The provider's endpoints on the wire: reading requests, writing answers. What they mean is the business of `crate::oidc`.

#[cfg(test)]
mod acr_properties;
#[cfg(test)]
mod acr_tests;
#[cfg(test)]
mod acr_walk;
mod authorize;
mod cors;
mod endpoints;
mod interaction;
mod logout;
mod seen_by_provider;

use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::web::{ServiceConfig, get, head, method, post, resource, scope, to};
use actix_web::{HttpResponse, Scope};

use super::gate::{self, AuthorizationHeader, Caching, Gate};
use super::routes::{Methods, stop};
use crate::journey::ladders;

/// Pages of the provider have no budget and no requirement: a relying party sends people here, who may be anybody.
const fn open(allow: &'static str) -> Gate {
    Gate {
        ladder: ladders::OPEN,
        budget_by_ip: None,
        allow,
        caching: Caching::NoStore,
        authorization: AuthorizationHeader::Ignored,
        hashes_passwords: false,
        leaves_request: false,
    }
}

/// Mounts the provider.
pub(super) fn mount(config: &mut ServiceConfig) {
    let around = |allow| from_fn(move |request, next| gate::pass(open(allow), request, next));
    config
        .service(
            resource([
                "/.well-known/openid-configuration",
                "/.well-known/oauth-authorization-server",
            ])
            .route(get().to(endpoints::discovery))
            .route(head().to(endpoints::discovery))
            .route(method(Method::OPTIONS).to(cors::preflight_get))
            .default_service(to(not_found)),
        )
        .service(stop(
            "/interaction/{uid}",
            ladders::OPEN,
            Methods::get(interaction::start),
        ))
        .service(stop(
            "/interaction/{uid}/login",
            ladders::RELYING_PARTY,
            Methods::get(interaction::finish),
        ))
        .service(stop(
            "/interaction/{uid}/access-denied",
            ladders::SIGNED_IN,
            Methods::get(interaction::access_denied),
        ))
        .service(stop(
            "/interaction/{uid}/error",
            ladders::OPEN,
            Methods::get(interaction::error),
        ))
        .service(
            client_endpoints(scope("/oauth"))
                .service(
                    resource([
                        "/.well-known/openid-configuration",
                        "/.well-known/oauth-authorization-server",
                    ])
                    .route(get().to(endpoints::discovery))
                    .route(head().to(endpoints::discovery))
                    .route(method(Method::OPTIONS).to(cors::preflight_get))
                    .default_service(to(not_found)),
                )
                .service(
                    resource("/jwks")
                        .route(get().to(endpoints::jwks))
                        .route(head().to(endpoints::jwks))
                        .route(method(Method::OPTIONS).to(cors::preflight_get))
                        .default_service(to(not_found)),
                )
                .service(
                    resource("/authorize")
                        .route(get().to(authorize::get))
                        .route(post().to(authorize::post))
                        .default_service(to(not_found))
                        .wrap(around("GET,HEAD,POST")),
                )
                .service(
                    resource("/authorize/{uid}")
                        .route(get().to(authorize::resume))
                        .default_service(to(not_found))
                        .wrap(around("GET,HEAD")),
                )
                .service(
                    resource("/logout")
                        .route(get().to(logout::get))
                        .route(post().to(logout::post))
                        .default_service(to(not_found))
                        .wrap(around("GET,HEAD,POST")),
                )
                .service(
                    resource("/logout/confirm")
                        .route(post().to(logout::confirm))
                        .default_service(to(not_found))
                        .wrap(around("POST")),
                )
                .service(
                    resource("/logout/success")
                        .route(get().to(logout::success))
                        .default_service(to(not_found))
                        .wrap(around("GET,HEAD")),
                )
                .default_service(to(not_found)),
        );
}

/// The endpoints that relying parties call themselves.
fn client_endpoints(scope: Scope) -> Scope {
    scope
        .service(
            resource("/token")
                .route(post().to(endpoints::token))
                .route(method(Method::OPTIONS).to(cors::preflight_post))
                .default_service(to(not_found)),
        )
        .service(
            resource("/request")
                .route(post().to(endpoints::push_request))
                .route(method(Method::OPTIONS).to(cors::preflight_post))
                .default_service(to(not_found)),
        )
        .service(
            resource("/token/revocation")
                .route(post().to(endpoints::revocation))
                .route(method(Method::OPTIONS).to(cors::preflight_post))
                .default_service(to(not_found)),
        )
        .service(
            resource("/token/introspection")
                .route(post().to(endpoints::introspection))
                .route(method(Method::OPTIONS).to(cors::preflight_post))
                .default_service(to(not_found)),
        )
        .service(
            resource("/userinfo")
                .route(get().to(endpoints::userinfo))
                .route(head().to(endpoints::userinfo))
                .route(post().to(endpoints::userinfo))
                .route(method(Method::OPTIONS).to(cors::preflight_get_post))
                .default_service(to(not_found)),
        )
}

/// What stands nowhere under `/oauth`: plain text, as relying parties know it.
async fn not_found() -> HttpResponse {
    HttpResponse::NotFound()
        .content_type("text/plain; charset=utf-8")
        .body("Not Found")
}
