//! The provider's use cases on a real database: what a relying party and a person get.

#[path = "oidc/authorization.rs"]
mod authorization;
#[path = "oidc/logout.rs"]
mod logout;
#[path = "oidc/provider.rs"]
mod provider;
#[path = "oidc/token.rs"]
mod token;
#[path = "oidc/userinfo.rs"]
mod userinfo;
