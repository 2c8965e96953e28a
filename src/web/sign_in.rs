//! Signing in: the address, then the password.

use actix_web::HttpResponse;
use actix_web::web::{Data, ReqData};
use identite_actors::password_hasher::Place;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::SecretString;

use super::app::App;
use super::budgets;
use super::cookies::Sid;
use super::error::PageError;
use super::fields::Fields;
use super::form::{Form, Query};
use super::gate::{go_on, redirect};
use super::page::{field_error_or_notification, html, notification, shell};
use super::pages::sign_in::{SignInPage, StartSignInPage};
use super::session::Browser;
use crate::accounts::{SignInOutcome, StartOutcome};
use crate::domain::Email;
use crate::domain::text::ecmascript_trim;
use crate::journey::Visit;

const START: &str = "/users/start-sign-in";
/// As much of what was typed is shown again.
const SHOWN_AGAIN_IN_CHARACTERS: usize = 254;

/// The form for the address. With a pending `login_hint` it behaves as if the hint had been typed.
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get_start(
    app: Data<App>,
    browser: Browser,
    Query(query): Query,
) -> Result<HttpResponse, PageError> {
    let did_you_mean = query.one("did_you_mean")?.map(ecmascript_trim);
    if did_you_mean.is_some_and(str::is_empty) {
        return Err(PageError::BadRequest("L’adresse proposée est vide."));
    }
    let journey = browser.journey().await?;
    if journey
        .interaction()
        .is_some_and(|pending| pending.login_hint.is_some())
    {
        let hint = browser.update(Visit::take_login_hint).await?;
        return start_with(&app, &browser, &hint.unwrap_or_default()).await;
    }

    let (has_email_error, notification) = field_error_or_notification(&query, "invalid_email");
    let visit = browser.visit().await?;
    let typed = visit
        .typed_email
        .or(visit.email.map(|email| email.as_str().to_owned()));
    let login_hint = typed.filter(|_| journey.person.is_none());
    let page = StartSignInPage {
        // The field takes the focus when something is to be typed in it.
        focuses_email: has_email_error || login_hint.is_none(),
        login_hint,
        has_email_error,
        did_you_mean: did_you_mean.map(str::to_owned),
    };
    html(&app, &shell(&app, &browser, notification).await?, &page)
}

/// Takes the address.
///
/// # Errors
/// When a part of the house does not answer.
pub async fn post_start(
    app: Data<App>,
    browser: Browser,
    Form(fields): Form,
) -> Result<HttpResponse, PageError> {
    let login = fields.one("login")?.unwrap_or_default().to_owned();
    start_with(&app, &browser, &login).await
}

async fn start_with(app: &App, browser: &Browser, typed: &str) -> Result<HttpResponse, PageError> {
    let Ok(email) = Email::parse(typed) else {
        return refuse_address(browser, typed, None).await;
    };
    let outcome = app.accounts.start_sign_in(&email).await?;
    let (welcome, has_passkey, is_checked, target) = match outcome {
        StartOutcome::Refused { did_you_mean } => {
            return refuse_address(browser, typed, did_you_mean.as_deref()).await;
        }
        StartOutcome::Unknown { is_checked } => (false, false, is_checked, "/users/sign-up"),
        StartOutcome::Known {
            needs_inclusionconnect_welcome_page: true,
            has_passkey,
            ..
        } => (true, has_passkey, true, "/users/inclusionconnect-welcome"),
        StartOutcome::Known {
            has_password: true,
            has_passkey,
            ..
        } => (false, has_passkey, true, "/users/sign-in"),
        StartOutcome::Known { has_passkey, .. } => (
            false,
            has_passkey,
            true,
            "/users/sign-up?notification=new_password_needed",
        ),
    };
    browser
        .update(move |visit| {
            visit.email = Some(email.clone());
            visit.typed_email = None;
            visit.deliverability_unknown = !is_checked;
            visit.needs_inclusionconnect_welcome_page = welcome;
            visit.has_passkey = has_passkey;
        })
        .await?;
    Ok(redirect(target))
}

/// A refused address identifies nobody: it is only shown again.
///
/// # Errors
/// When the owner of sessions does not answer.
pub(super) async fn refuse_address(
    browser: &Browser,
    typed: &str,
    did_you_mean: Option<&str>,
) -> Result<HttpResponse, PageError> {
    let shown_again: String = typed.chars().take(SHOWN_AGAIN_IN_CHARACTERS).collect();
    browser
        .update(move |visit| {
            visit.email = None;
            visit.deliverability_unknown = false;
            visit.needs_inclusionconnect_welcome_page = false;
            visit.has_passkey = false;
            visit.typed_email = Some(shown_again.clone());
        })
        .await?;
    let suggestion = did_you_mean
        .map(|address| format!("&did_you_mean={}", utf8_percent_encode(address, NON_ALPHANUMERIC)))
        .unwrap_or_default();
    Ok(redirect(&format!(
        "{START}?notification=invalid_email{suggestion}"
    )))
}

/// The form for the password.
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get_password(
    app: Data<App>,
    browser: Browser,
    Query(query): Query,
) -> Result<HttpResponse, PageError> {
    let page = SignInPage {
        email: identified(&browser).await?.as_str().to_owned(),
        show_passkey_section: browser.visit().await?.has_passkey,
        change_email_returns_to_client: is_federation(&browser).await?,
    };
    html(&app, &shell(&app, &browser, notification(&query)).await?, &page)
}

/// Checks the password and opens the session.
///
/// # Errors
/// When a part of the house does not answer, or the budget for this account is spent.
pub async fn post_password(
    app: Data<App>,
    browser: Browser,
    place: ReqData<Place>,
    Form(fields): Form,
) -> Result<HttpResponse, PageError> {
    let email = identified(&browser).await?;
    if shows_another_address(&fields, &email)? {
        return Ok(address_changed());
    }
    budgets::spend(&app, &browser, budgets::PASSWORD, email.as_str()).await?;
    let Some(password) = password_of(&fields)? else {
        return Ok(wrong_password());
    };
    let sid = Sid::draw();
    let names = browser.names_for(&sid);
    match app
        .accounts
        .sign_in_with_password(&place, &email, &password, &names, &browser.device())
        .await?
    {
        SignInOutcome::InvalidCredentials => Ok(wrong_password()),
        SignInOutcome::SignedIn => {
            browser.become_signed_in(sid).await?;
            go_on(&browser).await
        }
    }
}

fn password_of(fields: &Fields) -> Result<Option<SecretString>, PageError> {
    let password = fields.one("password")?.unwrap_or_default();
    Ok((!ecmascript_trim(password).is_empty()).then(|| SecretString::from(password)))
}

fn wrong_password() -> HttpResponse {
    redirect("/users/sign-in?notification=invalid_credentials")
}

/// The address typed before; the gate of these pages has seen to it that there is one.
///
/// # Errors
/// When the owner of sessions does not answer.
pub(super) async fn identified(browser: &Browser) -> Result<Email, PageError> {
    browser
        .visit()
        .await?
        .email
        .ok_or_else(|| PageError::fault("this route asks for no address first"))
}

/// Back to the address, which each tab typed for itself: what fits one of them, a password, a new account, need not fit the other.
pub(super) fn address_changed() -> HttpResponse {
    redirect(&format!("{START}?notification=address_changed"))
}

/// Whether the page that was sent showed another address than the one that the session has now, which was typed in another tab. What the
/// person typed was not for that one.
///
/// # Errors
/// When the field is given several times.
pub(super) fn shows_another_address(fields: &Fields, email: &Email) -> Result<bool, PageError> {
    let shown = fields.one("email_shown")?;
    Ok(shown.is_some_and(|shown| shown != email.as_str()))
}

/// Whether another address is asked for at the service that the person comes from.
///
/// # Errors
/// When a part of the house does not answer.
pub(super) async fn is_federation(browser: &Browser) -> Result<bool, PageError> {
    let journey = browser.journey().await?;
    Ok(journey.interaction().is_some_and(|pending| pending.is_federation))
}
