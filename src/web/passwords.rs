//! Choosing another password, with a link that was sent to the address.

use actix_web::HttpResponse;
use actix_web::web::{Data, ReqData};
use identite_actors::password_hasher::Place;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::SecretString;

use super::app::App;
use super::budgets;
use super::error::PageError;
use super::form::{Form, Query};
use super::gate::redirect;
use super::page::{html, notification, shell};
use super::pages::passwords::{ChangePasswordPage, ResetPasswordPage};
use super::session::Browser;
use crate::accounts::{ChangePasswordOutcome, RefusedPassword};
use crate::domain::text::ecmascript_trim;
use crate::domain::{Email, LinkToken};

/// `GET /users/reset-password`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get_reset(
    app: Data<App>,
    browser: Browser,
    Query(query): Query,
) -> Result<HttpResponse, PageError> {
    let journey = browser.journey().await?;
    let of_person = journey.person.as_ref().map(|person| person.email.clone());
    let of_visit = journey
        .visit
        .email
        .as_ref()
        .map(|email| email.as_str().to_owned());
    let page = ResetPasswordPage {
        login_hint: of_person.or(of_visit),
    };
    html(&app, &shell(&app, &browser, notification(&query)).await?, &page)
}

/// `POST /users/reset-password`: for who is signed in, their own address, whatever the form says.
///
/// # Errors
/// When a part of the house does not answer, or the budget for this address is spent.
pub async fn post_reset(
    app: Data<App>,
    browser: Browser,
    Form(fields): Form,
) -> Result<HttpResponse, PageError> {
    let journey = browser.journey().await?;
    let typed = fields.one("login")?.unwrap_or_default().to_owned();
    let address = journey
        .person
        .as_ref()
        .map_or(typed.as_str(), |person| &person.email);
    let Ok(email) = Email::parse(address) else {
        return Ok(redirect("/users/reset-password?notification=invalid_email"));
    };
    budgets::spend(&app, &browser, budgets::RESET_PASSWORD, email.as_str()).await?;
    app.accounts
        .request_password_reset(&email, &browser.device())
        .await?;
    if journey.person.is_none() {
        // Shown in the field of the next page; it identifies nobody.
        let shown_again = email.as_str().to_owned();
        browser
            .update(move |visit| visit.typed_email = Some(shown_again.clone()))
            .await?;
    }
    Ok(redirect(
        "/users/start-sign-in?notification=reset_password_email_sent",
    ))
}

/// `GET /users/change-password`: a link that is not good is told of before a password is thought up. Looking uses nothing up.
///
/// # Errors
/// When there is no token, or a part of the house does not answer.
pub async fn get_change(
    app: Data<App>,
    browser: Browser,
    Query(query): Query,
) -> Result<HttpResponse, PageError> {
    let token = query.required("reset_password_token")?;
    let token = LinkToken::parse(token).ok_or(PageError::BadRequest("Ce lien est incomplet."))?;
    if !app.accounts.is_password_reset_good(&token).await? {
        return Ok(invalid_token());
    }
    let visit = browser.visit().await?;
    let page = ChangePasswordPage {
        reset_password_token: token.expose().to_owned(),
        email: visit.email.map(|email| email.as_str().to_owned()),
    };
    html(&app, &shell(&app, &browser, notification(&query)).await?, &page)
}

/// `POST /users/change-password`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn post_change(
    app: Data<App>,
    browser: Browser,
    place: ReqData<Place>,
    Form(fields): Form,
) -> Result<HttpResponse, PageError> {
    let token = fields.one("reset_password_token")?.and_then(LinkToken::parse);
    let Some(token) = token else {
        return Ok(invalid_token());
    };
    let password = fields.one("password")?.unwrap_or_default();
    if ecmascript_trim(password).is_empty() {
        return Ok(refused(&token, "weak_password"));
    }
    let password = SecretString::from(password);
    let kept_session = browser.session_digest();
    let outcome = app
        .accounts
        .change_password(&place, &token, &password, kept_session, &browser.device())
        .await?;
    Ok(match outcome {
        ChangePasswordOutcome::InvalidToken => invalid_token(),
        ChangePasswordOutcome::Refused(RefusedPassword::Weak) => refused(&token, "weak_password"),
        ChangePasswordOutcome::Refused(RefusedPassword::Leaked) => refused(&token, "leaked_password"),
        ChangePasswordOutcome::Changed(user) => {
            browser.trust(user);
            redirect("/users/start-sign-in?notification=password_change_success")
        }
    })
}

fn invalid_token() -> HttpResponse {
    redirect("/users/reset-password?notification=invalid_token")
}

fn refused(token: &LinkToken, code: &str) -> HttpResponse {
    let token = utf8_percent_encode(token.expose(), NON_ALPHANUMERIC);
    redirect(&format!(
        "/users/change-password?reset_password_token={token}&notification={code}"
    ))
}
