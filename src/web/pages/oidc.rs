//! Pages that only send the browser on, with a form that a script submits.

use std::borrow::Cow;

use serde::Serialize;

use crate::web::render::{Layout, Page};

/// A hidden field of a form.
#[derive(Clone, Serialize)]
pub struct HiddenField {
    name: Cow<'static, str>,
    value: String,
}

impl HiddenField {
    /// A field of that name and value.
    #[must_use]
    pub fn new(name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
        }
    }
}

/// The authorization response by `response_mode=form_post` (spec oidc §4.4).
#[derive(Clone, Serialize)]
pub struct FormPostPage {
    /// The redirect URI of the client.
    pub action: String,
    /// The response parameters, in order.
    pub fields: Vec<HiddenField>,
}

impl Page for FormPostPage {
    const TEMPLATE: &'static str = "pages/oidc/form-post";
    const LAYOUT: Layout = Layout::Relay;

    fn title(&self) -> Cow<'_, str> {
        "Submitting Callback".into()
    }
}

/// A form of ours submitted after a second (spec ui K4, A8): a page opened by a link that must not act by itself.
#[derive(Clone, Serialize)]
pub struct AutoSubmitPage {
    title: &'static str,
    message: &'static str,
    action: &'static str,
    fields: Vec<HiddenField>,
}

impl AutoSubmitPage {
    /// The end of the session (spec oidc §8.3). `xsrf` is the value stored with the logout request.
    #[must_use]
    pub fn logout(xsrf: &str) -> Self {
        Self {
            title: "Déconnexion en cours",
            message: "Déconnexion...",
            action: "/oauth/logout/confirm",
            fields: vec![
                HiddenField::new("xsrf", xsrf),
                HiddenField::new("_csrf", xsrf),
                HiddenField::new("logout", "non-empty-value"),
            ],
        }
    }

    /// A magic link opened in the browser that asked for it.
    #[must_use]
    pub fn magic_link(csrf_token: &str, magic_link_token: &str) -> Self {
        Self {
            title: "Connexion en cours, la page va se recharger automatiquement…",
            message: "Connexion...",
            action: "/users/sign-in-with-magic-link",
            fields: vec![
                HiddenField::new("xsrf", csrf_token),
                HiddenField::new("_csrf", csrf_token),
                HiddenField::new("magic_link_token", magic_link_token),
            ],
        }
    }
}

impl Page for AutoSubmitPage {
    const TEMPLATE: &'static str = "pages/oidc/auto-submit";
    const LAYOUT: Layout = Layout::Connexion;
    const SHOWS_NOTIFICATION: bool = false;

    fn title(&self) -> Cow<'_, str> {
        self.title.into()
    }
}
