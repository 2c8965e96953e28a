//! `FranceConnect` played: an OpenID Connect provider where one signs in by choosing who to be. Our connector is its client
//! through HTTP, signatures included.

mod endpoints;
mod pages;
mod persona;
mod provider;

use actix_web::web::{ServiceConfig, get, post, resource, scope};

/// Where the provider stands below the mocks, named like the system that it plays.
const HOST: &str = "/oidc.franceconnect.gouv.fr";

/// Mounts the provider below the scope of the mocks.
pub(super) fn mount(config: &mut ServiceConfig) {
    config.service(
        scope(HOST)
            .route("/healthz", get().to(super::healthz))
            .route(
                "/api/v2/.well-known/openid-configuration",
                get().to(endpoints::discovery),
            )
            .route("/api/v2/jwks", get().to(endpoints::jwks))
            .route("/api/v2/authorize", get().to(endpoints::authorize))
            .route("/api/v2/token", post().to(endpoints::token))
            .route("/api/v2/userinfo", get().to(endpoints::userinfo))
            .route("/api/v2/session/end", get().to(endpoints::end_session))
            .service(
                resource("/interaction/{code}/login")
                    .route(get().to(endpoints::choose))
                    .route(post().to(endpoints::chosen)),
            ),
    );
}
