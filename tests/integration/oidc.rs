//! The provider's use cases on a real database: what a relying party and a person get.

#[path = "oidc/authorization.rs"]
mod authorization;
#[path = "oidc/client_authentication.rs"]
mod client_authentication;
#[path = "oidc/client_budget.rs"]
mod client_budget;
#[path = "oidc/client_key.rs"]
pub(crate) mod client_key;
#[path = "oidc/dpop.rs"]
mod dpop;
#[path = "oidc/encryption.rs"]
mod encryption;
#[path = "oidc/logout.rs"]
mod logout;
#[path = "oidc/operating.rs"]
mod operating;
#[path = "oidc/posted_requests.rs"]
mod posted_requests;
#[path = "oidc/provider.rs"]
mod provider;
#[path = "oidc/pushed_requests.rs"]
mod pushed_requests;
#[path = "oidc/refresh.rs"]
mod refresh;
#[path = "oidc/revocation.rs"]
mod revocation;
#[path = "oidc/statements.rs"]
mod statements;
#[path = "oidc/token.rs"]
mod token;
#[path = "oidc/userinfo.rs"]
mod userinfo;
