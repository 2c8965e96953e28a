//! What scripts of our pages ask for, under `/api`: JSON, errors included (spec/accounts.md §1.3).

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{HttpServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{Data, get, resource, to};
use actix_web::{Error, FromRequest, Handler, HttpMessage, HttpResponse, Responder, ResponseError};
use serde_json::json;
use tokio::time::Instant;

use super::access_log::RequestId;
use super::app::App;
use super::budgets::{self, spend_by_ip};
use super::error::{PageError, retry_after_seconds};
use super::gate::{DEADLINE, climb, in_time, options, report};
use super::session::Browser;
use crate::journey::Ladder;

/// Answers `GET path` with JSON to who has met the requirements of `ladder`; 401 to everybody else. HEAD runs nothing: questions write what
/// they draw.
#[must_use]
pub fn question<F, Args>(path: &str, ladder: Ladder, handler: F) -> impl HttpServiceFactory + 'static
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    resource(path)
        .route(get().to(handler))
        .default_service(to(not_found))
        .wrap(from_fn(move |request, next| pass(ladder, request, next)))
}

/// What is not asked under `/api`.
async fn not_found() -> Result<HttpResponse, PageError> {
    Err(PageError::NotFound)
}

async fn pass<B: MessageBody + 'static>(
    ladder: Ladder,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(app) = request.app_data::<Data<App>>().cloned() else {
        return Ok(request.into_response(HttpResponse::InternalServerError().finish()));
    };
    // A look from afar, as at a page: no requirement is evaluated, no challenge drawn.
    if request.method() == Method::OPTIONS {
        return Ok(request.into_response(options("GET,HEAD")));
    }
    if request.method() == Method::HEAD {
        let mut response = HttpResponse::Ok();
        response.insert_header((CONTENT_TYPE, "application/json"));
        return Ok(request.into_response(response.finish()));
    }

    let browser = Browser::of(&request, app.clone());
    request.extensions_mut().insert(browser.clone());
    let deadline = Instant::now() + DEADLINE;
    let admission = in_time(deadline, admit(&app, ladder, &request, &browser)).await;
    let mut response = match admission.unwrap_or_else(Err) {
        Ok(true) => {
            let head = request.request().clone();
            match in_time(deadline, next.call(request)).await {
                Ok(response) => response?.map_into_boxed_body(),
                Err(late) => ServiceResponse::from_err(late, head),
            }
        }
        Ok(false) => request.into_response(refusal(StatusCode::UNAUTHORIZED)),
        Err(error) => request.error_response(error),
    };
    if response.response().error().is_some() {
        response = error_answer(response);
    }
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    browser.write_cookies(headers);
    Ok(response)
}

/// Whether the requirements are met.
async fn admit(
    app: &App,
    ladder: Ladder,
    request: &ServiceRequest,
    browser: &Browser,
) -> Result<bool, PageError> {
    spend_by_ip(app, request.head(), budgets::API).await?;
    Ok(climb(browser, ladder).await?.is_none())
}

fn error_answer(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let (request, response) = response.into_parts();
    let error = response.error().and_then(|error| error.as_error::<PageError>());
    let mut answer = refusal(error.map_or(response.status(), ResponseError::status_code));
    if let Some(error) = error {
        report(error, &RequestId::of(&request), &request);
        if let Some(delay) = error.retry_after() {
            answer
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(retry_after_seconds(delay)));
        }
    }
    ServiceResponse::new(request, answer)
}

/// `{"message": …}` with the name of the status.
fn refusal(status: StatusCode) -> HttpResponse {
    let message = status.canonical_reason().unwrap_or("Error");
    HttpResponse::build(status).json(json!({ "message": message }))
}
