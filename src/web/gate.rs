//! What every page has around it: the session, the requirements, the budget, the headers, the error page.

use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, EXPIRES, HeaderMap, HeaderName, HeaderValue, LOCATION,
    REFERER,
};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse};
use tokio::time::Instant;

use super::access_log::RequestId;
use super::app::App;
use super::budgets::{IpBudget, spend_by_ip};
use super::error::PageError;
use super::fields::Fields;
use super::paths;
use super::session::Browser;
use crate::domain::trusted_path::TrustedPath;
use crate::journey::{Journey, Ladder, Place, Requirement, Step, ladders, next_step};
use crate::telemetry::redact_addresses;

/// What a route asks for before its handler runs.
#[derive(Debug, Clone, Copy)]
pub struct Gate {
    /// The requirements.
    pub ladder: Ladder,
    /// The budget by client address, if the route has one.
    pub budget_by_ip: Option<IpBudget>,
    /// Methods that the path answers, for `OPTIONS`; empty for a path that does not exist.
    pub allow: &'static str,
    pub caching: Caching,
    pub authorization: AuthorizationHeader,
    /// Whether a POST makes a password be hashed. While too many wait for that, it is refused at the door, before any store is asked:
    /// what cannot be served shall not slow down what can.
    pub hashes_passwords: bool,
    /// Whether somebody who is signed in leaves the relying party's request that waits for them: who enters their account has something
    /// else in mind, and what that request asks for is not asked there.
    pub leaves_request: bool,
}

/// What becomes of a request with the header `Authorization`, which no page of ours makes a browser send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorizationHeader {
    /// 403: pages are for browsers.
    Refused,
    /// It is passed over.
    Ignored,
}

impl Gate {
    fn allows(&self, method: &Method) -> bool {
        self.allow.split(',').any(|allowed| allowed == method.as_str())
    }

    /// A page on the way to the sign-in is no place to come back to after it.
    fn is_worth_coming_back_to(&self) -> bool {
        self.ladder.contains(&Requirement::SignedIn)
    }
}

/// How an answer forbids to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caching {
    /// `no-store`, as the provider's endpoints say it.
    NoStore,
    /// The same in every dialect that proxies have spoken, as pages say it.
    NoStoreAnywhere,
}

/// Nobody waits for a page any longer. It is more than all that a page may wait for by its own rules takes: a turn to guess, a slow
/// register, a slow body.
pub(super) const DEADLINE: Duration = Duration::from_secs(45);
/// How long an error page waits for the name of the request that it leads back to.
const WAY_BACK_TIMEOUT: Duration = Duration::from_secs(2);

/// A ladder that performs more effects than this is broken: it is stopped instead of turning for ever.
const EFFECTS_LIMIT: usize = 4;

/// Lets a request through to its handler, or answers in its place.
///
/// # Errors
/// Never: errors become pages here.
pub async fn pass<B: MessageBody + 'static>(
    gate: Gate,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(app) = request.app_data::<Data<App>>().cloned() else {
        return Ok(request.into_response(HttpResponse::InternalServerError().finish()));
    };
    // A look from afar: no requirement is evaluated, nothing is written.
    if request.method() == Method::OPTIONS && !gate.allow.is_empty() {
        return Ok(request.into_response(options(gate.allow)));
    }
    if request.method() == Method::HEAD && gate.allow.contains("HEAD") {
        let mut response = HttpResponse::Ok();
        response.insert_header((CONTENT_TYPE, "text/html; charset=utf-8"));
        return Ok(request.into_response(response.finish()));
    }

    let browser = Browser::of(&request, app.clone());
    request.extensions_mut().insert(browser.clone());
    let deadline = Instant::now() + DEADLINE;
    let admission = in_time(deadline, admit(&app, gate, &request, &browser)).await;
    let mut response = match admission.unwrap_or_else(Err) {
        Ok(Admission::Enter) => {
            let head = request.request().clone();
            match in_time(deadline, next.call(request)).await {
                Ok(Ok(response)) => response.map_into_boxed_body(),
                Ok(Err(error)) => return Err(error),
                Err(late) => ServiceResponse::from_err(late, head),
            }
        }
        Ok(Admission::Elsewhere(target)) => request.into_response(redirect(&target)),
        Err(error) => request.error_response(error),
    };
    if response.response().error().is_some() {
        response = error_page(&app, &browser, response).await;
    }
    let headers = response.headers_mut();
    forbid_keeping(gate.caching, headers);
    browser.write_cookies(headers);
    Ok(response)
}

/// What `work` gives.
///
/// # Errors
/// [`PageError::Unavailable`] when it is not there at `deadline`: a store took the question and does not answer.
pub(super) async fn in_time<T>(deadline: Instant, work: impl Future<Output = T>) -> Result<T, PageError> {
    let late = |_| PageError::Unavailable("no answer in time".to_owned());
    tokio::time::timeout_at(deadline, work).await.map_err(late)
}

/// The answer to `OPTIONS` on a path that answers the methods `allow`.
#[must_use]
pub fn options(allow: &'static str) -> HttpResponse {
    HttpResponse::Ok().insert_header((ALLOW, allow)).finish()
}

enum Admission {
    Enter,
    Elsewhere(String),
}

async fn admit(
    app: &App,
    gate: Gate,
    request: &ServiceRequest,
    browser: &Browser,
) -> Result<Admission, PageError> {
    if gate.authorization == AuthorizationHeader::Refused && request.headers().contains_key(AUTHORIZATION) {
        return Err(PageError::Forbidden(
            "Cette page est faite pour les navigateurs : elle n’accepte pas d’en-tête Authorization.",
        ));
    }
    if !paths::is_readable(request.path()) {
        return Err(PageError::BadRequest("Cette adresse ne peut pas être lue."));
    }
    if gate.hashes_passwords && request.method() == Method::POST {
        let place = app.accounts.admit_password()?;
        request.extensions_mut().insert(place);
    }
    if let Some(budget) = gate.budget_by_ip {
        spend_by_ip(app, request.head(), budget).await?;
    }
    // What the path does not know is not found, whoever asks.
    if !gate.allows(request.method()) {
        return Ok(Admission::Enter);
    }
    if gate.authorization == AuthorizationHeader::Refused {
        // Whether or not the page has a use for it: what cannot be read is not half understood.
        Fields::parse(request.query_string().as_bytes())?;
    }
    if gate.ladder.is_empty() {
        return Ok(Admission::Enter);
    }
    if gate.leaves_request {
        leave_request(browser).await?;
    }
    match climb(browser, gate.ladder).await? {
        None => Ok(Admission::Enter),
        Some(place) => {
            if gate.is_worth_coming_back_to()
                && place.remembers_the_way()
                && !is_way_to_relying_party(request)
            {
                remember_the_way(app, gate, request, browser).await?;
            }
            let is_lost = request.method() == Method::POST && browser.journey().await?.person.is_none();
            Ok(Admission::Elsewhere(if is_lost {
                place.path_after_form()
            } else {
                place.path()
            }))
        }
    }
}

/// Forgets the request of a relying party that waits, for somebody who enters their account: who could be there whatever that request
/// insists on. Whoever is still on the way to signing in stays on it, unless it leads nowhere any more. The pages of the request find it
/// again by its address.
async fn leave_request(browser: &Browser) -> Result<(), PageError> {
    let journey = browser.journey().await?;
    let Some(waiting) = &journey.visit.interaction else {
        return Ok(());
    };
    let uid = waiting.uid.clone();
    let mut without = Journey::clone(&journey);
    without.visit.leave_request(&uid);
    let has_expired = journey.expired_request().is_some();
    if has_expired || next_step(ladders::DASHBOARD, &without) == Step::Continue {
        browser.update(move |visit| visit.leave_request(&uid)).await?;
    }
    Ok(())
}

/// The request that waits leads back there by itself, as long as it waits; afterwards nothing is there.
fn is_way_to_relying_party(request: &ServiceRequest) -> bool {
    request.path().starts_with("/interaction/")
}

/// Climbs a ladder for this browser and does on the way what needs no question. Gives the place where a requirement is to be met, or
/// nothing when all are.
///
/// # Errors
/// When the journey cannot be loaded or an effect fails.
pub async fn climb(browser: &Browser, ladder: Ladder) -> Result<Option<Place>, PageError> {
    for _ in 0..EFFECTS_LIMIT {
        let journey = browser.journey().await?;
        match next_step(ladder, &journey) {
            Step::Continue => return Ok(None),
            Step::GoTo(place) => return Ok(Some(place)),
            Step::Perform(effect) => {
                if let Some(place) = browser.perform(effect).await? {
                    return Ok(Some(place));
                }
            }
        }
    }
    Err(PageError::fault("a ladder does not end"))
}

/// Remembers where the person was going, to lead them back: the page itself, or for a form the page that held it.
async fn remember_the_way(
    app: &App,
    gate: Gate,
    request: &ServiceRequest,
    browser: &Browser,
) -> Result<(), PageError> {
    let host = &app.settings.host;
    // What somebody else answers is good for once, and tells of the person.
    let is_an_answer = request.path().ends_with("/callback");
    let page_itself = (request.method() == Method::GET && !is_an_answer)
        .then(|| {
            request
                .uri()
                .path_and_query()
                .and_then(|target| TrustedPath::parse(target.as_str(), host))
        })
        .flatten();
    let page_of_the_form = || {
        let header = request.headers().get(REFERER)?.to_str().ok()?;
        let is_no_page = |path: &str| path == request.path() && !gate.allows(&Method::GET);
        // A page that asks for confirmation has the address of its form, where nobody comes back to.
        TrustedPath::parse(header, host).filter(|page| !is_an_answer && !is_no_page(page.as_str()))
    };
    let way_back = page_itself.or_else(page_of_the_form);
    browser
        .update(move |visit| visit.referrer.clone_from(&way_back))
        .await
}

async fn error_page(
    app: &App,
    browser: &Browser,
    response: ServiceResponse<BoxBody>,
) -> ServiceResponse<BoxBody> {
    let (request, response) = response.into_parts();
    let converted;
    let error = if let Some(error) = response.error().and_then(|error| error.as_error::<PageError>()) {
        error
    } else {
        converted = foreign(response.status());
        &converted
    };
    let reference = RequestId::of(&request);
    report(error, &reference, &request);
    let interaction = match error {
        // Who is refused for lack of room costs the stores nothing.
        PageError::Busy { .. } => None,
        _ => tokio::time::timeout(WAY_BACK_TIMEOUT, waiting_request(app, browser))
            .await
            .unwrap_or_default(),
    };
    let page = error
        .page(&app.renderer, interaction.as_deref(), &reference)
        .unwrap_or_else(|render_error| {
            tracing::error!(error = %render_error, "an error page cannot be rendered");
            HttpResponse::InternalServerError().finish()
        });
    ServiceResponse::new(request, page)
}

/// The name of the authorization request in progress, as far as it can be told.
async fn waiting_request(app: &App, browser: &Browser) -> Option<String> {
    let visit = browser.visit().await.ok()?;
    let pending = visit.interaction_at(app.clock.now())?;
    Some(pending.uid.clone())
}

/// An error that actix-web made: its status says it all.
fn foreign(status: StatusCode) -> PageError {
    match status {
        StatusCode::NOT_FOUND => PageError::NotFound,
        StatusCode::PAYLOAD_TOO_LARGE => PageError::TooLarge,
        status if status.is_client_error() => PageError::BadRequest("La demande n’a pas pu être lue."),
        status => PageError::fault(status),
    }
}

/// Tells the operator of faults of ours, by their reference; path only, since queries can hold secrets.
pub fn report(error: &PageError, reference: &str, request: &HttpRequest) {
    let path = &*redact_addresses(request.path());
    if let PageError::Busy { .. } = error {
        // Not a fault: what keeps the rest well. Many at once, each with the name that its page shows.
        tracing::warn!(%error, reference, path, "a request was refused");
    } else if error.is_ours() {
        tracing::error!(%error, reference, method = %request.method(), path, "a request failed");
    } else {
        tracing::debug!(%error, reference, path, "a request was refused");
    }
}

/// A redirect as every page of the reference answers: 302.
#[must_use]
pub fn redirect(target: &str) -> HttpResponse {
    HttpResponse::Found().insert_header((LOCATION, target)).finish()
}

/// Where a chain of requirements ends: the authorization request in progress, the page that was asked for, or the home page.
#[must_use]
pub fn end_of_chain(journey: &Journey) -> String {
    if let Some(pending) = journey.interaction() {
        let interaction = pending.uid.clone();
        return Place::FinishRequest { interaction }.path();
    }
    match &journey.visit.referrer {
        Some(path) => path.as_str().to_owned(),
        None => "/".to_owned(),
    }
}

/// Leads a person on after a requirement was met: to what is still missing, else to the end of the chain. Where they were going is
/// remembered until they get there. Whoever came for a service that waits no longer, and wanted nothing else since, is told so: what they did
/// holds, and the service has to ask anew.
///
/// # Errors
/// When the session cannot be read or written, or the request of the service has expired.
pub async fn go_on(browser: &Browser) -> Result<HttpResponse, PageError> {
    let journey = browser.journey().await?;
    if leave_expired_request(browser, &journey).await? && journey.visit.referrer.is_none() {
        return Err(PageError::InteractionExpired);
    }
    if journey.interaction().is_none() {
        if let Some(place) = climb(browser, ladders::SIGN_IN_COMPLETE).await? {
            return Ok(redirect(&place.path()));
        }
        if journey.visit.referrer.is_some() {
            browser.update(|visit| visit.referrer = None).await?;
        }
    }
    Ok(redirect(&end_of_chain(&journey)))
}

/// As [`go_on`], from a page on which nothing is left to do: whoever looks at it again hears nothing of a service that waits no longer.
///
/// # Errors
/// When the session cannot be read or written.
pub async fn pass_by(browser: &Browser) -> Result<HttpResponse, PageError> {
    let journey = browser.journey().await?;
    leave_expired_request(browser, &journey).await?;
    go_on(browser).await
}

/// Gives whether there was one.
async fn leave_expired_request(browser: &Browser, journey: &Journey) -> Result<bool, PageError> {
    let Some(expired) = journey.expired_request() else {
        return Ok(false);
    };
    let uid = expired.uid.clone();
    browser.update(move |visit| visit.leave_request(&uid)).await?;
    Ok(true)
}

fn forbid_keeping(caching: Caching, headers: &mut HeaderMap) {
    if caching == Caching::NoStore {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        return;
    }
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("no-store, no-cache, must-revalidate, proxy-revalidate"),
    );
    headers.insert(EXPIRES, HeaderValue::from_static("0"));
    headers.insert(
        HeaderName::from_static("surrogate-control"),
        HeaderValue::from_static("no-store"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_not_there_in_time_is_told_as_an_outage() {
        let soon = Instant::now() + Duration::from_millis(20);
        assert_eq!(in_time(soon, async { 1 }).await.unwrap(), 1);
        let late = in_time(soon, std::future::pending::<()>()).await.unwrap_err();
        assert!(matches!(late, PageError::Unavailable(_)), "{late}");
    }
}
