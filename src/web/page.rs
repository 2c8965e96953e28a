//! From a page model to an answer.

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;

use super::app::App;
use super::error::PageError;
use super::fields::Fields;
use super::notifications::Notification;
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

/// The message that the query asks for; an unknown, repeated or over-long code asks for none.
#[must_use]
pub fn notification(query: &Fields) -> Option<Notification> {
    query
        .one("notification")
        .ok()
        .flatten()
        .and_then(Notification::from_code)
}

/// The page as an answer.
///
/// # Errors
/// When the page cannot be rendered.
pub fn html<P: Page>(app: &App, shell: &Shell, page: &P) -> Result<HttpResponse, PageError> {
    let body = app.renderer.render(shell, page)?;
    Ok(HttpResponse::Ok().insert_header(ContentType::html()).body(body))
}
