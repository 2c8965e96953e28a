//! Whether an answer proves that a passkey is at hand (WebAuthn §7.2).

use webauthn_rs_core::error::WebauthnError;
use webauthn_rs_core::internals::AuthenticatorData;
use webauthn_rs_core::proto::{
    AttestationFormat, Authentication, AuthenticationState, COSEKey, Credential, ParsedAttestation,
    PublicKeyCredential, RegisteredExtensions, UserVerificationPolicy,
};

use super::Refusal;
use super::checks::{ASSERTION, signed_message};
use super::cose::{Ed25519Key, PublicKey};
use super::relying_party::{RelyingParty, Verification};
use crate::db::authenticators::Authenticator;

/// What an assertion proves besides that the passkey is at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Proof {
    pub counter: u32,
    pub user_verified: bool,
}

impl RelyingParty {
    /// Checks `answer` to the challenge in `state` against the passkey on record.
    pub(super) fn verify_assertion(
        &self,
        answer: &PublicKeyCredential,
        state: &AuthenticationState,
        passkey: &Authenticator,
        verification: Verification,
    ) -> Result<Proof, Refusal> {
        let response = &answer.response;
        self.check_client_data(&response.client_data_json, ASSERTION)?;
        let data: AuthenticatorData<Authentication> =
            self.check_authenticator_data(&response.authenticator_data, verification)?;
        let Some(key) = PublicKey::read(&passkey.public_key) else {
            return Err(Refusal::because("the key on record cannot be used"));
        };
        // No authenticator counts further: whatever else is on record was not written by one.
        let counter = u32::try_from(passkey.counter).unwrap_or(u32::MAX);
        match key {
            PublicKey::Ed25519(key) => check_ed25519(&key, answer, &data, counter)?,
            PublicKey::OfTheCrate(key) => {
                let credential = credential(key, answer, &data, counter);
                self.core
                    .authenticate_single_credential(answer, state, &credential)?;
            }
        }
        Ok(Proof {
            counter: data.counter,
            user_verified: data.user_verified,
        })
    }
}

/// The passkey as the crate wants it. What the reference does not compare is taken from the answer, so that the crate has nothing to
/// complain of: whether the key may be copied. Whether the person must be verified depends on the ceremony alone.
fn credential(
    key: COSEKey,
    answer: &PublicKeyCredential,
    data: &AuthenticatorData<Authentication>,
    counter: u32,
) -> Credential {
    Credential {
        cred_id: answer.raw_id.clone(),
        cred: key,
        counter,
        transports: None,
        user_verified: false,
        backup_eligible: data.backup_eligible,
        backup_state: data.backup_state,
        registration_policy: UserVerificationPolicy::Discouraged_DO_NOT_USE,
        extensions: RegisteredExtensions::none(),
        attestation: ParsedAttestation::default(),
        attestation_format: AttestationFormat::None,
    }
}

/// The signature, then the counter: a wrong signature says nothing about the authenticator.
fn check_ed25519(
    key: &Ed25519Key,
    answer: &PublicKeyCredential,
    data: &AuthenticatorData<Authentication>,
    counter: u32,
) -> Result<(), Refusal> {
    let response = &answer.response;
    let message = signed_message(&response.authenticator_data, &response.client_data_json);
    if !key.has_signed(&message, &response.signature) {
        return Err(Refusal::because("the signature is wrong"));
    }
    let keeps_count = data.counter > 0 || counter > 0;
    if keeps_count && data.counter <= counter {
        return Err(Refusal::CounterWentBackwards);
    }
    Ok(())
}

impl From<WebauthnError> for Refusal {
    fn from(error: WebauthnError) -> Self {
        match error {
            WebauthnError::CredentialPossibleCompromise => Self::CounterWentBackwards,
            other => Self::Invalid(other.to_string()),
        }
    }
}
