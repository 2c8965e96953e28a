//! Whether an answer brings a new passkey, and which (WebAuthn §7.1).

use serde::Deserialize;
use serde_cbor_2::Value;
use uuid::Uuid;
use webauthn_rs_core::internals::AuthenticatorData;
use webauthn_rs_core::proto::{RegisterPublicKeyCredential, Registration, RegistrationState};

use super::Refusal;
use super::checks::{CREATION, signed_message};
use super::cose::{Ed25519Key, PublicKey};
use super::relying_party::{RelyingParty, Verification};
use crate::domain::CredentialId;

/// A passkey that an authenticator has just made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MadePasskey {
    pub credential_id: CredentialId,
    /// COSE
    pub public_key: Vec<u8>,
    pub counter: u32,
    pub backup_eligible: bool,
    pub backed_up: bool,
    pub user_verified: bool,
    /// The kind of authenticator, as it says; many do not.
    pub aaguid: Uuid,
}

/// `attestationObject` (WebAuthn §6.5.4).
#[derive(Deserialize)]
struct AttestationObject<'a> {
    fmt: &'a str,
    #[serde(rename = "authData")]
    authenticator_data: &'a [u8],
    #[serde(rename = "attStmt")]
    statement: Value,
}

impl RelyingParty {
    /// Checks `answer` to the challenge in `state`.
    pub(super) fn verify_registration(
        &self,
        answer: &RegisterPublicKeyCredential,
        state: &RegistrationState,
    ) -> Result<MadePasskey, Refusal> {
        let response = &answer.response;
        self.check_client_data(&response.client_data_json, CREATION)?;
        let object: AttestationObject<'_> = serde_cbor_2::from_slice(&response.attestation_object)
            .map_err(|_| Refusal::because("the attestation cannot be read"))?;
        let data: AuthenticatorData<Registration> =
            self.check_authenticator_data(object.authenticator_data, Verification::NotNeeded)?;
        let Some(attested) = &data.acd else {
            return Err(Refusal::because("the answer brings no passkey"));
        };
        match PublicKey::of(&attested.credential_pk) {
            None => return Err(Refusal::because("the key is of a kind that was not asked for")),
            Some(PublicKey::Ed25519(key)) => {
                check_ed25519_attestation(&key, &object, &response.client_data_json)?;
            }
            Some(PublicKey::OfTheCrate(_)) => {
                self.core.register_credential(answer, state, None)?;
            }
        }
        Ok(MadePasskey {
            credential_id: CredentialId::from_bytes(&attested.credential_id)
                .map_err(|_| Refusal::because("the passkey has no usable identifier"))?,
            public_key: serde_cbor_2::to_vec(&attested.credential_pk)
                .map_err(|_| Refusal::because("the key cannot be written"))?,
            counter: data.counter,
            backup_eligible: data.backup_eligible,
            backed_up: data.backup_state,
            user_verified: data.user_verified,
            aaguid: Uuid::from_bytes(attested.aaguid),
        })
    }
}

/// No attestation, which is what was asked for, or one by the key itself (WebAuthn §8.2, self attestation).
fn check_ed25519_attestation(
    key: &Ed25519Key,
    object: &AttestationObject<'_>,
    client_data: &[u8],
) -> Result<(), Refusal> {
    if object.fmt == "none" {
        return Ok(());
    }
    let Value::Map(statement) = &object.statement else {
        return Err(Refusal::because("the attestation cannot be read"));
    };
    let member = |name: &str| statement.get(&Value::Text(name.to_owned()));
    let is_by_the_key = object.fmt == "packed" && member("x5c").is_none();
    let message = signed_message(object.authenticator_data, client_data);
    match member("sig") {
        Some(Value::Bytes(signature)) if is_by_the_key && key.has_signed(&message, signature) => Ok(()),
        _ => Err(Refusal::because(
            "the attestation is wrong, or of a kind that was not asked for",
        )),
    }
}
