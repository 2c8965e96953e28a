//! *Act*: token revocation (RFC 7009).

use identite_actors::state::Write;

use super::artefacts::{grant_set, token_key};
use super::client_authentication::Credentials;
use super::client_request::ClientRequest;
use super::endpoint_error::EndpointError;
use super::error::{ErrorCode, Fault, ProtocolError};
use super::introspection::looks_like_a_jwt;
use super::metrics::Meter;
use super::service::Oidc;
use super::token::{check_form, missing, read_form};

/// The path of this endpoint, which assertions name.
const REVOCATION_PATH: &str = "/oauth/token/revocation";

const REVOCATION_PARAMETERS: &[&str] = &[
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "token",
    "token_type_hint",
];

impl Oidc {
    /// The revocation endpoint: a client gives up a token of its own. A refresh token takes with it everything that the
    /// client holds for its session. A token that is not alive was given up already.
    ///
    /// # Errors
    /// As client authentication; `invalid_request` without token; `unsupported_token_type` for a JWT; `invalid_grant` for a
    /// token of another client.
    pub async fn revoke_token(&self, request: ClientRequest) -> Result<(), EndpointError> {
        let meter = self.meter("revocation");
        let answer = self.revoke_token_for(request, &meter).await;
        meter.counted(answer)
    }

    async fn revoke_token_for(&self, request: ClientRequest, meter: &Meter<'_>) -> Result<(), EndpointError> {
        let fault = |fault: Fault| EndpointError::fault(&fault);
        let form = read_form(request.body, REVOCATION_PARAMETERS)?;
        let credentials = Credentials::read(request.authorization.as_deref(), &form)?;
        let row = self.client_row(&credentials.client_id).await.map_err(fault)?;
        let client = self
            .authenticated(
                &credentials,
                row,
                request.certificate.as_ref(),
                REVOCATION_PATH,
                meter,
            )
            .await?;
        if request.has_origin {
            return Err(EndpointError::refused_origin(&client.client_id));
        }
        check_form(&form)?;
        let sent = form.get("token").ok_or_else(|| missing("token"))?;
        if looks_like_a_jwt(sent) {
            let error = ProtocolError::new(
                ErrorCode::UnsupportedTokenType,
                "structured tokens cannot be revoked",
            );
            return Err(EndpointError::bad_request(error));
        }
        let is_own = |owner: &str| {
            if owner == client.client_id {
                Ok(())
            } else {
                Err(EndpointError::invalid_grant())
            }
        };
        if let Some(token) = self.stored_token(sent).await.map_err(fault)? {
            is_own(&token.grant.client_id)?;
            let key = token_key(sent);
            let writes = vec![
                Write::Delete { key: key.clone() },
                Write::RemoveMember {
                    set: grant_set(&token.grant.session_uid, &token.grant.client_id),
                    member: key,
                },
            ];
            self.state
                .write(&[], writes)
                .await
                .map_err(|error| fault(error.into()))?;
        } else if let Some(token) = self.stored_refresh_token(sent).await.map_err(fault)? {
            is_own(&token.grant.client_id)?;
            let grant = grant_set(&token.grant.session_uid, &token.grant.client_id);
            self.revoke(&grant).await.map_err(fault)?;
        }
        Ok(())
    }
}
