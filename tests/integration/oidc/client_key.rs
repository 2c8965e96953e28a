//! The key of a relying party, and what it signs: assertions, proofs of possession, request objects.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use josekit::jwk::Jwk;
use josekit::jwk::alg::ec::EcCurve;
use josekit::jws::{ES256, JwsHeader};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// An ES256 key.
pub struct ClientKey {
    pub jwk: Jwk,
}

impl ClientKey {
    pub fn new() -> Self {
        let mut jwk = Jwk::generate_ec_key(EcCurve::P256).unwrap();
        jwk.set_key_id("client-key");
        Self { jwk }
    }

    /// The public half.
    pub fn public(&self) -> Value {
        let mut public = self.jwk.to_public_key().unwrap();
        public.set_key_id("client-key");
        Value::Object(public.as_ref().clone())
    }

    /// A key set with the public half.
    pub fn set(&self) -> Value {
        json!({"keys": [self.public()]})
    }

    /// RFC 7638.
    pub fn thumbprint(&self) -> String {
        let public = self.public();
        let canonical = format!(
            r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#,
            public["x"], public["y"]
        );
        BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(canonical))
    }

    /// A JWT with more or other members in its header.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let mut jws = JwsHeader::new();
        for (name, value) in header.as_object().unwrap() {
            jws.set_claim(name, Some(value.clone())).unwrap();
        }
        let mut signer = ES256.signer_from_jwk(&self.jwk).unwrap();
        // The header is the test's business.
        signer.remove_key_id();
        josekit::jws::serialize_compact(claims.to_string().as_bytes(), &jws, &signer).unwrap()
    }

    /// A client assertion (RFC 7523) with `changes`.
    pub fn assertion(&self, client_id: &str, audience: &str, now: DateTime<Utc>, changes: &Value) -> String {
        let mut claims = json!({
            "iss": client_id, "sub": client_id, "aud": audience, "jti": unique(),
            "iat": now.timestamp(), "exp": now.timestamp() + 60
        });
        merge(&mut claims, changes);
        self.sign(&json!({"kid": "client-key"}), &claims)
    }

    /// A DPoP proof (RFC 9449) with `changes`.
    pub fn proof(&self, method: &str, url: &str, now: DateTime<Utc>, changes: &Value) -> String {
        let mut claims = json!({"jti": unique(), "htm": method, "htu": url, "iat": now.timestamp()});
        merge(&mut claims, changes);
        self.sign(&json!({"typ": "dpop+jwt", "jwk": self.public()}), &claims)
    }
}

/// The hash of an access token in a proof.
pub fn token_hash(token: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(token))
}

fn unique() -> String {
    static COUNTER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    format!(
        "jti-{}",
        COUNTER.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
    )
}

fn merge(target: &mut Value, changes: &Value) {
    for (name, value) in changes.as_object().unwrap() {
        target[name] = value.clone();
    }
}
