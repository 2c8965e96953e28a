//! Showing a second factor: a one-time code, or a recovery code in its place.

use actix_web::HttpResponse;
use actix_web::web::Data;

use super::app::App;
use super::budgets;
use super::cookies::Sid;
use super::error::PageError;
use super::fields::Fields;
use super::form::{Form, Query};
use super::gate::{go_on, pass_by, redirect};
use super::page::{field_error_or_notification, html, notification, notification_code, shell};
use super::pages::second_factor::{RecoveryCodePage, SecondFactorPage};
use super::session::Browser;
use super::verify_email::signed_in;
use crate::domain::text::ecmascript_trim;
use crate::domain::{Amr, Device, SessionNames};
use crate::journey::Person;
use crate::mfa::{Actor, FactorOutcome, RecoveryOutcome};

pub(super) const INVALID_CODE: &str = "invalid_totp_token";
const HERE: &str = "/users/2fa-sign-in";
const RECOVERY: &str = "/users/2fa-sign-in-with-recovery-code";

/// A change of name of the session about to be made, for whoever shows a factor.
pub(super) struct Rename {
    pub sid: Sid,
    pub names: SessionNames,
}

impl Rename {
    /// Draws the next name of this browser's session.
    pub(super) fn of(browser: &Browser) -> Self {
        let sid = Sid::draw();
        Self {
            names: browser.names_for(&sid),
            sid,
        }
    }
}

/// `person`, about to show or change a factor with `device`.
pub(super) fn actor<'a>(person: &'a Person, device: &'a Device) -> Actor<'a> {
    Actor {
        user: person.user_id,
        session_uid: &person.session_uid,
        device,
    }
}

/// Spends one attempt at a code of `person`.
///
/// # Errors
/// [`PageError::TooManyRequests`] when a budget is used up.
pub(super) async fn spend_attempt(app: &App, browser: &Browser, person: &Person) -> Result<(), PageError> {
    budgets::spend(app, browser, budgets::TOTP, &person.email).await?;
    budgets::spend_on(app, budgets::FACTORS_PER_ACCOUNT, &person.user_id.to_string()).await
}

/// What was typed into the field `name`.
///
/// # Errors
/// When nothing was.
pub(super) fn typed_code<'a>(fields: &'a Fields, name: &'static str) -> Result<&'a str, PageError> {
    let typed = fields.required(name)?;
    if ecmascript_trim(typed).is_empty() {
        return Err(PageError::BadRequest("Aucun code n’a été saisi."));
    }
    Ok(typed)
}

/// `GET /users/2fa-sign-in`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get(app: Data<App>, browser: Browser, Query(query): Query) -> Result<HttpResponse, PageError> {
    let person = signed_in(&browser).await?;
    if !person.is_second_factor_capable() {
        return pass_by(&browser).await;
    }
    // Without the field the error has no place but above the page.
    let (has_code_error, notification) = if person.has_totp {
        field_error_or_notification(&query, INVALID_CODE)
    } else {
        (false, notification(&query))
    };
    let codes_left = app.mfa.recovery_codes_left(person.user_id).await?;
    let page = SecondFactorPage {
        has_code_error,
        focuses_code: true,
        shows_totp_section: person.has_totp,
        // A passkey does not complete a passkey.
        shows_passkey_section: person.has_passkey && !person.amr.contains(&Amr::Pop),
        offers_recovery_codes: codes_left.is_some_and(|left| left > 0),
        change_email_returns_to_client: false,
        email: person.email,
    };
    html(&app, &shell(&app, &browser, notification).await?, &page)
}

/// `POST /users/2fa-sign-in-with-totp`
///
/// # Errors
/// When a part of the house does not answer, or the budget for this account is spent.
pub async fn post_totp(
    app: Data<App>,
    browser: Browser,
    Form(fields): Form,
) -> Result<HttpResponse, PageError> {
    let person = signed_in(&browser).await?;
    spend_attempt(&app, &browser, &person).await?;
    let typed = typed_code(&fields, "totpToken")?;
    let (rename, device) = (Rename::of(&browser), browser.device());
    let outcome = app
        .mfa
        .show_totp(actor(&person, &device), &rename.names, typed)
        .await?;
    match outcome {
        FactorOutcome::Invalid => Ok(redirect(&format!("{HERE}?notification={INVALID_CODE}"))),
        FactorOutcome::NotConfigured => go_on(&browser).await,
        FactorOutcome::Accepted => {
            browser.continue_as(rename.sid).await?;
            browser.trust(person.user_id);
            go_on(&browser).await
        }
    }
}

/// `GET /users/2fa-sign-in-with-recovery-code`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get_recovery(
    app: Data<App>,
    browser: Browser,
    Query(query): Query,
) -> Result<HttpResponse, PageError> {
    let person = signed_in(&browser).await?;
    if !person.is_second_factor_capable() {
        return pass_by(&browser).await;
    }
    let page = RecoveryCodePage {
        email: person.email,
        change_email_returns_to_client: false,
        has_code_error: notification_code(&query) == Some("invalid_recovery_code"),
    };
    html(&app, &shell(&app, &browser, None).await?, &page)
}

/// `POST /users/2fa-sign-in-with-recovery-code`: the person is asked for a new factor before they go on.
///
/// # Errors
/// When a part of the house does not answer, or the budget for this account is spent.
pub async fn post_recovery(
    app: Data<App>,
    browser: Browser,
    Form(fields): Form,
) -> Result<HttpResponse, PageError> {
    let person = signed_in(&browser).await?;
    spend_attempt(&app, &browser, &person).await?;
    let typed = typed_code(&fields, "recovery_code")?;
    let (rename, device) = (Rename::of(&browser), browser.device());
    let outcome = app
        .mfa
        .show_recovery_code(actor(&person, &device), &rename.names, typed)
        .await?;
    match outcome {
        RecoveryOutcome::Invalid => Ok(redirect(&format!(
            "{RECOVERY}?notification=invalid_recovery_code"
        ))),
        RecoveryOutcome::Accepted => {
            browser.continue_as(rename.sid).await?;
            browser.update(|visit| visit.lost_second_factor = true).await?;
            go_on(&browser).await
        }
    }
}
