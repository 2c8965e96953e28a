//! The documents that every public service owes its visitors.

use actix_web::HttpResponse;
use actix_web::web::Data;

use super::app::App;
use super::error::PageError;
use super::form::Query;
use super::page::html;
use super::pages::legal::{AccessibilityPage, PrivacyPage, TermsPage};
use super::render::{Page, Shell};
use super::session::Browser;
use crate::journey::Person;

/// `GET /conditions-generales-d-utilisation`
///
/// # Errors
/// When the query cannot be read, or a part of the house does not answer.
pub async fn get_terms(app: Data<App>, browser: Browser, _: Query) -> Result<HttpResponse, PageError> {
    document(&app, &browser, &TermsPage).await
}

/// `GET /politique-de-confidentialite`
///
/// # Errors
/// When the query cannot be read, or a part of the house does not answer.
pub async fn get_privacy(app: Data<App>, browser: Browser, _: Query) -> Result<HttpResponse, PageError> {
    let page = PrivacyPage {
        measures_audience: app.renderer.measures_audience(),
    };
    document(&app, &browser, &page).await
}

/// `GET /accessibilite`
///
/// # Errors
/// When the query cannot be read, or a part of the house does not answer.
pub async fn get_accessibility(
    app: Data<App>,
    browser: Browser,
    _: Query,
) -> Result<HttpResponse, PageError> {
    document(&app, &browser, &AccessibilityPage).await
}

/// These pages have no form: whoever has no session needs none to read them.
async fn document(app: &App, browser: &Browser, page: &impl Page) -> Result<HttpResponse, PageError> {
    let journey = browser.journey().await?;
    let shell = Shell {
        user_label: journey.person.as_ref().map(Person::label),
        is_test_instance: app.settings.is_test_instance,
        ..Shell::default()
    };
    html(app, &shell, page)
}
