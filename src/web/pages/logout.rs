//! Asking before signing out, when nothing proves that the person wished it.

use std::borrow::Cow;

use serde::Serialize;

use crate::web::render::{Layout, Page};

/// « Se déconnecter » (spec oidc §8.3, the switch of Q40).
#[derive(Clone, Serialize)]
pub struct ConfirmLogoutPage {
    /// The value stored with the logout request.
    pub xsrf: String,
}

impl Page for ConfirmLogoutPage {
    const TEMPLATE: &'static str = "pages/oidc/confirm-logout";
    const LAYOUT: Layout = Layout::Connexion;
    const SHOWS_NOTIFICATION: bool = false;

    fn title(&self) -> Cow<'_, str> {
        "Se déconnecter".into()
    }
}
