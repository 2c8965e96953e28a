//! Choosing the organization one acts for.

use actix_web::HttpResponse;
use actix_web::web::Data;

use super::app::App;
use super::error::PageError;
use super::form::{Form, Query};
use super::gate::go_on;
use super::page::{html, notification, shell};
use super::pages::organizations::{Establishment, OrganizationTile, SelectOrganizationPage};
use super::session::Browser;
use crate::domain::{LinkVerificationType, OrganizationId};
use crate::journey::{Link, Prompt};

/// The person's organizations.
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get(app: Data<App>, browser: Browser, Query(query): Query) -> Result<HttpResponse, PageError> {
    let journey = browser.journey().await?;
    let links = journey
        .person
        .as_ref()
        .map_or(&[][..], |person| person.links.as_slice());
    let page = SelectOrganizationPage::new(links.iter().map(tile).collect());
    html(&app, &shell(&app, &browser, notification(&query)).await?, &page)
}

/// Takes the choice, and leads on to what is still to be done for this organization.
///
/// # Errors
/// When it is none of the person's organizations, or a part of the house does not answer.
pub async fn post(browser: Browser, Form(fields): Form) -> Result<HttpResponse, PageError> {
    let organization: OrganizationId = fields
        .required("organization_id")?
        .parse()
        .map_err(|_| PageError::BadRequest("Cette organisation n’existe pas."))?;
    let journey = browser.journey().await?;
    let is_member = journey
        .person
        .as_ref()
        .is_some_and(|person| person.links.iter().any(|link| link.organization == organization));
    if !is_member {
        return Err(PageError::NotFound);
    }
    if browser.select_organization(organization).await? {
        browser
            .update(|visit| visit.answer_prompt(Prompt::SelectOrganization))
            .await?;
    }
    go_on(&browser).await
}

pub(super) fn tile(link: &Link) -> OrganizationTile {
    OrganizationTile {
        id: link.organization.0,
        siret: link.siret.clone(),
        libelle: link.libelle.clone().unwrap_or_else(|| link.siret.clone()),
        address: link.adresse.clone().unwrap_or_default(),
        activity: link
            .libelle_activite_principale
            .clone()
            .filter(|activity| !activity.is_empty()),
        establishment: link.is_siege_social.map(Establishment::new),
        certified: link.verification_type == LinkVerificationType::OrganizationDirigeant,
    }
}
