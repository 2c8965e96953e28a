//! A request to join an organization: its page, withdrawing it, correcting what was refused.

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Path};

use super::app::App;
use super::confirmations::{self, ask, is_confirmed};
use super::error::PageError;
use super::fields::Fields;
use super::form::{Form, Query};
use super::gate::{go_on, pass_by, redirect};
use super::manage_organizations::{cancel, requested_tile};
use super::page::{html, notification, shell};
use super::pages::moderations::{PendingModerationPage, RejectedModerationPage, RequestDetails};
use super::session::Browser;
use super::verify_email::signed_in;
use crate::db::moderations::Moderation;
use crate::domain::ModerationId;
use crate::journey::{Person, Place, ReopenedRequest};
use crate::organizations::{ModerationPage, RequestOutcome};

const HOME: &str = "/";
const PERSONAL_INFORMATION: &str = "/users/personal-information";
/// Tells that a request was sent again.
const REOPENED: &str = "notification=moderation_reopened";
const FORBIDDEN: PageError = PageError::Forbidden("Cette demande a été faite par une autre personne.");

/// `GET /users/unable-to-auto-join-organization`
///
/// # Errors
/// When there is no such request or it is somebody else's, or a part of the house does not answer.
pub async fn get_pending(
    app: Data<App>,
    browser: Browser,
    Query(query): Query,
) -> Result<HttpResponse, PageError> {
    let person = signed_in(&browser).await?;
    let request = asked_about(&app, &person, &query).await?;
    if request.is_rejected() {
        return Ok(redirect(&format!(
            "/users/moderation-rejected?moderation_id={}",
            request.id
        )));
    }
    if !request.is_pending() {
        // It was accepted: there is nothing to wait for any more.
        return pass_by(&browser).await;
    }
    let page = PendingModerationPage {
        request: details(&person, request),
    };
    html(&app, &shell(&app, &browser, notification(&query)).await?, &page)
}

/// `GET /users/moderation-rejected`
///
/// # Errors
/// When there is no such request or it is somebody else's, or a part of the house does not answer.
pub async fn get_rejected(
    app: Data<App>,
    browser: Browser,
    Query(query): Query,
) -> Result<HttpResponse, PageError> {
    let person = signed_in(&browser).await?;
    let request = asked_about(&app, &person, &query).await?;
    if request.is_pending() {
        // It was opened again: there is nothing to correct any more.
        let moderation = request.id;
        return Ok(redirect(&Place::PendingModeration { moderation }.path()));
    }
    if !request.is_rejected() {
        // It was accepted: there is nothing to correct, either.
        return pass_by(&browser).await;
    }
    let page = RejectedModerationPage {
        reason: request.end_user_reason.clone(),
        allow_editing: request.allow_editing,
        request: details(&person, request),
    };
    html(&app, &shell(&app, &browser, notification(&query)).await?, &page)
}

/// `POST /users/cancel-moderation-and-redirect-to-sign-in/{id}`, once it was confirmed.
///
/// # Errors
/// When the request is somebody else's or was accepted, or a part of the house does not answer.
pub async fn post_cancel_to_sign_in(
    app: Data<App>,
    browser: Browser,
    id: Path<String>,
    Form(fields): Form,
) -> Result<HttpResponse, PageError> {
    withdraw(&app, &browser, &id, &fields, "sign-in", "/users/start-sign-in").await
}

/// `POST /users/cancel-moderation-and-redirect-to-join-org/{id}`, once it was confirmed.
///
/// # Errors
/// When the request is somebody else's or was accepted, or a part of the house does not answer.
pub async fn post_cancel_to_join(
    app: Data<App>,
    browser: Browser,
    id: Path<String>,
    Form(fields): Form,
) -> Result<HttpResponse, PageError> {
    withdraw(
        &app,
        &browser,
        &id,
        &fields,
        "join-org",
        "/users/join-organization",
    )
    .await
}

/// `POST /users/cancel-moderation-and-redirect-to-personal-information/{id}`, once it was confirmed.
///
/// # Errors
/// When the request is somebody else's or was accepted, or a part of the house does not answer.
pub async fn post_cancel_to_personal_information(
    app: Data<App>,
    browser: Browser,
    id: Path<String>,
    Form(fields): Form,
) -> Result<HttpResponse, PageError> {
    withdraw(
        &app,
        &browser,
        &id,
        &fields,
        "personal-information",
        PERSONAL_INFORMATION,
    )
    .await
}

/// `POST /users/reopen-moderation/{id}`
///
/// # Errors
/// When the request is somebody else's or cannot be corrected, or a part of the house does not answer.
pub async fn post_reopen(
    app: Data<App>,
    browser: Browser,
    id: Path<String>,
    Form(_): Form,
) -> Result<HttpResponse, PageError> {
    let person = signed_in(&browser).await?;
    let id = parse(&id)?;
    let outcome = app
        .organizations
        .reopen_request(person.user_id, &person.email, id)
        .await?;
    match outcome {
        RequestOutcome::Done => {
            let reopened = ReopenedRequest {
                moderation: id,
                interaction: waiting_request(&browser).await?,
            };
            browser
                .update(move |visit| visit.reopened_request = Some(reopened.clone()))
                .await?;
            Ok(redirect(PERSONAL_INFORMATION))
        }
        RequestOutcome::NotOpen => Err(PageError::NotFound),
        RequestOutcome::Forbidden => Err(FORBIDDEN),
    }
}

/// Withdraws a request, once that was confirmed, and leads to `next`, where what it says is corrected. `correction` ends the path of the form.
async fn withdraw(
    app: &App,
    browser: &Browser,
    id: &str,
    fields: &Fields,
    correction: &str,
    next: &str,
) -> Result<HttpResponse, PageError> {
    if !is_confirmed(fields)? {
        let moderation = parse(id)?;
        let person = signed_in(browser).await?;
        let request = match app.organizations.request(person.user_id, moderation).await? {
            ModerationPage::Request(request) if request.is_pending() || request.is_rejected() => request,
            ModerationPage::Request(_) => return Err(PageError::NotFound),
            // It was withdrawn already.
            ModerationPage::NotFound => return Ok(redirect(next)),
            ModerationPage::Forbidden => return Err(FORBIDDEN),
        };
        return ask(
            app,
            browser,
            confirmations::WITHDRAW_REQUEST,
            Some(requested_tile(request.organization).libelle),
            format!("/users/cancel-moderation-and-redirect-to-{correction}/{moderation}"),
            Place::PendingModeration { moderation }.path(),
        )
        .await;
    }
    cancel(app, browser, id).await?;
    Ok(redirect(next))
}

/// Leads on somebody who has corrected their names for a request that they opened again. On the way to a service there is nothing to do
/// but wait: the page of the request says so. Otherwise they go where they would go, and are told there.
///
/// # Errors
/// When a part of the house does not answer, or the request of the service has expired.
pub(super) async fn go_on_after_correction(
    app: &App,
    browser: &Browser,
    person: &Person,
    reopened: &ReopenedRequest,
) -> Result<HttpResponse, PageError> {
    let moderation = reopened.moderation;
    let is_waiting = match app.organizations.request(person.user_id, moderation).await? {
        ModerationPage::Request(request) => request.is_pending(),
        // It was withdrawn meanwhile.
        ModerationPage::NotFound | ModerationPage::Forbidden => false,
    };
    if !is_waiting || waiting_request(browser).await? != reopened.interaction {
        return go_on(browser).await;
    }
    if reopened.interaction.is_some() {
        let page = Place::PendingModeration { moderation }.path();
        return Ok(redirect(&format!("{page}&{REOPENED}")));
    }
    let answer = go_on(browser).await?;
    let leads_home = answer
        .headers()
        .get(LOCATION)
        .is_some_and(|target| target == HOME);
    Ok(if leads_home {
        redirect(&format!("{HOME}?{REOPENED}"))
    } else {
        answer
    })
}

/// The name of the authorization request in progress, if one is.
async fn waiting_request(browser: &Browser) -> Result<Option<String>, PageError> {
    let journey = browser.journey().await?;
    Ok(journey.interaction().map(|pending| pending.uid.clone()))
}

async fn asked_about(app: &App, person: &Person, query: &Fields) -> Result<Moderation, PageError> {
    let id = parse(query.required("moderation_id")?)?;
    match app.organizations.request(person.user_id, id).await? {
        ModerationPage::Request(request) => Ok(*request),
        ModerationPage::NotFound => Err(PageError::NotFound),
        ModerationPage::Forbidden => Err(FORBIDDEN),
    }
}

fn parse(id: &str) -> Result<ModerationId, PageError> {
    id.parse()
        .map_err(|_| PageError::BadRequest("Cette demande n’existe pas."))
}

fn details(person: &Person, request: Moderation) -> RequestDetails {
    RequestDetails {
        moderation_id: request.id.0,
        given_name: person.given_name.clone().unwrap_or_default(),
        family_name: person.family_name.clone().unwrap_or_default(),
        email: person.email.clone(),
        organization: requested_tile(request.organization),
    }
}
