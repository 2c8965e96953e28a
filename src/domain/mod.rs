//! Values that cannot be wrong, and the pure rules over them.

pub mod acr;
pub mod amr;
pub mod assurance;
pub mod email;
pub mod ids;
pub mod public_service;
pub mod scope;
pub mod siret;
pub mod text;
pub mod trusted_path;
pub mod verification_type;

pub use acr::{Acr, EssentialAcr};
pub use amr::Amr;
pub use assurance::{AuthenticationLevel, IdentityLevel, Levels, OrganizationLevel};
pub use email::Email;
pub use ids::{OrganizationId, UserId};
pub use scope::{Scope, ScopeSet};
pub use siret::Siret;
pub use verification_type::LinkVerificationType;
