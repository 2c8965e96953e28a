//! The `OpenID Connect` protocol as three stages that never mix: *read* a request against the client's registration,
//! *decide* against session and policy, *act* by storing, signing and answering. Reading and deciding are pure.

mod answer;
mod artefacts;
mod authentication;
mod authorization_checks;
mod authorization_request;
mod authorize;
mod claims_request;
mod client;
mod client_authentication;
pub mod cookies;
mod decision;
#[cfg(test)]
mod decision_tests;
mod discovery;
mod endpoint_error;
mod error;
mod interaction;
mod interactions;
mod introspection;
mod keys;
mod logout;
mod parameters;
mod redirect_uri;
mod service;
mod signer;
mod token;
mod user_claim;
mod user_info_claims;
mod userinfo;

pub use answer::AuthorizationAnswer;
pub use authentication::{Authentication, SelectedOrganization};
pub use authorization_request::{AuthorizationRequest, Prompt};
pub use client::Client;
pub use decision::{InteractionPrompt, Reason};
pub use endpoint_error::EndpointError;
pub use error::{ErrorCode, Fault, ProtocolError};
pub use interaction::{FirstPage, InteractionContext};
pub use interactions::{ACR_NOT_MET, ErrorEnd, Finish, Start};
pub use introspection::{Introspection, IntrospectionRequest, LiveToken};
pub use logout::{LOGOUT_SUCCESS_PATH, LoggedOut, LogoutAnswer, LogoutError, LogoutPage};
pub use parameters::Body;
pub use service::{Oidc, OidcSettings, Visitor};
pub use signer::{Signer, SigningAlgorithm, SigningError, VerifiedJwt};
pub use token::{TokenRequest, TokenResponse};
pub use userinfo::{UserinfoAnswer, UserinfoRequest};
