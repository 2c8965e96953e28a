//! A request to join an organization, as its author sees it.

use std::borrow::Cow;

use serde::Serialize;

use super::organizations::OrganizationTile;
use crate::web::render::{Layout, Page};

/// Who asks for what.
#[derive(Debug, Clone, Serialize)]
pub struct RequestDetails {
    pub moderation_id: i32,
    pub given_name: String,
    pub family_name: String,
    pub email: String,
    pub organization: OrganizationTile,
}

/// « Rattachement en cours » (spec ui F1).
#[derive(Debug, Clone, Serialize)]
pub struct PendingModerationPage {
    pub request: RequestDetails,
}

impl Page for PendingModerationPage {
    const TEMPLATE: &'static str = "pages/organizations/moderation-pending";
    const LAYOUT: Layout = Layout::Connexion;

    fn title(&self) -> Cow<'_, str> {
        "Rattachement en cours".into()
    }
}

/// « Demande refusée », or what is to be corrected (spec ui F2).
#[derive(Debug, Clone, Serialize)]
pub struct RejectedModerationPage {
    pub request: RequestDetails,
    /// What the moderator says.
    pub reason: String,
    /// Whether correcting one's names opens the request again.
    pub allow_editing: bool,
}

impl Page for RejectedModerationPage {
    const TEMPLATE: &'static str = "pages/organizations/moderation-rejected";
    const LAYOUT: Layout = Layout::Connexion;

    fn title(&self) -> Cow<'_, str> {
        if self.allow_editing {
            "Informations à corriger".into()
        } else {
            "Demande refusée".into()
        }
    }
}
