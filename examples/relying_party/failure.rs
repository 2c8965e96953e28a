//! What can go wrong between this relying party and the provider.

use std::error::Error;
use std::fmt::Write as _;

/// A sign-in or sign-out that could not be finished. Each kind becomes one error page.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The provider sent an error to the redirect URI (RFC 6749 §4.1.2.1).
    #[error("{error}: {}", description.as_deref().unwrap_or("no description"))]
    AuthorizationResponse {
        error: String,
        description: Option<String>,
    },
    /// `state` is missing, or is not one that this browser was sent away with.
    #[error("the state of the answer was not given out to this browser")]
    UnknownState,
    /// `iss` is missing or names another provider (RFC 9207 §2.4).
    #[error("the answer was not issued by the expected provider: {0}")]
    WrongIssuer(String),
    /// The answer carries neither an error nor a code.
    #[error("the answer has no authorization code")]
    MissingCode,
    /// What was asked for cannot be turned into an authorization request, or what came back cannot be read.
    #[error("{0}")]
    InvalidParameters(String),
    /// The metadata or the keys of the provider cannot be read.
    #[error("the provider's metadata cannot be read: {0}")]
    Discovery(String),
    /// The token endpoint refused or failed.
    #[error("the token endpoint did not give tokens: {0}")]
    TokenRequest(String),
    /// The ID token is absent or does not pass the checks of OpenID Connect Core §3.1.3.7.
    #[error("the ID token cannot be trusted: {0}")]
    IdToken(String),
    /// Userinfo failed, or its answer does not pass the checks of OpenID Connect Core §5.3.4.
    #[error("userinfo cannot be trusted: {0}")]
    Userinfo(String),
}

impl Failure {
    /// The name shown on the error page.
    pub fn name(&self) -> &'static str {
        match self {
            Self::AuthorizationResponse { .. } => "AuthorizationResponseError",
            Self::UnknownState => "UnknownStateError",
            Self::WrongIssuer(_) => "WrongIssuerError",
            Self::MissingCode => "MissingCodeError",
            Self::InvalidParameters(_) => "InvalidParametersError",
            Self::Discovery(_) => "DiscoveryError",
            Self::TokenRequest(_) => "TokenRequestError",
            Self::IdToken(_) => "IdTokenError",
            Self::Userinfo(_) => "UserinfoError",
        }
    }

    /// One sentence for the person who sees the page.
    pub fn explanation(&self) -> &'static str {
        match self {
            Self::AuthorizationResponse { .. } => {
                "Le fournisseur d’identité a mis fin à la connexion et donne la raison ci-dessous."
            }
            Self::UnknownState => {
                "Cette réponse ne correspond à aucune connexion commencée dans ce navigateur. Recommencez depuis l’accueil."
            }
            Self::WrongIssuer(_) => "Cette réponse ne vient pas du fournisseur d’identité attendu.",
            Self::MissingCode => "La réponse du fournisseur d’identité est incomplète.",
            Self::InvalidParameters(_) => {
                "Les paramètres ne peuvent pas être lus ou ne peuvent pas être envoyés."
            }
            Self::Discovery(_) => "Le fournisseur d’identité est injoignable ou mal configuré.",
            Self::TokenRequest(_) => "Le fournisseur d’identité n’a pas délivré de jetons.",
            Self::IdToken(_) => "Le jeton d’identité reçu n’est pas valide.",
            Self::Userinfo(_) => "Les informations reçues sur l’utilisateur ne sont pas valides.",
        }
    }
}

/// An error with all its causes on one line, since each layer of the client library says only its own part.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a string cannot fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}
