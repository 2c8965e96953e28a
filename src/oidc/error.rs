//! Errors of the protocol: what a relying party or an error page reads.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! error_codes {
    ($($variant:ident = $name:literal,)+) => {
        /// An error code of OAuth 2.0, `OpenID Connect` or one of their extensions.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum ErrorCode {
            $(#[serde(rename = $name)] $variant,)+
        }

        impl ErrorCode {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The value of the parameter `error`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

error_codes! {
    AccessDenied = "access_denied",
    AccountSelectionRequired = "account_selection_required",
    ConsentRequired = "consent_required",
    InsufficientScope = "insufficient_scope",
    InteractionRequired = "interaction_required",
    InvalidClient = "invalid_client",
    InvalidClientMetadata = "invalid_client_metadata",
    InvalidDpopProof = "invalid_dpop_proof",
    InvalidGrant = "invalid_grant",
    InvalidRedirectUri = "invalid_redirect_uri",
    InvalidRequest = "invalid_request",
    InvalidRequestObject = "invalid_request_object",
    InvalidRequestUri = "invalid_request_uri",
    InvalidScope = "invalid_scope",
    InvalidTarget = "invalid_target",
    InvalidToken = "invalid_token",
    LoginRequired = "login_required",
    RegistrationNotSupported = "registration_not_supported",
    RequestNotSupported = "request_not_supported",
    RequestUriNotSupported = "request_uri_not_supported",
    ServerError = "server_error",
    TemporarilyUnavailable = "temporarily_unavailable",
    UnauthorizedClient = "unauthorized_client",
    UnsupportedGrantType = "unsupported_grant_type",
    UnsupportedResponseMode = "unsupported_response_mode",
    UnsupportedResponseType = "unsupported_response_type",
    UnsupportedTokenType = "unsupported_token_type",
    UseDpopNonce = "use_dpop_nonce",
}

impl ErrorCode {
    /// The codes with which a person may be sent back from an error page (spec/oidc.md §5.7).
    const FROM_ERROR_PAGES: [Self; 16] = [
        Self::InvalidRequest,
        Self::UnauthorizedClient,
        Self::AccessDenied,
        Self::UnsupportedResponseType,
        Self::InvalidScope,
        Self::ServerError,
        Self::TemporarilyUnavailable,
        Self::InteractionRequired,
        Self::LoginRequired,
        Self::AccountSelectionRequired,
        Self::ConsentRequired,
        Self::InvalidRequestUri,
        Self::InvalidRequestObject,
        Self::RequestNotSupported,
        Self::RequestUriNotSupported,
        Self::RegistrationNotSupported,
    ];

    /// The code named `text`, if an error page may send it.
    #[must_use]
    pub fn from_error_page(text: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|code| code.as_str() == text)
            .filter(|code| Self::FROM_ERROR_PAGES.contains(code))
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An answer that says no: a value for the relying party, not a fault of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}")]
pub struct ProtocolError {
    pub code: ErrorCode,
    /// What a developer needs to know. Not contractual, never holds personal data.
    pub description: Option<Cow<'static, str>>,
    /// The offending or missing scope, for `invalid_scope` and `insufficient_scope`.
    pub scope: Option<&'static str>,
}

impl ProtocolError {
    /// An error that says only its code.
    #[must_use]
    pub const fn bare(code: ErrorCode) -> Self {
        Self {
            code,
            description: None,
            scope: None,
        }
    }

    /// An error with an explanation for developers.
    #[must_use]
    pub fn new(code: ErrorCode, description: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            description: Some(description.into()),
            scope: None,
        }
    }

    /// `invalid_request` with an explanation.
    #[must_use]
    pub fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidRequest, description)
    }

    /// This error, naming a scope.
    #[must_use]
    pub const fn about_scope(mut self, scope: &'static str) -> Self {
        self.scope = Some(scope);
        self
    }
}

/// A fault: something outside of the request failed, and nothing that the caller sent can change it.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error(transparent)]
    Database(#[from] crate::db::Error),
    #[error(transparent)]
    State(#[from] identite_actors::state::StateError),
    #[error("a stored record cannot be read")]
    Record(#[from] serde_json::Error),
    #[error(transparent)]
    Signing(#[from] super::signer::SigningError),
    /// The keys of a client cannot be had, or none of them fits.
    #[error("a client's keys: {0}")]
    ClientKeys(&'static str),
}

impl Fault {
    /// Whether the same request may succeed a little later: a store is away.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Database(error) => error.is_unavailable(),
            Self::State(identite_actors::state::StateError::Unavailable(_)) => true,
            Self::Record(_) | Self::Signing(_) | Self::ClientKeys(_) => false,
        }
    }

    /// What may be said of it.
    #[must_use]
    pub fn said(&self) -> ProtocolError {
        if self.is_unavailable() {
            ProtocolError::new(
                ErrorCode::TemporarilyUnavailable,
                "the service is temporarily unavailable",
            )
        } else {
            ProtocolError::new(ErrorCode::ServerError, "an unexpected error occurred")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_page_sends_only_codes_of_the_list() {
        assert_eq!(
            ErrorCode::from_error_page("access_denied"),
            Some(ErrorCode::AccessDenied)
        );
        assert_eq!(ErrorCode::from_error_page("invalid_grant"), None);
        assert_eq!(ErrorCode::from_error_page("Access_Denied"), None);
        assert_eq!(ErrorCode::from_error_page(""), None);
    }

    #[test]
    fn only_a_store_that_is_away_may_be_back_a_little_later() {
        let away = Fault::State(identite_actors::state::StateError::Unavailable("away".into()));
        assert_eq!(away.said().code, ErrorCode::TemporarilyUnavailable);
        assert_eq!(Fault::ClientKeys("none fits").said().code, ErrorCode::ServerError);
    }
}
