//! The `OpenID Connect` protocol as three stages that never mix: *read* a request against the client's registration,
//! *decide* against session and policy, *act* by storing, signing and answering. Reading and deciding are pure.

mod answer;
mod artefacts;
mod authentication;
mod authorization_checks;
mod authorization_request;
mod authorize;
mod backchannel_logout;
mod certificate;
mod claims_request;
mod client;
mod client_authentication;
mod client_keys;
mod client_request;
mod client_settings;
mod connection_journal;
pub mod cookies;
mod decision;
#[cfg(test)]
mod decision_tests;
mod discovery;
mod dpop;
mod endpoint_error;
mod error;
mod id_token;
mod interaction;
mod interactions;
mod introspection;
mod issuing;
mod jose;
mod keys;
mod logout;
mod metrics;
mod parameters;
mod pushed_request;
mod redirect_uri;
mod refresh;
pub mod registry;
mod request_object;
mod revocation;
mod service;
mod signer;
pub mod signing_keys;
mod subject;
mod token;
mod user_claim;
mod user_info_claims;
mod userinfo;

pub use answer::AuthorizationAnswer;
pub use authentication::{Authentication, SelectedOrganization};
pub use authorization_request::{AuthorizationRequest, Prompt};
pub use backchannel_logout::LogoutMessenger;
pub use certificate::ClientCertificate;
pub use client::Client;
pub use client_keys::PublishedKeys;
pub use client_request::ClientRequest;
pub use client_settings::hash_secret;
#[cfg(test)]
pub(crate) use decision::{Decision, Progress, acr_is_acceptable, decide};
pub use decision::{InteractionPrompt, Reason};
#[cfg(test)]
pub(crate) use decision_tests::request as sound_request;
pub use dpop::Nonces;
pub use endpoint_error::EndpointError;
pub use error::{ErrorCode, Fault, ProtocolError};
pub use interaction::{FirstPage, InteractionContext};
pub use interactions::{ACR_NOT_MET, ErrorEnd, Finish, Start};
pub use introspection::{Introspection, IntrospectionAnswer, LiveToken};
pub use logout::{LOGOUT_SUCCESS_PATH, LoggedOut, LogoutAnswer, LogoutError, LogoutPage};
pub use metrics::{ClientFigures, ProviderMetrics};
pub use parameters::Body;
pub use pushed_request::PushedRequestAnswer;
pub use service::{Oidc, OidcSettings, Visitor};
pub use signer::{Signer, SigningAlgorithm, SigningError, VerifiedJwt};
pub use token::TokenResponse;
pub use userinfo::{UserinfoAnswer, UserinfoRequest};
