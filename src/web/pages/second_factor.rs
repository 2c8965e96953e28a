//! Showing a second factor during a sign-in.

use std::borrow::Cow;

use serde::Serialize;

use crate::web::render::{Layout, Page};

/// « Se connecter avec la double authentification » (spec ui B1). With [`has_code_error`](Self::has_code_error), the shell
/// holds no notification: the error is under the field.
#[expect(
    clippy::struct_excessive_bools,
    reason = "what the page shows, each by itself"
)]
#[derive(Debug, Clone, Serialize)]
pub struct SecondFactorPage {
    /// The address of the account.
    pub email: String,
    /// Another address is asked for here, never at the client.
    pub change_email_returns_to_client: bool,
    /// Whether the code was refused.
    pub has_code_error: bool,
    /// Whether the cursor goes to the code.
    pub focuses_code: bool,
    /// Whether the account has an application of one-time codes.
    pub shows_totp_section: bool,
    /// Whether a passkey would do.
    pub shows_passkey_section: bool,
    /// Whether there are recovery codes left.
    pub offers_recovery_codes: bool,
}

impl Page for SecondFactorPage {
    const TEMPLATE: &'static str = "pages/mfa/second-factor";
    const LAYOUT: Layout = Layout::Connexion;

    fn title(&self) -> Cow<'_, str> {
        "Se connecter avec la double authentification".into()
    }

    fn has_field_error(&self) -> bool {
        self.has_code_error
    }
}

/// « Utiliser un code de secours »: the way in for who has lost their second factor.
#[derive(Debug, Clone, Serialize)]
pub struct RecoveryCodePage {
    /// The address of the account.
    pub email: String,
    /// Another address is asked for here, never at the client.
    pub change_email_returns_to_client: bool,
    /// Whether the code was refused.
    pub has_code_error: bool,
}

impl Page for RecoveryCodePage {
    const TEMPLATE: &'static str = "pages/mfa/recovery-code";
    const LAYOUT: Layout = Layout::Connexion;
    const SHOWS_NOTIFICATION: bool = false;

    fn title(&self) -> Cow<'_, str> {
        "Utiliser un code de secours".into()
    }

    fn has_field_error(&self) -> bool {
        self.has_code_error
    }
}
