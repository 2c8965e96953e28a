//! ID tokens (spec/oidc.md §6.4). They are minimal: most claims are told only when asked for by name.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256, Sha512};

use super::artefacts::{Grant, sid};
use super::claims_request::SignInClaim;
use super::client::Client;
use super::error::Fault;
use super::service::{Oidc, after};
use super::signer::SigningAlgorithm;
use super::user_info_claims::ClaimSource;
use crate::domain::{Acr, Scope, ScopeSet};

/// What is told of the sign-in.
pub(super) struct SignInFacts<'a> {
    pub(super) acr: Option<Acr>,
    /// The claim `amr`.
    pub(super) amr: &'a [String],
    pub(super) auth_time: DateTime<Utc>,
    /// Of the authorization request; a refreshed ID token has none.
    pub(super) nonce: Option<&'a str>,
}

impl Oidc {
    /// The ID token of a grant, signed, and encrypted where the client wants that. `None` without the scope `openid`.
    pub(super) async fn id_token(
        &self,
        client: &Client,
        grant: &Grant,
        facts: &SignInFacts<'_>,
        source: &ClaimSource<'_>,
        access_token: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<String>, Fault> {
        if !grant.scope.contains(Scope::OpenId) {
            return Ok(None);
        }
        let mut claims = claims_of(&self.settings.issuer, client, grant, facts, source);
        claims.insert("iat".into(), now.timestamp().into());
        let expires = after(now, self.settings.id_token_ttl);
        claims.insert("exp".into(), expires.timestamp().into());
        if client.settings.tells_at_hash {
            claims.insert(
                "at_hash".into(),
                at_hash(client.id_token_algorithm, access_token).into(),
            );
        }
        let jwt = self.signer.sign(client.id_token_algorithm, &claims)?;
        self.sealed_for(client, client.settings.id_token_encryption, jwt)
            .await
            .map(Some)
    }
}

/// The claims of an ID token but its times.
fn claims_of(
    issuer: &str,
    client: &Client,
    grant: &Grant,
    facts: &SignInFacts<'_>,
    source: &ClaimSource<'_>,
) -> Map<String, Value> {
    let asked = &grant.claims;
    let mut claims = source.claims(&ScopeSet::default(), &asked.id_token);
    let mut tell = |name: &str, value: Value| {
        claims.insert(name.to_owned(), value);
    };
    tell("sub", source.subject.into());
    tell("iss", issuer.into());
    tell("aud", client.client_id.as_str().into());
    if let Some(nonce) = facts.nonce {
        tell("nonce", nonce.into());
    }
    if let Some(acr) = facts.acr.filter(|_| asked.tells(SignInClaim::Acr)) {
        tell("acr", acr.as_str().into());
    }
    if asked.tells(SignInClaim::Amr) {
        tell("amr", facts.amr.into());
    }
    if asked.tells(SignInClaim::AuthTime) {
        tell("auth_time", facts.auth_time.timestamp().into());
    }
    // Who is told of logouts needs to know which session they are about.
    if asked.tells(SignInClaim::Sid) || client.settings.backchannel_logout_uri.is_some() {
        tell("sid", sid(&grant.session_uid, &grant.client_id).into());
    }
    claims
}

/// The left half of the hash of the access token, by the hash function of the ID token's signature (`OpenID Connect` Core
/// §3.1.3.6): SHA-512 for Ed25519, SHA-256 for all others.
fn at_hash(algorithm: SigningAlgorithm, access_token: &str) -> String {
    let half = match algorithm {
        SigningAlgorithm::EdDsa | SigningAlgorithm::Ed25519 => Sha512::digest(access_token)[..32].to_vec(),
        SigningAlgorithm::PS256 | SigningAlgorithm::RS256 | SigningAlgorithm::ES256 => {
            Sha256::digest(access_token)[..16].to_vec()
        }
    };
    BASE64_URL_SAFE_NO_PAD.encode(half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_hash_is_that_of_openid_connect_core() {
        // Example of appendix A.3.
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        for algorithm in [
            SigningAlgorithm::PS256,
            SigningAlgorithm::RS256,
            SigningAlgorithm::ES256,
        ] {
            assert_eq!(at_hash(algorithm, token), "77QmUPtjPfzWtF2AnpK9RQ");
        }
        for algorithm in [SigningAlgorithm::EdDsa, SigningAlgorithm::Ed25519] {
            assert_eq!(
                at_hash(algorithm, token),
                "q7nS86GgvvFaZkzALLWqJYaJIKw2wCDAVfCAsm5CrBM"
            );
        }
    }
}
