//! A few questions that lead to a second factor (spec/accounts.md §5.17). Everything is in the address; no state is kept.

use actix_web::HttpResponse;
use actix_web::web::Data;

use super::app::App;
use super::error::PageError;
use super::form::Query;
use super::gate::redirect;
use super::page::{html, notification, shell};
use super::pages::decision_helper::{
    DevicePage, ExternalHelpPage, PasskeyAdvicePage, Platform, Question, QuestionPage, TotpAdvicePage,
};
use super::pages::factors::Way;
use super::session::Browser;

fn to<W: Way>(path: &str) -> HttpResponse {
    redirect(&format!("{}/mfa-decision-helper{path}", W::PREFIX))
}

/// `GET [/users]/mfa-decision-helper`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get_device<W: Way>(
    app: Data<App>,
    browser: Browser,
    Query(query): Query,
) -> Result<HttpResponse, PageError> {
    match query.one("device-type")? {
        Some("mac" | "windows-hello") => Ok(to::<W>("/passkey")),
        Some("other") => Ok(to::<W>(Question::CanInstallSoftware.path())),
        _ => html(&app, &shell(&app, &browser, None).await?, &DevicePage::<W>::new()),
    }
}

/// `GET [/users]/mfa-decision-helper/passkey`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get_passkey<W: Way>(
    app: Data<App>,
    browser: Browser,
    Query(query): Query,
) -> Result<HttpResponse, PageError> {
    let shell = shell(&app, &browser, notification(&query)).await?;
    html(&app, &shell, &PasskeyAdvicePage::<W>::new())
}

/// `GET [/users]/mfa-decision-helper/can-install-software`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get_software_question<W: Way>(
    app: Data<App>,
    browser: Browser,
    Query(query): Query,
) -> Result<HttpResponse, PageError> {
    let question = Question::CanInstallSoftware;
    match query.one(question.name())? {
        Some("yes") => Ok(to::<W>("/can-install-software/software")),
        Some("no") => Ok(to::<W>(Question::CanInstallAppOnSmartphone.path())),
        _ => ask::<W>(&app, &browser, question).await,
    }
}

/// `GET [/users]/mfa-decision-helper/can-install-software/smartphone`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get_smartphone_question<W: Way>(
    app: Data<App>,
    browser: Browser,
    Query(query): Query,
) -> Result<HttpResponse, PageError> {
    let question = Question::CanInstallAppOnSmartphone;
    match query.one(question.name())? {
        Some("yes") => Ok(to::<W>("/can-install-software/smartphone/app")),
        Some("no") => Ok(to::<W>("/can-install-software/external-help-needed")),
        _ => ask::<W>(&app, &browser, question).await,
    }
}

async fn ask<W: Way>(app: &App, browser: &Browser, question: Question) -> Result<HttpResponse, PageError> {
    let shell = shell(app, browser, None).await?;
    html(app, &shell, &QuestionPage::<W>::new(question))
}

/// `GET [/users]/mfa-decision-helper/can-install-software/software`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get_software<W: Way>(app: Data<App>, browser: Browser) -> Result<HttpResponse, PageError> {
    let page = TotpAdvicePage::<W>::new(Platform::Computer);
    html(&app, &shell(&app, &browser, None).await?, &page)
}

/// `GET [/users]/mfa-decision-helper/can-install-software/smartphone/app`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get_smartphone<W: Way>(app: Data<App>, browser: Browser) -> Result<HttpResponse, PageError> {
    let page = TotpAdvicePage::<W>::new(Platform::Smartphone);
    html(&app, &shell(&app, &browser, None).await?, &page)
}

/// `GET [/users]/mfa-decision-helper/can-install-software/external-help-needed`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get_external_help<W: Way>(app: Data<App>, browser: Browser) -> Result<HttpResponse, PageError> {
    let page = ExternalHelpPage::<W>::new();
    html(&app, &shell(&app, &browser, None).await?, &page)
}
