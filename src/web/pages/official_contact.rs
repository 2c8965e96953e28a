//! The code that the official contact of an organization hands on.

use std::borrow::Cow;

use serde::Serialize;

use crate::web::render::{Layout, Page};

/// Which of several official addresses is to receive the code (spec ui G1).
#[derive(Debug, Clone, Serialize)]
pub struct AskWhichEmailPage {
    pub organization_id: i32,
    pub emails: Vec<String>,
}

impl Page for AskWhichEmailPage {
    const TEMPLATE: &'static str = "pages/organizations/official-contact-ask";
    const LAYOUT: Layout = Layout::Connexion;

    fn title(&self) -> Cow<'_, str> {
        "Vérifier votre email".into()
    }
}

/// Entering the code (spec ui G2). With [`has_code_error`](Self::has_code_error), the shell holds no notification: the error is under the
/// field.
#[derive(Debug, Clone, Serialize)]
pub struct ContactCodePage {
    pub organization_id: i32,
    /// `mairie`, `établissement scolaire`, …
    pub organization_type: &'static str,
    /// Where the code was sent.
    pub email: String,
    /// Whether the person may act for another organization meanwhile.
    pub has_other_organizations: bool,
    /// Whether another address may be chosen.
    pub offers_choice: bool,
    /// Why another address, which was wished for, gets no code: a sentence.
    pub choice_refusal: Option<&'static str>,
    /// Whether the code was refused.
    pub has_code_error: bool,
}

impl Page for ContactCodePage {
    const TEMPLATE: &'static str = "pages/organizations/official-contact-code";
    const LAYOUT: Layout = Layout::Connexion;

    fn title(&self) -> Cow<'_, str> {
        "Vérifier votre email".into()
    }

    fn has_field_error(&self) -> bool {
        self.has_code_error
    }
}
