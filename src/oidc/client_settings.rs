//! What a relying party has set beyond the reference's registration: a row of `identite_client_settings`, validated with
//! the rest of the client. Without a row everything is off.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use subtle::ConstantTimeEq;
use url::{Host, Url};

use super::artefacts::fingerprint;
use super::jose::{CONTENT_ENCRYPTIONS, Encryption, KeyEncryption, PublicKeys};
use super::signer::SigningAlgorithm;
use super::subject::{PairwiseKey, SubjectType};

/// What is used when only the key's encryption is chosen (`OpenID Connect` Registration §2).
const DEFAULT_CONTENT_ENCRYPTION: &str = "A128CBC-HS256";

/// How a client proves who it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ClientAuthentication {
    /// A secret in the form or in the header `Authorization`.
    #[default]
    AnySecret,
    /// `client_secret_post`
    SecretPost,
    /// `client_secret_basic`
    SecretBasic,
    /// RFC 7523
    PrivateKeyJwt,
    /// RFC 8705 §2.1: the certificate was issued to this subject, says who terminates TLS.
    TlsSubject(CertificateSubject),
    /// RFC 8705 §2.2: the certificate is one of the client's keys.
    SelfSignedTls,
}

/// Whom a client's certificate names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateSubject {
    /// RFC 4514.
    DistinguishedName(String),
    /// A DNS name among the alternative names.
    DnsName(String),
}

/// Where a client's keys are.
#[derive(Debug, Clone)]
pub enum KeySource {
    Registered(PublicKeys),
    /// `jwks_uri`
    Remote(Url),
}

/// A secret that goes out of use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviousSecret {
    pub hash: String,
    pub expires_at: DateTime<Utc>,
}

/// The settings of a client.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the registration of its own"
)]
#[derive(Debug, Clone, Default)]
pub struct ClientSettings {
    /// [`hash_secret`]; `None`: the secret is in the reference's column.
    pub secret_hash: Option<String>,
    pub previous_secret: Option<PreviousSecret>,
    pub authentication: ClientAuthentication,
    /// Of client assertions; `None`: any.
    pub assertion_algorithm: Option<SigningAlgorithm>,
    pub keys: Option<KeySource>,
    pub requires_pkce: bool,
    pub exact_redirect_uris: bool,
    pub requires_pushed_requests: bool,
    pub requires_signed_requests: bool,
    /// `None`: no request objects.
    pub request_object_algorithm: Option<SigningAlgorithm>,
    pub requires_dpop: bool,
    pub requires_dpop_nonce: bool,
    pub requires_certificate_binding: bool,
    /// `None`: no signed authorization responses (JARM).
    pub response_algorithm: Option<SigningAlgorithm>,
    pub id_token_encryption: Option<Encryption>,
    pub userinfo_encryption: Option<Encryption>,
    /// Where logout tokens go.
    pub backchannel_logout_uri: Option<Url>,
    /// `None`: no refresh tokens.
    pub refresh_token_ttl: Option<Duration>,
    pub limits_claims_to_scopes: bool,
    pub updated_at_as_text: bool,
    pub tells_at_hash: bool,
    pub subject_type: SubjectType,
}

/// The SHA-256 of a secret, base64url. The secrets that we hand out have 256 random bits: a slow hash would add nothing.
#[must_use]
pub fn hash_secret(secret: &str) -> String {
    fingerprint(secret)
}

#[derive(Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the columns of the table")]
struct Row {
    secret_hash: Option<String>,
    previous_secret_hash: Option<String>,
    previous_secret_expires_at: Option<DateTime<Utc>>,
    token_endpoint_auth_method: Option<String>,
    token_endpoint_auth_signing_alg: Option<String>,
    jwks: Option<Value>,
    jwks_uri: Option<String>,
    tls_client_auth_subject_dn: Option<String>,
    tls_client_auth_san_dns: Option<String>,
    require_pkce: bool,
    exact_redirect_uris: bool,
    require_pushed_authorization_requests: bool,
    require_signed_request_object: bool,
    request_object_signing_alg: Option<String>,
    dpop_bound_access_tokens: bool,
    require_dpop_nonce: bool,
    tls_client_certificate_bound_access_tokens: bool,
    authorization_signed_response_alg: Option<String>,
    id_token_encrypted_response_alg: Option<String>,
    id_token_encrypted_response_enc: Option<String>,
    userinfo_encrypted_response_alg: Option<String>,
    userinfo_encrypted_response_enc: Option<String>,
    backchannel_logout_uri: Option<String>,
    refresh_token_lifetime_in_seconds: Option<u32>,
    limit_claims_to_scopes: bool,
    updated_at_as_text: bool,
    id_token_at_hash: bool,
    pairwise_subject_key: Option<String>,
}

impl ClientSettings {
    /// Validates a row. `supported` are the algorithms that this provider has keys for.
    ///
    /// # Errors
    /// A sentence that names the column that is wrong.
    pub fn validate(row: &Value, supported: &[SigningAlgorithm]) -> Result<Self, &'static str> {
        let row = Row::deserialize(row).map_err(|_| "the settings cannot be read")?;
        let keys = key_source(&row)?;
        let settings = Self {
            previous_secret: row
                .previous_secret_hash
                .clone()
                .zip(row.previous_secret_expires_at)
                .map(|(hash, expires_at)| PreviousSecret { hash, expires_at }),
            authentication: authentication(&row)?,
            assertion_algorithm: algorithm(
                row.token_endpoint_auth_signing_alg.as_deref(),
                &SigningAlgorithm::ALL,
                "token_endpoint_auth_signing_alg must be a supported value",
            )?,
            request_object_algorithm: algorithm(
                row.request_object_signing_alg.as_deref(),
                &SigningAlgorithm::ALL,
                "request_object_signing_alg must be a supported value",
            )?,
            response_algorithm: algorithm(
                row.authorization_signed_response_alg.as_deref(),
                supported,
                "authorization_signed_response_alg must be a supported value",
            )?,
            id_token_encryption: encryption(
                row.id_token_encrypted_response_alg.as_deref(),
                row.id_token_encrypted_response_enc.as_deref(),
                "id_token_encrypted_response_alg and _enc must be supported values",
            )?,
            userinfo_encryption: encryption(
                row.userinfo_encrypted_response_alg.as_deref(),
                row.userinfo_encrypted_response_enc.as_deref(),
                "userinfo_encrypted_response_alg and _enc must be supported values",
            )?,
            backchannel_logout_uri: web_url(
                row.backchannel_logout_uri.as_deref(),
                "backchannel_logout_uri must be a web uri without fragment",
            )?,
            refresh_token_ttl: refresh_token_ttl(row.refresh_token_lifetime_in_seconds)?,
            secret_hash: row.secret_hash,
            keys,
            requires_pkce: row.require_pkce,
            exact_redirect_uris: row.exact_redirect_uris,
            requires_pushed_requests: row.require_pushed_authorization_requests,
            requires_signed_requests: row.require_signed_request_object,
            requires_dpop: row.dpop_bound_access_tokens,
            requires_dpop_nonce: row.require_dpop_nonce,
            requires_certificate_binding: row.tls_client_certificate_bound_access_tokens,
            limits_claims_to_scopes: row.limit_claims_to_scopes,
            updated_at_as_text: row.updated_at_as_text,
            tells_at_hash: row.id_token_at_hash,
            subject_type: row
                .pairwise_subject_key
                .map(PairwiseKey::new)
                .map_or(SubjectType::Public, SubjectType::Pairwise),
        };
        settings.check_keys()?;
        Ok(settings)
    }

    /// Whether `secret` is one of the hashed secrets at `now`.
    #[must_use]
    pub fn has_hashed_secret(&self, secret: &str, now: DateTime<Utc>) -> bool {
        let hash = hash_secret(secret);
        let is = |kept: &str| bool::from(kept.as_bytes().ct_eq(hash.as_bytes()));
        let is_current = self.secret_hash.as_deref().is_some_and(is);
        let is_previous = self
            .previous_secret
            .as_ref()
            .is_some_and(|previous| previous.expires_at > now && is(&previous.hash));
        is_current || is_previous
    }

    fn check_keys(&self) -> Result<(), &'static str> {
        let needs_keys = matches!(
            self.authentication,
            ClientAuthentication::PrivateKeyJwt | ClientAuthentication::SelfSignedTls
        ) || self.request_object_algorithm.is_some()
            || self.id_token_encryption.is_some()
            || self.userinfo_encryption.is_some();
        if needs_keys && self.keys.is_none() {
            return Err("jwks or jwks_uri is needed for what else is set");
        }
        if self.requires_signed_requests && self.request_object_algorithm.is_none() {
            return Err("require_signed_request_object needs request_object_signing_alg");
        }
        let Some(KeySource::Registered(keys)) = &self.keys else {
            return Ok(());
        };
        let encryptions = [self.id_token_encryption, self.userinfo_encryption];
        if encryptions
            .into_iter()
            .flatten()
            .all(|encryption| keys.can_encrypt(encryption.key))
        {
            Ok(())
        } else {
            Err("jwks has no key for the encryption that is set")
        }
    }
}

fn authentication(row: &Row) -> Result<ClientAuthentication, &'static str> {
    Ok(match row.token_endpoint_auth_method.as_deref() {
        None => ClientAuthentication::AnySecret,
        Some("client_secret_post") => ClientAuthentication::SecretPost,
        Some("client_secret_basic") => ClientAuthentication::SecretBasic,
        Some("private_key_jwt") => ClientAuthentication::PrivateKeyJwt,
        Some("self_signed_tls_client_auth") => ClientAuthentication::SelfSignedTls,
        Some("tls_client_auth") => {
            let subject = match (&row.tls_client_auth_subject_dn, &row.tls_client_auth_san_dns) {
                (Some(name), None) => CertificateSubject::DistinguishedName(name.clone()),
                (None, Some(name)) => CertificateSubject::DnsName(name.clone()),
                _ => return Err("tls_client_auth needs exactly one name of the certificate's subject"),
            };
            ClientAuthentication::TlsSubject(subject)
        }
        Some(_) => return Err("token_endpoint_auth_method must be a supported value"),
    })
}

fn key_source(row: &Row) -> Result<Option<KeySource>, &'static str> {
    match (&row.jwks, &row.jwks_uri) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err("jwks and jwks_uri must not both be set"),
        (Some(jwks), None) => PublicKeys::parse(jwks)
            .map(|keys| Some(KeySource::Registered(keys)))
            .ok_or("jwks must be a set of public keys"),
        (None, Some(uri)) => {
            let problem = "jwks_uri must be an https uri without fragment";
            let uri = web_url(Some(uri), problem)?;
            // Whoever could change the keys on their way could be the client (OpenID Connect Registration §2).
            if !uri.as_ref().is_some_and(travels_safely) {
                return Err(problem);
            }
            Ok(uri.map(KeySource::Remote))
        }
    }
}

fn algorithm(
    name: Option<&str>,
    supported: &[SigningAlgorithm],
    problem: &'static str,
) -> Result<Option<SigningAlgorithm>, &'static str> {
    let Some(name) = name else { return Ok(None) };
    let algorithm = name.parse().map_err(|_| problem)?;
    if supported.contains(&algorithm) {
        Ok(Some(algorithm))
    } else {
        Err(problem)
    }
}

fn encryption(
    key: Option<&str>,
    content: Option<&str>,
    problem: &'static str,
) -> Result<Option<Encryption>, &'static str> {
    let Some(key) = key else {
        return if content.is_none() { Ok(None) } else { Err(problem) };
    };
    let wanted = content.unwrap_or(DEFAULT_CONTENT_ENCRYPTION);
    Ok(Some(Encryption {
        key: KeyEncryption::parse(key).ok_or(problem)?,
        content: CONTENT_ENCRYPTIONS
            .into_iter()
            .find(|known| *known == wanted)
            .ok_or(problem)?,
    }))
}

fn web_url(text: Option<&str>, problem: &'static str) -> Result<Option<Url>, &'static str> {
    let Some(text) = text else { return Ok(None) };
    let url = Url::parse(text).map_err(|_| problem)?;
    let is_sound = matches!(url.scheme(), "http" | "https") && url.has_host() && url.fragment().is_none();
    if is_sound { Ok(Some(url)) } else { Err(problem) }
}

/// Whether nobody on the way reads or changes what travels to `url` and back: it is encrypted, or stays on this machine.
pub(super) fn travels_safely(url: &Url) -> bool {
    let is_local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    is_local || url.scheme() == "https"
}

fn refresh_token_ttl(seconds: Option<u32>) -> Result<Option<Duration>, &'static str> {
    match seconds {
        Some(0) => Err("refresh_token_lifetime_in_seconds must be positive"),
        seconds => Ok(seconds.map(|seconds| Duration::from_secs(seconds.into()))),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use chrono::TimeDelta;
    use serde_json::json;

    use super::super::jose::tests::{ec_key, public};
    use super::*;

    /// A row as the database gives it, with `changes`.
    pub(crate) fn row(changes: &Value) -> Value {
        let mut row = json!({
            "require_pkce": false, "exact_redirect_uris": false, "require_pushed_authorization_requests": false,
            "require_signed_request_object": false, "dpop_bound_access_tokens": false, "require_dpop_nonce": false,
            "tls_client_certificate_bound_access_tokens": false, "limit_claims_to_scopes": false,
            "updated_at_as_text": false, "id_token_at_hash": false
        });
        for (name, value) in changes.as_object().unwrap() {
            row[name] = value.clone();
        }
        row
    }

    fn validate(changes: &Value) -> Result<ClientSettings, &'static str> {
        ClientSettings::validate(&row(changes), &[SigningAlgorithm::RS256])
    }

    #[test]
    fn sound_settings_are_accepted() {
        let keys = json!({"keys": [public(&ec_key("1"))]});
        for changes in [
            json!({}),
            json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": keys}),
            json!({"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://rp.example/jwks"}),
            json!({"jwks_uri": "http://localhost:4000/jwks"}),
            json!({"jwks_uri": "http://127.0.0.1:4000/jwks"}),
            json!({"jwks_uri": "http://[::1]:4000/jwks"}),
            json!({"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_san_dns": "rp.example"}),
            json!({"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_subject_dn": "CN=rp.example"}),
            json!({"id_token_encrypted_response_alg": "ECDH-ES", "jwks": keys}),
            json!({"id_token_encrypted_response_alg": "ECDH-ES", "id_token_encrypted_response_enc": "A256GCM", "jwks": keys}),
            json!({"authorization_signed_response_alg": "RS256"}),
            json!({"require_signed_request_object": true, "request_object_signing_alg": "ES256", "jwks": keys}),
            json!({"backchannel_logout_uri": "https://rp.example/logout", "refresh_token_lifetime_in_seconds": 60}),
        ] {
            assert!(
                validate(&changes).is_ok(),
                "{changes}: {:?}",
                validate(&changes).err()
            );
        }
    }

    #[test]
    fn unsound_settings_break_the_client() {
        let keys = json!({"keys": [public(&ec_key("1"))]});
        for changes in [
            json!({"require_pkce": null}),
            json!({"token_endpoint_auth_method": "none"}),
            json!({"token_endpoint_auth_method": "private_key_jwt"}),
            json!({"token_endpoint_auth_method": "tls_client_auth"}),
            json!({"token_endpoint_auth_signing_alg": "HS256"}),
            json!({"jwks": keys, "jwks_uri": "https://rp.example/jwks"}),
            json!({"jwks": {"keys": []}}),
            json!({"jwks_uri": "file:///etc/passwd"}),
            json!({"jwks_uri": "http://rp.example/jwks"}),
            json!({"jwks_uri": "http://localhost.rp.example/jwks"}),
            json!({"jwks_uri": "http://10.0.0.1/jwks"}),
            json!({"id_token_encrypted_response_alg": "RSA-OAEP", "jwks": keys}),
            json!({"id_token_encrypted_response_alg": "dir", "jwks": keys}),
            json!({"id_token_encrypted_response_enc": "A128GCM", "jwks": keys}),
            json!({"authorization_signed_response_alg": "ES256"}),
            json!({"require_signed_request_object": true}),
            json!({"backchannel_logout_uri": "https://rp.example/logout#here"}),
            json!({"refresh_token_lifetime_in_seconds": 0}),
            json!({"request_object_signing_alg": "ES256"}),
            json!({"id_token_encrypted_response_alg": "ECDH-ES"}),
            json!({"userinfo_encrypted_response_alg": "ECDH-ES"}),
            json!({"id_token_encrypted_response_alg": "ECDH-ES", "id_token_encrypted_response_enc": "x", "jwks": keys}),
            json!({"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_san_dns": "a", "tls_client_auth_subject_dn": "CN=a"}),
        ] {
            assert!(validate(&changes).is_err(), "{changes}");
        }
    }

    #[test]
    fn two_secrets_count_during_a_rotation_and_one_after() {
        let now = DateTime::UNIX_EPOCH;
        let settings = ClientSettings {
            secret_hash: Some(hash_secret("new")),
            previous_secret: Some(PreviousSecret {
                hash: hash_secret("old"),
                expires_at: now + TimeDelta::hours(1),
            }),
            ..ClientSettings::default()
        };
        assert!(settings.has_hashed_secret("new", now) && settings.has_hashed_secret("old", now));
        let end = now + TimeDelta::hours(1);
        assert!(!settings.has_hashed_secret("old", end), "until then, not then");
        let later = now + TimeDelta::hours(2);
        assert!(settings.has_hashed_secret("new", later) && !settings.has_hashed_secret("old", later));
        assert!(!settings.has_hashed_secret("other", now));
    }
}
