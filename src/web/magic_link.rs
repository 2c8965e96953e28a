//! Signing in with a link that was sent to the address.

use actix_web::HttpResponse;
use actix_web::web::Data;

use super::app::App;
use super::budgets;
use super::cookies::Sid;
use super::error::PageError;
use super::fields::Fields;
use super::form::{Form, Query};
use super::gate::{go_on, redirect};
use super::page::{html, shell};
use super::pages::oidc::AutoSubmitPage;
use super::pages::passwords::{MagicLinkSentPage, SignInWithMagicLinkPage};
use super::session::Browser;
use super::sign_in::{address_changed, identified, refuse_address, shows_another_address};
use super::sign_up::refuse_if_undeliverable;
use crate::accounts::{MagicLinkOutcome, MagicLinkRequest};
use crate::domain::{LinkToken, calendar};

/// `POST /users/send-magic-link`. Two pages have this form: where the address has changed meanwhile, the page that shows it leads on to the one
/// that fits.
///
/// # Errors
/// When a part of the house does not answer, or the budget for this address is spent.
pub async fn post_send(
    app: Data<App>,
    browser: Browser,
    Form(fields): Form,
) -> Result<HttpResponse, PageError> {
    let email = identified(&browser).await?;
    if shows_another_address(&fields, &email)? {
        return Ok(address_changed());
    }
    budgets::spend(&app, &browser, budgets::SEND_MAGIC_LINK, email.as_str()).await?;
    if let Some(refusal) = refuse_if_undeliverable(&app, &browser, &email).await? {
        return Ok(refusal);
    }
    match app.accounts.request_magic_link(&email).await? {
        MagicLinkRequest::Sent => {
            browser
                .update(move |visit| visit.link_asked_for = Some(email.clone()))
                .await?;
            Ok(redirect("/users/magic-link-sent"))
        }
        MagicLinkRequest::Refused => refuse_address(&browser, email.as_str(), None).await,
    }
}

/// `GET /users/magic-link-sent`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get_sent(app: Data<App>, browser: Browser) -> Result<HttpResponse, PageError> {
    let email = browser.visit().await?.email;
    let page = MagicLinkSentPage {
        email: email.map(|email| email.as_str().to_owned()),
        lifetime: calendar::lasting(app.accounts.magic_link_lifetime()),
    };
    html(&app, &shell(&app, &browser, None).await?, &page)
}

/// `GET /users/sign-in-with-magic-link`: opens nothing by itself, since mail scanners follow links. In the browser that asked for a link
/// to this address the form is sent without a click. That somebody typed the address there, or a relying party hinted at it, is not enough: a
/// stranger's link would sign the person in as the stranger.
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get(app: Data<App>, browser: Browser, Query(query): Query) -> Result<HttpResponse, PageError> {
    let Some(token) = token_of(&query)? else {
        return Ok(invalid());
    };
    let shell = shell(&app, &browser, None).await?;
    let asked_here = match browser.visit().await?.link_asked_for {
        Some(email) => app.accounts.email_of_magic_link(&token).await? == Some(email),
        None => false,
    };
    if asked_here {
        let page =
            AutoSubmitPage::magic_link(shell.csrf_token.as_deref().unwrap_or_default(), token.expose());
        return html(&app, &shell, &page);
    }
    let page = SignInWithMagicLinkPage {
        magic_link_token: token.expose().to_owned(),
    };
    html(&app, &shell, &page)
}

/// `POST /users/sign-in-with-magic-link`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn post(app: Data<App>, browser: Browser, Form(fields): Form) -> Result<HttpResponse, PageError> {
    let Some(token) = token_of(&fields)? else {
        return Ok(invalid());
    };
    let sid = Sid::draw();
    let names = browser.names_for(&sid);
    let outcome = app
        .accounts
        .sign_in_with_magic_link(&token, &names, &browser.device())
        .await?;
    match outcome {
        MagicLinkOutcome::Invalid => Ok(invalid()),
        MagicLinkOutcome::SignedIn(user_id) => {
            browser.become_signed_in(sid).await?;
            browser.trust(user_id);
            go_on(&browser).await
        }
    }
}

fn token_of(fields: &Fields) -> Result<Option<LinkToken>, PageError> {
    Ok(fields.one("magic_link_token")?.and_then(LinkToken::parse))
}

fn invalid() -> HttpResponse {
    redirect("/users/start-sign-in?notification=invalid_magic_link")
}
