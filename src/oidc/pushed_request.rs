//! *Act*: pushed authorization requests (RFC 9126).

use std::time::Duration;

use identite_actors::state::Write;
use serde::Serialize;

use super::artefacts::{new_secret, pushed_request_key};
use super::authorization_request::{
    AUTHORIZATION_PARAMETERS, ClientLookup, ReadContext, read_authorization_request,
};
use super::client::Client;
use super::client_authentication::{CREDENTIAL_PARAMETERS, Credentials};
use super::client_request::ClientRequest;
use super::endpoint_error::EndpointError;
use super::error::{ErrorCode, Fault, ProtocolError};
use super::metrics::Meter;
use super::parameters::{Body, Parameters};
use super::request_object::{PUSHED_REQUEST_PREFIX, Provenance, PushedRequest, Unobtainable};
use super::service::{Oidc, after};

/// How long a pushed request waits for its person.
pub(super) const PUSHED_REQUEST_LIFE: Duration = Duration::from_mins(1);
/// The path of this endpoint, which proofs of possession and assertions name.
const PUSHED_REQUEST_PATH: &str = "/oauth/request";

/// The answer to a sound request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PushedRequestAnswer {
    pub request_uri: String,
    /// Seconds.
    pub expires_in: u64,
}

impl Oidc {
    /// The endpoint for pushed authorization requests: the client hands its request over itself and sends the person with
    /// a name for it, which works once.
    ///
    /// # Errors
    /// As client authentication; what the authorization endpoint would refuse, as JSON.
    pub async fn push_request(&self, request: ClientRequest) -> Result<PushedRequestAnswer, EndpointError> {
        let meter = self.meter("request");
        let answer = self.push_request_for(request, &meter).await;
        meter.counted(answer)
    }

    async fn push_request_for(
        &self,
        request: ClientRequest,
        meter: &Meter<'_>,
    ) -> Result<PushedRequestAnswer, EndpointError> {
        let fault = |fault: Fault| EndpointError::fault(&fault);
        let raw = match &request.body {
            Body::Form(raw) => raw.clone(),
            Body::Absent => Vec::new(),
            Body::Unreadable => {
                let description = "the body must be application/x-www-form-urlencoded";
                return Err(ProtocolError::invalid_request(description).into());
            }
        };
        let form = Parameters::read(raw.clone(), &CREDENTIAL_PARAMETERS);
        let credentials = Credentials::read(request.authorization.as_deref(), &form)?;
        let row = self.client_row(&credentials.client_id).await.map_err(fault)?;
        let client = self
            .authenticated(
                &credentials,
                row,
                request.certificate.as_ref(),
                PUSHED_REQUEST_PATH,
                meter,
            )
            .await?;
        if request.has_origin {
            return Err(EndpointError::refused_origin(&client.client_id));
        }
        let outer = Parameters::read(raw, AUTHORIZATION_PARAMETERS);
        let (mut parameters, is_signed) = self.pushed_parameters(outer, &client).await?;
        self.bind_to_proof(&request, &client, &mut parameters).await?;
        let context = ReadContext {
            issuer: &self.settings.issuer,
            signer: &*self.signer,
            limit_claims_to_client_scopes: self.settings.limit_claims_to_client_scopes,
            provenance: Provenance {
                is_pushed: true,
                is_signed,
            },
            now: self.now(),
        };
        read_authorization_request(&parameters, ClientLookup::Known(&client), &context)
            .map_err(|rejection| as_json(rejection.error))?;
        self.keep_pushed(&client, &parameters, is_signed)
            .await
            .map_err(fault)
    }

    /// The parameters that count, and whether they were signed.
    async fn pushed_parameters(
        &self,
        outer: Parameters,
        client: &Client,
    ) -> Result<(Parameters, bool), EndpointError> {
        if outer.has("request_uri") {
            let description = "request_uri has no place in a pushed request";
            return Err(ProtocolError::invalid_request(description).into());
        }
        if !outer.has("client_id") && !outer.duplicated().contains(&"client_id") {
            let description = "missing required parameter: client_id";
            return Err(ProtocolError::invalid_request(description).into());
        }
        match self.effective_parameters(&outer, client).await {
            Ok(None) => Ok((outer, false)),
            Ok(Some(effective)) => Ok((effective.parameters, effective.provenance.is_signed)),
            Err(Unobtainable::Refused { error, .. }) => Err(error.into()),
            Err(Unobtainable::Fault(fault)) => Err(EndpointError::fault(&fault)),
        }
    }

    /// A proof that comes with the request names the key that redeems the code (RFC 9449 §10.1).
    async fn bind_to_proof(
        &self,
        request: &ClientRequest,
        client: &Client,
        parameters: &mut Parameters,
    ) -> Result<(), EndpointError> {
        if request.dpop.is_none() {
            return Ok(());
        }
        let possession = self.possession(request, client, PUSHED_REQUEST_PATH)?;
        let Some(jkt) = &possession.confirmation.jkt else {
            return Ok(());
        };
        if parameters.get("dpop_jkt").is_some_and(|sent| sent != jkt) {
            let description = "dpop_jkt is not the key of the proof";
            return Err(ProtocolError::new(ErrorCode::InvalidDpopProof, description).into());
        }
        let mut pairs = parameters.to_pairs();
        pairs.retain(|(name, _)| name != "dpop_jkt");
        pairs.push(("dpop_jkt".to_owned(), jkt.clone()));
        // Read anew, what came twice would not be known any more: it stays as it is, to be refused.
        if parameters.duplicated().is_empty() {
            *parameters = Parameters::read(pairs, AUTHORIZATION_PARAMETERS);
        }
        if self.is_first_use_of_proof(client, &possession).await? {
            return Ok(());
        }
        let description = "the proof was used before";
        Err(ProtocolError::new(ErrorCode::InvalidDpopProof, description).into())
    }

    async fn keep_pushed(
        &self,
        client: &Client,
        parameters: &Parameters,
        is_signed: bool,
    ) -> Result<PushedRequestAnswer, Fault> {
        let name = new_secret();
        let record = PushedRequest {
            client_id: client.client_id.clone(),
            parameters: parameters.to_pairs(),
            is_signed,
            expires_at: after(self.now(), PUSHED_REQUEST_LIFE),
        };
        let write = Write::Put {
            key: pushed_request_key(&name),
            value: serde_json::to_vec(&record)?,
            ttl: PUSHED_REQUEST_LIFE,
        };
        self.state.write(&[], vec![write]).await?;
        Ok(PushedRequestAnswer {
            request_uri: format!("{PUSHED_REQUEST_PREFIX}{name}"),
            expires_in: PUSHED_REQUEST_LIFE.as_secs(),
        })
    }
}

/// An unregistered redirection URI is an ordinary fault of the request here: nobody is sent anywhere.
fn as_json(error: ProtocolError) -> EndpointError {
    let code = match error.code {
        ErrorCode::InvalidRedirectUri => ErrorCode::InvalidRequest,
        code => code,
    };
    EndpointError::bad_request(ProtocolError { code, ..error })
}
