//! The ladder and its evaluation.

use super::{Journey, Place, Requirement};
use crate::domain::OrganizationId;

/// Requirements in the order in which a person meets them.
pub type Ladder = &'static [Requirement];

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Everything is met: serve the page.
    Continue,
    /// Lead the person to a page first.
    GoTo(Place),
    /// Do something that the person need not be asked for, then look again.
    Perform(Effect),
}

/// What a requirement does by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Make this organization the one that the session acts for.
    SelectOrganization(OrganizationId),
    /// Ask that somebody decide whether the person may act for this organization, and lead them to the page of the request.
    RequestModeration(OrganizationId),
}

/// The first requirement that is not met decides.
#[must_use]
pub fn next_step(ladder: Ladder, journey: &Journey) -> Step {
    for requirement in ladder {
        match requirement.check(journey) {
            Step::Continue => {}
            unmet => return unmet,
        }
    }
    Step::Continue
}
