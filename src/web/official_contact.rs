//! The code that the official contact of an organization hands on.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

use super::app::App;
use super::budgets;
use super::error::PageError;
use super::form::{Form, Query};
use super::gate::{go_on, redirect};
use super::page::{field_error_or_notification, html, notification, shell};
use super::pages::official_contact::{AskWhichEmailPage, ContactCodePage};
use super::session::Browser;
use super::verify_email::{INVALID_CODE, signed_in};
use crate::domain::{Email, OrganizationId};
use crate::journey::Place;
use crate::organizations::{ChoiceRefusal, ContactCodeOutcome, ContactPage};

const NOT_NEEDED: &str =
    "/users/join-organization?notification=official_contact_email_verification_not_needed";
const UNAVAILABLE: &str = "/users/join-organization?notification=api_annuaire_error";

/// `GET /users/official-contact-ask-which-email/{organization_id}`
///
/// # Errors
/// When the person has joined no such organization, or a part of the house does not answer.
pub async fn get_ask(
    app: Data<App>,
    browser: Browser,
    id: Path<String>,
    Query(query): Query,
) -> Result<HttpResponse, PageError> {
    let organization = parse(&id)?;
    let person = signed_in(&browser).await?;
    let page = match app
        .organizations
        .official_contacts_of(person.user_id, organization)
        .await?
    {
        ContactPage::ChooseAddress(emails) => AskWhichEmailPage {
            organization_id: organization.0,
            emails: emails.iter().map(ToString::to_string).collect(),
        },
        // There is nothing to choose: the page of the code says why.
        ContactPage::CodeSent {
            email,
            organization_type,
            offers_choice,
            refusal: Some(refusal),
        } => {
            let page = ContactCodePage {
                organization_id: organization.0,
                organization_type: organization_type.as_str(),
                email,
                has_other_organizations: person.links.len() > 1,
                offers_choice,
                choice_refusal: Some(explanation(refusal)),
                has_code_error: false,
            };
            return html(&app, &shell(&app, &browser, notification(&query)).await?, &page);
        }
        ContactPage::CodeSent { refusal: None, .. } => {
            return Ok(redirect(&Place::OfficialContact { organization }.path()));
        }
        ContactPage::NotNeeded => return Ok(redirect(NOT_NEEDED)),
        ContactPage::DirectoryUnavailable => return Ok(redirect(UNAVAILABLE)),
        ContactPage::TooManyCodes { retry_after } => return Err(PageError::TooManyRequests { retry_after }),
        ContactPage::NotFound => return Err(PageError::NotFound),
    };
    html(&app, &shell(&app, &browser, notification(&query)).await?, &page)
}

/// `GET /users/official-contact-email-verification/{organization_id}`: sends the code, if it is time.
///
/// # Errors
/// When the person has joined no such organization, the budget for this account is spent, or a part of the house does not answer.
pub async fn get(
    app: Data<App>,
    browser: Browser,
    id: Path<String>,
    Query(query): Query,
) -> Result<HttpResponse, PageError> {
    let organization = parse(&id)?;
    let chosen = query
        .one("contact_email")?
        .map(Email::parse)
        .transpose()
        .map_err(|_| PageError::BadRequest("Cette adresse email n’est pas valide."))?;
    let (has_code_error, notification) = field_error_or_notification(&query, INVALID_CODE);
    let person = signed_in(&browser).await?;
    budgets::spend(&app, &browser, budgets::SEND_CONTACT_CODE, &person.email).await?;
    let outcome = app
        .organizations
        .request_contact_code(person.user_id, organization, chosen.as_ref())
        .await?;
    let page = match outcome {
        ContactPage::CodeSent {
            email,
            organization_type,
            offers_choice,
            refusal,
        } => ContactCodePage {
            organization_id: organization.0,
            organization_type: organization_type.as_str(),
            email,
            has_other_organizations: person.links.len() > 1,
            offers_choice,
            choice_refusal: refusal.map(explanation),
            has_code_error,
        },
        ContactPage::ChooseAddress(_) => {
            return Ok(redirect(&format!(
                "/users/official-contact-ask-which-email/{organization}"
            )));
        }
        ContactPage::NotNeeded => return Ok(redirect(NOT_NEEDED)),
        ContactPage::DirectoryUnavailable => return Ok(redirect(UNAVAILABLE)),
        ContactPage::TooManyCodes { retry_after } => return Err(PageError::TooManyRequests { retry_after }),
        ContactPage::NotFound => return Err(PageError::NotFound),
    };
    html(&app, &shell(&app, &browser, notification).await?, &page)
}

/// `POST /users/official-contact-email-verification/{organization_id}`
///
/// # Errors
/// When the person has joined no such organization, the budget for this account is spent, or a part of the house does not answer.
pub async fn post(
    app: Data<App>,
    browser: Browser,
    id: Path<String>,
    Form(fields): Form,
) -> Result<HttpResponse, PageError> {
    let organization = parse(&id)?;
    let typed = fields
        .one("official_contact_email_verification_token")?
        .unwrap_or_default();
    let person = signed_in(&browser).await?;
    budgets::spend(&app, &browser, budgets::VERIFY_EMAIL, &person.email).await?;
    budgets::spend_on(&app, budgets::CODES_PER_SESSION, &person.session_uid).await?;
    let outcome = app
        .organizations
        .verify_contact_code(person.user_id, organization, typed)
        .await?;
    match outcome {
        ContactCodeOutcome::Verified => {
            browser.look_again();
            go_on(&browser).await
        }
        ContactCodeOutcome::Invalid => Ok(redirect(&format!(
            "{}?notification={INVALID_CODE}",
            Place::OfficialContact { organization }.path()
        ))),
        ContactCodeOutcome::NotNeeded => Ok(redirect(NOT_NEEDED)),
        ContactCodeOutcome::NotFound => Err(PageError::NotFound),
    }
}

/// Why another address gets no code.
const fn explanation(refusal: ChoiceRefusal) -> &'static str {
    match refusal {
        ChoiceRefusal::TooManyCodes => {
            "Vous avez demandé plusieurs codes en moins d’une heure\u{a0}: aucun n’a été envoyé à l’adresse que vous venez de choisir."
        }
        ChoiceRefusal::DirectoryAway => {
            "L’annuaire des adresses officielles ne répond pas\u{a0}: aucun code n’a pu être envoyé à une autre adresse, réessayez dans quelques minutes."
        }
        ChoiceRefusal::NotOfficial => {
            "L’adresse que vous venez de choisir ne figure pas parmi les adresses officielles de cette organisation\u{a0}: aucun code n’y a été envoyé."
        }
        ChoiceRefusal::Overtaken => {
            "Un code vient d’être envoyé à une autre adresse, sans doute depuis un autre onglet\u{a0}: aucun n’a été envoyé à celle que vous venez de choisir."
        }
        ChoiceRefusal::NothingElse => {
            "L’annuaire ne connaît pas d’autre adresse officielle de cette organisation."
        }
    }
}

fn parse(id: &str) -> Result<OrganizationId, PageError> {
    id.parse()
        .map_err(|_| PageError::BadRequest("Cette organisation n’existe pas."))
}
