//! Asking before something that cannot be undone, where no script has asked.

use std::borrow::Cow;

use serde::Serialize;

use crate::web::render::{Layout, Page};

/// A title that says what is about to be done, a question, a button to agree, a link back.
#[derive(Debug, Clone, Serialize)]
pub struct ConfirmationPage {
    /// What is about to be done.
    pub title: &'static str,
    /// What it is done to, where there may be several.
    pub subject: Option<String>,
    /// What is asked, as the dialog asks it.
    pub question: &'static str,
    /// Where the form is sent that was sent before.
    pub action: String,
    /// The page that it came from.
    pub back: String,
}

impl Page for ConfirmationPage {
    const TEMPLATE: &'static str = "pages/confirmation";
    const LAYOUT: Layout = Layout::Connexion;
    const SHOWS_NOTIFICATION: bool = false;

    fn title(&self) -> Cow<'_, str> {
        self.title.into()
    }
}
