//! Choosing the organization one acts for.

use std::borrow::Cow;

use serde::Serialize;

use crate::web::render::{Layout, Page};

/// An organization as its tile shows it.
#[derive(Debug, Clone, Serialize)]
pub struct OrganizationTile {
    /// Identifier of the organization.
    pub id: i32,
    /// 14 digits.
    pub siret: String,
    /// Name of the establishment.
    pub libelle: String,
    /// Address on one line.
    pub address: String,
    /// Code and name of the main activity (NAF/APE), when known.
    pub activity: Option<String>,
    /// Head office or not, when known.
    pub establishment: Option<Establishment>,
    /// Whether the person is certified as an executive of it.
    pub certified: bool,
}

/// Whether an establishment is the head office of its company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Establishment {
    is_head_office: bool,
    label: &'static str,
}

impl Establishment {
    /// « Siège social » or « Établissement secondaire ».
    #[must_use]
    pub const fn new(is_head_office: bool) -> Self {
        let label = if is_head_office {
            "Siège social"
        } else {
            "Établissement secondaire"
        };
        Self {
            is_head_office,
            label,
        }
    }
}

/// « Choisir une organisation » (spec ui E4).
#[derive(Debug, Clone, Serialize)]
pub struct SelectOrganizationPage {
    organizations: Vec<OrganizationTile>,
    asks_which: bool,
    default: Option<DefaultOrganization>,
}

#[derive(Debug, Clone, Serialize)]
struct DefaultOrganization {
    id: i32,
    libelle: String,
}

impl SelectOrganizationPage {
    /// The page for these organizations; the first one is proposed by default.
    #[must_use]
    pub fn new(organizations: Vec<OrganizationTile>) -> Self {
        let default = organizations.first().map(|first| DefaultOrganization {
            id: first.id,
            libelle: first.libelle.clone(),
        });
        Self {
            asks_which: organizations.len() > 1,
            default,
            organizations,
        }
    }
}

impl Page for SelectOrganizationPage {
    const TEMPLATE: &'static str = "pages/select-organization";
    const LAYOUT: Layout = Layout::Connexion;

    fn title(&self) -> Cow<'_, str> {
        "Choisir une organisation".into()
    }
}
