//! Proving who one is, with FranceConnect.

use std::borrow::Cow;

use serde::Serialize;

use super::errors::ReturnLink;
use crate::web::render::{Layout, Page};

/// « Vérifier votre identité » or « Certification dirigeant » (spec ui D2).
#[derive(Debug, Clone, Serialize)]
pub struct FranceConnectPage {
    /// Whether the service wants the person certified as an executive.
    pub certification_requested: bool,
}

impl Page for FranceConnectPage {
    const TEMPLATE: &'static str = "pages/franceconnect";
    const LAYOUT: Layout = Layout::Connexion;

    fn title(&self) -> Cow<'_, str> {
        if self.certification_requested {
            "Certification dirigeant".into()
        } else {
            "Vérifier votre identité".into()
        }
    }
}

/// FranceConnect does not answer.
#[derive(Debug, Clone, Serialize)]
pub struct FranceConnectUnavailablePage {
    /// Where the form that tries again is sent.
    pub retry: &'static str,
    /// The way out.
    pub link: ReturnLink,
}

impl Page for FranceConnectUnavailablePage {
    const TEMPLATE: &'static str = "pages/franceconnect-unavailable";
    const LAYOUT: Layout = Layout::Connexion;
    const SHOWS_NOTIFICATION: bool = false;

    fn title(&self) -> Cow<'_, str> {
        "FranceConnect ne répond pas".into()
    }
}
