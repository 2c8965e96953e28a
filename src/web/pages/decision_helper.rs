//! A few questions that lead to a second factor (spec ui C).

use std::borrow::Cow;
use std::marker::PhantomData;

use serde::Serialize;

use super::factors::{Way, WayView, registration};
use crate::web::render::{Layout, Page};

/// « Trouver la meilleure méthode de 2FA »: with what the person works (C1).
#[derive(Debug, Clone, Serialize)]
pub struct DevicePage<W: Way> {
    way: WayView,
    #[serde(skip)]
    stands: PhantomData<W>,
}

/// « Passkey de votre ordinateur » (C2).
#[derive(Debug, Clone, Serialize)]
pub struct PasskeyAdvicePage<W: Way> {
    way: WayView,
    registration: String,
    #[serde(skip)]
    stands: PhantomData<W>,
}

/// « Intervention extérieure nécessaire » (C7).
#[derive(Debug, Clone, Serialize)]
pub struct ExternalHelpPage<W: Way> {
    way: WayView,
    #[serde(skip)]
    stands: PhantomData<W>,
}

/// A question that is answered with yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// May the person install software on their computer (C3)?
    CanInstallSoftware,
    /// … or an application on a smartphone (C5)?
    CanInstallAppOnSmartphone,
}

impl Question {
    /// The field of the answer.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CanInstallSoftware => "can-install-software",
            Self::CanInstallAppOnSmartphone => "can-install-app-on-smartphone",
        }
    }

    /// Where it is asked, below the root of these pages.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::CanInstallSoftware => "/can-install-software",
            Self::CanInstallAppOnSmartphone => "/can-install-software/smartphone",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::CanInstallSoftware => {
                "Avez-vous le droit d'installer des logiciels ou extensions de navigateur sur votre poste ?"
            }
            Self::CanInstallAppOnSmartphone => "Pouvez-vous installer une application sur un smartphone ?",
        }
    }
}

/// « Choisir la meilleure méthode pour vous »: a question (C3, C5).
#[derive(Debug, Clone, Serialize)]
pub struct QuestionPage<W: Way> {
    way: WayView,
    question: &'static str,
    name: &'static str,
    action: String,
    #[serde(skip)]
    stands: PhantomData<W>,
}

/// On what one-time codes are advised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    Computer,
    Smartphone,
}

/// A tool that people may trust.
#[derive(Debug, Clone, Copy, Serialize)]
struct Tool {
    name: &'static str,
    href: &'static str,
    facts: &'static str,
}

const COMPUTER_TOOLS: &[Tool] = &[
    Tool {
        name: "Proton Authenticator",
        href: "https://proton.me/fr/authenticator/download",
        facts: "Logiciel libre pour Mac et Windows, sans compte à créer.",
    },
    Tool {
        name: "Bitwarden",
        href: "https://bitwarden.com/fr-fr/download/",
        facts: "Extension de navigateur libre, avec un compte à créer.",
    },
    Tool {
        name: "KeePassXC",
        href: "https://keepassxc.org/download/#macos",
        facts: "Logiciel libre pour Mac et Windows, avec une extension de navigateur, sans compte à créer.",
    },
];

const SMARTPHONE_TOOLS: &[Tool] = &[
    Tool {
        name: "Proton Authenticator",
        href: "https://proton.me/fr/authenticator/download",
        facts: "Application libre pour iPhone et Android, sans compte à créer.",
    },
    Tool {
        name: "2FAS",
        href: "https://2fas.com/auth/",
        facts: "Application libre pour iPhone et Android, sans compte à créer.",
    },
    Tool {
        name: "FreeOTP",
        href: "https://freeotp.github.io/",
        facts: "Application libre pour iPhone et Android, sans compte à créer.",
    },
];

/// « Codes à usage unique (TOTP) » (C4, C6).
#[derive(Debug, Clone, Serialize)]
pub struct TotpAdvicePage<W: Way> {
    way: WayView,
    principle: &'static str,
    tools: &'static [Tool],
    #[serde(skip)]
    stands: PhantomData<W>,
}

impl<W: Way> DevicePage<W> {
    /// The page.
    #[must_use]
    #[expect(
        clippy::new_without_default,
        reason = "a page is made where it is shown, never by default"
    )]
    pub const fn new() -> Self {
        Self {
            way: WayView::of::<W>(),
            stands: PhantomData,
        }
    }
}

impl<W: Way> PasskeyAdvicePage<W> {
    /// The page.
    #[must_use]
    #[expect(
        clippy::new_without_default,
        reason = "a page is made where it is shown, never by default"
    )]
    pub fn new() -> Self {
        Self {
            way: WayView::of::<W>(),
            registration: registration::<W>(),
            stands: PhantomData,
        }
    }
}

impl<W: Way> ExternalHelpPage<W> {
    /// The page.
    #[must_use]
    #[expect(
        clippy::new_without_default,
        reason = "a page is made where it is shown, never by default"
    )]
    pub const fn new() -> Self {
        Self {
            way: WayView::of::<W>(),
            stands: PhantomData,
        }
    }
}

impl<W: Way> QuestionPage<W> {
    /// The page of `question`.
    #[must_use]
    pub fn new(question: Question) -> Self {
        Self {
            way: WayView::of::<W>(),
            question: question.text(),
            name: question.name(),
            action: format!("{}/mfa-decision-helper{}", W::PREFIX, question.path()),
            stands: PhantomData,
        }
    }
}

impl<W: Way> TotpAdvicePage<W> {
    /// The advice for `platform`.
    #[must_use]
    pub const fn new(platform: Platform) -> Self {
        let (principle, tools) = match platform {
            Platform::Computer => (
                "Un logiciel de votre ordinateur, ou une extension de votre navigateur, affiche un code qui change toutes les 30 secondes.",
                COMPUTER_TOOLS,
            ),
            Platform::Smartphone => (
                "Une application de votre téléphone affiche un code qui change toutes les 30 secondes.",
                SMARTPHONE_TOOLS,
            ),
        };
        Self {
            way: WayView::of::<W>(),
            principle,
            tools,
            stands: PhantomData,
        }
    }
}

impl<W: Way> Page for DevicePage<W> {
    const TEMPLATE: &'static str = "pages/mfa/helper-device";
    const LAYOUT: Layout = W::LAYOUT;
    const SHOWS_NOTIFICATION: bool = false;

    fn title(&self) -> Cow<'_, str> {
        "Trouver la meilleure méthode de 2FA".into()
    }
}

impl<W: Way> Page for PasskeyAdvicePage<W> {
    const TEMPLATE: &'static str = "pages/mfa/helper-passkey";
    const LAYOUT: Layout = W::LAYOUT;

    fn title(&self) -> Cow<'_, str> {
        "Passkey de votre ordinateur".into()
    }
}

impl<W: Way> Page for QuestionPage<W> {
    const TEMPLATE: &'static str = "pages/mfa/helper-question";
    const LAYOUT: Layout = W::LAYOUT;
    const SHOWS_NOTIFICATION: bool = false;

    fn title(&self) -> Cow<'_, str> {
        "Choisir la meilleure méthode pour vous".into()
    }
}

impl<W: Way> Page for TotpAdvicePage<W> {
    const TEMPLATE: &'static str = "pages/mfa/helper-totp";
    const LAYOUT: Layout = W::LAYOUT;
    const SHOWS_NOTIFICATION: bool = false;

    fn title(&self) -> Cow<'_, str> {
        "Codes à usage unique (TOTP)".into()
    }
}

impl<W: Way> Page for ExternalHelpPage<W> {
    const TEMPLATE: &'static str = "pages/mfa/helper-external-help";
    const LAYOUT: Layout = W::LAYOUT;
    const SHOWS_NOTIFICATION: bool = false;

    fn title(&self) -> Cow<'_, str> {
        "Intervention extérieure nécessaire".into()
    }
}
