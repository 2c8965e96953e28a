//! What codes and refresh tokens have in common when they become access tokens.

use chrono::{DateTime, Utc};
use identite_actors::state::Write;

use super::artefacts::{AccessToken, Confirmation, Grant, grant_set, token_key};
use super::client::Client;
use super::client_request::ClientRequest;
use super::dpop::{PROOF_LIFE, Proof, ProofContext, read_proof};
use super::endpoint_error::EndpointError;
use super::error::{ErrorCode, Fault, ProtocolError};
use super::service::{Oidc, after};
use super::token::TokenResponse;
use crate::domain::ScopeSet;

/// Tokens that are about to be handed out.
pub(super) struct Issued {
    pub(super) access_token: String,
    pub(super) refresh_token: Option<String>,
    pub(super) scope: ScopeSet,
    pub(super) confirmation: Confirmation,
}

/// What the client has shown to possess.
pub(super) struct Possession {
    pub(super) confirmation: Confirmation,
    /// To be used once: [`Oidc::use_proof`].
    proof: Option<Proof>,
}

impl Oidc {
    /// What the client proves to possess in this very request: what its tokens are bound to.
    ///
    /// # Errors
    /// `invalid_dpop_proof` or `use_dpop_nonce` for an unsound proof, or for none where the client is bound to show one.
    pub(super) fn possession(
        &self,
        request: &ClientRequest,
        client: &Client,
        path: &str,
    ) -> Result<Possession, EndpointError> {
        let settings = &client.settings;
        let proof = match &request.dpop {
            None if settings.requires_dpop => {
                let description = "this client must prove possession of a key";
                let error = ProtocolError::new(ErrorCode::InvalidDpopProof, description);
                return Err(EndpointError::bad_request(error));
            }
            None => None,
            Some(header) => {
                let context = ProofContext {
                    method: "POST",
                    url: &self.settings.url(path),
                    access_token: None,
                    nonces: &self.settings.dpop_nonces,
                    nonce_is_required: settings.requires_dpop_nonce,
                    now: self.now(),
                };
                Some(read_proof(header, &context).map_err(EndpointError::bad_request)?)
            }
        };
        let certificate = if settings.requires_certificate_binding {
            let certificate = request.certificate.as_ref().ok_or_else(|| {
                let description = "this client must show a certificate";
                EndpointError::bad_request(ProtocolError::invalid_request(description))
            })?;
            Some(certificate.thumbprint.clone())
        } else {
            None
        };
        Ok(Possession {
            confirmation: Confirmation {
                jkt: proof.as_ref().map(|proof| proof.thumbprint.clone()),
                certificate,
            },
            proof,
        })
    }

    /// Uses the proof up, if one was shown.
    ///
    /// # Errors
    /// `invalid_grant` when it was shown before.
    pub(super) async fn use_proof(
        &self,
        client: &Client,
        possession: &Possession,
    ) -> Result<(), EndpointError> {
        if self.is_first_use_of_proof(client, possession).await? {
            Ok(())
        } else {
            Err(EndpointError::invalid_grant())
        }
    }

    /// Uses the proof up, if one was shown. Gives `false` when it was shown before.
    ///
    /// # Errors
    /// When the state does not answer.
    pub(super) async fn is_first_use_of_proof(
        &self,
        client: &Client,
        possession: &Possession,
    ) -> Result<bool, EndpointError> {
        let Some(proof) = &possession.proof else {
            return Ok(true);
        };
        self.is_first_use(&format!("{}\0dpop", client.client_id), &proof.jti, PROOF_LIFE)
            .await
            .map_err(|fault| EndpointError::fault(&fault))
    }

    /// Stores the access token of `issued` and names it in its grant.
    pub(super) fn write_access_token(
        &self,
        grant: &Grant,
        issued: &Issued,
        now: DateTime<Utc>,
        writes: &mut Vec<Write>,
    ) -> Result<(), Fault> {
        let ttl = self.settings.access_token_ttl;
        let key = token_key(&issued.access_token);
        let record = AccessToken {
            grant: Grant {
                scope: issued.scope.clone(),
                ..grant.clone()
            },
            issued_at: now,
            expires_at: after(now, ttl),
            confirmation: issued.confirmation.clone(),
        };
        writes.push(Write::Put {
            key: key.clone(),
            value: serde_json::to_vec(&record)?,
            ttl,
        });
        writes.push(Write::AddMember {
            set: grant_set(&grant.session_uid, &grant.client_id),
            member: key,
            ttl,
        });
        Ok(())
    }

    pub(super) fn response(&self, issued: Issued, id_token: Option<String>) -> TokenResponse {
        TokenResponse {
            token_type: issued.confirmation.token_type(),
            access_token: issued.access_token,
            expires_in: self.settings.access_token_ttl.as_secs(),
            id_token,
            refresh_token: issued.refresh_token,
            scope: issued.scope,
        }
    }
}
