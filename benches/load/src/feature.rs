//! Relying parties that use one feature each, beyond the plain code flow: what it is called, how it is registered, and what it
//! makes of the requests.

use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::jwk::Jwk;
use josekit::jwk::alg::ec::EcCurve;
use josekit::jws::{ES256, JwsHeader};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::error::LoadError;

/// RFC 7636, appendix B.
pub const PKCE_VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const PKCE_CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// RFC 7523.
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What a relying party uses beyond the plain code flow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Feature {
    /// Nothing: what the others are compared with.
    Plain,
    /// RFC 7636.
    Pkce,
    SignedUserinfo,
    /// RFC 9126.
    PushedRequest,
    /// RFC 9101.
    SignedRequest,
    /// JARM.
    SignedResponse,
    /// RFC 9449.
    Dpop,
    /// RFC 7523.
    PrivateKeyJwt,
    EncryptedIdToken,
    /// A refresh token comes with each code; it is not used.
    RefreshToken,
    BackChannelLogout,
}

impl Feature {
    pub const ALL: [Self; 11] = [
        Self::Plain,
        Self::Pkce,
        Self::SignedUserinfo,
        Self::PushedRequest,
        Self::SignedRequest,
        Self::SignedResponse,
        Self::Dpop,
        Self::PrivateKeyJwt,
        Self::EncryptedIdToken,
        Self::RefreshToken,
        Self::BackChannelLogout,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Pkce => "PKCE",
            Self::SignedUserinfo => "signed userinfo",
            Self::PushedRequest => "pushed request",
            Self::SignedRequest => "signed request",
            Self::SignedResponse => "signed response",
            Self::Dpop => "DPoP",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::EncryptedIdToken => "encrypted ID token",
            Self::RefreshToken => "refresh token",
            Self::BackChannelLogout => "back-channel logout",
        }
    }

    pub fn client_id(self) -> &'static str {
        match self {
            Self::Plain => "bench_plain_client_id",
            Self::Pkce => "bench_pkce_client_id",
            Self::SignedUserinfo => "bench_signed_userinfo_client_id",
            Self::PushedRequest => "bench_pushed_request_client_id",
            Self::SignedRequest => "bench_signed_request_client_id",
            Self::SignedResponse => "bench_signed_response_client_id",
            Self::Dpop => "bench_dpop_client_id",
            Self::PrivateKeyJwt => "bench_private_key_jwt_client_id",
            Self::EncryptedIdToken => "bench_encrypted_id_token_client_id",
            Self::RefreshToken => "bench_refresh_token_client_id",
            Self::BackChannelLogout => "bench_back_channel_logout_client_id",
        }
    }

    /// Columns of `identite_client_settings`, with the values that turn the feature on.
    pub fn settings(self, key: &ClientKey) -> Value {
        match self {
            Self::Plain | Self::SignedUserinfo => json!({}),
            Self::Pkce => json!({"require_pkce": true}),
            Self::PushedRequest => json!({"require_pushed_authorization_requests": true}),
            Self::SignedRequest => {
                json!({"require_signed_request_object": true, "request_object_signing_alg": "ES256", "jwks": key.set()})
            }
            Self::SignedResponse => json!({"authorization_signed_response_alg": "ES256"}),
            Self::Dpop => json!({"dpop_bound_access_tokens": true}),
            Self::PrivateKeyJwt => {
                json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": key.set()})
            }
            Self::EncryptedIdToken => json!({
                "id_token_encrypted_response_alg": "ECDH-ES",
                "id_token_encrypted_response_enc": "A256GCM",
                "jwks": key.set(),
            }),
            Self::RefreshToken => json!({"refresh_token_lifetime_in_seconds": 86400}),
            Self::BackChannelLogout => {
                json!({"backchannel_logout_uri": "http://localhost:9/backchannel-logout"})
            }
        }
    }
}

/// The key pair of the relying parties of a run.
pub struct ClientKey {
    private: Jwk,
    public: Value,
    /// Number of the next token, which makes its `jti`.
    next: Cell<u64>,
    run: u64,
}

impl ClientKey {
    /// A new P-256 key.
    ///
    /// # Errors
    /// The cryptographic library fails.
    pub fn generate() -> Result<Self, LoadError> {
        let failed = |_| LoadError::Setup("no key could be made".to_owned());
        let private = Jwk::generate_ec_key(EcCurve::P256).map_err(failed)?;
        let public = private.to_public_key().map_err(failed)?;
        Ok(Self {
            public: Value::Object(public.as_ref().clone()),
            private,
            next: Cell::new(0),
            run: now(),
        })
    }

    /// The key set that a relying party publishes.
    fn set(&self) -> Value {
        json!({"keys": [self.public]})
    }

    fn jti(&self) -> String {
        let number = self.next.get();
        self.next.set(number + 1);
        format!("{}-{number}", self.run)
    }

    fn sign(&self, header: &JwsHeader, claims: &Value) -> Result<String, LoadError> {
        let failed = |_| LoadError::Setup("a token could not be signed".to_owned());
        let signer = ES256.signer_from_jwk(&self.private).map_err(failed)?;
        josekit::jws::serialize_compact(claims.to_string().as_bytes(), header, &signer).map_err(failed)
    }

    /// What proves the client itself (RFC 7523).
    ///
    /// # Errors
    /// The cryptographic library fails.
    pub fn assertion(&self, client_id: &str, issuer: &str) -> Result<String, LoadError> {
        let claims = json!({
            "iss": client_id, "sub": client_id, "aud": issuer, "jti": self.jti(), "iat": now(), "exp": now() + 60,
        });
        self.sign(&JwsHeader::new(), &claims)
    }

    /// A signed request object (RFC 9101) with these parameters.
    ///
    /// # Errors
    /// The cryptographic library fails.
    pub fn request_object(&self, issuer: &str, parameters: &[(&str, &str)]) -> Result<String, LoadError> {
        let mut claims = json!({"aud": issuer, "iat": now(), "exp": now() + 60});
        for (name, value) in parameters {
            claims[*name] = Value::from(*value);
        }
        claims["iss"] = claims["client_id"].clone();
        let mut header = JwsHeader::new();
        header.set_token_type("oauth-authz-req+jwt");
        self.sign(&header, &claims)
    }

    /// A proof of possession (RFC 9449) for one request, and for one token if there is one.
    ///
    /// # Errors
    /// The cryptographic library fails.
    pub fn proof(&self, method: &str, url: &str, access_token: Option<&str>) -> Result<String, LoadError> {
        let mut claims = json!({"jti": self.jti(), "htm": method, "htu": url, "iat": now()});
        if let Some(token) = access_token {
            claims["ath"] = Value::from(URL_SAFE_NO_PAD.encode(Sha256::digest(token)));
        }
        let mut header = JwsHeader::new();
        header.set_token_type("dpop+jwt");
        header
            .set_claim("jwk", Some(self.public.clone()))
            .map_err(|_| LoadError::Setup("a proof has no header".to_owned()))?;
        self.sign(&header, &claims)
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}
