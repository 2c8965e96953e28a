//! Proving an address with the code that was sent to it.

use actix_web::http::header::HeaderMap;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chrono::TimeDelta;

use super::app::App;
use super::budgets;
use super::error::PageError;
use super::form::{Form, Query};
use super::gate::{climb, go_on, pass_by, redirect};
use super::page::{field_error_or_notification, html, shell};
use super::pages::passwords::VerifyEmailPage;
use super::session::Browser;
use crate::accounts::{CodeRequest, EmailCodeOutcome};
use crate::domain::calendar;
use crate::journey::{Person, ladders};

/// Tells in the query that a code was refused.
pub(super) const INVALID_CODE: &str = "invalid_verify_email_code";

/// `GET /users/verify-email`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get(
    app: Data<App>,
    browser: Browser,
    request: HttpRequest,
    Query(query): Query,
) -> Result<HttpResponse, PageError> {
    let asked_for_another = query.flag("new_code_sent")?;
    if nothing_to_prove(&browser).await? {
        return pass_by(&browser).await;
    }
    let person = signed_in(&browser).await?;
    let wish = if is_prefetch(request.headers()) {
        CodeRequest::Prefetch
    } else {
        CodeRequest::PageShown
    };
    let code = app
        .accounts
        .request_email_code(person.user_id, &person.email, wish)
        .await?;
    // The countdown is shown in seconds: it ends when the second is over.
    let countdown_end = code.next_code_at + TimeDelta::milliseconds(999);
    let (has_code_error, notification) = field_error_or_notification(&query, INVALID_CODE);
    let page = VerifyEmailPage {
        email: person.email,
        change_email_returns_to_client: false,
        code_sent: code.is_sent || asked_for_another,
        countdown_end: calendar::machine_readable(countdown_end),
        needs_onboarding_help: person.needs_inclusionconnect_onboarding_help,
        has_code_error,
    };
    html(&app, &shell(&app, &browser, notification).await?, &page)
}

/// `POST /users/verify-email`
///
/// # Errors
/// When a part of the house does not answer, or the budget for this account is spent.
pub async fn post(app: Data<App>, browser: Browser, Form(fields): Form) -> Result<HttpResponse, PageError> {
    let person = signed_in(&browser).await?;
    budgets::spend(&app, &browser, budgets::VERIFY_EMAIL, &person.email).await?;
    budgets::spend_on(&app, budgets::CODES_PER_SESSION, &person.session_uid).await?;
    // Whoever has proven nothing uses up nothing of the owner's.
    let subject = if person.has_pending_password {
        format!("{}|unproven", person.user_id)
    } else {
        person.user_id.to_string()
    };
    budgets::spend_on(&app, budgets::CODES_PER_ACCOUNT, &subject).await?;
    let typed = fields.one("verify_email_token")?.unwrap_or_default();
    let outcome = app
        .accounts
        .verify_email(person.user_id, &person.session_uid, typed, &browser.device())
        .await?;
    match outcome {
        EmailCodeOutcome::Invalid => Ok(redirect(&format!(
            "/users/verify-email?notification={INVALID_CODE}"
        ))),
        EmailCodeOutcome::Verified => {
            browser.trust(person.user_id);
            go_on(&browser).await
        }
    }
}

/// `POST /users/send-email-verification`
///
/// # Errors
/// When a part of the house does not answer, or the budget for this account is spent.
pub async fn post_send(app: Data<App>, browser: Browser, Form(_): Form) -> Result<HttpResponse, PageError> {
    let person = signed_in(&browser).await?;
    budgets::spend(&app, &browser, budgets::SEND_EMAIL_VERIFICATION, &person.email).await?;
    if nothing_to_prove(&browser).await? {
        return go_on(&browser).await;
    }
    app.accounts
        .request_email_code(person.user_id, &person.email, CodeRequest::AnotherOne)
        .await?;
    Ok(redirect("/users/verify-email?new_code_sent=true"))
}

async fn nothing_to_prove(browser: &Browser) -> Result<bool, PageError> {
    Ok(climb(browser, ladders::EMAIL_PROVEN).await?.is_none())
}

/// Who is signed in; the gate of these pages has seen to it that somebody is.
///
/// # Errors
/// When a part of the house does not answer.
pub(super) async fn signed_in(browser: &Browser) -> Result<Person, PageError> {
    let journey = browser.journey().await?;
    journey
        .person
        .clone()
        .ok_or_else(|| PageError::fault("this route asks nobody to sign in"))
}

/// Whether a browser fetches a page that nobody may ever look at.
fn is_prefetch(headers: &HeaderMap) -> bool {
    ["sec-purpose", "purpose", "x-moz"].iter().any(|name| {
        headers
            .get(*name)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.contains("prefetch") || value.contains("prerender"))
    })
}
