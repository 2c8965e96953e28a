//! From the journey of a browser to what the provider asks about the person.

use crate::journey::{Journey, Step, ladders, next_step};
use crate::oidc::{Authentication, SelectedOrganization};
use crate::web::error::PageError;
use crate::web::session::Browser;

/// Who is signed in with this browser, as the provider sees it.
///
/// # Errors
/// When a part of the house does not answer.
pub(super) async fn authentication_of(browser: &Browser) -> Result<Option<Authentication>, PageError> {
    Ok(authentication(&browser.journey_of_person().await?))
}

/// Who is signed in in `journey`, as the provider sees it.
pub(super) fn authentication(journey: &Journey) -> Option<Authentication> {
    let person = journey.person.as_ref()?;
    // As long as its official contact has to confirm the person, an organization is not theirs to represent.
    let confirmed_link = person
        .selected_link()
        .filter(|link| !link.needs_official_contact_email_verification);
    let selected_organization = confirmed_link.map(|link| SelectedOrganization {
        id: link.organization,
        siret: link.siret.clone(),
        level: person.level_of(link, journey),
    });
    Some(Authentication {
        session_uid: person.session_uid.clone(),
        user_id: person.user_id,
        email: person.email.clone(),
        auth_time: person.signed_in_at,
        amr: person.amr.clone(),
        identity_level: person.identity_level(journey),
        selected_organization,
        journey_complete: next_step(ladders::DIRECT_ANSWER, journey) == Step::Continue,
    })
}
