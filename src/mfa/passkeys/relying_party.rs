//! What authenticators know of us, and the options of each ceremony (spec/accounts.md §5.11).

use std::time::Duration;

use serde_json::Value;
use url::Url;
use webauthn_rs_core::WebauthnCore;
use webauthn_rs_core::error::WebauthnError;
use webauthn_rs_core::proto::{
    AttestationConveyancePreference, AuthenticationState, AuthenticatorTransport, COSEAlgorithm,
    PublicKeyCredentialDescriptor, RegistrationState, RequestRegistrationExtensions, ResidentKeyRequirement,
    UserVerificationPolicy,
};

use super::UNWRITABLE;
use crate::db::authenticators::Authenticator;
use crate::domain::{CredentialId, UserId};
use crate::mfa::MfaError;

/// What a browser waits for the person's gesture.
const GESTURE_TIMEOUT: Duration = Duration::from_mins(1);
/// Kinds of keys that we ask for, the first preferred: Ed25519, P-256, RSA 2048 (Windows Hello on old machines).
const ALGORITHMS: [COSEAlgorithm; 3] = [COSEAlgorithm::EDDSA, COSEAlgorithm::ES256, COSEAlgorithm::RS256];
/// The crate wants a text where ours is empty.
const DISPLAY_NAME_PLACEHOLDER: &str = "-";

/// Us, as authenticators know us.
#[derive(Debug, Clone)]
pub struct RelyingParty {
    pub(super) core: WebauthnCore,
    pub(super) id: String,
    pub(super) origin: Url,
}

/// What a challenge leaves behind until it is answered.
pub(super) struct Challenged<State> {
    /// For the browser's API: the JSON of WebAuthn §5.1.8 and §5.1.9.
    pub options: Value,
    pub challenge: Vec<u8>,
    pub state: State,
}

/// Whether the authenticator must verify the person, by a PIN, a fingerprint or a face.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verification {
    /// The passkey is both factors.
    Required,
    /// The person has proven otherwise who they are: a touch is enough.
    NotNeeded,
}

impl From<Verification> for UserVerificationPolicy {
    fn from(verification: Verification) -> Self {
        match verification {
            Verification::Required => Self::Required,
            Verification::NotNeeded => Self::Discouraged_DO_NOT_USE,
        }
    }
}

impl RelyingParty {
    /// Us at `origin` (`HOST`), whose host name is our identifier, under the name `name` (`APPLICATION_NAME`). `None`: `origin` has no
    /// host name.
    #[must_use]
    pub fn new(origin: Url, name: &str) -> Option<Self> {
        let id = origin.host_str()?.to_owned();
        let origins = vec![origin.clone()];
        let core = WebauthnCore::new_unsafe_experts_only(
            name,
            &id,
            origins,
            GESTURE_TIMEOUT,
            Some(false),
            Some(false),
        );
        Some(Self { core, id, origin })
    }

    /// Asks for a new passkey of `user`, on none of the authenticators that hold one of `known`.
    ///
    /// Neither an attestation nor the verification of the person is insisted on: any security key will do.
    pub(super) fn challenge_registration(
        &self,
        user: UserId,
        email: &str,
        known: &[Authenticator],
    ) -> Result<Challenged<RegistrationState>, MfaError> {
        let known: Vec<PublicKeyCredentialDescriptor> = known.iter().filter_map(descriptor).collect();
        let extensions = RequestRegistrationExtensions {
            cred_protect: None,
            uvm: None,
            cred_props: Some(true),
            min_pin_length: None,
            hmac_create_secret: None,
        };
        let builder = self
            .core
            .new_challenge_register_builder(user_handle(user).as_bytes(), email, DISPLAY_NAME_PLACEHOLDER)?
            .attestation(AttestationConveyancePreference::None)
            .user_verification_policy(UserVerificationPolicy::Preferred)
            .credential_algorithms(ALGORITHMS.to_vec())
            .extensions(Some(extensions))
            .exclude_credentials(Some(
                known.iter().map(|descriptor| descriptor.id.clone()).collect(),
            ))
            .hints(Some(Vec::new()));
        let (mut challenge, state) = self.core.generate_challenge_register(builder)?;
        let options = &mut challenge.public_key;
        options.user.display_name.clear();
        options.exclude_credentials = Some(known);
        if let Some(selection) = options.authenticator_selection.as_mut() {
            selection.resident_key = Some(ResidentKeyRequirement::Preferred);
        }
        Ok(Challenged {
            challenge: options.challenge.clone(),
            options: serde_json::to_value(options).map_err(|_| UNWRITABLE)?,
            state,
        })
    }

    /// Asks for the proof that one of `allowed` is at hand; of any passkey of ours when there are none.
    pub(super) fn challenge_assertion(
        &self,
        allowed: &[PublicKeyCredentialDescriptor],
        verification: Verification,
    ) -> Result<Challenged<AuthenticationState>, MfaError> {
        let builder = self
            .core
            .new_challenge_authenticate_builder(Vec::new(), Some(verification.into()))?
            // The reference does not look at this flag, which some authenticators learn to set after an update.
            .allow_backup_eligible_upgrade(true);
        let (challenge, state) = self.core.generate_challenge_authenticate(builder)?;
        let mut options = serde_json::to_value(&challenge.public_key).map_err(|_| UNWRITABLE)?;
        options["allowCredentials"] = serde_json::to_value(allowed).map_err(|_| UNWRITABLE)?;
        Ok(Challenged {
            challenge: challenge.public_key.challenge,
            options,
            state,
        })
    }
}

/// What authenticators keep of a person to find their passkeys without being told which: the number of the account.
pub(super) fn user_handle(user: UserId) -> String {
    user.to_string()
}

/// The person whose number `handle` is.
pub(super) fn user_of_handle(handle: &[u8]) -> Option<UserId> {
    let text = std::str::from_utf8(handle).ok()?;
    let user = UserId(text.parse().ok()?);
    (user_handle(user) == text).then_some(user)
}

/// How the browser is told of a passkey; `None` for a row that nobody can use.
pub(super) fn descriptor(passkey: &Authenticator) -> Option<PublicKeyCredentialDescriptor> {
    let id = CredentialId::parse(&passkey.credential_id).ok()?;
    Some(describe(id.as_bytes(), &passkey.transports))
}

/// How the browser is told of the passkey `id`. A transport that no browser of today knows is left out.
pub(super) fn describe(id: &[u8], transports: &[String]) -> PublicKeyCredentialDescriptor {
    let transports: Vec<AuthenticatorTransport> =
        transports.iter().filter_map(|name| name.parse().ok()).collect();
    PublicKeyCredentialDescriptor {
        type_: "public-key".to_owned(),
        id: id.to_vec(),
        transports: (!transports.is_empty()).then_some(transports),
    }
}

impl From<WebauthnError> for MfaError {
    fn from(error: WebauthnError) -> Self {
        tracing::error!(%error, "a challenge for a passkey cannot be made");
        Self::Fault("a challenge for a passkey cannot be made")
    }
}
