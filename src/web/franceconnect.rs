//! The way to `FranceConnect` and back, from a journey or from the account (spec/accounts.md §5.16).

use actix_web::HttpResponse;
use actix_web::web::Data;

use super::app::App;
use super::error::PageError;
use super::fields::Fields;
use super::form::{Form, Query};
use super::gate::{go_on, redirect};
use super::page::{self, html, notification, shell};
use super::pages::franceconnect::{FranceConnectPage, FranceConnectUnavailablePage};
use super::session::Browser;
use super::verify_email::signed_in;
use crate::accounts::{Applicant, IdentityAnswer, IdentityOutcome, IdentityRequest, IdentityVerdict};
use crate::journey::{PendingInteraction, Person};

/// A way there and back. The callbacks are registered at `FranceConnect`.
#[derive(Debug, Clone, Copy)]
struct Way {
    login: &'static str,
    login_callback: &'static str,
    logout_callback: &'static str,
    /// Where somebody starts over.
    page: &'static str,
}

/// On the way to a service.
const JOURNEY: Way = Way {
    login: "/users/franceconnect/login",
    login_callback: "/users/franceconnect/login/callback",
    logout_callback: "/users/franceconnect/logout/callback",
    page: "/users/franceconnect",
};

/// From the account.
const ACCOUNT: Way = Way {
    login: "/users/personal-information/franceconnect/login",
    login_callback: "/users/personal-information/franceconnect/login/callback",
    logout_callback: "/users/personal-information/franceconnect/logout/callback",
    page: "/personal-information",
};

/// `GET /users/franceconnect`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get(app: Data<App>, browser: Browser, Query(query): Query) -> Result<HttpResponse, PageError> {
    let journey = browser.journey().await?;
    let page = FranceConnectPage {
        certification_requested: journey
            .interaction()
            .is_some_and(PendingInteraction::requests_certification_dirigeant),
    };
    html(&app, &shell(&app, &browser, notification(&query)).await?, &page)
}

/// `POST /users/franceconnect/login`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn post_login(app: Data<App>, browser: Browser, Form(_): Form) -> Result<HttpResponse, PageError> {
    depart(&app, &browser, JOURNEY).await
}

/// `GET /users/franceconnect/login/callback`
///
/// # Errors
/// When the answer is neither a code nor an error, or a part of the house does not answer.
pub async fn get_login_callback(
    app: Data<App>,
    browser: Browser,
    Query(query): Query,
) -> Result<HttpResponse, PageError> {
    arrive(&app, &browser, JOURNEY, &query).await
}

/// `GET /users/franceconnect/logout/callback`
///
/// # Errors
/// When this session sent nobody to sign out, or a part of the house does not answer.
pub async fn get_logout_callback(
    app: Data<App>,
    browser: Browser,
    Query(query): Query,
) -> Result<HttpResponse, PageError> {
    return_home(&app, &browser, JOURNEY, &query).await
}

/// `POST /users/personal-information/franceconnect/login`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn post_account_login(
    app: Data<App>,
    browser: Browser,
    Form(_): Form,
) -> Result<HttpResponse, PageError> {
    depart(&app, &browser, ACCOUNT).await
}

/// `GET /users/personal-information/franceconnect/login/callback`
///
/// # Errors
/// When the answer is neither a code nor an error, or a part of the house does not answer.
pub async fn get_account_login_callback(
    app: Data<App>,
    browser: Browser,
    Query(query): Query,
) -> Result<HttpResponse, PageError> {
    arrive(&app, &browser, ACCOUNT, &query).await
}

/// `GET /users/personal-information/franceconnect/logout/callback`
///
/// # Errors
/// When this session sent nobody to sign out, or a part of the house does not answer.
pub async fn get_account_logout_callback(
    app: Data<App>,
    browser: Browser,
    Query(query): Query,
) -> Result<HttpResponse, PageError> {
    return_home(&app, &browser, ACCOUNT, &query).await
}

/// To `FranceConnect`.
async fn depart(app: &App, browser: &Browser, way: Way) -> Result<HttpResponse, PageError> {
    let person = signed_in(browser).await?;
    let request = app
        .accounts
        .request_identity(applicant(&person), &absolute(app, way.login_callback)?)
        .await?;
    match request {
        IdentityRequest::GoTo(url) => Ok(redirect(url.as_str())),
        IdentityRequest::Unreachable => unavailable(app, browser, way).await,
    }
}

/// Back with a code or an error; then out of `FranceConnect` again.
async fn arrive(app: &App, browser: &Browser, way: Way, query: &Fields) -> Result<HttpResponse, PageError> {
    let person = signed_in(browser).await?;
    let (code, error) = (query.one("code")?, query.one("error")?);
    if code.is_none() && error.is_none() {
        return Err(PageError::BadRequest(
            "La réponse de FranceConnect est incomplète.",
        ));
    }
    let answer = IdentityAnswer {
        state: query.one("state")?,
        code,
        error,
        issuer: query.one("iss")?,
        redirect_uri: &absolute(app, way.login_callback)?,
    };
    let outcome = app
        .accounts
        .accept_identity(applicant(&person), answer, &browser.device())
        .await?;
    let (id_token, verdict) = match outcome {
        IdentityOutcome::Verified { id_token } => (id_token, IdentityVerdict::Verified),
        IdentityOutcome::AnotherPerson { id_token } => (id_token, IdentityVerdict::AnotherPerson),
        IdentityOutcome::Failed => return Ok(start_over(way, "franceconnect_oidc_error")),
        IdentityOutcome::Unreachable => return unavailable(app, browser, way).await,
    };
    let return_to = absolute(app, way.logout_callback)?;
    let exit = app
        .accounts
        .leave_franceconnect(applicant(&person), &id_token, &return_to, verdict)
        .await;
    match exit {
        Some(url) => Ok(redirect(url.as_str())),
        None => tell(browser, way, verdict).await,
    }
}

/// Back from the sign-out.
async fn return_home(
    app: &App,
    browser: &Browser,
    way: Way,
    query: &Fields,
) -> Result<HttpResponse, PageError> {
    let person = signed_in(browser).await?;
    let state = query.one("state")?.unwrap_or_default();
    let verdict = app
        .accounts
        .return_from_franceconnect(applicant(&person), state, &absolute(app, way.logout_callback)?)
        .await?
        .ok_or(PageError::InvalidState)?;
    tell(browser, way, verdict).await
}

async fn tell(browser: &Browser, way: Way, verdict: IdentityVerdict) -> Result<HttpResponse, PageError> {
    match verdict {
        IdentityVerdict::AnotherPerson => Ok(start_over(way, "franceconnect_identity_mismatch")),
        IdentityVerdict::Verified if way.page == ACCOUNT.page => {
            let code = "personal_information_update_via_franceconnect_success";
            Ok(start_over(way, code))
        }
        IdentityVerdict::Verified => {
            browser.look_again();
            go_on(browser).await
        }
    }
}

fn start_over(way: Way, code: &str) -> HttpResponse {
    redirect(&format!("{}?notification={code}", way.page))
}

async fn unavailable(app: &App, browser: &Browser, way: Way) -> Result<HttpResponse, PageError> {
    let model = |link| FranceConnectUnavailablePage {
        retry: way.login,
        link,
    };
    page::unavailable(app, browser, "FranceConnect is unavailable", model).await
}

fn applicant(person: &Person) -> Applicant<'_> {
    Applicant {
        user: person.user_id,
        session_uid: &person.session_uid,
    }
}

fn absolute(app: &App, path: &str) -> Result<String, PageError> {
    let url = app.settings.host.join(path).map_err(PageError::fault)?;
    Ok(url.into())
}
