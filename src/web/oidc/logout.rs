//! Signing out, at the wish of the person or of a relying party.

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::authorize::PostedFields;
use super::endpoints::{prefers_html, told_as_json};
use super::seen_by_provider::authentication_of;
use crate::db::sessions::EndReason;
use crate::oidc::{LogoutAnswer, LogoutError, LogoutPage};
use crate::web::app::App;
use crate::web::error::PageError;
use crate::web::fields::Fields;
use crate::web::form::Query;
use crate::web::gate::redirect;
use crate::web::pages::logout::ConfirmLogoutPage;
use crate::web::pages::oidc::AutoSubmitPage;
use crate::web::render::Shell;
use crate::web::session::Browser;

/// Where people are asked, if they are to be.
const LOGOUT: &str = "/oauth/logout";
/// Where people land who are signed out and have nowhere else to go.
const SIGNED_OUT: &str = "/users/start-sign-in/?notification=logout_success";

/// `GET /oauth/logout`
pub(super) async fn get(
    app: Data<App>,
    browser: Browser,
    request: HttpRequest,
) -> Result<HttpResponse, PageError> {
    let fields = Fields::parse(request.query_string().as_bytes())?;
    log_out(&app, &browser, &request, fields.into_pairs()).await
}

/// `POST /oauth/logout`: the same parameters in a form.
pub(super) async fn post(
    app: Data<App>,
    browser: Browser,
    request: HttpRequest,
    posted: PostedFields,
) -> Result<HttpResponse, PageError> {
    log_out(&app, &browser, &request, posted.into_pairs()).await
}

async fn log_out(
    app: &App,
    browser: &Browser,
    request: &HttpRequest,
    parameters: Vec<(String, String)>,
) -> Result<HttpResponse, PageError> {
    let authentication = authentication_of(browser).await?;
    let answer = app.oidc.logout_request(parameters, authentication.as_ref()).await;
    match answer {
        Ok(answer) => written(app, browser, answer).await,
        Err(error) => refused(request, error),
    }
}

/// What cannot be honoured is told as a page or as JSON, whichever the caller prefers (spec/oidc.md §8.3).
fn refused(request: &HttpRequest, error: LogoutError) -> Result<HttpResponse, PageError> {
    match error {
        LogoutError::Refused(error) if !prefers_html(request) => {
            Ok(told_as_json(&mut HttpResponse::BadRequest(), &error))
        }
        error => Err(error.into()),
    }
}

async fn written(app: &App, browser: &Browser, answer: LogoutAnswer) -> Result<HttpResponse, PageError> {
    match answer {
        LogoutAnswer::Ask(page) => show(app, browser, &page).await,
        LogoutAnswer::Done(done) => {
            if done.ends_session {
                browser.sign_out(EndReason::Logout).await?;
            }
            Ok(HttpResponse::build(StatusCode::SEE_OTHER)
                .insert_header((LOCATION, done.url))
                .finish())
        }
    }
}

async fn show(app: &App, browser: &Browser, page: &LogoutPage) -> Result<HttpResponse, PageError> {
    if page.ends_session {
        browser.sign_out(EndReason::Logout).await?;
    }
    let shell = Shell::default();
    let body = if page.is_automatic {
        app.renderer.render(&shell, &AutoSubmitPage::logout(&page.xsrf))?
    } else {
        app.renderer.render(
            &shell,
            &ConfirmLogoutPage {
                xsrf: page.xsrf.clone(),
            },
        )?
    };
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .body(body))
}

/// `POST /oauth/logout/confirm`
pub(super) async fn confirm(
    app: Data<App>,
    browser: Browser,
    request: HttpRequest,
    posted: PostedFields,
) -> Result<HttpResponse, PageError> {
    let authentication = authentication_of(&browser).await?;
    let answer = app
        .oidc
        .logout_confirm(posted.into_pairs(), authentication.as_ref())
        .await;
    match answer {
        Ok(answer) => written(&app, &browser, answer).await,
        Err(error) => refused(&request, error),
    }
}

/// `GET /oauth/logout/success`
pub(super) async fn success(
    app: Data<App>,
    browser: Browser,
    request: HttpRequest,
    Query(query): Query,
) -> Result<HttpResponse, PageError> {
    let client_id = query.one("client_id")?;
    if let Err(error) = app.oidc.check_logged_out_client(client_id).await {
        return refused(&request, error);
    }
    // Whoever has confirmed is signed out by now: somebody who is not has followed a link, and is asked.
    if app.oidc.asks_before_logout() && authentication_of(&browser).await?.is_some() {
        return Ok(redirect(LOGOUT));
    }
    browser.sign_out(EndReason::Logout).await?;
    Ok(redirect(SIGNED_OUT))
}
