//! The page that tells a person that they may act for an organization.

use actix_web::HttpResponse;
use actix_web::web::Data;

use super::app::App;
use super::error::PageError;
use super::form::Form;
use super::gate::{go_on, redirect};
use super::page::{html, shell};
use super::pages::account::WelcomePage;
use super::select_organization::tile;
use super::session::Browser;
use super::verify_email::signed_in;

/// `GET /users/welcome`: seeing it is what counts. It can be looked at again.
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get(app: Data<App>, browser: Browser) -> Result<HttpResponse, PageError> {
    let person = signed_in(&browser).await?;
    let Some(link) = person
        .link_to_greet()
        .or(person.selected_link())
        .or(person.links.last())
    else {
        return Ok(redirect("/"));
    };
    let page = WelcomePage {
        given_name: person.given_name.clone().unwrap_or_default(),
        family_name: person.family_name.clone().unwrap_or_default(),
        email: person.email.clone(),
        organization: Some(tile(link)),
        onboarding_help: person.needs_inclusionconnect_onboarding_help,
    };
    let answer = html(&app, &shell(&app, &browser, None).await?, &page)?;
    app.accounts.greet(person.user_id, link.organization).await?;
    Ok(answer)
}

/// `POST /users/welcome`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn post(browser: Browser, Form(_): Form) -> Result<HttpResponse, PageError> {
    go_on(&browser).await
}
