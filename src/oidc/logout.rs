//! *Act*: logout at the wish of a relying party, or of the person (spec/oidc.md §8.3).

use std::sync::Arc;
use std::time::Duration;

use identite_actors::state::Write;
use rand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::artefacts::{grant_set, logout_key};
use super::authentication::Authentication;
use super::client::Client;
use super::error::{ErrorCode, Fault, ProtocolError};
use super::metrics::Leniency;
use super::parameters::{KEPT_VALUE_LIMIT_IN_BYTES, Parameters};
use super::redirect_uri::with_query;
use super::service::{Oidc, Registered};
use super::signer::VerifiedJwt;
use super::subject::SubjectType;

const LOGOUT_PARAMETERS: &[&str] = &[
    "id_token_hint",
    "client_id",
    "post_logout_redirect_uri",
    "state",
    "logout_hint",
    "ui_locales",
];
const CONFIRMATION_PARAMETERS: &[&str] = &["xsrf", "logout"];

/// How long a logout page may stay open.
const LOGOUT_TTL: Duration = Duration::from_hours(1);
const XSRF_LENGTH_IN_BYTES: usize = 24;

/// Where people land who have nowhere else to go.
pub const LOGOUT_SUCCESS_PATH: &str = "/oauth/logout/success";
/// Where people go on who were asked and stay signed in.
const HOME_PATH: &str = "/";

/// A page with a form to `/oauth/logout/confirm`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogoutPage {
    /// The hidden field `xsrf`: 48 hexadecimal digits.
    pub xsrf: String,
    /// The form submits itself. Otherwise the person is asked.
    pub is_automatic: bool,
    /// The session of this browser ends with this very answer, whether or not the form is ever sent.
    pub ends_session: bool,
}

/// Where a confirmed logout leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedOut {
    /// Absolute.
    pub url: String,
    /// The session of this browser, if there still is one, ends. Otherwise the person stays signed in here.
    pub ends_session: bool,
}

/// What becomes of a request, or of its confirmation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogoutAnswer {
    Done(LoggedOut),
    /// A page comes first. After a confirmation: the browser turns out to be signed in, and the person has not been asked yet.
    Ask(LogoutPage),
}

/// A request that cannot be honoured, or a fault.
#[derive(Debug, thiserror::Error)]
pub enum LogoutError {
    /// 400
    #[error(transparent)]
    Refused(#[from] ProtocolError),
    /// 500
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What is kept between the page and its confirmation.
#[derive(Debug, Serialize, Deserialize)]
struct PendingLogout {
    /// The session that the page was shown to. A form posted by another site comes without our cookie: then `None`.
    session_uid: Option<String>,
    /// Whom a valid hint names, as its client knows people.
    hinted_subject: Option<String>,
    /// The person has seen a page that asks.
    was_asked: bool,
    client_id: Option<String>,
    post_logout_redirect_uri: Option<String>,
    state: Option<String>,
}

impl Oidc {
    /// The end-session endpoint, GET or POST.
    ///
    /// `authentication` is the session of this browser, if somebody is signed in.
    ///
    /// # Errors
    /// The first failing check of spec/oidc.md §8.3.
    pub async fn logout_request(
        &self,
        raw: Vec<(String, String)>,
        authentication: Option<&Authentication>,
    ) -> Result<LogoutAnswer, LogoutError> {
        let parameters = Parameters::read(raw, LOGOUT_PARAMETERS);
        refuse_duplicates(&parameters)?;
        parameters.refuse_longer_than(KEPT_VALUE_LIMIT_IN_BYTES, &["state"])?;
        let hint = self.read_logout_hint(&parameters)?;
        let client_id = hint
            .as_ref()
            .map(|hint| hint.client_id.clone())
            .or_else(|| parameters.owned("client_id"));
        let client = match client_id.as_deref() {
            None => None,
            Some(client_id) => Some(self.logout_client(client_id).await?),
        };
        let uri = match &client {
            None => None,
            Some(client) => checked_post_logout_uri(client, hint.as_ref(), &parameters)?,
        };
        if let Some(client) = client
            .as_ref()
            .filter(|client| needs_normalisation(client, &parameters))
        {
            let meter = self.meter("logout");
            meter.is_about(&client.client_id);
            meter.needed(Leniency::NormalisedRedirectUri);
        }

        let pending = PendingLogout {
            session_uid: authentication.map(|authentication| authentication.session_uid.clone()),
            hinted_subject: hint.map(|hint| hint.subject),
            was_asked: false,
            client_id,
            // Without such an address nobody is told the state.
            state: uri.as_ref().and_then(|_| parameters.owned("state")),
            post_logout_redirect_uri: uri,
        };
        let way_out = self.after_logout(&pending, true);
        let names = client.as_ref().map(|client| &client.settings.subject_type);
        let asks = authentication.is_some_and(|present| self.must_ask(&pending, names, present));
        match self.logout_page(pending, asks, authentication).await {
            Ok(page) => Ok(LogoutAnswer::Ask(page)),
            // Nothing that waits for a confirmation can be kept now. Nobody is kept signed in for that.
            Err(LogoutError::Fault(fault)) if fault.is_unavailable() && !asks => {
                tracing::warn!(error = %fault, "a logout goes without its page");
                Ok(LogoutAnswer::Done(LoggedOut {
                    url: way_out,
                    ends_session: authentication.is_some(),
                }))
            }
            Err(error) => Err(error),
        }
    }

    /// Shows a page for `pending`: one that asks the person, or one that submits itself.
    async fn logout_page(
        &self,
        mut pending: PendingLogout,
        asks: bool,
        authentication: Option<&Authentication>,
    ) -> Result<LogoutPage, LogoutError> {
        pending.was_asked = asks;
        let xsrf = new_xsrf();
        let value = serde_json::to_vec(&pending).map_err(Fault::from)?;
        let write = Write::Put {
            key: logout_key(&xsrf),
            value,
            ttl: LOGOUT_TTL,
        };
        self.state.write(&[], vec![write]).await.map_err(Fault::from)?;
        Ok(LogoutPage {
            xsrf,
            is_automatic: !asks,
            ends_session: authentication.is_some() && !asks,
        })
    }

    /// `names`: under which names the client of `pending` knows people, if there is such a client.
    fn must_ask(
        &self,
        pending: &PendingLogout,
        names: Option<&SubjectType>,
        authentication: &Authentication,
    ) -> bool {
        let subject = names.map(|names| names.subject(authentication.user_id));
        let is_hinted = subject.is_some() && pending.hinted_subject == subject;
        self.settings.confirm_unhinted_logout && !is_hinted && !pending.was_asked
    }

    /// The client of a logout whose hint may spare the person a question; whoever has no such hint needs no look-up.
    async fn hinting_client(&self, pending: &PendingLogout) -> Result<Option<Arc<Client>>, Fault> {
        let may_matter = self.settings.confirm_unhinted_logout && !pending.was_asked;
        let hinting = pending
            .client_id
            .as_ref()
            .filter(|_| pending.hinted_subject.is_some());
        let Some(client_id) = hinting.filter(|_| may_matter) else {
            return Ok(None);
        };
        Ok(match self.registered(self.client_row(client_id).await?) {
            Registered::Known(client) => Some(client),
            Registered::Broken(_) | Registered::Unknown => None,
        })
    }

    /// The confirmation of a logout page. It works once.
    ///
    /// # Errors
    /// `invalid_request` when `xsrf` is not that of a page shown to this browser in its present session.
    pub async fn logout_confirm(
        &self,
        raw: Vec<(String, String)>,
        authentication: Option<&Authentication>,
    ) -> Result<LogoutAnswer, LogoutError> {
        let parameters = Parameters::read(raw, CONFIRMATION_PARAMETERS);
        refuse_duplicates(&parameters)?;
        let unknown = || ProtocolError::invalid_request("no logout is waiting for this confirmation");
        let xsrf = parameters.get("xsrf").ok_or_else(unknown)?;
        let stored = self
            .state
            .take(&logout_key(xsrf))
            .await
            .map_err(Fault::from)?
            .ok_or_else(unknown)?;
        let mut pending: PendingLogout = serde_json::from_slice(&stored).map_err(Fault::from)?;
        if let (Some(shown_to), Some(present)) = (&pending.session_uid, authentication)
            && *shown_to != present.session_uid
        {
            return Err(unknown().into());
        }
        if let Some(present) = authentication {
            let client = self.hinting_client(&pending).await?;
            let names = client.as_ref().map(|client| &client.settings.subject_type);
            if self.must_ask(&pending, names, present) {
                pending.session_uid = Some(present.session_uid.clone());
                return Ok(LogoutAnswer::Ask(
                    self.logout_page(pending, true, authentication).await?,
                ));
            }
        }

        let ends_session = parameters.has("logout");
        let session_uid = authentication
            .map(|present| &present.session_uid)
            .or(pending.session_uid.as_ref());
        if !ends_session && let (Some(session_uid), Some(client_id)) = (session_uid, &pending.client_id) {
            self.revoke(&grant_set(session_uid, client_id)).await?;
        }
        Ok(LogoutAnswer::Done(LoggedOut {
            url: self.after_logout(&pending, ends_session),
            ends_session,
        }))
    }

    /// Whether nobody is signed out by a mere link: without a valid hint, the person is asked first.
    #[must_use]
    pub fn asks_before_logout(&self) -> bool {
        self.settings.confirm_unhinted_logout
    }

    /// Whether the landing page may name this client.
    ///
    /// # Errors
    /// `invalid_client` when there is no such client.
    pub async fn check_logged_out_client(&self, client_id: Option<&str>) -> Result<(), LogoutError> {
        let Some(client_id) = client_id.filter(|client_id| !client_id.is_empty()) else {
            return Ok(());
        };
        self.logout_client(client_id).await.map(|_| ())
    }

    fn after_logout(&self, pending: &PendingLogout, ends_session: bool) -> String {
        if let Some(uri) = &pending.post_logout_redirect_uri {
            let state: Vec<_> = pending
                .state
                .iter()
                .map(|state| ("state", state.clone()))
                .collect();
            return if state.is_empty() {
                uri.clone()
            } else {
                with_query(uri, &state)
            };
        }
        if pending.was_asked && !ends_session {
            return self.settings.url(HOME_PATH);
        }
        let success = self.settings.url(LOGOUT_SUCCESS_PATH);
        match &pending.client_id {
            Some(client_id) if !ends_session => with_query(&success, &[("client_id", client_id.clone())]),
            _ => success,
        }
    }

    fn read_logout_hint(&self, parameters: &Parameters) -> Result<Option<LogoutHint>, ProtocolError> {
        let Some(jwt) = parameters.get("id_token_hint") else {
            return Ok(None);
        };
        let invalid = || ProtocolError::invalid_request("could not validate id_token_hint");
        let verified = self.signer.verify(jwt).ok_or_else(invalid)?;
        let text_of = |name: &str| {
            verified
                .claims
                .get(name)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let (client_id, subject) = (
            text_of("aud").ok_or_else(invalid)?,
            text_of("sub").ok_or_else(invalid)?,
        );
        if text_of("iss").as_deref() != Some(self.settings.issuer.as_str()) {
            return Err(invalid());
        }
        if parameters.get("client_id").is_some_and(|sent| sent != client_id) {
            return Err(ProtocolError::invalid_request(
                "client_id does not match the provided id_token_hint",
            ));
        }
        Ok(Some(LogoutHint {
            client_id,
            subject,
            jwt: verified,
        }))
    }

    async fn logout_client(&self, client_id: &str) -> Result<Arc<Client>, LogoutError> {
        match self.registered(self.client_row(client_id).await?) {
            Registered::Known(client) => Ok(client),
            Registered::Broken(error) => Err(error.into()),
            Registered::Unknown => {
                Err(ProtocolError::new(ErrorCode::InvalidClient, "client is invalid").into())
            }
        }
    }
}

/// The post-logout redirection URI of a request of `client`, if it names one.
fn checked_post_logout_uri(
    client: &Client,
    hint: Option<&LogoutHint>,
    parameters: &Parameters,
) -> Result<Option<String>, LogoutError> {
    if hint.is_some_and(|hint| hint.jwt.algorithm != client.id_token_algorithm) {
        return Err(ProtocolError::invalid_request("could not validate id_token_hint").into());
    }
    let Some(sent) = parameters.get("post_logout_redirect_uri") else {
        return Ok(None);
    };
    match client.post_logout_redirect_uri(sent) {
        Some(uri) => Ok(Some(uri.normalised.clone())),
        None => Err(ProtocolError::invalid_request("post_logout_redirect_uri not registered").into()),
    }
}

/// Whether a post-logout redirection URI that was accepted was sent otherwise than registered: stricter settings of `client` would
/// refuse it (Q13).
fn needs_normalisation(client: &Client, parameters: &Parameters) -> bool {
    let is_exact = |sent: &str| {
        let mut registered = client.post_logout_redirect_uris.iter();
        registered.any(|uri| uri.registered == sent)
    };
    parameters
        .get("post_logout_redirect_uri")
        .is_some_and(|sent| !is_exact(sent))
}

/// An ID token of ours that a relying party shows.
struct LogoutHint {
    client_id: String,
    subject: String,
    jwt: VerifiedJwt,
}

fn refuse_duplicates(parameters: &Parameters) -> Result<(), ProtocolError> {
    match parameters.duplicated() {
        [] => Ok(()),
        names => {
            let names = names.join(", ");
            Err(ProtocolError::invalid_request(format!(
                "parameters must not be given twice: {names}"
            )))
        }
    }
}

fn new_xsrf() -> String {
    let mut bytes = [0_u8; XSRF_LENGTH_IN_BYTES];
    rand::rng().fill_bytes(&mut bytes);
    hex::encode(bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::super::client::tests::standard_client;
    use super::super::parameters::pairs;
    use super::super::signer::SigningAlgorithm;
    use super::*;

    fn parameters(raw: &[(&str, &str)]) -> Parameters {
        Parameters::read(pairs(raw), LOGOUT_PARAMETERS)
    }

    #[test]
    fn a_person_is_sent_where_the_client_has_registered_and_nowhere_else() {
        let client = standard_client();
        let hint = |algorithm| LogoutHint {
            client_id: client.client_id.clone(),
            subject: "1".to_owned(),
            jwt: VerifiedJwt {
                algorithm,
                claims: Map::new(),
            },
        };
        let own = hint(client.id_token_algorithm);
        let foreign = hint(SigningAlgorithm::ES256);
        let registered = [("post_logout_redirect_uri", "http://localhost:4000/")];
        let other = [("post_logout_redirect_uri", "http://localhost:4001/")];
        let check =
            |hint, raw: &[(&str, &str)]| checked_post_logout_uri(&client, hint, &parameters(raw)).ok();
        assert_eq!(check(None, &[]), Some(None));
        assert_eq!(
            check(None, &registered),
            Some(Some("http://localhost:4000/".to_owned()))
        );
        assert_eq!(
            check(Some(&own), &registered),
            Some(Some("http://localhost:4000/".to_owned()))
        );
        assert_eq!(check(Some(&foreign), &registered), None);
        assert_eq!(check(None, &other), None);
    }

    #[test]
    fn an_address_that_stricter_settings_would_refuse_is_known() {
        let mut client = standard_client();
        let needs = |client: &Client, sent| {
            needs_normalisation(client, &parameters(&[("post_logout_redirect_uri", sent)]))
        };
        assert!(!needs(&client, "http://localhost:4000/"));
        assert!(needs(&client, "HTTP://localhost:4000"));
        assert!(!needs_normalisation(&client, &parameters(&[])));
        client.settings.exact_redirect_uris = true;
        let sent = [("post_logout_redirect_uri", "HTTP://localhost:4000")];
        assert!(checked_post_logout_uri(&client, None, &parameters(&sent)).is_err());
    }

    /// What waits in the store tells nobody how subjects are made, and what a former version stored is read.
    #[test]
    fn what_is_kept_of_a_logout_holds_no_key() {
        let stored = serde_json::json!({
            "session_uid": "s", "hinted_subject": "p", "subject_type": {"pairwise": "the key"},
            "was_asked": false, "client_id": "c", "post_logout_redirect_uri": null, "state": null
        });
        let pending: PendingLogout = serde_json::from_value(stored).unwrap();
        assert_eq!(pending.hinted_subject.as_deref(), Some("p"));
        let kept = serde_json::to_string(&pending).unwrap();
        assert!(!kept.contains("the key") && !kept.contains("pairwise"), "{kept}");
    }

    #[test]
    fn nothing_is_given_twice_and_no_two_forms_are_alike() {
        assert!(refuse_duplicates(&parameters(&[("state", "a")])).is_ok());
        assert!(refuse_duplicates(&parameters(&[("state", "a"), ("state", "a")])).is_err());
        let (one, other) = (new_xsrf(), new_xsrf());
        assert!(one.len() >= XSRF_LENGTH_IN_BYTES && one != other, "{one} {other}");
    }
}
