//! What a person sees when something went wrong (spec ui K1–K3, accounts §10.5).

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use crate::web::render::{Layout, Page};

/// Everything but the unreserved characters of RFC 3986: a space is `%20`, never `+`.
const QUERY_VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The one way out of an error page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReturnLink {
    href: String,
    caption: &'static str,
}

impl ReturnLink {
    /// Back to the account.
    #[must_use]
    pub fn home() -> Self {
        Self {
            href: "/".to_owned(),
            caption: "Retour à l’accueil",
        }
    }

    /// Back to the service that asked for the sign-in, with an OAuth error it can show.
    #[must_use]
    pub fn service(interaction_id: &str, error: &str, error_description: &str) -> Self {
        let interaction_id = utf8_percent_encode(interaction_id, QUERY_VALUE);
        let error = utf8_percent_encode(error, QUERY_VALUE);
        let error_description = utf8_percent_encode(error_description, QUERY_VALUE);
        Self {
            href: format!(
                "/interaction/{interaction_id}/error?error={error}&error_description={error_description}"
            ),
            caption: "Continuer sur le service",
        }
    }
}

/// Any error but those below (K1).
#[derive(Debug, Clone, Serialize)]
pub struct ErrorPage {
    /// HTTP status, or OAuth error of a refused sign-in.
    pub code: String,
    /// What happened, in words that may be shown: never the text of an exception.
    pub message: Option<String>,
    /// Whether the message is in English, as texts of the protocol are.
    pub is_in_english: bool,
    /// The message in words for the person, where it is for the service.
    pub explanation: Option<&'static str>,
    /// What to do now.
    pub advice: &'static str,
    /// What the log calls the request.
    pub reference: String,
    /// The way out.
    pub link: ReturnLink,
}

impl ErrorPage {
    /// Advice for faults that may pass.
    pub const RETRY_LATER: &'static str = "Merci de réessayer dans quelques instants.";
    /// Advice when the request itself cannot be accepted.
    pub const START_AGAIN: &'static str = "Revenez à la page précédente, rechargez-la, puis recommencez. Si vous veniez d’un autre site, repartez de ce site.";
    /// Advice when a form came without the token of its session, which a browser that keeps no cookie never brings.
    pub const ALLOW_COOKIES: &'static str = "Revenez à la page précédente, rechargez-la, puis recommencez. Si ce message revient aussitôt, autorisez les cookies de ce site.";
    /// Advice when the server has too much to do (503).
    pub const BUSY: &'static str = "Beaucoup de personnes se connectent en ce moment. Rien n’est perdu\u{a0}: réessayez dans une minute.";
    /// Advice when a store or another part of the house does not answer (503).
    pub const UNAVAILABLE: &'static str = "Un de nos systèmes ne répond pas en ce moment\u{a0}: réessayez dans une minute. Un formulaire en cours sera peut-être à remplir de nouveau.";
    /// Advice when the service insists on what the account cannot reach.
    pub const ASK_THE_SERVICE: &'static str = "Recharger cette page n’y changera rien. Retournez sur le service et demandez-lui quel niveau il attend, ou quel autre accès il propose.";
}

impl Page for ErrorPage {
    const TEMPLATE: &'static str = "pages/errors/error";
    const LAYOUT: Layout = Layout::Connexion;
    const SHOWS_NOTIFICATION: bool = false;

    fn title(&self) -> Cow<'_, str> {
        "".into()
    }

    fn error_code(&self) -> Option<Cow<'_, str>> {
        Some(self.code.as_str().into())
    }
}

/// An address that leads nowhere (K2).
#[derive(Debug, Clone, Serialize)]
pub struct NotFoundPage {
    /// The way out.
    pub link: ReturnLink,
}

impl Page for NotFoundPage {
    const TEMPLATE: &'static str = "pages/errors/not-found";
    const LAYOUT: Layout = Layout::Connexion;
    const SHOWS_NOTIFICATION: bool = false;

    fn title(&self) -> Cow<'_, str> {
        "Page introuvable".into()
    }
}

/// A budget is spent (K3).
#[derive(Debug, Clone, Serialize)]
pub struct TooManyRequestsPage {
    /// What the log calls the request.
    pub reference: String,
    /// The way out.
    pub link: ReturnLink,
}

impl Page for TooManyRequestsPage {
    const TEMPLATE: &'static str = "pages/errors/too-many-requests";
    const LAYOUT: Layout = Layout::Connexion;
    const SHOWS_NOTIFICATION: bool = false;

    fn title(&self) -> Cow<'_, str> {
        "Accès temporairement limité".into()
    }
}

/// The sign-in a service asked for is too old, or was already finished.
#[derive(Debug, Clone, Serialize)]
pub struct InteractionExpiredPage {
    /// The way out.
    pub link: ReturnLink,
}

impl Page for InteractionExpiredPage {
    const TEMPLATE: &'static str = "pages/errors/interaction-expired";
    const LAYOUT: Layout = Layout::Connexion;
    const SHOWS_NOTIFICATION: bool = false;

    fn title(&self) -> Cow<'_, str> {
        "Demande de connexion expirée".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_return_link_encodes_its_parameters() {
        let link = ReturnLink::service("a/b", "server_error", "Too many requests & co é");
        assert_eq!(
            link.href,
            "/interaction/a%2Fb/error?error=server_error&error_description=Too%20many%20requests%20%26%20co%20%C3%A9"
        );
    }
}
