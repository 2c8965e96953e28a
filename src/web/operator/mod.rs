//! What operators see, on a listener of their own: metrics, actors, health.

mod health;
mod insight;
mod live;
mod metrics;

pub use health::{Probe, Readiness};
pub use insight::{DeadLetter, Figures, Insight, Letters, Minute, OutboxFigures, SharedInsight, Statement};
pub use metrics::HttpMetrics;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, PoisonError, RwLock};

use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, HOST, WWW_AUTHENTICATE};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{Data, ServiceConfig, get, post, resource, scope};
use actix_web::{Error, HttpResponse, body::BoxBody, body::MessageBody};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use identite_actors::instrumentation::Instruments;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use crate::oidc::ProviderMetrics;
use crate::telemetry::Telemetry;

/// Where figures are collected.
const METRICS: &str = "/metrics";

/// What the operator pages read from.
pub struct Operator {
    pub instruments: Arc<Instruments>,
    pub readiness: Readiness,
    /// What relying parties were answered.
    pub provider: ProviderMetrics,
    pub insight: SharedInsight,
    pub telemetry: Telemetry,
    pub token: OperatorToken,
}

/// The token that pages other than health ask for. It may change while the process runs.
#[derive(Clone, Default)]
pub struct OperatorToken(Arc<RwLock<Option<SecretString>>>);

impl OperatorToken {
    /// From now on this token is asked for, or none.
    pub fn replace(&self, token: Option<SecretString>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = token;
    }

    /// Whether a token is asked for.
    fn is_set(&self) -> bool {
        let expected = self.0.read().unwrap_or_else(PoisonError::into_inner);
        expected.is_some()
    }

    /// Whether the header `authorization` opens the pages: no token is asked for, or it carries the token, as a bearer token or
    /// as the password that a browser asks for.
    fn admits(&self, authorization: &str) -> bool {
        let expected = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let Some(expected) = expected.as_ref() else {
            return true;
        };
        let is_it = |given: &[u8]| bool::from(given.ct_eq(expected.expose_secret().as_bytes()));
        if let Some(token) = authorization.strip_prefix("Bearer ") {
            return is_it(token.as_bytes());
        }
        let credentials = authorization
            .strip_prefix("Basic ")
            .and_then(|encoded| STANDARD.decode(encoded).ok());
        credentials.is_some_and(|credentials| {
            let mut parts = credentials.splitn(2, |byte| *byte == b':');
            parts.nth(1).is_some_and(is_it)
        })
    }
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
                .service(resource(METRICS).route(get().to(metrics::metrics)))
                .service(resource("/clients").route(get().to(live::clients)))
                .service(resource("/actors").route(get().to(live::actors)))
                .service(resource("/figures").route(get().to(insight::figures)))
                .service(resource("/gauges").route(get().to(insight::gauges)))
                .service(resource("/problems").route(get().to(insight::problems)))
                .service(resource("/outbox/retry").route(post().to(insight::retry_all)))
                .service(resource("/outbox/{id}/retry").route(post().to(insight::retry_one)))
                .service(resource("/log-level").route(post().to(insight::set_log_level))),
        );
}

async fn authorize<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let given = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let is_admitted = request
        .app_data::<Data<Operator>>()
        .is_some_and(|operator| operator.token.admits(given));
    if !is_admitted {
        let answer = HttpResponse::Unauthorized()
            .append_header((WWW_AUTHENTICATE, "Bearer"))
            // Browsers ask for a password: any user name, the token.
            .append_header((WWW_AUTHENTICATE, "Basic realm=\"identite\", charset=\"UTF-8\""))
            .finish();
        return Ok(request.into_response(answer));
    }
    if is_perhaps_rebound(&request) {
        let answer = HttpResponse::Forbidden()
            .content_type("text/plain; charset=utf-8")
            .body("Without OPERATOR_TOKEN this page answers to an IP address or to localhost only.\n");
        return Ok(request.into_response(answer));
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}

/// Whether a page of somebody else could be asking: its own name, made to lead here, lets the operator's browser read what no token
/// protects (DNS rebinding). Addresses and `localhost` lead nowhere else. Collectors of figures, which are no browsers, may use any name.
fn is_perhaps_rebound(request: &ServiceRequest) -> bool {
    let asks_for_token = request
        .app_data::<Data<Operator>>()
        .is_some_and(|operator| operator.token.is_set());
    if asks_for_token || request.path() == METRICS {
        return false;
    }
    let host = request.headers().get(HOST).and_then(|value| value.to_str().ok());
    let leads_here_only = host.is_some_and(is_address_or_localhost);
    !leads_here_only
}

/// Whether the header `host`, with or without a port, holds no name but `localhost`.
fn is_address_or_localhost(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let in_brackets = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match in_brackets {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::is_address_or_localhost;

    #[test]
    fn only_addresses_and_localhost_lead_nowhere_else() {
        for (host, expected) in [
            ("127.0.0.1:9464", true),
            ("10.0.0.7", true),
            ("[::1]:9464", true),
            ("[::1]", true),
            ("localhost", true),
            ("LocalHost:9464", true),
            ("attacker.example:9464", false),
            ("localhost.attacker.example", false),
            ("127.0.0.1.attacker.example:9464", false),
            ("[attacker.example]", false),
            ("127.0.0.1:x", false),
            (":9464", false),
            ("", false),
        ] {
            assert_eq!(is_address_or_localhost(host), expected, "{host:?}");
        }
    }
}
