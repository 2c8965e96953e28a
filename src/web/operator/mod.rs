//! What operators see, on a listener of their own: metrics, actors, health.

mod health;
mod live;
mod metrics;

pub use health::{Probe, Readiness};
pub use metrics::HttpMetrics;

use std::sync::Arc;

use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::AUTHORIZATION;
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{Data, ServiceConfig, get, resource, scope};
use actix_web::{Error, HttpResponse, body::BoxBody, body::MessageBody};
use identite_actors::instrumentation::Instruments;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use crate::oidc::ProviderMetrics;

/// What the operator pages read from.
pub struct Operator {
    pub instruments: Arc<Instruments>,
    pub readiness: Readiness,
    /// What relying parties were answered.
    pub provider: ProviderMetrics,
    /// Bearer token that pages other than health ask for.
    pub token: Option<SecretString>,
}

/// Mounts the operator pages.
pub fn mount(config: &mut ServiceConfig) {
    config
        .service(resource("/healthz").route(get().to(health::healthz)))
        .service(resource("/readyz").route(get().to(health::readyz)))
        .service(
            scope("")
                .wrap(from_fn(authorize))
                .service(resource("/").route(get().to(live::page)))
                .service(resource("/live.js").route(get().to(live::script)))
                .service(resource("/live.css").route(get().to(live::style)))
                .service(resource("/metrics").route(get().to(metrics::metrics)))
                .service(resource("/clients").route(get().to(live::clients)))
                .service(resource("/actors").route(get().to(live::actors))),
        );
}

async fn authorize<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let expected = request
        .app_data::<Data<Operator>>()
        .and_then(|operator| operator.token.clone());
    if let Some(expected) = expected {
        let given = request
            .headers()
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let token = given.strip_prefix("Bearer ").unwrap_or_default();
        if !bool::from(token.as_bytes().ct_eq(expected.expose_secret().as_bytes())) {
            let answer = HttpResponse::Unauthorized()
                .insert_header(("www-authenticate", "Bearer"))
                .finish();
            return Ok(request.into_response(answer));
        }
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}
