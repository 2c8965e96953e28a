//! Being certified as an executive: asking the registers, and the pages that tell what they said (spec/organizations.md §5).

use actix_web::HttpResponse;
use actix_web::web::Data;

use super::app::App;
use super::error::PageError;
use super::gate::{climb, go_on, redirect};
use super::page::{html, shell, unavailable, way_out};
use super::pages::certification::{
    CertifiedPage, CloseMatchPage, NoMatchPage, NotCoveredPage, RegistersUnavailablePage,
};
use super::select_organization::tile;
use super::session::Browser;
use super::verify_email::signed_in;
use crate::certification::{Candidate, CertificationOutcome, Refused};
use crate::domain::LinkVerificationType;
use crate::domain::certification::{Criterion, Register};
use crate::journey::{CertificationRefusal, Place, ladders};

const NOT_COVERED: &str = "/users/certification-dirigeant/organization-not-covered-error";
const CLOSE_MATCH: &str = "/users/certification-dirigeant/close-match-error";
const NO_MATCH: &str = "/users/certification-dirigeant/no-match-error";
/// The OAuth error with which a person returns to the service.
const ERROR: &str = "login_required";

/// `GET /users/certification-dirigeant`: asks the registers, when the journey wants it; looked at again, it tries again.
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get(app: Data<App>, browser: Browser) -> Result<HttpResponse, PageError> {
    let person = signed_in(&browser).await?;
    let journey = browser.journey().await?;
    let Some(organization) = journey.organization_to_certify() else {
        return go_on(&browser).await;
    };
    let missing = climb(&browser, ladders::CERTIFICATION).await?;
    if let Some(place) = missing.filter(|place| *place != Place::Certification) {
        return Ok(redirect(&place.path()));
    }
    let candidate = Candidate {
        user: person.user_id,
        session_uid: &person.session_uid,
    };
    let outcome = app
        .certification
        .certify(candidate, organization, &browser.device())
        .await?;
    let (page, refusal) = match outcome {
        CertificationOutcome::Certified => {
            settle(&browser, None).await?;
            return go_on(&browser).await;
        }
        CertificationOutcome::IdentityMissing => return Ok(redirect(&Place::FranceConnect.path())),
        CertificationOutcome::SessionEnded => {
            browser.look_again();
            return go_on(&browser).await;
        }
        CertificationOutcome::Unavailable => {
            let description = "Certification dirigeant: unavailable";
            let page = |link| RegistersUnavailablePage { link };
            return unavailable(&app, &browser, description, page).await;
        }
        CertificationOutcome::NotCovered => (NOT_COVERED, None),
        CertificationOutcome::CloseMatch {
            refused,
            register,
            matches,
        } => (CLOSE_MATCH, Some(refusal(refused, register, &matches))),
        CertificationOutcome::NoMatch { refused, register } => {
            (NO_MATCH, Some(refusal(refused, register, &[])))
        }
    };
    settle(&browser, refusal).await?;
    Ok(redirect(page))
}

fn refusal(refused: Refused, register: Register, matches: &[Criterion]) -> CertificationRefusal {
    CertificationRefusal {
        organization: refused.organization,
        siren: refused.siren,
        register: register.label().to_owned(),
        matches: matches
            .iter()
            .map(|criterion| criterion.as_str().to_owned())
            .collect(),
    }
}

/// The question is answered: nothing waits any more.
async fn settle(browser: &Browser, refusal: Option<CertificationRefusal>) -> Result<(), PageError> {
    browser
        .update(move |visit| {
            visit.pending_certification = None;
            visit.certification_refusal.clone_from(&refusal);
        })
        .await?;
    browser.look_again();
    Ok(())
}

/// `GET /users/certification-dirigeant/organization-not-covered-error`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get_not_covered(app: Data<App>, browser: Browser) -> Result<HttpResponse, PageError> {
    let description = "Certification dirigeant: organization not covered";
    let link = way_out(&browser, ERROR, description).await?;
    html(
        &app,
        &shell(&app, &browser, None).await?,
        &NotCoveredPage { link },
    )
}

/// `GET /users/certification-dirigeant/no-match-error`
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get_no_match(app: Data<App>, browser: Browser) -> Result<HttpResponse, PageError> {
    let refusal = browser.visit().await?.certification_refusal;
    let page = NoMatchPage {
        organization: refusal.as_ref().map(|refusal| refusal.organization.clone()),
        register: refusal.map(|refusal| refusal.register),
        link: way_out(&browser, ERROR, "Certification dirigeant: no match error").await?,
    };
    html(&app, &shell(&app, &browser, None).await?, &page)
}

/// `GET /users/certification-dirigeant/close-match-error`: the person's own identity, with what the register has otherwise marked. What the
/// register has is not shown.
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get_close_match(app: Data<App>, browser: Browser) -> Result<HttpResponse, PageError> {
    let person = signed_in(&browser).await?;
    let identity = app.certification.identity(person.user_id).await?;
    let (Some(refusal), Some(identity)) = (browser.visit().await?.certification_refusal, identity) else {
        return Ok(redirect("/"));
    };
    let description = "Certification dirigeant: close match error";
    let link = way_out(&browser, ERROR, description).await?;
    let page = CloseMatchPage::new(refusal, &identity, link);
    html(&app, &shell(&app, &browser, None).await?, &page)
}

/// `GET /users/welcome/dirigeant`: seeing it is what counts. It can be looked at again. An executive who has no identity to show on it is
/// led to prove one.
///
/// # Errors
/// When a part of the house does not answer.
pub async fn get_welcome(app: Data<App>, browser: Browser) -> Result<HttpResponse, PageError> {
    let person = signed_in(&browser).await?;
    // Others have a page of their own, and no identity to prove for it.
    let certified = person
        .link_to_greet()
        .or(person.selected_link())
        .filter(|link| link.verification_type == LinkVerificationType::OrganizationDirigeant);
    let Some(link) = certified else {
        return Ok(redirect("/"));
    };
    let Some(identity) = app.certification.identity(person.user_id).await? else {
        return Ok(redirect(&Place::FranceConnect.path()));
    };
    let page = CertifiedPage::new(
        (person.given_name.as_deref(), person.family_name.as_deref()),
        &person.email,
        &identity,
        tile(link),
    );
    let answer = html(&app, &shell(&app, &browser, None).await?, &page)?;
    app.accounts.greet(person.user_id, link.organization).await?;
    Ok(answer)
}
