//! *Act*: the authorization endpoint and its resumption (spec/oidc.md §4, §5.6).

use std::sync::Arc;

use chrono::{DateTime, Utc};
use identite_actors::state::Write;

use super::answer::{Answerer, AuthorizationAnswer};
use super::artefacts::{
    AuthorizationCode, Grant, code_key, consumed_key, grant_set, interaction_key, new_secret,
};
use super::authentication::Authentication;
use super::authorization_request::{
    AUTHORIZATION_PARAMETERS, AuthorizationRequest, ClientLookup, ReadContext, Rejection, ResponseTarget,
    read_authorization_request, reject,
};
use super::client::Client;
use super::decision::{Decision, Interact, Progress, decide};
use super::error::{ErrorCode, Fault, ProtocolError};
use super::interaction::{Interaction, InteractionError};
use super::metrics::{Leniency, Meter};
use super::parameters::Parameters;
use super::request_object::{Provenance, Unobtainable, unknown_request_uri};
use super::service::{Oidc, Registered, Visitor, after, time_until};
use crate::db::clients::ClientRow;
use crate::db::connections::NewConnection;
use crate::db::session_clients;
use crate::domain::Acr;
use crate::domain::amr::standardised_amr;

/// What is kept of a `sp_name` in the journal, in characters.
const SP_NAME_LIMIT: usize = 500;
/// What is kept of an address in the journal, in characters: an IPv6 address with a zone fits.
const ADDRESS_LIMIT: usize = 64;

/// A sound request, and what it has already led to.
pub(super) struct Asked {
    pub(super) request: AuthorizationRequest,
    pub(super) progress: Progress,
}

/// What came of acting on a request: an answer, or an error for the relying party.
type Acted = Result<Result<AuthorizationAnswer, ProtocolError>, Fault>;

/// What a sound request would not be answered without, were the client's settings as strict as they can be (Q13, Q34).
fn leniencies(request: &AuthorizationRequest, client: &Client) -> impl Iterator<Item = Leniency> {
    let sent = &request.sent_redirect_uri;
    let is_exact = client.redirect_uris.iter().any(|uri| uri.registered == *sent);
    let is_within_scopes = request.claims.is_within(&client.allowed_scopes);
    let needed = [
        (!is_exact).then_some(Leniency::NormalisedRedirectUri),
        (!is_within_scopes).then_some(Leniency::ClaimsBeyondScopes),
    ];
    needed.into_iter().flatten()
}

/// Counts an answer, and gives it back.
pub(super) fn count(meter: Meter<'_>, answer: AuthorizationAnswer) -> AuthorizationAnswer {
    let usual = match &answer {
        AuthorizationAnswer::Redirect { .. } | AuthorizationAnswer::FormPost { .. } => "ok",
        AuthorizationAnswer::Interaction { .. } => "interaction",
        AuthorizationAnswer::Posted { .. } => "posted",
        AuthorizationAnswer::ErrorPage { error, .. } => error.code.as_str(),
    };
    meter.count(usual);
    answer
}

impl Oidc {
    /// The `client_id` of a request, for a caller who loads its row together with other things.
    #[must_use]
    pub fn wanted_client_id(raw: &[(String, String)]) -> Option<&str> {
        let mut values = raw
            .iter()
            .filter(|(name, _)| name == "client_id")
            .map(|(_, value)| value.as_str());
        let only = values.next()?;
        (values.next().is_none() && super::client::is_printable_ascii(only)).then_some(only)
    }

    /// The authorization endpoint: a code at once, an interaction, or an error for whom it concerns.
    ///
    /// `raw` are the parameters of the query (GET) or the form (POST), `row` is the client that they name
    /// ([`Self::wanted_client_id`]), if it is registered; `authentication` is the session of this browser, if somebody is
    /// signed in. Faults are logged and answered as `server_error` or `temporarily_unavailable`, to the relying party if it
    /// is known.
    pub async fn authorize(
        &self,
        raw: Vec<(String, String)>,
        row: Option<ClientRow>,
        authentication: Option<&Authentication>,
        visitor: &Visitor,
    ) -> AuthorizationAnswer {
        let meter = self.meter("authorize");
        let answer = self
            .authorize_measured(raw, row, authentication, visitor, &meter)
            .await;
        count(meter, answer)
    }

    async fn authorize_measured(
        &self,
        raw: Vec<(String, String)>,
        row: Option<ClientRow>,
        authentication: Option<&Authentication>,
        visitor: &Visitor,
        meter: &Meter<'_>,
    ) -> AuthorizationAnswer {
        let (request, client) = match self.sound_request(raw, row, meter).await {
            Ok(sound) => sound,
            Err(answer) => return answer,
        };
        let asked = Asked {
            request,
            progress: Progress::default(),
        };
        self.answer(asked, &client, authentication, visitor, meter).await
    }

    /// A sound request and its client, or the answer to an unsound one.
    pub(super) async fn sound_request(
        &self,
        raw: Vec<(String, String)>,
        row: Option<ClientRow>,
        meter: &Meter<'_>,
    ) -> Result<(AuthorizationRequest, Arc<Client>), AuthorizationAnswer> {
        let mut parameters = Parameters::read(raw, AUTHORIZATION_PARAMETERS);
        let mut provenance = Provenance::default();
        let mut pushed_request = None;
        let registered = self.registered(row);
        if let Registered::Known(client) = &registered {
            meter.is_about(&client.client_id);
        }
        if let Registered::Known(client) = &registered
            && (parameters.has("request") || parameters.has("request_uri"))
        {
            match self.effective_parameters(&parameters, client).await {
                Ok(None) => {}
                Ok(Some(effective)) => {
                    (parameters, provenance) = (effective.parameters, effective.provenance);
                    pushed_request = effective.pushed_request;
                }
                Err(unobtainable) => {
                    let (error, parameters) = match unobtainable {
                        Unobtainable::Refused { error, signed } => (error, signed.unwrap_or(parameters)),
                        Unobtainable::Fault(fault) => (reported(&fault), parameters),
                    };
                    let rejection = reject(error, &parameters, ClientLookup::Known(client));
                    return Err(self.rejected(rejection, meter));
                }
            }
        }
        let lookup = match &registered {
            Registered::Unknown => ClientLookup::Unknown,
            Registered::Broken(error) => ClientLookup::Broken(error),
            Registered::Known(client) => ClientLookup::Known(client),
        };
        let context = ReadContext {
            issuer: &self.settings.issuer,
            signer: &*self.signer,
            limit_claims_to_client_scopes: self.settings.limit_claims_to_client_scopes,
            provenance,
            now: self.now(),
        };
        let request = match read_authorization_request(&parameters, lookup, &context) {
            Ok(request) => request.pushed_as(pushed_request),
            Err(rejection) => return Err(self.rejected(rejection, meter)),
        };
        let Registered::Known(client) = registered else {
            let error = ProtocolError::bare(ErrorCode::InvalidClient);
            return Err(AuthorizationAnswer::page(error));
        };
        for leniency in leniencies(&request, &client) {
            meter.needed(leniency);
        }
        Ok((request, client))
    }

    fn rejected(&self, rejection: Rejection, meter: &Meter<'_>) -> AuthorizationAnswer {
        match rejection.target {
            Some(target) => self.refused(&target, rejection.error, meter),
            None => AuthorizationAnswer::page(rejection.error),
        }
    }

    pub(super) fn refused(
        &self,
        target: &ResponseTarget,
        error: ProtocolError,
        meter: &Meter<'_>,
    ) -> AuthorizationAnswer {
        meter.failed_with(&error);
        AuthorizationAnswer::error(target, &self.answerer(), error)
    }

    fn answerer(&self) -> Answerer<'_> {
        Answerer {
            issuer: &self.settings.issuer,
            signer: &*self.signer,
            now: self.now(),
        }
    }

    /// The end of an interaction: the request goes on where it waited. An interaction is resumed once.
    ///
    /// The caller has checked that `uid` belongs to this browser (`oidc.interaction_resume`).
    pub async fn resume(
        &self,
        uid: &str,
        authentication: Option<&Authentication>,
        visitor: &Visitor,
    ) -> AuthorizationAnswer {
        let meter = self.meter("authorize");
        let answer = self.resume_measured(uid, authentication, visitor, &meter).await;
        count(meter, answer)
    }

    async fn resume_measured(
        &self,
        uid: &str,
        authentication: Option<&Authentication>,
        visitor: &Visitor,
        meter: &Meter<'_>,
    ) -> AuthorizationAnswer {
        let interaction = match self.take_interaction(uid).await {
            Ok(Some(interaction)) => interaction,
            Ok(None) => return AuthorizationAnswer::page(expired()),
            Err(fault) => return AuthorizationAnswer::page(reported(&fault)),
        };
        let asked = Asked {
            request: interaction.request,
            progress: interaction.progress,
        };
        self.go_on(asked, interaction.error, authentication, visitor, meter)
            .await
    }

    /// A request that was kept goes on, with the error with which its person goes back if there is one.
    pub(super) async fn go_on(
        &self,
        asked: Asked,
        error: Option<InteractionError>,
        authentication: Option<&Authentication>,
        visitor: &Visitor,
        meter: &Meter<'_>,
    ) -> AuthorizationAnswer {
        let Asked { request, progress } = asked;
        let client = match self.client_row(&request.client_id).await {
            Ok(row) => self.registered(row),
            Err(fault) => {
                return self.refused(&request.target, reported(&fault), meter);
            }
        };
        let client = match client {
            Registered::Known(client) => client,
            Registered::Broken(error) => return AuthorizationAnswer::page(error),
            Registered::Unknown => {
                let error = ProtocolError::new(ErrorCode::InvalidClient, "client is invalid");
                return AuthorizationAnswer::page(error);
            }
        };
        meter.is_about(&client.client_id);
        if client.redirect_uri(&request.sent_redirect_uri).is_none() {
            return AuthorizationAnswer::page(ProtocolError::bare(ErrorCode::InvalidRedirectUri));
        }
        if let Some(error) = error {
            let description = error.description.map(Into::into);
            let error = ProtocolError {
                code: error.code,
                description,
                scope: None,
            };
            return self.refused(&request.target, error, meter);
        }
        let asked = Asked {
            request: request.of_client(&client),
            progress,
        };
        self.answer(asked, &client, authentication, visitor, meter).await
    }

    async fn take_interaction(&self, uid: &str) -> Result<Option<Interaction>, Fault> {
        let Some(bytes) = self.state.take(&interaction_key(uid)).await? else {
            return Ok(None);
        };
        let interaction: Interaction = serde_json::from_slice(&bytes)?;
        Ok((interaction.expires_at > self.now()).then_some(interaction))
    }

    async fn answer(
        &self,
        asked: Asked,
        client: &Client,
        authentication: Option<&Authentication>,
        visitor: &Visitor,
        meter: &Meter<'_>,
    ) -> AuthorizationAnswer {
        let Asked { request, progress } = asked;
        let now = self.now();
        let target = request.target.clone();
        let acted = match (decide(&request, authentication, &progress, now), authentication) {
            (Decision::Refuse(error), _) => Ok(Err(error)),
            (Decision::Interact(interact), _) => {
                self.interact(request, client, interact, progress, now).await
            }
            (Decision::Grant { acr }, Some(authentication)) => {
                self.grant(request, client, authentication, acr, visitor, now)
                    .await
            }
            (Decision::Grant { .. }, None) => Ok(Err(ProtocolError::bare(ErrorCode::LoginRequired))),
        };
        match acted {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => self.refused(&target, error, meter),
            Err(fault) => self.refused(&target, reported(&fault), meter),
        }
    }

    /// Writes what a request leads to, unless it was pushed and has become a code. Gives whether it was written.
    pub(super) async fn write_unless_used(
        &self,
        pushed_request: Option<&str>,
        writes: Vec<Write>,
    ) -> Result<bool, Fault> {
        let used: Vec<String> = pushed_request.map(consumed_key).into_iter().collect();
        Ok(self.state.write(&used, writes).await?)
    }

    async fn interact(
        &self,
        request: AuthorizationRequest,
        client: &Client,
        interact: Interact,
        progress: Progress,
        now: DateTime<Utc>,
    ) -> Acted {
        let uid = new_secret();
        let expires_at = after(now, self.settings.interaction_ttl);
        let interaction = Interaction::new(
            request,
            client,
            interact.prompt,
            interact.reasons,
            progress,
            expires_at,
        );
        let write = Write::Put {
            key: interaction_key(&uid),
            value: serde_json::to_vec(&interaction)?,
            ttl: time_until(expires_at, now),
        };
        let pushed_request = interaction.request.pushed_request.as_deref();
        if !self.write_unless_used(pushed_request, vec![write]).await? {
            return Ok(Err(unknown_request_uri()));
        }
        Ok(Ok(AuthorizationAnswer::Interaction { uid, expires_at }))
    }

    /// Issues a code, then writes the connection down. It is `login_required` when no organization is selected, which the
    /// decision has excluded.
    async fn grant(
        &self,
        request: AuthorizationRequest,
        client: &Client,
        authentication: &Authentication,
        acr: Option<Acr>,
        visitor: &Visitor,
        now: DateTime<Utc>,
    ) -> Acted {
        let Some(organization) = &authentication.selected_organization else {
            return Ok(Err(ProtocolError::bare(ErrorCode::LoginRequired)));
        };
        let code = new_secret();
        let expires_at = after(now, self.settings.code_ttl);
        let AuthorizationRequest {
            target,
            sent_redirect_uri,
            scope,
            nonce,
            claims,
            sp_name,
            code_challenge,
            dpop_jkt,
            pushed_request,
            ..
        } = request;
        let subject_type = &client.settings.subject_type;
        let pairwise_subject =
            (!subject_type.is_public()).then(|| subject_type.subject(authentication.user_id));
        let record = AuthorizationCode {
            grant: Grant {
                client_id: client.client_id.clone(),
                user_id: authentication.user_id,
                session_uid: authentication.session_uid.clone(),
                scope,
                claims,
                organization_id: organization.id,
                organization_level: Some(organization.level),
                pairwise_subject,
            },
            redirect_uri: sent_redirect_uri,
            nonce,
            acr,
            amr: standardised_amr(&authentication.amr)
                .into_iter()
                .map(str::to_owned)
                .collect(),
            auth_time: authentication.auth_time,
            code_challenge,
            dpop_jkt,
            expires_at,
        };
        let key = code_key(&code);
        let set = grant_set(&authentication.session_uid, &client.client_id);
        let mut writes = vec![
            Write::Put {
                key: key.clone(),
                value: serde_json::to_vec(&record)?,
                ttl: self.settings.code_ttl,
            },
            Write::AddMember {
                set,
                member: key,
                ttl: self.settings.code_ttl,
            },
        ];
        if let Some(pushed_request) = &pushed_request {
            self.use_up(pushed_request, &mut writes);
        }
        if !self.write_unless_used(pushed_request.as_deref(), writes).await? {
            return Ok(Err(unknown_request_uri()));
        }
        if client.settings.backchannel_logout_uri.is_some() {
            // Before the code leaves: whoever gets to know of a session is told of its end.
            let database = self.database().await?;
            session_clients::note(&database, &authentication.session_uid, client.row_id, now).await?;
        }

        let sp_name = sp_name.map(|name| printable(&name, SP_NAME_LIMIT));
        let address = visitor
            .address
            .as_deref()
            .map(|address| printable(address, ADDRESS_LIMIT));
        let connection = NewConnection {
            user_id: authentication.user_id.0,
            oidc_client_id: client.row_id,
            organization_id: Some(organization.id.0),
            sp_name,
            user_ip_address: address,
            now,
        };
        if let Err(error) = self.journal.write(connection).await {
            tracing::warn!(%error, client_id = %client.client_id, "a connection was not written down");
        }
        Ok(Ok(AuthorizationAnswer::code(&target, &self.answerer(), code)))
    }
}

/// The error of a request whose interaction is over.
pub(super) fn expired() -> ProtocolError {
    ProtocolError::invalid_request("the authorization request expired or was already answered")
}

/// Logs a fault and gives what may be said of it.
pub(super) fn reported(fault: &Fault) -> ProtocolError {
    tracing::error!(error = %fault, "an authorization failed");
    fault.said()
}

fn printable(text: &str, limit: usize) -> String {
    text.chars()
        .filter(|character| !character.is_control())
        .take(limit)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::parameters::pairs;
    use super::*;

    type Row<'a> = (&'a [(&'a str, &'a str)], Option<&'a str>);

    #[test]
    fn a_client_is_looked_up_when_it_is_named_once_and_readably() {
        let rows: [Row<'_>; 5] = [
            (&[("client_id", "c")], Some("c")),
            (&[("scope", "openid"), ("client_id", "c")], Some("c")),
            (&[("scope", "openid")], None),
            (&[("client_id", "c"), ("client_id", "c")], None),
            (&[("client_id", "é")], None),
        ];
        for (raw, expected) in rows {
            assert_eq!(Oidc::wanted_client_id(&pairs(raw)), expected, "{raw:?}");
        }
    }

    #[test]
    fn what_is_written_down_of_a_service_is_short_and_without_control_characters() {
        assert_eq!(printable("Démarches\u{0} \n2", 20), "Démarches 2");
        assert_eq!(printable("Démarches", 3), "Dém");
    }
}
