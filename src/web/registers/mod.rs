//! What the pages' scripts and other programs ask of the registers, in JSON: an establishment, a search, whether a remote system answers.
//! Open to everybody: no session is looked at, nothing is kept (spec/organizations.md §2.8).

mod look_up;
mod pings;

use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{HttpServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::header::{CACHE_CONTROL, HeaderValue, RETRY_AFTER};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{Data, ServiceConfig, get, head, to};
use actix_web::{Error, HttpResponse, Resource, Responder};
use identite_actors::rate_limiter::Budget;
use serde_json::json;

pub use pings::Pings;

use super::app::App;
use super::budgets::network;
use super::client_address::address_of;
use super::gate;

/// Requests of one address, while `FEATURE_RATE_LIMIT_BY_IP` is on.
type IpBudget = (&'static str, Budget);

const LOOK_UPS: IpBudget = (
    "rate-limiter-api",
    Budget {
        points: 60,
        window: Duration::from_secs(1),
    },
);
/// The public search grants all of us together seven calls a second.
const SEARCHES: IpBudget = (
    "rate-limiter-api-search",
    Budget {
        points: 40,
        window: Duration::from_secs(10),
    },
);

/// Mounts them.
pub(super) fn mount(config: &mut ServiceConfig) {
    config
        .service(json_of(
            "/api/sirene/organization-info/{siret}",
            LOOK_UPS,
            look_up::organization_info,
        ))
        .service(json_of("/api/sirene/search", SEARCHES, look_up::search))
        .service(json_of("/api/{system}/ping", LOOK_UPS, pings::ping));
}

fn json_of<F, Args>(path: &'static str, budget: IpBudget, handler: F) -> impl HttpServiceFactory + 'static
where
    F: actix_web::Handler<Args>,
    Args: actix_web::FromRequest + 'static,
    F::Output: Responder + 'static,
{
    Resource::new(path)
        .route(get().to(handler.clone()))
        .route(head().to(handler))
        .default_service(to(async || message(StatusCode::NOT_FOUND, "Not Found")))
        .wrap(from_fn(move |request, next| around(budget, request, next)))
}

async fn around<B: MessageBody + 'static>(
    (limiter, budget): IpBudget,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if request.method() == Method::OPTIONS {
        return Ok(request.into_response(gate::options("GET,HEAD")));
    }
    let mut response = match refused(limiter, budget, &request).await {
        Some(answer) => request.into_response(answer),
        None => next.call(request).await?.map_into_boxed_body(),
    };
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(CACHE_CONTROL, no_store);
    Ok(response)
}

/// The answer to whoever has used up their budget.
async fn refused(limiter: &'static str, budget: Budget, request: &ServiceRequest) -> Option<HttpResponse> {
    let app = request.app_data::<Data<App>>()?;
    if !app.settings.rate_limit_by_ip {
        return None;
    }
    let subject = network(address_of(request.head()));
    let verdict = app.rate_limiter.hit(limiter, &subject, budget).await;
    if verdict.allowed {
        return None;
    }
    let seconds = verdict.retry_after.as_secs().max(1);
    let mut answer = message(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests");
    answer
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from(seconds));
    Some(answer)
}

/// `{"message": …}`
fn message(status: StatusCode, text: &str) -> HttpResponse {
    HttpResponse::build(status).json(json!({ "message": text }))
}
