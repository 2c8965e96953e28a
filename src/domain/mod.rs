//! Values that cannot be wrong, and the pure rules over them.

pub mod acr;
pub mod amr;
pub mod assurance;
#[cfg(test)]
mod assurance_combinations;
pub mod calendar;
pub mod device;
pub mod did_you_mean;
pub mod email;
pub mod email_domain;
pub mod franceconnect_identity;
pub mod ids;
pub mod job;
pub mod legal_category;
pub mod official_contact;
pub mod one_time_secret;
pub mod organization;
pub mod passkey;
pub mod password_policy;
pub mod person_name;
pub mod phone_number;
pub mod public_service;
pub mod recovery_code;
pub mod reference_list;
pub mod scope;
pub mod security_event;
pub mod siret;
pub mod text;
pub mod totp;
pub mod trusted_browser;
pub mod trusted_path;
pub mod user_agent;
#[cfg(test)]
pub(crate) mod vectors;
pub mod verification_type;

pub use acr::{Acr, EssentialAcr};
pub use amr::Amr;
pub use assurance::{AuthenticationLevel, IdentityLevel, Levels, OrganizationLevel};
pub use device::{Device, SessionNames};
pub use email::Email;
pub use franceconnect_identity::{FranceConnectIdentity, RecordedIdentity};
pub use ids::{ModerationId, OrganizationId, UserId};
pub use job::Job;
pub use one_time_secret::{EmailCode, LinkToken, SecretHasher};
pub use organization::{OrganizationInfo, OrganizationProfile};
pub use passkey::{CredentialId, PasskeyName, ProvenPasskey};
pub use person_name::PersonName;
pub use phone_number::PhoneNumber;
pub use recovery_code::RecoveryCode;
pub use scope::{Scope, ScopeSet};
pub use security_event::SecurityEvent;
pub use siret::Siret;
pub use totp::{TotpCode, TotpKey, TotpKeyCipher};
pub use trusted_browser::TrustedBrowser;
pub use verification_type::LinkVerificationType;
