//! The three documents every public service owes its visitors (spec ui J). They are read with or without a session.

use std::borrow::Cow;

use serde::Serialize;

use crate::web::render::{Layout, Page};

/// The conditions of use (J1).
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct TermsPage;

impl Page for TermsPage {
    const TEMPLATE: &'static str = "pages/legal/terms";
    const LAYOUT: Layout = Layout::Document;
    const SHOWS_NOTIFICATION: bool = false;

    fn title(&self) -> Cow<'_, str> {
        "Conditions Générales d'Utilisation".into()
    }
}

/// What is done with personal data (J2).
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct PrivacyPage {
    /// Whether the pages load the script of the statistics, which is told here.
    pub measures_audience: bool,
}

impl Page for PrivacyPage {
    const TEMPLATE: &'static str = "pages/legal/privacy";
    const LAYOUT: Layout = Layout::Document;
    const SHOWS_NOTIFICATION: bool = false;

    fn title(&self) -> Cow<'_, str> {
        "Politique de confidentialité".into()
    }
}

/// How accessible the pages are, and what to do when they are not (J3).
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct AccessibilityPage;

impl Page for AccessibilityPage {
    const TEMPLATE: &'static str = "pages/legal/accessibility";
    const LAYOUT: Layout = Layout::Document;
    const SHOWS_NOTIFICATION: bool = false;

    fn title(&self) -> Cow<'_, str> {
        "Accessibilité".into()
    }
}
