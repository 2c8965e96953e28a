//! From a page model to an answer.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ContentType, HeaderValue, RETRY_AFTER};

use super::app::App;
use super::error::{PageError, RETRY_UNAVAILABLE_AFTER, retry_after_seconds};
use super::fields::Fields;
use super::notifications::Notification;
use super::pages::errors::ReturnLink;
use super::render::{Page, Shell};
use super::session::Browser;

/// What surrounds a page for this browser: the form token, who is signed in, the message to show.
///
/// # Errors
/// When the session or the account cannot be read.
pub async fn shell(
    app: &App,
    browser: &Browser,
    notification: Option<Notification>,
) -> Result<Shell, PageError> {
    let csrf_token = browser.csrf_token().await?;
    let journey = browser.journey().await?;
    Ok(Shell {
        csrf_token: Some(csrf_token),
        notification,
        user_label: journey.person.as_ref().map(crate::journey::Person::label),
        is_test_instance: app.settings.is_test_instance,
    })
}

/// The code of the message that the query asks for; one that is repeated or over-long asks for none.
#[must_use]
pub fn notification_code(query: &Fields) -> Option<&str> {
    query.one("notification").ok().flatten()
}

/// The message that the query asks for, if it is known.
#[must_use]
pub fn notification(query: &Fields) -> Option<Notification> {
    notification_code(query).and_then(Notification::from_code)
}

/// Whether the query asks for the message `code`, for a page that tells it next to a field, and the message that is told above the page
/// then: another one, if any.
#[must_use]
pub fn field_error_or_notification(query: &Fields, code: &str) -> (bool, Option<Notification>) {
    if notification_code(query) == Some(code) {
        (true, None)
    } else {
        (false, notification(query))
    }
}

/// The page as an answer.
///
/// # Errors
/// When the page cannot be rendered.
pub fn html<P: Page>(app: &App, shell: &Shell, page: &P) -> Result<HttpResponse, PageError> {
    let body = app.renderer.render(shell, page)?;
    Ok(HttpResponse::Ok().insert_header(ContentType::html()).body(body))
}

/// The way out of a page where a journey ends: to the service that waits, which is told this OAuth error, else to the account.
///
/// # Errors
/// When the session cannot be read.
pub async fn way_out(browser: &Browser, error: &str, description: &str) -> Result<ReturnLink, PageError> {
    let journey = browser.journey().await?;
    Ok(match journey.interaction() {
        Some(interaction) => ReturnLink::service(&interaction.uid, error, description),
        None => ReturnLink::home(),
    })
}

/// The page that tells that a remote system does not answer: 503, and when to try again. `description` is for the service that waits,
/// should the person return to it.
///
/// # Errors
/// When the session cannot be read, or the page cannot be rendered.
pub async fn unavailable<P: Page>(
    app: &App,
    browser: &Browser,
    description: &str,
    page: impl FnOnce(ReturnLink) -> P,
) -> Result<HttpResponse, PageError> {
    let link = way_out(browser, "temporarily_unavailable", description).await?;
    let mut answer = html(app, &shell(app, browser, None).await?, &page(link))?;
    *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let seconds = retry_after_seconds(RETRY_UNAVAILABLE_AFTER);
    answer
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from(seconds));
    Ok(answer)
}
