//! The organizations of an account.

use std::borrow::Cow;

use serde::Serialize;

use super::organizations::OrganizationTile;
use crate::web::render::{Layout, MenuEntry, Page};

/// « Organisations » (spec ui I3).
#[derive(Debug, Clone, Serialize)]
pub struct ManageOrganizationsPage {
    organizations: Vec<OrganizationTile>,
    requests: Vec<PendingRequest>,
    is_empty: bool,
}

/// A request to join an organization that nobody has decided on.
#[derive(Debug, Clone, Serialize)]
pub struct PendingRequest {
    pub moderation_id: i32,
    pub organization: OrganizationTile,
}

impl ManageOrganizationsPage {
    /// The page for somebody who acts for these organizations and has asked to act for others.
    #[must_use]
    pub fn new(organizations: Vec<OrganizationTile>, requests: Vec<PendingRequest>) -> Self {
        Self {
            is_empty: organizations.is_empty() && requests.is_empty(),
            organizations,
            requests,
        }
    }
}

impl Page for ManageOrganizationsPage {
    const TEMPLATE: &'static str = "pages/organizations/manage";
    const LAYOUT: Layout = Layout::Dashboard(MenuEntry::Organizations);

    fn title(&self) -> Cow<'_, str> {
        "Organisations".into()
    }
}
