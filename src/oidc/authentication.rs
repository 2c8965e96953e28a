//! Who is signed in, as the web floor knows from the journey snapshot of this very request.

use chrono::{DateTime, Utc};

use crate::domain::{
    Acr, Amr, AuthenticationLevel, EssentialAcr, IdentityLevel, Levels, OrganizationId, OrganizationLevel,
    UserId,
};

/// The organization that a person acts for in this session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectedOrganization {
    pub id: OrganizationId,
    /// Fourteen digits.
    pub siret: String,
    /// What the link between the person and the organization is worth.
    pub level: OrganizationLevel,
}

/// A signed-in session that is alive now, and what policy says of it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authentication {
    /// The stable public name of the session (`identite_sessions.uid`).
    pub session_uid: String,
    pub user_id: UserId,
    /// As stored in `users.email`.
    pub email: String,
    /// The instant of the first factor.
    pub auth_time: DateTime<Utc>,
    /// The methods used, in order.
    pub amr: Vec<Amr>,
    pub identity_level: IdentityLevel,
    /// `None` as long as no organization of theirs is selected.
    pub selected_organization: Option<SelectedOrganization>,
    /// Nothing stands between this person and a relying party that asks for nothing special.
    pub journey_complete: bool,
}

impl Authentication {
    /// The acr to state to a relying party that insists on `request`, or `None` when the levels add up to nothing.
    #[must_use]
    pub fn acr_for(&self, request: Option<&EssentialAcr>) -> Option<Acr> {
        let organization = self.selected_organization.as_ref()?.level;
        let levels = Levels {
            identity: self.identity_level,
            authentication: AuthenticationLevel::of(&self.amr),
            organization,
        };
        levels.acr_for(request)
    }
}
