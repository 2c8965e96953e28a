//! Joining an organization, and why it may not be possible.

use std::borrow::Cow;

use serde::Serialize;

use super::organizations::OrganizationTile;
use crate::web::render::{Layout, Page};

/// « Rejoindre une organisation » (spec ui E1). With a [`siret_error`](Self::siret_error), the shell holds no notification: the error is
/// under the field.
#[derive(Debug, Clone, Serialize)]
pub struct JoinOrganizationPage {
    /// What stands in the field: what a service announced, or what was typed before.
    pub siret_hint: Option<String>,
    /// Where people look their organization up.
    pub annuaire_url: &'static str,
    /// Why what was typed before was refused.
    pub siret_error: Option<String>,
    /// What the person has asked for already.
    pub requests: Vec<RequestUnderStudy>,
}

/// A request to join an organization that nobody has decided on.
#[derive(Debug, Clone, Serialize)]
pub struct RequestUnderStudy {
    pub moderation_id: i32,
    /// Name of the organization.
    pub organization: String,
}

impl Page for JoinOrganizationPage {
    const TEMPLATE: &'static str = "pages/organizations/join";
    const LAYOUT: Layout = Layout::Connexion;

    fn title(&self) -> Cow<'_, str> {
        "Rejoindre une organisation".into()
    }

    fn has_field_error(&self) -> bool {
        self.siret_error.is_some()
    }
}

/// « Votre organisation de rattachement », as the address suggests it (spec ui E2).
#[derive(Debug, Clone, Serialize)]
pub struct SuggestionsPage {
    pub organizations: Vec<OrganizationTile>,
}

impl Page for SuggestionsPage {
    const TEMPLATE: &'static str = "pages/organizations/suggestions";
    const LAYOUT: Layout = Layout::Connexion;

    fn title(&self) -> Cow<'_, str> {
        "Votre organisation de rattachement".into()
    }
}

/// « Confirmer le rattachement » (spec ui E3).
#[derive(Debug, Clone, Serialize)]
pub struct ConfirmJoiningPage {
    /// Name of the organization.
    pub organization: String,
    pub siret: String,
    /// Of the account.
    pub email: String,
}

impl Page for ConfirmJoiningPage {
    const TEMPLATE: &'static str = "pages/organizations/confirm";
    const LAYOUT: Layout = Layout::Connexion;

    fn title(&self) -> Cow<'_, str> {
        "Confirmer le rattachement".into()
    }
}

/// The addresses of these domains only may join (spec ui F5).
#[derive(Debug, Clone, Serialize)]
pub struct DomainNotAllowedPage {
    /// Name of the organization.
    pub organization: String,
    /// Joined by commas.
    pub domains: String,
    /// Of the account.
    pub email: String,
}

impl Page for DomainNotAllowedPage {
    const TEMPLATE: &'static str = "pages/organizations/domain-not-allowed";
    const LAYOUT: Layout = Layout::Connexion;

    fn title(&self) -> Cow<'_, str> {
        "Accès restreint".into()
    }
}

/// The organization does not want addresses of this domain (spec ui F6).
#[derive(Debug, Clone, Serialize)]
pub struct DomainRefusedPage {
    /// Name of the organization.
    pub organization: String,
    /// Of the account.
    pub email: String,
}

impl Page for DomainRefusedPage {
    const TEMPLATE: &'static str = "pages/organizations/domain-refused";
    const LAYOUT: Layout = Layout::Connexion;

    fn title(&self) -> Cow<'_, str> {
        "Accès restreint".into()
    }
}

/// A public service wants the address of an administration (spec ui F3).
#[derive(Debug, Clone, Serialize)]
pub struct PublicSectorOnlyPage {
    /// Of the account.
    pub email: String,
}

impl Page for PublicSectorOnlyPage {
    const TEMPLATE: &'static str = "pages/organizations/public-sector-only";
    const LAYOUT: Layout = Layout::Connexion;

    fn title(&self) -> Cow<'_, str> {
        "Email non autorisé".into()
    }
}

/// An address of the State stands for no private organization (spec ui F4).
#[derive(Debug, Clone, Serialize)]
pub struct PrivateSectorPage {
    /// Of the account.
    pub email: String,
}

impl Page for PrivateSectorPage {
    const TEMPLATE: &'static str = "pages/organizations/private-sector";
    const LAYOUT: Layout = Layout::Connexion;

    fn title(&self) -> Cow<'_, str> {
        "Email non autorisé".into()
    }
}
