//! Adding a passkey to an account.

use serde::Deserialize;
use webauthn_rs_core::proto::{RegisterPublicKeyCredential, RegistrationState};

use super::CeremonyOptions;
use super::attestation::MadePasskey;
use super::ceremony::{Binding, Purpose, SessionKey};
use crate::db;
use crate::db::authenticators::NewAuthenticator;
use crate::db::second_factors::Holder;
use crate::domain::{Amr, SecurityEvent, SessionNames, UserId};
use crate::mail::messages::AddAccessKey;
use crate::mfa::second_factor::Proof;
use crate::mfa::{Actor, Mfa, MfaError};

/// As many hints of a browser are kept, each as long at most.
const TRANSPORTS_LIMIT: usize = 8;
const TRANSPORT_LIMIT_IN_BYTES: usize = 32;

/// The end of an attempt to add a passkey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistrationOutcome {
    Registered,
    /// The answer proves nothing, or its challenge is not waiting, or the passkey is somebody's already.
    Invalid,
    /// The account has a second factor that was not shown in this session.
    NotAllowed,
}

impl Mfa {
    /// Options to make a passkey for `user`, whose address is `email`, in the browser session `session`.
    ///
    /// # Errors
    /// When the database or the shared state does not answer.
    pub async fn passkey_registration_options(
        &self,
        user: UserId,
        email: &str,
        session: &SessionKey,
    ) -> Result<CeremonyOptions, MfaError> {
        let known = {
            let client = self.services.pool.get().await?;
            db::authenticators::keys_of_user(&client, user).await?
        };
        let relying_party = &self.services.passkeys.relying_party;
        let challenged = relying_party.challenge_registration(user, email, &known)?;
        let binding = Binding {
            session,
            purpose: Purpose::Registration,
        };
        let store = self.services.state.as_ref();
        binding
            .keep(store, &challenged.challenge, Some(user), challenged.state)
            .await?;
        Ok(challenged.options)
    }

    /// Adds the passkey that `answer` (the browser's JSON) brings, as a factor that was shown in the session of `actor`, which gets the
    /// next of `names`; the owner is told by e-mail.
    ///
    /// # Errors
    /// When the database or the shared state does not answer: nothing is added.
    pub async fn register_passkey(
        &self,
        actor: Actor<'_>,
        names: &SessionNames,
        answer: &str,
    ) -> Result<RegistrationOutcome, MfaError> {
        let Some(session) = &names.former_digest else {
            return Ok(RegistrationOutcome::NotAllowed);
        };
        let Ok(registration) = serde_json::from_str::<RegisterPublicKeyCredential>(answer) else {
            return Ok(RegistrationOutcome::Invalid);
        };
        let binding = Binding {
            session,
            purpose: Purpose::Registration,
        };
        let store = self.services.state.as_ref();
        let waiting = binding
            .take::<RegistrationState>(store, &registration.response.client_data_json)
            .await?;
        let Some((Some(user), state)) = waiting else {
            return Ok(RegistrationOutcome::Invalid);
        };
        if user != actor.user {
            return Ok(RegistrationOutcome::Invalid);
        }
        let relying_party = &self.services.passkeys.relying_party;
        match relying_party.verify_registration(&registration, &state) {
            Ok(made) => {
                self.add_passkey(actor, names, &made, &transports_of(answer))
                    .await
            }
            Err(refusal) => {
                tracing::info!(user = actor.user.0, ?refusal, "a new passkey was refused");
                Ok(RegistrationOutcome::Invalid)
            }
        }
    }

    async fn add_passkey(
        &self,
        actor: Actor<'_>,
        names: &SessionNames,
        made: &MadePasskey,
        transports: &[String],
    ) -> Result<RegistrationOutcome, MfaError> {
        let now = self.services.clock.now();
        let name = self.services.passkeys.names.of(made.aaguid, now);
        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        let session = names.former_digest.as_ref();
        let Some(Holder { user, .. }) = self.lock_for_enrolment(&transaction, actor, session, now).await?
        else {
            return Ok(RegistrationOutcome::NotAllowed);
        };
        let passkey = NewAuthenticator {
            user: actor.user,
            credential_id: &made.credential_id,
            public_key: &made.public_key,
            counter: made.counter,
            backup_eligible: made.backup_eligible,
            backed_up: made.backed_up,
            transports,
            display_name: name.as_deref(),
            user_verified: made.user_verified,
        };
        if !db::authenticators::insert(&transaction, &passkey, now).await? {
            return Ok(RegistrationOutcome::Invalid);
        }
        let proof = Proof::Enrolled(SecurityEvent::PasskeyAdded);
        let recorded = self
            .record_factor(
                &transaction,
                actor,
                names,
                methods(made.user_verified),
                proof,
                now,
            )
            .await?;
        if recorded.is_none() {
            return Ok(RegistrationOutcome::NotAllowed);
        }
        let (given_name, family_name) = user.names();
        let message = AddAccessKey {
            given_name,
            family_name,
        };
        self.post(&transaction, &user.email, &message, now).await?;
        transaction.commit().await?;
        self.services.outbox.poke();
        Ok(RegistrationOutcome::Registered)
    }
}

/// What a passkey proves in a session that was opened otherwise.
pub(super) const fn methods(user_verified: bool) -> &'static [Amr] {
    if user_verified {
        &[Amr::Pop, Amr::Uv]
    } else {
        &[Amr::Pop]
    }
}

/// The hints of the browser as it gives them: the crate knows only those of its day.
fn transports_of(answer: &str) -> Vec<String> {
    #[derive(Deserialize)]
    struct Answer {
        response: Response,
    }
    #[derive(Deserialize)]
    struct Response {
        #[serde(default)]
        transports: Vec<String>,
    }
    let is_a_hint = |name: &String| {
        let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
        !name.is_empty() && name.len() <= TRANSPORT_LIMIT_IN_BYTES && name.bytes().all(is_letter)
    };
    let named = serde_json::from_str::<Answer>(answer).map(|answer| answer.response.transports);
    let hints = named.unwrap_or_default().into_iter().filter(is_a_hint);
    hints.take(TRANSPORTS_LIMIT).collect()
}

#[cfg(test)]
mod tests {
    use super::transports_of;

    #[test]
    fn hints_of_browsers_are_kept_as_they_are() {
        let answer = |transports: &str| format!(r#"{{"response":{{"transports":{transports}}}}}"#);
        let many = format!("[{}]", vec![r#""usb""#; 20].join(","));
        for (answer, expected) in [
            (answer(r#"["internal","hybrid"]"#), vec!["internal", "hybrid"]),
            (answer(r#"["smart-card"]"#), vec!["smart-card"]),
            (answer(r#"["USB","","a b","é"]"#), vec![]),
            (answer("null"), vec![]),
            (r#"{"response":{}}"#.to_owned(), vec![]),
            (answer(&many), vec!["usb"; 8]),
        ] {
            assert_eq!(transports_of(&answer), expected, "{answer}");
        }
    }
}
