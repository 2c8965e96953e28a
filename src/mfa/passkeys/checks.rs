//! What holds of every answer, whatever the kind of its key (WebAuthn §7.1 steps 7 to 16, §7.2 steps 11 to 18).

use sha2::{Digest, Sha256};
use webauthn_rs_core::internals::AuthenticatorData;
use webauthn_rs_core::proto::origin::origins_match;
use webauthn_rs_core::proto::{Ceremony, CollectedClientData};

use super::Refusal;
use super::relying_party::{RelyingParty, Verification};

/// Length of the hash of our identifier, with which authenticator data begins (WebAuthn §6.1).
const IDENTIFIER_HASH_LENGTH: usize = 32;

/// `clientDataJSON.type` of each ceremony.
pub(super) const CREATION: &str = "webauthn.create";
pub(super) const ASSERTION: &str = "webauthn.get";

impl RelyingParty {
    /// What the browser says: the ceremony is of this kind, on a page of ours that no other site frames. The challenge is the one
    /// that was drawn: the ceremony was found under it.
    pub(super) fn check_client_data(&self, bytes: &[u8], kind: &str) -> Result<(), Refusal> {
        let client_data: CollectedClientData =
            serde_json::from_slice(bytes).map_err(|_| Refusal::because("the client data cannot be read"))?;
        if client_data.type_ != kind {
            return Err(Refusal::because("the answer is one of another ceremony"));
        }
        if !origins_match(false, false, &client_data.origin, &self.origin) {
            return Err(Refusal::because("the answer comes from another origin"));
        }
        if client_data.cross_origin == Some(true) {
            return Err(Refusal::because("the page was framed by another site"));
        }
        Ok(())
    }

    /// What the authenticator says: it was asked on our behalf, the person was there, and was verified where that is needed.
    pub(super) fn check_authenticator_data<T: Ceremony>(
        &self,
        bytes: &[u8],
        verification: Verification,
    ) -> Result<AuthenticatorData<T>, Refusal> {
        let data = AuthenticatorData::<T>::try_from(bytes)
            .map_err(|_| Refusal::because("the authenticator data cannot be read"))?;
        let identifier_hash = bytes.get(..IDENTIFIER_HASH_LENGTH).unwrap_or_default();
        if identifier_hash != Sha256::digest(self.id.as_bytes()).as_slice() {
            return Err(Refusal::because("the authenticator was asked for somebody else"));
        }
        if !data.user_present {
            return Err(Refusal::because("nobody was there"));
        }
        if verification == Verification::Required && !data.user_verified {
            return Err(Refusal::because("the person was not verified"));
        }
        if data.backup_state && !data.backup_eligible {
            return Err(Refusal::because("a passkey that cannot be copied was copied"));
        }
        Ok(data)
    }
}

/// What a signature of an authenticator covers: its data, and the hash of the browser's.
pub(super) fn signed_message(authenticator_data: &[u8], client_data: &[u8]) -> Vec<u8> {
    [authenticator_data, Sha256::digest(client_data).as_slice()].concat()
}
