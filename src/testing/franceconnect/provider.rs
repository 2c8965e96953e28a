//! What the played provider remembers, and how it signs.

use std::num::NonZeroUsize;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use josekit::jwk::Jwk;
use josekit::jwk::alg::ec::EcCurve;
use josekit::jws::{ES256, JwsHeader};
use josekit::jwt::{self, JwtPayload};
use lru::LruCache;
use rand::RngExt as _;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::persona::Persona;

const KEY_ID: &str = "mock-franceconnect";
const TOKEN_LIFETIME: Duration = Duration::from_hours(1);
/// Round trips and tokens that are remembered: the oldest are forgotten first.
const MEMORY: NonZeroUsize = NonZeroUsize::MIN.saturating_add(999);

/// A client that waits for somebody to choose.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) state: String,
    pub(super) nonce: String,
    /// PKCE, `S256`.
    pub(super) code_challenge: Option<String>,
    /// Who was chosen; nobody yet.
    pub(super) persona: Option<Persona>,
}

/// One provider a process: workers share it.
pub(super) struct Provider {
    key: Option<Jwk>,
    requests: Mutex<LruCache<String, Request>>,
    tokens: Mutex<LruCache<String, Persona>>,
}

pub(super) static PROVIDER: LazyLock<Provider> = LazyLock::new(|| Provider {
    key: Jwk::generate_ec_key(EcCurve::P256).ok(),
    requests: Mutex::new(LruCache::new(MEMORY)),
    tokens: Mutex::new(LruCache::new(MEMORY)),
});

impl Provider {
    /// Remembers a request; gives the code that will stand for it.
    pub(super) fn remember(&self, request: Request) -> String {
        let code = random();
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .put(code.clone(), request);
        code
    }

    pub(super) fn request(&self, code: &str) -> Option<Request> {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.get(code).cloned()
    }

    /// Notes who was chosen.
    pub(super) fn choose(&self, code: &str, persona: Persona) -> Option<Request> {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let request = requests.get_mut(code)?;
        request.persona = Some(persona);
        Some(request.clone())
    }

    /// The request behind a code, once.
    pub(super) fn redeem(&self, code: &str) -> Option<(Request, Persona)> {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let request = requests.pop(code)?;
        let persona = request.persona.clone()?;
        Some((request, persona))
    }

    /// An access token for `persona`.
    pub(super) fn access_token(&self, persona: Persona) -> String {
        let token = random();
        self.tokens
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .put(token.clone(), persona);
        token
    }

    pub(super) fn persona(&self, access_token: &str) -> Option<Persona> {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.get(access_token).cloned()
    }

    /// The public half of the key.
    pub(super) fn jwks(&self) -> Value {
        let public = self.key.as_ref().and_then(|key| key.to_public_key().ok());
        let keys: Vec<Value> = public
            .into_iter()
            .map(|mut key| {
                key.set_key_id(KEY_ID);
                key.set_algorithm("ES256");
                key.set_key_use("sig");
                Value::Object(key.as_ref().clone())
            })
            .collect();
        json!({ "keys": keys })
    }

    /// A signed ID token.
    pub(super) fn id_token(&self, issuer: &str, request: &Request, sub: &str) -> Option<String> {
        let now = SystemTime::now();
        let mut claims = JwtPayload::new();
        claims.set_issuer(issuer);
        claims.set_audience(vec![&request.client_id]);
        claims.set_subject(sub);
        claims.set_issued_at(&now);
        claims.set_expires_at(&(now + TOKEN_LIFETIME));
        claims.set_claim("nonce", Some(json!(request.nonce))).ok()?;
        claims.set_claim("acr", Some(json!("eidas1"))).ok()?;
        let mut header = JwsHeader::new();
        header.set_key_id(KEY_ID);
        let signer = ES256.signer_from_jwk(self.key.as_ref()?).ok()?;
        jwt::encode_with_signer(&claims, &header, &signer).ok()
    }
}

impl Request {
    /// Whether `verifier` is what the challenge was made of; without a challenge none is owed.
    pub(super) fn accepts_verifier(&self, verifier: Option<&str>) -> bool {
        match (&self.code_challenge, verifier) {
            (None, None) => true,
            (Some(challenge), Some(verifier)) => {
                *challenge == BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
            }
            _ => false,
        }
    }
}

/// In small letters: it becomes part of a path, in which capitals do not count.
fn random() -> String {
    hex::encode(rand::rng().random::<[u8; 32]>())
}
