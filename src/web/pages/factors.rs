//! Adding a second factor: the choice, the application of one-time codes, the end. The same pages stand in the account and on the way
//! to a service; only addresses, titles and surroundings differ.

use std::borrow::Cow;
use std::marker::PhantomData;

use serde::Serialize;

use crate::web::render::{Layout, MenuEntry, Page};

/// Where a page stands.
pub trait Way: 'static {
    const LAYOUT: Layout;
    /// Before the paths of these pages.
    const PREFIX: &'static str;
    /// The page where a method is chosen, and its title.
    const CHOICE: (&'static str, &'static str);
    /// Where who gives up goes.
    const CANCEL: &'static str;
    /// The title of the page where a tool for one-time codes is chosen.
    const TOOL_TITLE: &'static str;
    /// The title of the page where an application gets its key, and the step after it.
    const CONFIGURATION: (&'static str, &'static str);
    /// Where an application that was added is told of.
    const ENROLLED: &'static str;
}

/// In the account.
#[derive(Debug, Clone, Copy)]
pub struct InAccount;

/// On the way to a service.
#[derive(Debug, Clone, Copy)]
pub struct DuringSignIn;

impl Way for InAccount {
    const LAYOUT: Layout = Layout::Dashboard(MenuEntry::ConnectionAndAccount);
    const PREFIX: &'static str = "";
    const CHOICE: (&'static str, &'static str) = ("/double-authentication", "Double authentification");
    const CANCEL: &'static str = "/connection-and-account";
    const TOOL_TITLE: &'static str = "Configurer un code à usage unique";
    const CONFIGURATION: (&'static str, &'static str) = (
        "Configuration TOTP",
        "Votre double authentification est bien configurée",
    );
    const ENROLLED: &'static str = "/connection-and-account?notification=authenticator_added";
}

impl Way for DuringSignIn {
    const LAYOUT: Layout = Layout::Connexion;
    const PREFIX: &'static str = "/users";
    const CHOICE: (&'static str, &'static str) = (
        "/users/double-authentication-choice",
        "Choisir un mode de double authentification",
    );
    const CANCEL: &'static str = "/users/double-authentication-choice";
    const TOOL_TITLE: &'static str = "Installer votre outil d'authentification";
    const CONFIGURATION: (&'static str, &'static str) = (
        "Configurer un code à usage unique",
        "Vous pouvez dès à présent vous ProConnecter",
    );
    const ENROLLED: &'static str = "/users/2fa-successfully-configured";
}

/// What templates see of the way.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct WayView {
    prefix: &'static str,
    choice: &'static str,
    cancel: &'static str,
}

impl WayView {
    /// The way `W`.
    #[must_use]
    pub const fn of<W: Way>() -> Self {
        Self {
            prefix: W::PREFIX,
            choice: W::CHOICE.0,
            cancel: W::CANCEL,
        }
    }
}

/// The choice of a method (spec ui B2, I4).
#[derive(Debug, Clone, Serialize)]
pub struct ChoicePage<W: Way> {
    way: WayView,
    /// Where the browser sends a passkey that it made.
    registration: String,
    /// Which service asks for a second proof, as the sentence names it; `None` in the account.
    service: Option<String>,
    /// Whether the person may go on without choosing.
    may_be_put_off: bool,
    #[serde(skip)]
    stands: PhantomData<W>,
}

/// Where a passkey that was made on the way `W` is sent.
#[must_use]
pub fn registration<W: Way>() -> String {
    format!("{}/passkeys/verify-registration", W::PREFIX)
}

impl<W: Way> ChoicePage<W> {
    /// The choice.
    #[must_use]
    pub fn new(service: Option<String>, may_be_put_off: bool) -> Self {
        Self {
            way: WayView::of::<W>(),
            registration: registration::<W>(),
            service,
            may_be_put_off,
            stands: PhantomData,
        }
    }
}

impl<W: Way> Page for ChoicePage<W> {
    const TEMPLATE: &'static str = "pages/mfa/choice";
    const LAYOUT: Layout = W::LAYOUT;

    fn title(&self) -> Cow<'_, str> {
        W::CHOICE.1.into()
    }
}

/// The choice of a tool for one-time codes (spec ui B3, I5).
#[derive(Debug, Clone, Serialize)]
pub struct TotpToolPage<W: Way> {
    way: WayView,
    /// Whether the person chose a passkey, which this browser did not even try to make.
    wanted_passkey: bool,
    #[serde(skip)]
    stands: PhantomData<W>,
}

impl<W: Way> TotpToolPage<W> {
    /// The choice.
    #[must_use]
    pub const fn new(wanted_passkey: bool) -> Self {
        Self {
            way: WayView::of::<W>(),
            wanted_passkey,
            stands: PhantomData,
        }
    }
}

impl<W: Way> Page for TotpToolPage<W> {
    const TEMPLATE: &'static str = "pages/mfa/totp-tool";
    const LAYOUT: Layout = W::LAYOUT;
    const SHOWS_NOTIFICATION: bool = false;

    fn title(&self) -> Cow<'_, str> {
        W::TOOL_TITLE.into()
    }
}

/// Where the person's tool for one-time codes runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ToolType {
    Smartphone,
    Computer,
}

impl ToolType {
    /// The value of `totp-tool-type`, if it is one.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        match value {
            "smartphone" => Some(Self::Smartphone),
            "computer" => Some(Self::Computer),
            _ => None,
        }
    }

    /// The value of `totp-tool-type`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Smartphone => "smartphone",
            Self::Computer => "computer",
        }
    }
}

/// What an application of one-time codes is to be given.
#[derive(Debug, Clone, Serialize)]
pub struct TotpSetUp {
    /// `data:` address of the picture.
    pub qr_code: String,
    /// To type, in groups of four.
    pub human_readable_key: String,
    pub tool_type: Option<ToolType>,
    /// Whether the code was refused.
    pub has_code_error: bool,
    /// Whether the account has an application, which the new one replaces.
    pub replaces_another: bool,
}

/// An application gets its key (spec ui B4, I6).
#[derive(Debug, Clone, Serialize)]
pub struct TotpConfigurationPage<W: Way> {
    way: WayView,
    next_step: &'static str,
    is_on_smartphone: bool,
    focuses_code: bool,
    #[serde(flatten)]
    set_up: TotpSetUp,
    #[serde(skip)]
    stands: PhantomData<W>,
}

impl<W: Way> TotpConfigurationPage<W> {
    /// The page for this application.
    #[must_use]
    pub fn new(set_up: TotpSetUp) -> Self {
        Self {
            way: WayView::of::<W>(),
            next_step: W::CONFIGURATION.1,
            is_on_smartphone: set_up.tool_type == Some(ToolType::Smartphone),
            focuses_code: set_up.has_code_error,
            set_up,
            stands: PhantomData,
        }
    }
}

impl<W: Way> Page for TotpConfigurationPage<W> {
    const TEMPLATE: &'static str = "pages/mfa/totp-configuration";
    const LAYOUT: Layout = W::LAYOUT;

    fn title(&self) -> Cow<'_, str> {
        W::CONFIGURATION.0.into()
    }

    fn has_field_error(&self) -> bool {
        self.set_up.has_code_error
    }
}

/// « Votre double authentification est bien configurée » (spec ui B5).
#[derive(Debug, Clone, Serialize)]
pub struct ConfiguredPage {
    /// The service that the person goes on to, when it has a name.
    pub service: Option<String>,
}

impl Page for ConfiguredPage {
    const TEMPLATE: &'static str = "pages/mfa/configured";
    const LAYOUT: Layout = Layout::Connexion;
    const SHOWS_NOTIFICATION: bool = false;

    fn title(&self) -> Cow<'_, str> {
        "Votre double authentification est bien configurée".into()
    }
}

/// « Vos codes de secours »: shown once.
#[derive(Clone, Serialize)]
pub struct RecoveryCodesPage {
    /// The account that they open: the page is printed.
    pub email: String,
    /// When they were drawn: `22/11/2026 à 14:03`.
    pub created_at: String,
    /// As they are noted.
    pub codes: Vec<String>,
}

impl Page for RecoveryCodesPage {
    const TEMPLATE: &'static str = "pages/mfa/recovery-codes";
    const LAYOUT: Layout = Layout::Dashboard(MenuEntry::ConnectionAndAccount);
    const SHOWS_NOTIFICATION: bool = false;

    fn title(&self) -> Cow<'_, str> {
        "Vos codes de secours".into()
    }
}
