//! The first page of the account.

use actix_web::HttpResponse;
use actix_web::web::Data;

use super::app::App;
use super::error::PageError;
use super::form::Query;
use super::page::{html, notification, shell};
use super::pages::home::HomePage;
use super::session::Browser;

/// `GET /`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get(app: Data<App>, browser: Browser, Query(query): Query) -> Result<HttpResponse, PageError> {
    html(
        &app,
        &shell(&app, &browser, notification(&query)).await?,
        &HomePage,
    )
}
