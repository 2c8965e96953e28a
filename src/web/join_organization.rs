//! Joining an organization: asking for its SIRET, suggesting some, confirming the address, and saying why it is not possible.

use actix_web::HttpResponse;
use actix_web::web::Data;
use url::form_urlencoded;

use super::app::App;
use super::error::PageError;
use super::fields::Fields;
use super::form::{Form, Query};
use super::gate::{go_on, redirect};
use super::manage_organizations::requested_tile;
use super::page::{field_error_or_notification, html, notification, notification_code, shell};
use super::pages::joining::{
    ConfirmJoiningPage, DomainNotAllowedPage, DomainRefusedPage, JoinOrganizationPage, PrivateSectorPage,
    PublicSectorOnlyPage, RequestUnderStudy, SuggestionsPage,
};
use super::session::Browser;
use super::verify_email::signed_in;
use crate::db::moderations::ModeratedOrganization;
use crate::domain::email_domain::{allowed_domains, is_gendarmerie};
use crate::domain::{OrganizationId, Siret};
use crate::journey::{PendingInteraction, Place, Visit};
use crate::organizations::{JoinOutcome, JoinRequest, Refusal};

const JOIN_ORGANIZATION: &str = "/users/join-organization";

const ANNUAIRE: &str = "https://annuaire-entreprises.data.gouv.fr/?mtm_campaign=proconnect";
/// The gendarmerie has one establishment a region.
const ANNUAIRE_OF_GENDARMERIE: &str = "https://annuaire-entreprises.data.gouv.fr/rechercher?terme=r%C3%A9gion%20de%20gendarmerie&mtm_campaign=proconnect";

/// Tells in the query that a SIRET was refused, whatever for.
const INVALID_SIRET: &str = "invalid_siret";
const CLOSED: &str = "D’après l’INSEE, cet établissement est fermé. S’il a déménagé ou changé de forme, son nouveau SIRET figure dans l’Annuaire des Entreprises.";
const UNKNOWN: &str =
    "Nous n’avons trouvé aucun établissement qui porte ce numéro\u{a0}: vérifiez ses 14 chiffres.";

/// What is shown again of a SIRET that was typed, in characters.
const SHOWN_HINT: usize = 30;
/// Of so many requests under study the form tells.
const SHOWN_REQUESTS: i64 = 3;

/// `GET /users/join-organization`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get(app: Data<App>, browser: Browser, Query(query): Query) -> Result<HttpResponse, PageError> {
    let person = signed_in(&browser).await?;
    let siret_hint = query.one("siret_hint")?.filter(|hint| !hint.is_empty());
    let wants_the_form = siret_hint.is_some()
        || notification_code(&query).is_some()
        || query.flag("do_not_propose_suggestions")?;
    if !wants_the_form {
        let suggestions = app
            .organizations
            .suggestions(&person.email, person.links.len())
            .await?;
        if !suggestions.is_empty() {
            return Ok(redirect("/users/organization-suggestions"));
        }
    }
    let (is_refused, notification) = field_error_or_notification(&query, INVALID_SIRET);
    let is_closed = query.flag("closed")?;
    let siret_error = is_refused.then(|| siret_error(siret_hint.unwrap_or_default(), is_closed));
    let requests = app
        .organizations
        .first_pending_requests(person.user_id, SHOWN_REQUESTS)
        .await?;
    let domain = person.email.rsplit('@').next().unwrap_or_default();
    let page = JoinOrganizationPage {
        siret_hint: siret_hint.map(|hint| hint.chars().take(SHOWN_HINT).collect()),
        annuaire_url: if is_gendarmerie(domain) {
            ANNUAIRE_OF_GENDARMERIE
        } else {
            ANNUAIRE
        },
        siret_error,
        requests: requests
            .into_iter()
            .map(|request| RequestUnderStudy {
                moderation_id: request.id.0,
                organization: request.organization.name().to_owned(),
            })
            .collect(),
    };
    html(&app, &shell(&app, &browser, notification).await?, &page)
}

/// Why the SIRET that was sent before was refused.
fn siret_error(typed: &str, is_closed: bool) -> String {
    let reason = if is_closed {
        CLOSED.to_owned()
    } else if typed.parse::<Siret>().is_ok() {
        UNKNOWN.to_owned()
    } else {
        shape_error(typed)
    };
    format!("SIRET invalide. {reason}")
}

/// Why a text is no SIRET; the page says the same before it is sent (`assets/js/lib/siret-text.js`).
fn shape_error(typed: &str) -> String {
    let is_digit = |character: &char| character.is_ascii_digit() || ('０'..='９').contains(character);
    let count = typed.chars().filter(is_digit).count();
    let told = format!("Le SIRET compte 14 chiffres\u{a0}; vous en avez saisi {count}");
    match count {
        0 => "Le SIRET compte 14 chiffres, et rien d’autre.".to_owned(),
        9 => format!("{told}\u{a0}: c’est peut-être un SIREN, qui n’en compte que 9."),
        14 => {
            "Le SIRET ne compte que des chiffres\u{a0}: retirez les lettres et les autres signes.".to_owned()
        }
        _ => format!("{told}."),
    }
}

/// `GET /users/organization-suggestions`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get_suggestions(
    app: Data<App>,
    browser: Browser,
    Query(query): Query,
) -> Result<HttpResponse, PageError> {
    let person = signed_in(&browser).await?;
    let suggestions = app
        .organizations
        .suggestions(&person.email, person.links.len())
        .await?;
    if suggestions.is_empty() {
        return Ok(redirect(
            "/users/join-organization?do_not_propose_suggestions=true",
        ));
    }
    let page = SuggestionsPage {
        organizations: suggestions.into_iter().map(requested_tile).collect(),
    };
    html(&app, &shell(&app, &browser, notification(&query)).await?, &page)
}

/// `POST /users/join-organization`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn post(app: Data<App>, browser: Browser, Form(fields): Form) -> Result<HttpResponse, PageError> {
    let typed = fields.one("siret")?.unwrap_or_default();
    let is_confirmed = fields.flag("confirmed")?;
    let Ok(siret) = typed.parse::<Siret>() else {
        return Ok(back_to_the_form(typed, INVALID_SIRET, false));
    };
    let person = signed_in(&browser).await?;
    let journey = browser.journey().await?;
    if journey.visit.pending_moderation.is_some() || journey.visit.pending_certification.is_some() {
        browser.update(forget_pending).await?;
    }
    let interaction = journey.interaction();
    let request = JoinRequest {
        user: person.user_id,
        email: &person.email,
        siret: &siret,
        is_confirmed,
        certification_requested: interaction
            .is_some_and(PendingInteraction::requests_certification_dirigeant),
        sp_name: interaction.and_then(|pending| pending.sp_name.as_deref()),
    };
    match app.organizations.join(request).await? {
        JoinOutcome::Linked(organization) => {
            browser.look_again();
            browser.select_organization(organization).await?;
            go_on(&browser).await
        }
        JoinOutcome::NeedsModeration(organization) => {
            browser
                .update(move |visit| visit.pending_moderation = Some(organization))
                .await?;
            go_on(&browser).await
        }
        JoinOutcome::NeedsCertification(organization) => {
            browser
                .update(move |visit| visit.pending_certification = Some(organization))
                .await?;
            go_on(&browser).await
        }
        JoinOutcome::Refused(organization, refusal) => Ok(refused(typed, organization, refusal)),
        JoinOutcome::UnknownSiret => Ok(back_to_the_form(typed, INVALID_SIRET, false)),
        JoinOutcome::RegisterUnavailable => Ok(back_to_the_form(typed, "insee_unexpected_error", false)),
    }
}

fn forget_pending(visit: &mut Visit) {
    visit.pending_moderation = None;
    visit.pending_certification = None;
}

/// The page that says why.
fn refused(typed: &str, organization: OrganizationId, refusal: Refusal) -> HttpResponse {
    match refusal {
        Refusal::OrganizationNotActive => back_to_the_form(typed, INVALID_SIRET, true),
        Refusal::AlreadyMember => back_to_the_form(typed, "user_in_organization_already", false),
        Refusal::AlreadyAsked(moderation) => redirect(&Place::PendingModeration { moderation }.path()),
        Refusal::Rejected(moderation) => {
            redirect(&format!("/users/moderation-rejected?moderation_id={moderation}"))
        }
        Refusal::DomainNotAllowed => redirect(&format!(
            "/users/domain-not-allowed-for-organization?organization_id={organization}"
        )),
        Refusal::DomainRefused => redirect(&format!(
            "/users/domain-refused-for-organization?organization_id={organization}"
        )),
        Refusal::GouvFrForPrivateOrganization => redirect("/users/access-restricted-to-private-sector-email"),
        Refusal::RestrictedToPublicServiceEmails => {
            redirect("/users/access-restricted-to-public-sector-email")
        }
        Refusal::MustConfirm => redirect(&format!(
            "/users/join-organization-confirm?organization_id={organization}"
        )),
    }
}

/// The form again, with what was typed.
fn back_to_the_form(typed: &str, notification: &str, is_closed: bool) -> HttpResponse {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("notification", notification)
        .append_pair("siret_hint", typed);
    if is_closed {
        query.append_pair("closed", "true");
    }
    redirect(&format!("{JOIN_ORGANIZATION}?{}", query.finish()))
}

/// `GET /users/join-organization-confirm`
///
/// # Errors
/// When there is no such organization, or a part of the house does not answer.
pub async fn get_confirm(
    app: Data<App>,
    browser: Browser,
    Query(query): Query,
) -> Result<HttpResponse, PageError> {
    let organization = asked_about(&app, &query).await?;
    let page = ConfirmJoiningPage {
        organization: organization.name().to_owned(),
        siret: organization.siret,
        email: signed_in(&browser).await?.email,
    };
    html(&app, &shell(&app, &browser, None).await?, &page)
}

/// `GET /users/domain-not-allowed-for-organization`
///
/// # Errors
/// When there is no such organization, or a part of the house does not answer.
pub async fn get_domain_not_allowed(
    app: Data<App>,
    browser: Browser,
    Query(query): Query,
) -> Result<HttpResponse, PageError> {
    let organization = asked_about(&app, &query).await?;
    let siret: Option<Siret> = organization.siret.parse().ok();
    let page = DomainNotAllowedPage {
        organization: organization.name().to_owned(),
        domains: siret
            .as_ref()
            .and_then(allowed_domains)
            .unwrap_or_default()
            .join(", "),
        email: signed_in(&browser).await?.email,
    };
    html(&app, &shell(&app, &browser, None).await?, &page)
}

/// `GET /users/domain-refused-for-organization`
///
/// # Errors
/// When there is no such organization, or a part of the house does not answer.
pub async fn get_domain_refused(
    app: Data<App>,
    browser: Browser,
    Query(query): Query,
) -> Result<HttpResponse, PageError> {
    let organization = asked_about(&app, &query).await?;
    let page = DomainRefusedPage {
        organization: organization.name().to_owned(),
        email: signed_in(&browser).await?.email,
    };
    html(&app, &shell(&app, &browser, None).await?, &page)
}

/// `GET /users/access-restricted-to-public-sector-email`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get_public_sector_only(app: Data<App>, browser: Browser) -> Result<HttpResponse, PageError> {
    let page = PublicSectorOnlyPage {
        email: signed_in(&browser).await?.email,
    };
    html(&app, &shell(&app, &browser, None).await?, &page)
}

/// `GET /users/access-restricted-to-private-sector-email`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get_private_sector(app: Data<App>, browser: Browser) -> Result<HttpResponse, PageError> {
    let page = PrivateSectorPage {
        email: signed_in(&browser).await?.email,
    };
    html(&app, &shell(&app, &browser, None).await?, &page)
}

/// The organization that the query names.
async fn asked_about(app: &App, query: &Fields) -> Result<ModeratedOrganization, PageError> {
    let id: OrganizationId = query
        .required("organization_id")?
        .parse()
        .map_err(|_| PageError::BadRequest("Cette organisation n’existe pas."))?;
    app.organizations
        .organization(id)
        .await?
        .ok_or(PageError::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_of_a_siret_has_its_words() {
        for (typed, is_closed, expected) in [
            ("", false, "compte 14 chiffres, et rien d’autre"),
            ("mairie", false, "compte 14 chiffres, et rien d’autre"),
            ("130025265", false, "c’est peut-être un SIREN"),
            ("1234", false, "vous en avez saisi 4."),
            ("130.025.265.00013", false, "retirez les lettres"),
            ("１３００２５２６５０００１３", false, "retirez les lettres"),
            ("130 025 265 00014", false, "aucun établissement"),
            ("21850292000018", true, "cet établissement est fermé"),
        ] {
            let told = siret_error(typed, is_closed);
            assert!(
                told.starts_with("SIRET invalide. ") && told.contains(expected),
                "{typed:?}: {told}"
            );
        }
    }
}
