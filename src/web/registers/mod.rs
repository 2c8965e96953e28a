//! What the pages' scripts and other programs ask of the registers, in JSON: an establishment, a search, whether a remote system answers.
//! Open to everybody: no session is looked at, nothing is kept (spec/organizations.md §2.8).

mod look_up;
mod pings;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{HttpServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::header::{CACHE_CONTROL, HeaderValue, RETRY_AFTER};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{Data, ServiceConfig, get, head, to};
use actix_web::{Error, HttpRequest, HttpResponse, Resource, Responder};
use serde_json::json;

pub use pings::Pings;

use super::app::App;
use super::budgets::{API, IpBudget, SEARCHES, spend_by_ip};
use super::error::retry_after_seconds;
use super::gate;

/// Mounts them.
pub(super) fn mount(config: &mut ServiceConfig) {
    config
        .service(json_of(
            "/api/sirene/organization-info/{siret}",
            API,
            look_up::organization_info,
        ))
        .service(json_of("/api/sirene/search", SEARCHES, look_up::search))
        .service(json_of("/api/{system}/ping", API, pings::ping));
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
    budget: IpBudget,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if request.method() == Method::OPTIONS {
        return Ok(request.into_response(gate::options("GET,HEAD")));
    }
    let mut response = match refused(budget, request.request()).await {
        Some(answer) => request.into_response(answer),
        None => next.call(request).await?.map_into_boxed_body(),
    };
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(CACHE_CONTROL, no_store);
    Ok(response)
}

/// The answer to whoever has used up their budget.
async fn refused(budget: IpBudget, request: &HttpRequest) -> Option<HttpResponse> {
    let app = request.app_data::<Data<App>>()?;
    let error = spend_by_ip(app, request.head(), budget).await.err()?;
    let mut answer = message(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests");
    if let Some(delay) = error.retry_after() {
        answer
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from(retry_after_seconds(delay)));
    }
    Some(answer)
}

/// `{"message": …}`
fn message(status: StatusCode, text: &str) -> HttpResponse {
    HttpResponse::build(status).json(json!({ "message": text }))
}
