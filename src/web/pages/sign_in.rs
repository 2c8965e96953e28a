//! Signing in: the address, then the password.

use std::borrow::Cow;

use serde::Serialize;

use crate::web::render::{Layout, Page};

/// « S’inscrire ou se connecter » (spec ui A1). With [`has_email_error`](Self::has_email_error), the shell holds
/// no notification: the error is under the field.
#[derive(Debug, Clone, Default, Serialize)]
pub struct StartSignInPage {
    /// The address to show in the field, when known.
    pub login_hint: Option<String>,
    /// Whether the address was refused.
    pub has_email_error: bool,
    /// An address close to the refused one.
    pub did_you_mean: Option<String>,
    /// Whether the cursor goes to the field: nothing to read first.
    pub focuses_email: bool,
}

impl Page for StartSignInPage {
    const TEMPLATE: &'static str = "pages/start-sign-in";
    const LAYOUT: Layout = Layout::Connexion;

    fn title(&self) -> Cow<'_, str> {
        "S'inscrire ou se connecter".into()
    }

    fn has_field_error(&self) -> bool {
        self.has_email_error
    }
}

/// « Accéder au compte » (spec ui A3).
#[derive(Debug, Clone, Serialize)]
pub struct SignInPage {
    /// The address given before.
    pub email: String,
    /// Whether a passkey may replace the password.
    pub show_passkey_section: bool,
    /// Whether another address is asked at the client (federation) rather than here.
    pub change_email_returns_to_client: bool,
}

impl Page for SignInPage {
    const TEMPLATE: &'static str = "pages/sign-in";
    const LAYOUT: Layout = Layout::Connexion;

    fn title(&self) -> Cow<'_, str> {
        "Accéder au compte".into()
    }
}
