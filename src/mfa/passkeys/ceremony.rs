//! Challenges that wait for their answer: each may be answered once, in the session that asked, for what it was drawn for.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identite_actors::state::{StateStore, Write};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use webauthn_rs_core::proto::CollectedClientData;

use super::UNWRITABLE;
use super::relying_party::Verification;
use crate::domain::UserId;
use crate::mfa::MfaError;

/// As long may the person take between the page's question and the answer.
const LIFETIME: Duration = Duration::from_mins(5);

/// What a challenge was drawn for. An answer for one purpose is none for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Registration,
    /// Instead of a password, for the account whose address was typed.
    FirstFactor,
    /// Instead of address and password: the passkey says whose it is.
    Discoverable,
    SecondFactor,
}

impl Purpose {
    const fn name(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::FirstFactor => "first-factor",
            Self::Discoverable => "discoverable",
            Self::SecondFactor => "second-factor",
        }
    }

    /// Whether the person is verified: where the passkey is all that is shown.
    pub(super) const fn verification(self) -> Verification {
        match self {
            Self::FirstFactor | Self::Discoverable => Verification::Required,
            Self::Registration | Self::SecondFactor => Verification::NotNeeded,
        }
    }
}

/// The browser session that a ceremony takes place in: the SHA-256 of its secret name.
pub type SessionKey = [u8; 32];

/// Whose ceremony it is, as far as it is known before the answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Binding<'a> {
    pub session: &'a SessionKey,
    pub purpose: Purpose,
}

/// What is kept of a challenge.
#[derive(Serialize, Deserialize)]
struct Waiting<State> {
    /// `None`: the passkey will tell.
    user: Option<UserId>,
    state: State,
}

impl Binding<'_> {
    /// Several pages of one browser may ask at the same time: each challenge is kept by itself.
    fn key(self, challenge: &[u8]) -> String {
        format!(
            "passkey-challenge:{}:{}:{}",
            self.purpose.name(),
            hex::encode(self.session),
            URL_SAFE_NO_PAD.encode(challenge)
        )
    }

    /// Keeps a challenge for five minutes.
    pub(super) async fn keep<State: Serialize>(
        self,
        store: &dyn StateStore,
        challenge: &[u8],
        user: Option<UserId>,
        state: State,
    ) -> Result<(), MfaError> {
        let waiting = Waiting { user, state };
        let write = Write::Put {
            key: self.key(challenge),
            value: serde_json::to_vec(&waiting).map_err(|_| UNWRITABLE)?,
            ttl: LIFETIME,
        };
        store.write(&[], vec![write]).await?;
        Ok(())
    }

    /// The challenge that `client_data` answers, which is used up whatever becomes of the answer. `None`: nothing was asked, or it
    /// was answered already, or too late, or elsewhere, or something else was asked.
    pub(super) async fn take<State: DeserializeOwned>(
        self,
        store: &dyn StateStore,
        client_data: &[u8],
    ) -> Result<Option<(Option<UserId>, State)>, MfaError> {
        let Ok(client_data) = serde_json::from_slice::<CollectedClientData>(client_data) else {
            return Ok(None);
        };
        let kept = store.take(&self.key(&client_data.challenge)).await?;
        let waiting = kept.and_then(|value| serde_json::from_slice::<Waiting<State>>(&value).ok());
        Ok(waiting.map(|waiting| (waiting.user, waiting.state)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::TimeDelta;
    use identite_actors::clock::ShiftedClock;
    use identite_actors::state::MemoryStore;
    use serde_json::json;

    use super::*;

    const SESSION: &SessionKey = &[1; 32];
    const CHALLENGE: &[u8] = &[7; 32];

    fn client_data(challenge: &[u8]) -> Vec<u8> {
        json!({
            "type": "webauthn.get",
            "challenge": URL_SAFE_NO_PAD.encode(challenge),
            "origin": "https://identite.example",
        })
        .to_string()
        .into_bytes()
    }

    #[test]
    fn who_shows_nothing_but_a_passkey_is_verified() {
        for (purpose, expected) in [
            (Purpose::FirstFactor, Verification::Required),
            (Purpose::Discoverable, Verification::Required),
            (Purpose::SecondFactor, Verification::NotNeeded),
            (Purpose::Registration, Verification::NotNeeded),
        ] {
            assert_eq!(purpose.verification(), expected, "{purpose:?}");
        }
    }

    #[tokio::test]
    async fn a_challenge_is_answered_once_where_and_for_what_it_was_drawn_and_in_time() {
        let clock = Arc::new(ShiftedClock::default());
        let store = MemoryStore::new(clock.clone());
        let drawn = Binding {
            session: SESSION,
            purpose: Purpose::SecondFactor,
        };
        let keep = || drawn.keep(&store, CHALLENGE, Some(UserId(7)), 42);
        let answer = client_data(CHALLENGE);
        let elsewhere = Binding {
            session: &[2; 32],
            ..drawn
        };
        let for_something_else = Binding {
            purpose: Purpose::FirstFactor,
            ..drawn
        };

        keep().await.unwrap();
        for (binding, client_data) in [
            (elsewhere, answer.clone()),
            (for_something_else, answer.clone()),
            (drawn, client_data(&[8; 32])),
            (drawn, b"{}".to_vec()),
            (drawn, Vec::new()),
        ] {
            assert_eq!(binding.take::<i32>(&store, &client_data).await.unwrap(), None);
        }
        let taken = drawn.take::<i32>(&store, &answer).await.unwrap();
        assert_eq!(taken, Some((Some(UserId(7)), 42)));
        assert_eq!(drawn.take::<i32>(&store, &answer).await.unwrap(), None);

        keep().await.unwrap();
        clock.advance(TimeDelta::seconds(295));
        assert!(drawn.take::<i32>(&store, &answer).await.unwrap().is_some());
        keep().await.unwrap();
        clock.advance(TimeDelta::seconds(301));
        assert_eq!(drawn.take::<i32>(&store, &answer).await.unwrap(), None);
    }
}
