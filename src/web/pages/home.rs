//! The first page of the account.

use std::borrow::Cow;

use serde::Serialize;

use crate::web::render::{Layout, MenuEntry, Page};

/// « Accueil » (spec ui I1).
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct HomePage;

impl Page for HomePage {
    const TEMPLATE: &'static str = "pages/home";
    const LAYOUT: Layout = Layout::Dashboard(MenuEntry::Home);

    fn title(&self) -> Cow<'_, str> {
        "Accueil".into()
    }
}
