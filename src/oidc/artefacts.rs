//! Codes and tokens: how they are made, named and kept.
//!
//! The secret itself leaves and is forgotten; what is stored is found under its SHA-256.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use identite_actors::state::Write;
use rand::Rng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::claims_request::ClaimsRequest;
use crate::domain::{Acr, OrganizationId, OrganizationLevel, ScopeSet, UserId};

const SECRET_LENGTH_IN_BYTES: usize = 32;

/// A new unguessable name: 256 random bits as 43 base64url characters.
#[must_use]
pub fn new_secret() -> String {
    let mut bytes = [0_u8; SECRET_LENGTH_IN_BYTES];
    rand::rng().fill_bytes(&mut bytes);
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Whether `text` has the shape of [`new_secret`]: anything else is not worth a look-up.
#[must_use]
pub fn looks_like_a_secret(text: &str) -> bool {
    text.len() == 43
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// SHA-256 of `text`, base64url.
#[must_use]
pub fn fingerprint(text: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(text))
}

/// The claim `sid`: one name for (session, client), the same in every token, telling nothing of either.
#[must_use]
pub fn sid(session_uid: &str, client_id: &str) -> String {
    fingerprint(&format!("sid\0{session_uid}\0{client_id}"))
}

/// What a person's consent covers: who may know what about whom, as long as which session lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub client_id: String,
    pub user_id: UserId,
    /// The session without which nothing of this is usable.
    pub session_uid: String,
    pub scope: ScopeSet,
    pub claims: ClaimsRequest,
    /// The organization selected when the code was issued: the one that tokens are about.
    pub organization_id: OrganizationId,
    /// What the link to it was worth then. Nothing less can stand in for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_level: Option<OrganizationLevel>,
    /// The name under which the client knows the person, unless that is the public one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pairwise_subject: Option<String>,
}

impl Grant {
    /// The claim `sub`.
    #[must_use]
    pub fn subject(&self) -> String {
        self.pairwise_subject
            .clone()
            .unwrap_or_else(|| self.user_id.to_string())
    }
}

/// What is kept of an authorization code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationCode {
    pub grant: Grant,
    /// As the authorization request had it.
    pub redirect_uri: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<Acr>,
    /// The claim `amr`.
    pub amr: Vec<String>,
    pub auth_time: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_challenge: Option<String>,
    /// The key whose possession must be proved when the code is redeemed (RFC 9449 §10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpop_jkt: Option<String>,
    pub expires_at: DateTime<Utc>,
}

/// The key that whoever presents a token must possess (RFC 7800).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Confirmation {
    /// Thumbprint of the key of a DPoP proof.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jkt: Option<String>,
    /// SHA-256 of a certificate.
    #[serde(default, rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}

impl Confirmation {
    /// Whoever has the token may use it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The value of `token_type`.
    #[must_use]
    pub const fn token_type(&self) -> &'static str {
        if self.jkt.is_some() { "DPoP" } else { "Bearer" }
    }
}

/// What is kept of an access token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessToken {
    pub grant: Grant,
    pub issued_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    #[serde(default, rename = "cnf", skip_serializing_if = "Confirmation::is_empty")]
    pub confirmation: Confirmation,
}

/// What is kept of a refresh token. It is used once: each use brings the next one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshToken {
    pub grant: Grant,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<Acr>,
    /// The claim `amr`.
    pub amr: Vec<String>,
    pub auth_time: DateTime<Utc>,
    pub issued_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// The key of an authorization code.
#[must_use]
pub fn code_key(code: &str) -> String {
    format!("{CODE_PREFIX}{}", fingerprint(code))
}

/// The key of an access token.
#[must_use]
pub fn token_key(token: &str) -> String {
    format!("oidc:token:{}", fingerprint(token))
}

/// The key of a refresh token.
#[must_use]
pub fn refresh_key(token: &str) -> String {
    format!("{REFRESH_PREFIX}{}", fingerprint(token))
}

/// The key of a pushed authorization request, by the last part of its `request_uri`.
#[must_use]
pub fn pushed_request_key(name: &str) -> String {
    format!("{PUSHED_PREFIX}{}", fingerprint(name))
}

/// The key of an authorization request that was posted without a session, by the name with which it goes on.
#[must_use]
pub fn posted_request_key(name: &str) -> String {
    format!("oidc:posted:{}", fingerprint(name))
}

/// The key of an interaction.
#[must_use]
pub fn interaction_key(uid: &str) -> String {
    format!("oidc:interaction:{}", fingerprint(uid))
}

/// The key of a logout that waits for its confirmation.
#[must_use]
pub fn logout_key(xsrf: &str) -> String {
    format!("oidc:logout:{}", fingerprint(xsrf))
}

/// The set that names every live code and token of one session and one client: what a revocation deletes.
#[must_use]
pub fn grant_set(session_uid: &str, client_id: &str) -> String {
    format!("oidc:grant:{session_uid}:{client_id}")
}

const CODE_PREFIX: &str = "oidc:code:";
const REFRESH_PREFIX: &str = "oidc:refresh:";
const PUSHED_PREFIX: &str = "oidc:pushed:";

/// The mark that a code, a refresh token or a pushed request was used, for as long as it could come again.
#[must_use]
pub fn consumed_key(key: &str) -> String {
    let hash = key
        .strip_prefix(CODE_PREFIX)
        .or_else(|| key.strip_prefix(REFRESH_PREFIX))
        .or_else(|| key.strip_prefix(PUSHED_PREFIX))
        .unwrap_or(key);
    format!("oidc:consumed:{hash}")
}

/// What makes the members of a grant unusable: codes and refresh tokens are also marked as used, so that a redemption that
/// has already read its record fails too.
#[must_use]
pub fn revocation_of(set: &str, members: &[String], code_ttl: Duration) -> Vec<Write> {
    let mut writes = Vec::with_capacity(members.len() * 3);
    for member in members {
        writes.push(Write::Delete { key: member.clone() });
        if member.starts_with(CODE_PREFIX) || member.starts_with(REFRESH_PREFIX) {
            writes.push(Write::Put {
                key: consumed_key(member),
                value: b"1".to_vec(),
                ttl: code_ttl,
            });
        }
        writes.push(Write::RemoveMember {
            set: set.to_owned(),
            member: member.clone(),
        });
    }
    writes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_have_256_bits_and_differ() {
        let (one, other) = (new_secret(), new_secret());
        assert!(looks_like_a_secret(&one), "{one}");
        assert_ne!(one, other);
        assert!(!looks_like_a_secret("short"));
        assert!(!looks_like_a_secret(&"é".repeat(22)));
    }

    #[test]
    fn keys_are_where_other_nodes_and_versions_look() {
        let hash = fingerprint("x");
        let rows = [
            (code_key("x"), "oidc:code:"),
            (token_key("x"), "oidc:token:"),
            (refresh_key("x"), "oidc:refresh:"),
            (pushed_request_key("x"), "oidc:pushed:"),
            (posted_request_key("x"), "oidc:posted:"),
            (interaction_key("x"), "oidc:interaction:"),
            (logout_key("x"), "oidc:logout:"),
            (consumed_key(&code_key("x")), "oidc:consumed:"),
            (consumed_key(&refresh_key("x")), "oidc:consumed:"),
            (consumed_key(&pushed_request_key("x")), "oidc:consumed:"),
        ];
        for (key, prefix) in rows {
            assert_eq!(key, format!("{prefix}{hash}"));
        }
        assert_eq!(grant_set("session", "client"), "oidc:grant:session:client");
    }

    #[test]
    fn the_subject_is_the_public_one_unless_the_client_knows_another() {
        let public = Grant {
            client_id: "c".into(),
            user_id: UserId(12),
            session_uid: "s".into(),
            scope: ScopeSet::parse_known("openid"),
            claims: ClaimsRequest::default(),
            organization_id: OrganizationId(1),
            organization_level: None,
            pairwise_subject: None,
        };
        assert_eq!(public.subject(), "12");
        let pairwise = Grant {
            pairwise_subject: Some("p".into()),
            ..public
        };
        assert_eq!(pairwise.subject(), "p");
    }

    #[test]
    fn a_token_is_bound_to_a_key_or_to_nobody() {
        let by_key = Confirmation {
            jkt: Some("k".into()),
            ..Confirmation::default()
        };
        let by_certificate = Confirmation {
            certificate: Some("x".into()),
            ..Confirmation::default()
        };
        let rows = [
            (Confirmation::default(), true, "Bearer"),
            (by_key, false, "DPoP"),
            (by_certificate, false, "Bearer"),
        ];
        for (confirmation, is_empty, token_type) in rows {
            assert_eq!(
                (confirmation.is_empty(), confirmation.token_type()),
                (is_empty, token_type),
                "{confirmation:?}"
            );
        }
    }

    #[test]
    fn keys_never_hold_the_secret() {
        let secret = new_secret();
        for key in [
            code_key(&secret),
            token_key(&secret),
            interaction_key(&secret),
            refresh_key(&secret),
            pushed_request_key(&secret),
            posted_request_key(&secret),
            consumed_key(&code_key(&secret)),
            consumed_key(&pushed_request_key(&secret)),
        ] {
            assert!(!key.contains(&secret), "{key}");
        }
    }

    #[test]
    fn a_sid_is_stable_per_session_and_client() {
        assert_eq!(sid("s", "c").len(), 43);
        assert_eq!(sid("s", "c"), sid("s", "c"));
        assert_ne!(sid("s", "c"), sid("s", "d"));
        assert_ne!(sid("s", "c"), sid("t", "c"));
    }

    #[test]
    fn a_fingerprint_is_the_pkce_transformation() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(
            fingerprint(verifier),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn a_revocation_deletes_and_blocks() {
        let members = [code_key("c"), token_key("t")];
        let writes = revocation_of("set", &members, Duration::from_mins(10));
        assert_eq!(writes.len(), 5);
        assert!(writes.contains(&Write::Delete { key: token_key("t") }));
        assert!(
            writes
                .iter()
                .any(|write| matches!(write, Write::Put { key, .. } if *key == consumed_key(&code_key("c"))))
        );
    }
}
