//! Passwords and links that replace them: choosing, forgetting, changing.

use std::borrow::Cow;

use serde::Serialize;

use crate::web::render::{Layout, Page};

/// « Première connexion », for accounts migrated from `InclusionConnect` (spec ui A2).
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct InclusionConnectWelcomePage;

impl Page for InclusionConnectWelcomePage {
    const TEMPLATE: &'static str = "pages/inclusionconnect-welcome";
    const LAYOUT: Layout = Layout::Connexion;
    const SHOWS_NOTIFICATION: bool = false;

    fn title(&self) -> Cow<'_, str> {
        "Première connexion".into()
    }
}

/// « Choisir un mot de passe » (spec ui A4).
#[derive(Debug, Clone, Serialize)]
pub struct SignUpPage {
    /// The address given before.
    pub email: String,
    /// Whether another address is asked at the client (federation) rather than here.
    pub change_email_returns_to_client: bool,
    /// Whether the account is new; false when an existing account gets its first password.
    pub is_new_account: bool,
}

impl Page for SignUpPage {
    const TEMPLATE: &'static str = "pages/sign-up";
    const LAYOUT: Layout = Layout::Connexion;

    fn title(&self) -> Cow<'_, str> {
        "Choisir un mot de passe".into()
    }
}

/// « Vérifier votre email » (spec ui A5). With [`has_code_error`](Self::has_code_error), the shell holds no notification: the error is
/// under the field.
#[expect(
    clippy::struct_excessive_bools,
    reason = "what the page shows, each by itself"
)]
#[derive(Debug, Clone, Serialize)]
pub struct VerifyEmailPage {
    /// The address the code was sent to.
    pub email: String,
    /// Whether another address is asked at the client (federation) rather than here.
    pub change_email_returns_to_client: bool,
    /// Whether a code was sent just now.
    pub code_sent: bool,
    /// Instant from which another code may be asked, RFC 3339.
    pub countdown_end: String,
    /// Whether to explain what the code is for (accounts migrated from `InclusionConnect`).
    pub needs_onboarding_help: bool,
    /// Whether the code was refused.
    pub has_code_error: bool,
}

impl Page for VerifyEmailPage {
    const TEMPLATE: &'static str = "pages/verify-email";
    const LAYOUT: Layout = Layout::Connexion;

    fn title(&self) -> Cow<'_, str> {
        "Vérifier votre email".into()
    }

    fn has_field_error(&self) -> bool {
        self.has_code_error
    }
}

/// « Recevoir un lien d'identification » (spec ui A6).
#[derive(Debug, Clone, Serialize)]
pub struct MagicLinkSentPage {
    /// Where the link was sent, when the session still knows.
    pub email: Option<String>,
    /// How long the link signs in: `une heure`.
    pub lifetime: String,
}

impl Page for MagicLinkSentPage {
    const TEMPLATE: &'static str = "pages/magic-link-sent";
    const LAYOUT: Layout = Layout::Connexion;
    const SHOWS_NOTIFICATION: bool = false;

    fn title(&self) -> Cow<'_, str> {
        "Recevoir un lien d'identification".into()
    }
}

/// « Connexion avec un lien »: the link was opened in another browser (spec ui A7).
#[derive(Clone, Serialize)]
pub struct SignInWithMagicLinkPage {
    /// The token of the link.
    pub magic_link_token: String,
}

impl Page for SignInWithMagicLinkPage {
    const TEMPLATE: &'static str = "pages/sign-in-with-magic-link";
    const LAYOUT: Layout = Layout::Connexion;
    const SHOWS_NOTIFICATION: bool = false;

    fn title(&self) -> Cow<'_, str> {
        "Connexion avec un lien".into()
    }
}

/// « Réinitialiser mon mot de passe » (spec ui A9).
#[derive(Debug, Clone, Serialize)]
pub struct ResetPasswordPage {
    /// The address to show in the field, when known.
    pub login_hint: Option<String>,
}

impl Page for ResetPasswordPage {
    const TEMPLATE: &'static str = "pages/reset-password";
    const LAYOUT: Layout = Layout::Connexion;

    fn title(&self) -> Cow<'_, str> {
        "Réinitialiser mon mot de passe".into()
    }
}

/// « Changer votre mot de passe » (spec ui A10).
#[derive(Clone, Serialize)]
pub struct ChangePasswordPage {
    /// The token of the link.
    pub reset_password_token: String,
    /// The address of the account, when known: the password must not contain it.
    pub email: Option<String>,
}

impl Page for ChangePasswordPage {
    const TEMPLATE: &'static str = "pages/change-password";
    const LAYOUT: Layout = Layout::Connexion;

    fn title(&self) -> Cow<'_, str> {
        "Changer votre mot de passe".into()
    }
}
