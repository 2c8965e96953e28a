//! The organizations of an account: those that the person acts for, and those that they have asked to join.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

use super::app::App;
use super::confirmations::{self, ask, is_confirmed};
use super::error::PageError;
use super::form::{Form, Query};
use super::gate::redirect;
use super::page::{html, notification, shell};
use super::pages::manage_organizations::{ManageOrganizationsPage, PendingRequest};
use super::pages::organizations::{Establishment, OrganizationTile};
use super::select_organization::tile;
use super::session::Browser;
use super::verify_email::signed_in;
use crate::db::moderations::ModeratedOrganization;
use crate::domain::{ModerationId, OrganizationId};
use crate::organizations::RequestOutcome;

const MANAGE_ORGANIZATIONS: &str = "/manage-organizations";

/// `GET /manage-organizations`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get(app: Data<App>, browser: Browser, Query(query): Query) -> Result<HttpResponse, PageError> {
    let person = signed_in(&browser).await?;
    let requests = app.organizations.pending_requests(person.user_id).await?;
    let requests = requests
        .into_iter()
        .map(|request| PendingRequest {
            moderation_id: request.id.0,
            organization: requested_tile(request.organization),
        })
        .collect();
    let page = ManageOrganizationsPage::new(person.links.iter().map(tile).collect(), requests);
    html(&app, &shell(&app, &browser, notification(&query)).await?, &page)
}

/// `POST /users/quit-organization/{id}`, once it was confirmed.
///
/// # Errors
/// When the person is no member, or a part of the house does not answer.
pub async fn post_quit(
    app: Data<App>,
    browser: Browser,
    id: Path<String>,
    Form(fields): Form,
) -> Result<HttpResponse, PageError> {
    let organization: OrganizationId = id.parse().map_err(|_| UNKNOWN_ORGANIZATION)?;
    let person = signed_in(&browser).await?;
    if !is_confirmed(&fields)? {
        let mut links = person.links.iter();
        let link = links.find(|link| link.organization == organization);
        return ask(
            &app,
            &browser,
            confirmations::QUIT_ORGANIZATION,
            Some(tile(link.ok_or(PageError::NotFound)?).libelle),
            format!("/users/quit-organization/{organization}"),
            MANAGE_ORGANIZATIONS.to_owned(),
        )
        .await;
    }
    if !app.organizations.quit(person.user_id, organization).await? {
        return Err(PageError::NotFound);
    }
    Ok(redirect(&format!(
        "{MANAGE_ORGANIZATIONS}?notification=quit_organization_success"
    )))
}

/// `POST /users/cancel-moderation/{id}`
///
/// # Errors
/// When the request is somebody else's or was accepted, or a part of the house does not answer.
pub async fn post_cancel(
    app: Data<App>,
    browser: Browser,
    id: Path<String>,
    Form(_): Form,
) -> Result<HttpResponse, PageError> {
    cancel(&app, &browser, &id).await?;
    Ok(redirect(&format!(
        "{MANAGE_ORGANIZATIONS}?notification=cancel_moderation_success"
    )))
}

/// Withdraws the request that the path names.
///
/// # Errors
/// When it is somebody else's or was accepted, or a part of the house does not answer.
pub(super) async fn cancel(app: &App, browser: &Browser, id: &str) -> Result<(), PageError> {
    let id: ModerationId = id
        .parse()
        .map_err(|_| PageError::BadRequest("Cette demande n’existe pas."))?;
    let person = signed_in(browser).await?;
    match app.organizations.cancel_request(person.user_id, id).await? {
        RequestOutcome::Done => Ok(()),
        RequestOutcome::NotOpen => Err(PageError::NotFound),
        RequestOutcome::Forbidden => Err(PageError::Forbidden(
            "Cette demande a été faite par une autre personne.",
        )),
    }
}

const UNKNOWN_ORGANIZATION: PageError = PageError::BadRequest("Cette organisation n’existe pas.");

/// The tile of an organization that somebody asks to join.
pub(super) fn requested_tile(organization: ModeratedOrganization) -> OrganizationTile {
    OrganizationTile {
        id: organization.id.0,
        libelle: organization
            .cached_libelle
            .unwrap_or_else(|| organization.siret.clone()),
        siret: organization.siret,
        address: organization.cached_adresse.unwrap_or_default(),
        activity: organization
            .cached_libelle_activite_principale
            .filter(|activity| !activity.is_empty()),
        establishment: organization.cached_siege_social.map(Establishment::new),
        certified: false,
    }
}
