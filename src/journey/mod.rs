//! What still stands between this person and where they are going?
//!
//! A [`Ladder`] is an ordered list of [`Requirement`]s, declared in the route table. [`next_step`] evaluates it over one [`Journey`]
//! loaded once per request, and is pure. No other place decides on a redirect for a missing requirement.

mod ladder;
pub mod ladders;
mod person;
mod place;
mod requirement;
mod service;
mod visit;

pub use ladder::{Effect, Ladder, Step, next_step};
pub use person::{Link, Person};
pub use place::Place;
pub use requirement::{ENROLMENT_WINDOW, Requirement};
pub use service::Journeys;
pub use visit::{
    CertificationRefusal, PendingInteraction, PersonalDraft, PersonalForm, Prompt, ReopenedRequest, Visit,
};

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::{OrganizationId, OrganizationLevel, TrustedBrowser};

/// Everything that the requirements look at.
#[derive(Debug, Clone)]
pub struct Journey {
    /// The moment of the request.
    pub now: DateTime<Utc>,
    /// Durations and toggles of this deployment.
    pub rules: Rules,
    /// What the browser session is doing.
    pub visit: Visit,
    /// Who is signed in, if somebody is.
    pub person: Option<Person>,
    /// What this browser claims to have proven (cookie `trusted-browser`).
    pub trusted_browser: Option<TrustedBrowser>,
}

/// Durations and toggles of this deployment that requirements depend on.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// `RECENT_LOGIN_INTERVAL_IN_SECONDS`
    pub recent_login_interval: TimeDelta,
    /// `MAX_DURATION_BETWEEN_TWO_EMAIL_ADDRESS_VERIFICATION_IN_MINUTES`
    pub email_verification_max_age: TimeDelta,
    /// `FRANCECONNECT_VERIFICATION_MAX_AGE_IN_MINUTES`
    pub franceconnect_max_age: TimeDelta,
    /// `CERTIFICATION_DIRIGEANT_MAX_AGE_IN_MINUTES`
    pub certification_max_age: TimeDelta,
    /// `TRUSTED_BROWSER_COOKIE_MAX_AGE_IN_SECONDS`
    pub trusted_browser_max_age: TimeDelta,
    /// `FEATURE_AUTHENTICATE_BROWSER`
    pub authenticate_browser: bool,
}

impl Journey {
    /// The interaction in progress, unless it has expired.
    #[must_use]
    pub fn interaction(&self) -> Option<&PendingInteraction> {
        self.visit.interaction_at(self.now)
    }

    /// The request of a relying party that this browser came for, if it waits no longer.
    #[must_use]
    pub fn expired_request(&self) -> Option<&PendingInteraction> {
        self.visit
            .interaction
            .as_ref()
            .filter(|_| self.interaction().is_none())
    }

    /// The organization as whose executive the person is to be certified before anything else: the one that they want to join, or the
    /// selected one when no certification of theirs is fresh enough for the request.
    #[must_use]
    pub fn organization_to_certify(&self) -> Option<OrganizationId> {
        self.interaction()
            .filter(|interaction| interaction.requests_certification_dirigeant())?;
        let person = self.person.as_ref()?;
        if let Some(pending) = self.visit.pending_certification {
            return Some(pending);
        }
        let link = person.selected_link()?;
        let is_certified = person.level_of(link, self) == OrganizationLevel::Certified;
        (!is_certified).then_some(link.organization)
    }

    /// Whether the browser has proven to be the one of the person who is signed in.
    #[must_use]
    pub fn browser_is_known(&self) -> bool {
        let (Some(person), Some(claim)) = (&self.person, self.trusted_browser) else {
            return false;
        };
        let max_age = self.rules.trusted_browser_max_age;
        claim.holds_for(person.user_id, person.credentials_changed_at, max_age, self.now)
    }

    /// Whether the browser counts as trusted for the person who is signed in.
    #[must_use]
    pub fn browser_is_trusted(&self) -> bool {
        !self.rules.authenticate_browser || self.browser_is_known()
    }
}

/// Whether `instant` is unknown or lies more than `duration` before `now`: an instant exactly that old still holds.
#[must_use]
pub fn is_expired(instant: Option<DateTime<Utc>>, duration: TimeDelta, now: DateTime<Utc>) -> bool {
    instant.is_none_or(|instant| now - instant > duration)
}

#[cfg(test)]
mod tests;
