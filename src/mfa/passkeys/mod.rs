//! Passkeys (WebAuthn; spec/accounts.md §5.11): made, shown as a first or second factor, named, removed.
//!
//! `webauthn-rs-core` runs the ceremonies. Its high-level sibling keeps credentials of its own format and insists on more than
//! what existing rows promise, hence the core with the policy of each ceremony. A row that the reference wrote is used here, and
//! one that is written here is used there.

mod assertion;
mod attestation;
mod ceremony;
mod checks;
mod cose;
mod first_factor;
mod management;
mod registration;
mod relying_party;
mod second_factor;
#[cfg(test)]
mod tests;
mod verdict;

use serde_json::Value;
use webauthn_rs_core::fake::{FakePasskeyDistribution, WebauthnFakeCredentialGenerator};

pub use ceremony::SessionKey;
pub use first_factor::FirstFactorOutcome;
pub use management::PasskeyChange;
pub use registration::RegistrationOutcome;
pub use relying_party::RelyingParty;
pub use second_factor::SecondFactorOutcome;

use super::MfaError;
use crate::connectors::PasskeyNames;
use crate::domain::MasterKeys;

/// Options of a ceremony are plain data: this does not happen.
const UNWRITABLE: MfaError = MfaError::Fault("the options of a ceremony cannot be written as JSON");

/// What ceremonies stand on.
pub struct PasskeyServices {
    pub relying_party: RelyingParty,
    pub names: PasskeyNames,
    pub decoys: Decoys,
}

/// Identifiers of passkeys that do not exist, told of accounts that have none: who types addresses does not learn from the
/// options of a ceremony which of them have passkeys.
pub struct Decoys(MasterKeys);

/// Separates this use of the master key from every other.
const DECOY_PURPOSE: &str = "identite passkey decoys v1";

/// Two draws in three give decoys: all of these are empty for one address in a billion.
const DECOY_DRAWS: u8 = 20;

impl Decoys {
    /// Decoys that only who knows `keys` can tell from passkeys.
    #[must_use]
    pub const fn derived_from(keys: MasterKeys) -> Self {
        Self(keys)
    }

    /// The decoys of an address: the same for as long as the key is. The generator gives none to some, for whom any passkey would
    /// then be asked.
    fn of(&self, email: &str) -> Vec<Vec<u8>> {
        let ring = self.0.ring();
        let Ok(generator) =
            WebauthnFakeCredentialGenerator::<FakePasskeyDistribution>::new(ring.current().expose())
        else {
            return Vec::new();
        };
        (0..DECOY_DRAWS)
            .map(|draw| format!("{DECOY_PURPOSE}\0{draw}\0{email}"))
            .filter_map(|subject| generator.generate(subject.as_bytes()).ok())
            .find(|decoys| !decoys.is_empty())
            .unwrap_or_default()
    }
}

/// Options of a ceremony, as the browser's API takes them in JSON.
pub type CeremonyOptions = Value;

/// Why an answer proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Refusal {
    /// The reason is for the log.
    Invalid(String),
    /// The signature is right, but the authenticator has counted fewer signatures than before: there may be two.
    CounterWentBackwards,
}

impl Refusal {
    fn because(reason: &str) -> Self {
        Self::Invalid(reason.to_owned())
    }
}
