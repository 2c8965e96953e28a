//! The one place where an error becomes a page.

use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::{HttpResponse, ResponseError};
use identite_actors::sessions::{RecordsError, SessionError};
use identite_actors::supervision::ActorError;

use super::fields::InvalidFields;
use super::pages::errors::{
    ErrorPage, InteractionExpiredPage, NotFoundPage, ReturnLink, TooManyRequestsPage,
};
use super::render::{RenderError, Renderer, Shell};
use crate::accounts::AccountsError;
use crate::certification::CertificationError;
use crate::mfa::MfaError;
use crate::oidc::{Fault, LogoutError, ProtocolError};
use crate::organizations::OrganizationsError;

/// When to ask again for what PostgreSQL or Redis being away has made impossible.
pub const RETRY_UNAVAILABLE_AFTER: Duration = Duration::from_secs(5);

/// For the header `Retry-After`: whole seconds, one at least. A second more than what is left of the last one: too early would be refused
/// again.
pub(super) fn retry_after_seconds(delay: Duration) -> u64 {
    let begun = u64::from(delay.subsec_nanos() > 0);
    (delay.as_secs() + begun).max(1)
}

/// Why a page cannot be served. Each has its status, its French page, and what a relying party is told when the person returns to it.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    #[error("not found")]
    NotFound,
    #[error(transparent)]
    InvalidFields(#[from] InvalidFields),
    #[error("bad request: {0}")]
    BadRequest(&'static str),
    #[error("invalid csrf token")]
    Csrf,
    /// What is asked for cannot be done with this account as it is.
    #[error("unprocessable: {0}")]
    Unprocessable(&'static str),
    #[error("forbidden: {0}")]
    Forbidden(&'static str),
    #[error("the body is too large")]
    TooLarge,
    #[error("the body comes too slowly")]
    TooSlow,
    #[error("too many requests")]
    TooManyRequests { retry_after: Duration },
    #[error("busy")]
    Busy { retry_after: Duration },
    #[error("a part of the house does not answer: {0}")]
    Unavailable(String),
    #[error("the interaction is over")]
    InteractionExpired,
    /// `siret_hint` is no SIRET.
    #[error("invalid siret_hint")]
    InvalidSiretHint(String),
    /// No level that the relying party accepts can be stated. Contractual text.
    #[error("access_denied: {0}")]
    AcrNotMet(&'static str),
    /// `state` of an answer is none that this session has sent out.
    #[error("invalid state")]
    InvalidState,
    /// An error of the provider that cannot be sent to a relying party.
    #[error("{text}")]
    Provider { status: StatusCode, text: String },
    #[error("fault: {0}")]
    Fault(String),
}

impl PageError {
    /// A fault of ours; `cause` goes to the log, never to the page.
    pub fn fault(cause: impl fmt::Display) -> Self {
        Self::Fault(cause.to_string())
    }

    /// An error of the provider, as a page: `<error>: <description>`.
    #[must_use]
    pub fn provider(status: StatusCode, error: &ProtocolError) -> Self {
        let text = match &error.description {
            Some(description) => format!("{}: {description}", error.code),
            None => error.code.to_string(),
        };
        Self::Provider { status, text }
    }

    /// What a relying party is told when the person returns to it from this page.
    fn protocol_error(&self) -> (&str, &str) {
        match self {
            Self::NotFound => ("invalid_request", "Page not found"),
            Self::InvalidFields(_) => ("invalid_request", "Bad request"),
            Self::TooManyRequests { .. } => ("server_error", "Too many requests"),
            Self::AcrNotMet(description) => ("access_denied", description),
            Self::Fault(_) => ("server_error", "Unexpected error"),
            Self::Busy { .. } | Self::Unavailable(_) => ("temporarily_unavailable", "Service Unavailable"),
            other => (
                "server_error",
                other.status_code().canonical_reason().unwrap_or("Error"),
            ),
        }
    }

    /// What happened, in words for the person; `None` when the title says it all.
    fn message(&self) -> Option<String> {
        Some(match self {
            Self::InvalidFields(InvalidFields::TooMany) | Self::TooLarge => {
                "Ce que vous avez envoyé est trop volumineux.".to_owned()
            }
            Self::TooSlow => "Ce que vous avez envoyé est arrivé trop lentement.".to_owned(),
            Self::InvalidFields(_) => "Une des informations envoyées n’a pas le bon format.".to_owned(),
            Self::BadRequest(message) | Self::Forbidden(message) | Self::Unprocessable(message) => {
                (*message).to_owned()
            }
            Self::Csrf => "Ce formulaire n’est plus valable (invalid csrf token).".to_owned(),
            Self::InvalidSiretHint(hint) => {
                let shown: String = hint.chars().take(100).collect();
                format!("Siret_hint {shown} is not valid (should be 14 digits)")
            }
            Self::AcrNotMet(description) => (*description).to_owned(),
            Self::InvalidState => "Cette réponse ne correspond à aucune demande de votre session.".to_owned(),
            Self::Provider { text, .. } => text.clone(),
            Self::Fault(_) => "Une erreur inattendue s’est produite de notre côté.".to_owned(),
            Self::Busy { .. } | Self::Unavailable(_) => {
                "Le service est momentanément indisponible.".to_owned()
            }
            Self::NotFound | Self::TooManyRequests { .. } | Self::InteractionExpired => return None,
        })
    }

    /// Whether the message is a text of the protocol, or another that is agreed: those are in English.
    fn is_in_english(&self) -> bool {
        matches!(
            self,
            Self::AcrNotMet(_) | Self::Provider { .. } | Self::InvalidSiretHint(_)
        )
    }

    /// The same in French, where the message is for the service rather than the person.
    fn explanation(&self) -> Option<&'static str> {
        match self {
            Self::AcrNotMet(_) => Some(
                "Le service exige, sur votre identité ou sur votre connexion, un niveau de garantie que ce compte ne permet pas d’atteindre.",
            ),
            Self::InvalidSiretHint(_) => Some("Le service a transmis un numéro SIRET qui n’est pas valable."),
            _ => None,
        }
    }

    fn advice(&self) -> &'static str {
        match self {
            Self::Busy { .. } => ErrorPage::BUSY,
            Self::Unavailable(_) => ErrorPage::UNAVAILABLE,
            Self::AcrNotMet(_) => ErrorPage::ASK_THE_SERVICE,
            Self::Csrf => ErrorPage::ALLOW_COOKIES,
            _ if self.is_ours() => ErrorPage::RETRY_LATER,
            _ => ErrorPage::START_AGAIN,
        }
    }

    /// When to ask again, where that is known.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooManyRequests { retry_after } | Self::Busy { retry_after } => Some(*retry_after),
            Self::Unavailable(_) => Some(RETRY_UNAVAILABLE_AFTER),
            Self::Provider { status, .. } if *status == StatusCode::SERVICE_UNAVAILABLE => {
                Some(RETRY_UNAVAILABLE_AFTER)
            }
            _ => None,
        }
    }

    /// Whether the operator is told: the fault is ours.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.status_code().is_server_error()
    }

    /// The page for this error. `interaction`: the authorization request in progress, to which the page leads back; `reference`: what the
    /// log calls this request.
    ///
    /// # Errors
    /// When the page itself cannot be made.
    pub fn page(
        &self,
        renderer: &Renderer,
        interaction: Option<&str>,
        reference: &str,
    ) -> Result<HttpResponse, RenderError> {
        let (error, description) = self.protocol_error();
        let link = match interaction.filter(|_| !matches!(self, Self::Provider { .. })) {
            Some(uid) => ReturnLink::service(uid, error, description),
            None => ReturnLink::home(),
        };
        let shell = Shell::default();
        let body = match self {
            Self::NotFound => renderer.render(&shell, &NotFoundPage { link })?,
            Self::TooManyRequests { .. } => {
                let reference = reference.to_owned();
                renderer.render(&shell, &TooManyRequestsPage { reference, link })?
            }
            Self::InteractionExpired => renderer.render(&shell, &InteractionExpiredPage { link })?,
            _ => renderer.render(&shell, &self.error_page(link, reference))?,
        };
        let mut response = HttpResponse::build(self.status_code());
        if let Some(delay) = self.retry_after() {
            response.insert_header((RETRY_AFTER, retry_after_seconds(delay)));
        }
        Ok(response.content_type("text/html; charset=utf-8").body(body))
    }

    fn error_page(&self, link: ReturnLink, reference: &str) -> ErrorPage {
        let code = match self {
            Self::AcrNotMet(_) => "access_denied".to_owned(),
            Self::InvalidState => "invalid_state".to_owned(),
            other => other.status_code().as_u16().to_string(),
        };
        ErrorPage {
            code,
            message: self.message(),
            is_in_english: self.is_in_english(),
            explanation: self.explanation(),
            advice: self.advice(),
            reference: reference.to_owned(),
            link,
        }
    }
}

impl ResponseError for PageError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::InvalidFields(InvalidFields::TooMany) | Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::InvalidFields(_)
            | Self::BadRequest(_)
            | Self::InteractionExpired
            | Self::InvalidSiretHint(_)
            | Self::InvalidState
            | Self::AcrNotMet(_) => StatusCode::BAD_REQUEST,
            Self::Unprocessable(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Csrf | Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::TooManyRequests { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy { .. } | Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Provider { status, .. } => *status,
            Self::Fault(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// A bare answer; the gate around every route makes the page of it.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

impl From<RenderError> for PageError {
    fn from(error: RenderError) -> Self {
        Self::fault(error)
    }
}

impl From<SessionError> for PageError {
    fn from(error: SessionError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<RecordsError<crate::db::Error>> for PageError {
    fn from(error: RecordsError<crate::db::Error>) -> Self {
        match error {
            RecordsError::Actor(error) => error.into(),
            RecordsError::Records(error) => error.into(),
        }
    }
}

impl From<ActorError> for PageError {
    fn from(error: ActorError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<crate::db::Error> for PageError {
    fn from(error: crate::db::Error) -> Self {
        match error {
            crate::db::Error::Unavailable(_) => Self::Unavailable(error.to_string()),
            crate::db::Error::Fault(fault) => Self::fault(fault),
        }
    }
}

impl From<AccountsError> for PageError {
    fn from(error: AccountsError) -> Self {
        match error {
            AccountsError::Database(error) => error.into(),
            AccountsError::Overloaded { retry_after } => Self::Busy { retry_after },
            AccountsError::State(error) => Self::Unavailable(error.to_string()),
            other => Self::fault(other),
        }
    }
}

impl From<MfaError> for PageError {
    fn from(error: MfaError) -> Self {
        match error {
            MfaError::Database(error) => error.into(),
            MfaError::State(error) => Self::Unavailable(error.to_string()),
            other => Self::fault(other),
        }
    }
}

impl From<OrganizationsError> for PageError {
    fn from(error: OrganizationsError) -> Self {
        match error {
            OrganizationsError::Database(error) => error.into(),
            OrganizationsError::Mail(error) => Self::fault(error),
            OrganizationsError::Fault(fault) => Self::fault(fault),
        }
    }
}

impl From<CertificationError> for PageError {
    fn from(error: CertificationError) -> Self {
        match error {
            CertificationError::Database(error) => error.into(),
            CertificationError::Fault(fault) => Self::fault(fault),
        }
    }
}

impl From<Fault> for PageError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Database(error) => error.into(),
            Fault::State(error) => Self::Unavailable(error.to_string()),
            other => Self::fault(other),
        }
    }
}

impl From<LogoutError> for PageError {
    fn from(error: LogoutError) -> Self {
        match error {
            LogoutError::Refused(error) => Self::provider(StatusCode::BAD_REQUEST, &error),
            LogoutError::Fault(fault) => fault.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::web::assets::Assets;
    use crate::web::legal_texts::LegalTexts;

    const REFERENCE: &str = "0123456789abcdef";

    fn rendered(error: &PageError) -> String {
        let renderer =
            Renderer::new(Arc::new(Assets::load().unwrap()), false, LegalTexts::default()).unwrap();
        let page = error.error_page(ReturnLink::home(), REFERENCE);
        renderer.render(&Shell::default(), &page).unwrap()
    }

    #[test]
    fn each_error_says_what_happened_and_what_helps() {
        let retry_after = Duration::from_secs(5);
        for (error, message, advice) in [
            (
                PageError::Unavailable("redis".to_owned()),
                "Le service est momentanément indisponible.",
                ErrorPage::UNAVAILABLE,
            ),
            (
                PageError::Busy { retry_after },
                "Le service est momentanément indisponible.",
                ErrorPage::BUSY,
            ),
            (
                PageError::fault("a cause"),
                "Une erreur inattendue s’est produite de notre côté.",
                ErrorPage::RETRY_LATER,
            ),
            (
                PageError::AcrNotMet("none of the requested ACRs could be obtained"),
                "<span lang=\"en\">none of the requested ACRs could be obtained</span>",
                ErrorPage::ASK_THE_SERVICE,
            ),
            (
                PageError::InvalidSiretHint("1".to_owned()),
                "<span lang=\"en\">Siret_hint 1 is not valid (should be 14 digits)</span>",
                ErrorPage::START_AGAIN,
            ),
            (
                PageError::Provider {
                    status: StatusCode::BAD_REQUEST,
                    text: "invalid_request: a text".to_owned(),
                },
                "<span lang=\"en\">invalid_request: a text</span>",
                ErrorPage::START_AGAIN,
            ),
            (
                PageError::Provider {
                    status: StatusCode::SERVICE_UNAVAILABLE,
                    text: "server_error".to_owned(),
                },
                "<span lang=\"en\">server_error</span>",
                ErrorPage::RETRY_LATER,
            ),
            (PageError::Csrf, "invalid csrf token", ErrorPage::ALLOW_COOKIES),
        ] {
            let page = rendered(&error);
            assert!(page.contains(message), "{error}: {page}");
            assert!(page.contains(advice), "{error}: {page}");
            assert!(page.contains(REFERENCE), "{error}: the support desk can find it");
        }
    }

    #[test]
    fn nobody_is_asked_back_too_early() {
        for (milliseconds, expected) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (60_000, 60)] {
            let delay = Duration::from_millis(milliseconds);
            assert_eq!(retry_after_seconds(delay), expected, "{delay:?}");
        }
    }

    #[test]
    fn a_text_for_services_is_explained_to_people() {
        let page = rendered(&PageError::AcrNotMet(
            "none of the requested ACRs could be obtained",
        ));
        assert!(page.contains("un niveau de garantie que ce compte ne permet pas d’atteindre"));
        assert!(!page.contains("rechargez-la"), "loading it again does not help");
        let page = rendered(&PageError::InvalidSiretHint("1".to_owned()));
        assert!(page.contains("un numéro SIRET qui n’est pas valable"));
    }
}
