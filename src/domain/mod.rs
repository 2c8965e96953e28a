//! Values that cannot be wrong, and the pure rules over them.

pub mod email;
pub mod ids;
pub mod siret;
pub mod text;
pub mod trusted_path;

pub use email::Email;
pub use ids::{OrganizationId, UserId};
pub use siret::Siret;
