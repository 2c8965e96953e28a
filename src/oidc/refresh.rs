//! *Act*: refresh tokens (RFC 6749 §6), for the clients that have chosen to get them.
//!
//! Each is used once and brings the next one (RFC 9700 §4.14.2). One that comes again was stolen, from the client or
//! from the thief: everything that the client holds for that session is revoked. None outlives its session.

use chrono::{DateTime, Utc};
use identite_actors::state::Write;

use super::artefacts::{RefreshToken, consumed_key, grant_set, new_secret, refresh_key};
use super::client::Client;
use super::client_authentication::Credentials;
use super::client_request::ClientRequest;
use super::endpoint_error::EndpointError;
use super::error::{ErrorCode, Fault, ProtocolError};
use super::id_token::SignInFacts;
use super::issuing::Issued;
use super::metrics::Meter;
use super::parameters::Parameters;
use super::service::{ActingFor, Oidc, after, time_until};
use super::token::{TOKEN_PATH, TokenResponse, check_form, missing, write_refresh_token};
use super::user_info_claims::ClaimSource;
use crate::domain::ScopeSet;

impl Oidc {
    pub(super) async fn refresh(
        &self,
        request: &ClientRequest,
        credentials: &Credentials,
        form: &Parameters,
        meter: &Meter<'_>,
    ) -> Result<TokenResponse, EndpointError> {
        let fault = |fault: Fault| EndpointError::fault(&fault);
        let stored = match form.get("refresh_token") {
            Some(token) => self.stored_refresh_token(token).await.map_err(fault)?,
            None => None,
        };
        let (row, subject) = match &stored {
            Some(token) => self
                .client_and_subject(&credentials.client_id, &token.grant, ActingFor::AsGranted)
                .await
                .map_err(fault)?
                .map(|found| (found.client, found.subject))
                .unzip(),
            None => (
                self.client_row(&credentials.client_id).await.map_err(fault)?,
                None,
            ),
        };
        let client = self
            .authenticated(credentials, row, request.certificate.as_ref(), TOKEN_PATH, meter)
            .await?;
        if request.has_origin {
            return Err(EndpointError::refused_origin(&client.client_id));
        }
        let Some(ttl) = client.settings.refresh_token_ttl else {
            return Err(EndpointError::unsupported_grant_type());
        };
        check_form(form)?;
        let sent = form
            .get("refresh_token")
            .ok_or_else(|| missing("refresh_token"))?;
        let possession = self.possession(request, &client, TOKEN_PATH)?;

        let token = stored
            .filter(|token| token.grant.client_id == client.client_id)
            .ok_or_else(EndpointError::invalid_grant)?;
        let person = subject.flatten().ok_or_else(EndpointError::invalid_grant)?;
        let organization = person
            .organization
            .as_ref()
            .ok_or_else(EndpointError::invalid_grant)?;
        let scope = narrowed(&token.grant.scope, form.get("scope"))?;
        let subject = token.grant.subject();
        let source = ClaimSource {
            person: &person,
            organization,
            subject: &subject,
            updated_at_as_text: client.settings.updated_at_as_text,
        };
        self.use_proof(&client, &possession).await?;

        let now = self.now();
        let issued = Issued {
            access_token: new_secret(),
            refresh_token: Some(new_secret()),
            scope,
            confirmation: possession.confirmation,
        };
        let facts = SignInFacts {
            acr: token.acr,
            amr: &token.amr,
            auth_time: token.auth_time,
            nonce: None,
        };
        let id_token = self
            .id_token(&client, &token.grant, &facts, &source, &issued.access_token, now)
            .await
            .map_err(fault)?;
        if !self
            .rotate(&client, &token, sent, &issued, ttl, now)
            .await
            .map_err(fault)?
        {
            return Err(EndpointError::invalid_grant());
        }
        Ok(self.response(issued, id_token))
    }

    /// Exchanges the token for the next one, in one atomic step. Gives `false` when it was used before: then everything
    /// that stems from the same grant is revoked.
    async fn rotate(
        &self,
        client: &Client,
        token: &RefreshToken,
        sent: &str,
        issued: &Issued,
        ttl: std::time::Duration,
        now: DateTime<Utc>,
    ) -> Result<bool, Fault> {
        let key = refresh_key(sent);
        let consumed = consumed_key(&key);
        let grant = grant_set(&token.grant.session_uid, &token.grant.client_id);
        // The record stays: without it a second use would look like any unknown token.
        let mut writes = vec![
            Write::Put {
                key: consumed.clone(),
                value: b"1".to_vec(),
                ttl: time_until(token.expires_at, now),
            },
            Write::RemoveMember {
                set: grant.clone(),
                member: key,
            },
        ];
        self.write_access_token(&token.grant, issued, now, &mut writes)?;
        let next = RefreshToken {
            issued_at: now,
            expires_at: after(now, ttl),
            ..token.clone()
        };
        write_refresh_token(&next, issued, ttl, &mut writes)?;
        if self.state.write(&[consumed], writes).await? {
            return Ok(true);
        }
        tracing::warn!(client_id = %client.client_id, "a refresh token came twice: its grant is revoked");
        self.revoke(&grant).await?;
        Ok(false)
    }
}

/// The scopes of the new access token: those of the grant, or fewer.
fn narrowed(granted: &ScopeSet, asked: Option<&str>) -> Result<ScopeSet, EndpointError> {
    let Some(asked) = asked else {
        return Ok(granted.clone());
    };
    let refused = || {
        let error = ProtocolError::new(
            ErrorCode::InvalidScope,
            "the scope exceeds the one that was granted",
        );
        EndpointError::bad_request(error)
    };
    let asked = ScopeSet::parse_strict(asked).map_err(|_| refused())?;
    if asked.is_empty() || asked.first_outside(granted).is_some() {
        return Err(refused());
    }
    Ok(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refresh_narrows_the_scope_and_never_widens_it() {
        let granted = ScopeSet::parse_known("openid email siret");
        let read = |asked| narrowed(&granted, asked).map_err(|error| error.error.code);
        assert_eq!(read(None), Ok(granted.clone()));
        assert_eq!(
            read(Some("openid email")),
            Ok(ScopeSet::parse_known("openid email"))
        );
        for refused in ["openid phone", "", "unknown"] {
            assert_eq!(read(Some(refused)), Err(ErrorCode::InvalidScope), "{refused}");
        }
    }
}
