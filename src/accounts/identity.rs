//! Proving who one is, with `FranceConnect` (spec/accounts.md §5.16): there with a state, back with a code, and out again.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identite_actors::state::Write;
use rand::RngExt as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;

use super::{Accounts, AccountsError, Device};
use crate::connectors::franceconnect::{Callback, FranceConnectError, Identified, RoundTrip};
use crate::db;
use crate::domain::{FranceConnectIdentity, SecurityEvent, UserId};

/// How long somebody may take to sign in at `FranceConnect`.
const ROUND_TRIP_TIME_TO_LIVE: Duration = Duration::from_mins(30);
/// What is logged of an error code in the address of an answer.
const ERROR_CODE_LIMIT: usize = 40;
/// Error codes of answers that tell of the person (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6): they declined, or stopped on
/// the way.
const CODES_OF_THE_PERSON: [&str; 5] = [
    "access_denied",
    "account_selection_required",
    "consent_required",
    "interaction_required",
    "login_required",
];

/// Who proves an identity, and where. A round trip belongs to the session that began it.
#[derive(Debug, Clone, Copy)]
pub struct Applicant<'a> {
    pub user: UserId,
    /// Public name of the signed-in session.
    pub session_uid: &'a str,
}

/// Where somebody is sent to prove an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentityRequest {
    GoTo(Url),
    /// `FranceConnect` does not answer: worth another try later.
    Unreachable,
}

/// What somebody came back with.
#[derive(Debug, Clone, Copy)]
pub struct IdentityAnswer<'a> {
    pub state: Option<&'a str>,
    pub code: Option<&'a str>,
    /// The person declined, or `FranceConnect` could not.
    pub error: Option<&'a str>,
    /// `iss` (RFC 9207)
    pub issuer: Option<&'a str>,
    /// Where the answer arrived.
    pub redirect_uri: &'a str,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentityOutcome {
    /// The identity is on record, and the account has its names.
    Verified { id_token: String },
    /// It is not the identity of this account: nothing was changed.
    AnotherPerson { id_token: String },
    /// The person declined, or the answer belongs to no round trip of this session, or is not to be believed.
    Failed,
    /// `FranceConnect` does not answer: nothing was changed.
    Unreachable,
}

/// What a person is told once they are signed out of `FranceConnect`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityVerdict {
    Verified,
    AnotherPerson,
}

/// What is remembered of somebody who is at `FranceConnect`.
#[derive(Serialize, Deserialize)]
struct Outbound {
    nonce: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code_verifier: Option<String>,
    redirect_uri: String,
}

/// What is remembered of somebody who signs out there.
#[derive(Serialize, Deserialize)]
struct Leaving {
    verdict: IdentityVerdict,
    return_to: String,
}

impl Accounts {
    /// Begins a round trip that ends at `redirect_uri`.
    ///
    /// # Errors
    /// When the state store does not answer.
    pub async fn request_identity(
        &self,
        applicant: Applicant<'_>,
        redirect_uri: &str,
    ) -> Result<IdentityRequest, AccountsError> {
        let [state, nonce, code_verifier] = [secret(), secret(), secret()];
        let trip = RoundTrip {
            redirect_uri,
            state: &state,
            nonce: &nonce,
            code_challenge: &URL_SAFE_NO_PAD.encode(Sha256::digest(&code_verifier)),
        };
        let destination = match self.services.franceconnect.authorization_url(trip).await {
            Ok(destination) => destination,
            Err(error) => {
                tracing::error!(%error, "nobody can be sent to FranceConnect");
                return Ok(IdentityRequest::Unreachable);
            }
        };
        let outbound = Outbound {
            nonce,
            code_verifier: destination.uses_pkce.then_some(code_verifier),
            redirect_uri: redirect_uri.to_owned(),
        };
        self.remember(&outbound_key(applicant, &state), &outbound).await?;
        Ok(IdentityRequest::GoTo(destination.url))
    }

    /// Ends the round trip: an identity that is to be believed is recorded, and the account takes its names. A round trip
    /// ends once.
    ///
    /// # Errors
    /// When the database or the state store does not answer, or the account is gone.
    pub async fn accept_identity(
        &self,
        applicant: Applicant<'_>,
        answer: IdentityAnswer<'_>,
        device: &Device,
    ) -> Result<IdentityOutcome, AccountsError> {
        let outbound: Option<Outbound> = match answer.state {
            Some(state) => self.recall(&outbound_key(applicant, state)).await?,
            None => None,
        };
        if let Some(error) = answer.error {
            let code = printable(error);
            // Anybody can write an address: one that ends no round trip tells nothing of FranceConnect.
            if outbound.is_some() && is_a_fault(error) {
                tracing::error!(error = code, "FranceConnect could identify nobody");
            } else {
                tracing::info!(error = code, "FranceConnect identified nobody");
            }
            return Ok(IdentityOutcome::Failed);
        }
        let known = outbound.filter(|outbound| outbound.redirect_uri == answer.redirect_uri);
        let (Some(outbound), Some(code)) = (known, answer.code) else {
            tracing::info!("an answer of FranceConnect belongs to no round trip of this session");
            return Ok(IdentityOutcome::Failed);
        };
        let callback = Callback {
            code,
            issuer: answer.issuer,
            redirect_uri: &outbound.redirect_uri,
            nonce: &outbound.nonce,
            code_verifier: outbound.code_verifier.as_deref(),
        };
        let Identified { identity, id_token } = match self.services.franceconnect.identify(callback).await {
            Ok(identified) => identified,
            Err(FranceConnectError::Unreachable(error)) => {
                tracing::error!(%error, "FranceConnect does not tell whom a code stands for");
                return Ok(IdentityOutcome::Unreachable);
            }
            Err(error) => {
                if error.is_a_fault() {
                    tracing::error!(%error, "an answer of FranceConnect is refused");
                } else {
                    tracing::warn!(%error, "an answer of FranceConnect is refused");
                }
                return Ok(IdentityOutcome::Failed);
            }
        };
        Ok(match self.record_identity(applicant, &identity, device).await? {
            IdentityVerdict::Verified => IdentityOutcome::Verified { id_token },
            IdentityVerdict::AnotherPerson => IdentityOutcome::AnotherPerson { id_token },
        })
    }

    /// All of it or nothing; the account is locked meanwhile.
    async fn record_identity(
        &self,
        applicant: Applicant<'_>,
        identity: &FranceConnectIdentity,
        device: &Device,
    ) -> Result<IdentityVerdict, AccountsError> {
        let now = self.services.clock.now();
        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        let user = applicant.user;
        db::users::lock(&transaction, user)
            .await?
            .ok_or(AccountsError::Fault("the account is gone"))?;
        let recorded = db::franceconnect::find(&transaction, user).await?;
        let verdict = if recorded.is_none_or(|recorded| recorded.may_be(identity)) {
            db::franceconnect::record(&transaction, user, identity, now).await?;
            let (given_name, family_name) = (identity.first_given_name(), identity.family_name_in_use());
            db::users::set_names(&transaction, user, given_name, family_name, now).await?;
            IdentityVerdict::Verified
        } else {
            IdentityVerdict::AnotherPerson
        };
        let kind = match verdict {
            IdentityVerdict::Verified => SecurityEvent::IdentityVerified,
            IdentityVerdict::AnotherPerson => SecurityEvent::IdentityRefused,
        };
        let event = db::events::NewEvent {
            session_uid: Some(applicant.session_uid),
            ..device.event(user, kind)
        };
        db::events::record(&transaction, &event, now).await?;
        transaction.commit().await?;
        Ok(verdict)
    }

    /// Where to send somebody to sign out of `FranceConnect`, to come back to `return_to`; `None` when that is not possible
    /// now, which holds nobody up: what was found out is on record.
    pub async fn leave_franceconnect(
        &self,
        applicant: Applicant<'_>,
        id_token: &str,
        return_to: &str,
        verdict: IdentityVerdict,
    ) -> Option<Url> {
        let state = secret();
        let franceconnect = &self.services.franceconnect;
        let url = franceconnect.end_session_url(id_token, return_to, &state).await?;
        let leaving = Leaving {
            verdict,
            return_to: return_to.to_owned(),
        };
        match self.remember(&leaving_key(applicant, &state), &leaving).await {
            Ok(()) => Some(url),
            Err(error) => {
                tracing::warn!(%error, "somebody stays signed in at FranceConnect");
                None
            }
        }
    }

    /// What to tell somebody who comes back to `return_to` from the sign-out of `FranceConnect`; `None` when this session
    /// sent nobody there with this state.
    ///
    /// # Errors
    /// When the state store does not answer.
    pub async fn return_from_franceconnect(
        &self,
        applicant: Applicant<'_>,
        state: &str,
        return_to: &str,
    ) -> Result<Option<IdentityVerdict>, AccountsError> {
        let leaving: Option<Leaving> = self.recall(&leaving_key(applicant, state)).await?;
        Ok(leaving
            .filter(|leaving| leaving.return_to == return_to)
            .map(|leaving| leaving.verdict))
    }

    async fn remember<T: Serialize + Sync>(&self, key: &str, value: &T) -> Result<(), AccountsError> {
        let value =
            serde_json::to_vec(value).map_err(|_| AccountsError::Fault("a round trip cannot be kept"))?;
        let put = Write::Put {
            key: key.to_owned(),
            value,
            ttl: ROUND_TRIP_TIME_TO_LIVE,
        };
        self.services.state.write(&[], vec![put]).await?;
        Ok(())
    }

    /// What was remembered, once: whoever comes second finds nothing.
    async fn recall<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, AccountsError> {
        let value = self.services.state.take(key).await?;
        Ok(value.and_then(|value| serde_json::from_slice(&value).ok()))
    }
}

/// 256 random bits, base64url.
fn secret() -> String {
    URL_SAFE_NO_PAD.encode(rand::rng().random::<[u8; 32]>())
}

fn outbound_key(applicant: Applicant<'_>, state: &str) -> String {
    key("outbound", applicant, state)
}

fn leaving_key(applicant: Applicant<'_>, state: &str) -> String {
    key("leaving", applicant, state)
}

/// A state is of use only to the session that it was given to.
fn key(leg: &str, Applicant { user, session_uid }: Applicant<'_>, state: &str) -> String {
    let digest = Sha256::digest(format!("{}\0{session_uid}\0{state}", user.0));
    format!("franceconnect:{leg}:{}", URL_SAFE_NO_PAD.encode(digest))
}

/// Whether an error code of an answer tells of `FranceConnect`, or of what we asked of it, and not of the person.
fn is_a_fault(code: &str) -> bool {
    !CODES_OF_THE_PERSON.contains(&code)
}

/// An error code as a log can hold it.
fn printable(code: &str) -> String {
    code.chars()
        .filter(|character| character.is_ascii_alphanumeric() || *character == '_')
        .take(ERROR_CODE_LIMIT)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::is_a_fault;

    #[test]
    fn who_declines_or_stops_on_the_way_is_no_fault_of_franceconnect() {
        for code in ["access_denied", "login_required", "consent_required"] {
            assert!(!is_a_fault(code), "{code}");
        }
        for code in [
            "server_error",
            "temporarily_unavailable",
            "invalid_scope",
            "unheard_of",
        ] {
            assert!(is_a_fault(code), "{code}");
        }
    }
}
