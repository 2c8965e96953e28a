//! The first password, and the page that welcomes who comes from Inclusion Connect.

use actix_web::HttpResponse;
use actix_web::web::{Data, ReqData};
use identite_actors::password_hasher::Place;
use secrecy::SecretString;

use super::app::App;
use super::cookies::Sid;
use super::error::PageError;
use super::form::{Form, Query};
use super::gate::{go_on, redirect};
use super::page::{html, notification, notification_code, shell};
use super::pages::passwords::{InclusionConnectWelcomePage, SignUpPage};
use super::session::Browser;
use super::sign_in::{address_changed, identified, is_federation, refuse_address, shows_another_address};
use crate::accounts::{Deliverability, RefusedPassword, SignUpOutcome};
use crate::domain::Email;

const FIRST_PASSWORD_OF_AN_ACCOUNT: &str = "/users/sign-up?notification=new_password_needed";

/// `GET /users/inclusionconnect-welcome`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get_welcome(app: Data<App>, browser: Browser) -> Result<HttpResponse, PageError> {
    html(
        &app,
        &shell(&app, &browser, None).await?,
        &InclusionConnectWelcomePage,
    )
}

/// `POST /users/inclusionconnect-welcome`: seen. The account itself is only told by its first sign-in, since anybody can type an address.
///
/// # Errors
/// When the owner of sessions does not answer.
pub async fn post_welcome(browser: Browser, Form(_): Form) -> Result<HttpResponse, PageError> {
    browser
        .update(|visit| visit.needs_inclusionconnect_welcome_page = false)
        .await?;
    Ok(redirect(FIRST_PASSWORD_OF_AN_ACCOUNT))
}

/// `GET /users/sign-up`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get(app: Data<App>, browser: Browser, Query(query): Query) -> Result<HttpResponse, PageError> {
    if let Some(hint) = query.one("login_hint")?
        && Email::parse(hint).is_err()
    {
        return Err(PageError::BadRequest("L’adresse proposée n’en est pas une."));
    }
    let page = SignUpPage {
        email: identified(&browser).await?.as_str().to_owned(),
        change_email_returns_to_client: is_federation(&browser).await?,
        is_new_account: notification_code(&query) != Some("new_password_needed"),
    };
    html(&app, &shell(&app, &browser, notification(&query)).await?, &page)
}

/// `POST /users/sign-up`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn post(
    app: Data<App>,
    browser: Browser,
    place: ReqData<Place>,
    Form(fields): Form,
) -> Result<HttpResponse, PageError> {
    let email = identified(&browser).await?;
    let refused = |code: &str| redirect(&format!("/users/sign-up?notification={code}"));
    if shows_another_address(&fields, &email)? {
        return Ok(address_changed());
    }
    if let Some(refusal) = refuse_if_undeliverable(&app, &browser, &email).await? {
        return Ok(refusal);
    }
    let password = SecretString::from(fields.one("password")?.unwrap_or_default());
    let sid = Sid::draw();
    let names = browser.names_for(&sid);
    let outcome = app
        .accounts
        .sign_up(&place, &email, &password, &names, &browser.device())
        .await?;
    Ok(match outcome {
        SignUpOutcome::SignedIn => {
            browser.become_signed_in(sid).await?;
            return go_on(&browser).await;
        }
        SignUpOutcome::EmailUnavailable => redirect("/users/start-sign-in?notification=email_unavailable"),
        SignUpOutcome::Empty => refused("invalid_credentials"),
        SignUpOutcome::Refused(RefusedPassword::Weak) => refused("weak_password"),
        SignUpOutcome::Refused(RefusedPassword::Leaked) => refused("leaked_password"),
    })
}

/// Asks again about an address that nobody could tell about when it was typed. The answer, when it is to be refused now.
///
/// # Errors
/// When a part of the house does not answer.
pub(super) async fn refuse_if_undeliverable(
    app: &App,
    browser: &Browser,
    email: &Email,
) -> Result<Option<HttpResponse>, PageError> {
    if !browser.visit().await?.deliverability_unknown {
        return Ok(None);
    }
    match app.accounts.check_deliverability(email).await? {
        Deliverability::Undeliverable { did_you_mean } => {
            let refusal = refuse_address(browser, email.as_str(), did_you_mean.as_deref()).await?;
            Ok(Some(refusal))
        }
        Deliverability::Deliverable => {
            browser
                .update(|visit| visit.deliverability_unknown = false)
                .await?;
            Ok(None)
        }
        Deliverability::NotChecked => Ok(None),
    }
}
