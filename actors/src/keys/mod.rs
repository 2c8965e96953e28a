//! Signing keys and what each does at this moment.
//!
//! The first ones come from a private JWK set, and sign. From then on whoever keeps the calendar of the keys says what
//! each does ([`Keys::arrange`]): one that is coming is published before it signs; one that retires goes on verifying,
//! and stays published, for as long as the last token that it signed may be valid. Reading a key prepares everything
//! once: signing on the hot path takes a snapshot ([`Keys::current`]) without passing through the mailbox, and costs
//! the signature itself.

mod algorithm;
mod key;
mod set;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use futures::future::LocalBoxFuture;
use josekit::JoseError;
use josekit::jwk::{Ed25519, Jwk, P_256};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

pub use self::algorithm::{SigningAlgorithm, UnknownAlgorithm};
use self::key::Key;
use self::set::Retiring;
use self::set::read_keys;
pub use self::set::{KeySet, SigningError, VerificationError};
use crate::clock::SharedClock;
use crate::instrumentation::Instruments;
use crate::supervision::{ActorError, Answer, Answers, Behaviour, Handle, Request, start};

/// How often the actor looks whether keys have retired.
const TICK_EVERY: Duration = Duration::from_secs(1);

/// The JWK set cannot be used. Messages hold no key material.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeys {
    #[error("not a JSON object with an array \"keys\"")]
    NotAKeySet,
    #[error("key {position} of the set (from 0) cannot be used: {reason}")]
    Key { position: usize, reason: String },
    #[error("two keys have the kid \"{0}\"")]
    DuplicateKid(String),
    #[error("no key would sign")]
    NobodySigns,
}

/// What a key does at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyStage {
    /// It is published, so that everybody knows it when it signs, and verifies what it signs elsewhere already.
    Coming,
    /// It signs and verifies.
    Signing,
    /// It verifies what it signed.
    Retiring { until: DateTime<Utc> },
}

/// A key and its stage.
#[derive(Debug, Clone)]
pub struct ArrangedKey {
    /// A private JWK, as JSON.
    pub jwk: SecretString,
    pub stage: KeyStage,
}

/// Why the keys were not arranged; the ones before stay as they were.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArrangeError {
    #[error(transparent)]
    Actor(#[from] ActorError),
    #[error(transparent)]
    Keys(#[from] InvalidKeys),
}

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Keys {
    current: Arc<ArcSwap<KeySet>>,
    actor: Handle<Keeper>,
}

impl Keys {
    /// Reads `jwks` and starts the actor; must be called where an actix `System` runs.
    ///
    /// # Errors
    /// See [`InvalidKeys`].
    pub fn start(
        jwks: &SecretString,
        clock: SharedClock,
        instruments: &Instruments,
    ) -> Result<Self, InvalidKeys> {
        let current = Arc::new(ArcSwap::from_pointee(KeySet::read(
            jwks.expose_secret(),
            clock.clone(),
        )?));
        let (kept, observed) = (current.clone(), current.clone());
        let actor = start(instruments, "keys", 16, move || Keeper {
            current: kept.clone(),
            clock: clock.clone(),
        });
        actor.meter().describe_with(move || observed.load().describe());
        Ok(Self { current, actor })
    }

    /// The keys of this moment.
    #[must_use]
    pub fn current(&self) -> Arc<KeySet> {
        self.current.load_full()
    }

    /// Makes each of `keys`, in order, do what its stage says from now on; keys that are not among them are forgotten.
    ///
    /// # Errors
    /// When one cannot be used, two have one `kid`, or none signs; the keys before stay.
    pub async fn arrange(&self, keys: Vec<ArrangedKey>) -> Result<(), ArrangeError> {
        Ok(self.actor.ask(Arrange(keys)).await??)
    }
}

struct Keeper {
    current: Arc<ArcSwap<KeySet>>,
    clock: SharedClock,
}

impl Behaviour for Keeper {
    const MESSAGES: &'static [&'static str] = &["arrange"];

    fn tick_every(&self) -> Option<Duration> {
        Some(TICK_EVERY)
    }

    fn tick(&mut self) -> Option<LocalBoxFuture<'static, ()>> {
        if let Some(set) = self.current.load().without_retired(self.clock.now()) {
            tracing::info!("keys have retired");
            self.current.store(Arc::new(set));
        }
        None
    }
}

struct Arrange(Vec<ArrangedKey>);

impl Request for Arrange {
    type Response = Result<(), InvalidKeys>;
    const NAME: &'static str = "arrange";

    fn failed(response: &Self::Response) -> bool {
        response.is_err()
    }
}

impl Answers<Arrange> for Keeper {
    fn answer(&mut self, Arrange(keys): Arrange) -> Answer<Result<(), InvalidKeys>> {
        let current = self.current.load();
        Answer::Now(arranged(&current, &keys, &self.clock).map(|set| {
            if !current.does_the_same_as(&set) {
                tracing::info!("the signing keys were arranged anew");
                self.current.store(Arc::new(set));
            }
        }))
    }
}

fn arranged(current: &KeySet, keys: &[ArrangedKey], clock: &SharedClock) -> Result<KeySet, InvalidKeys> {
    let mut kids = HashSet::new();
    let (mut active, mut coming, mut retiring) = (Vec::new(), Vec::new(), Vec::new());
    for (position, arranged) in keys.iter().enumerate() {
        let jwk: Value =
            serde_json::from_str(arranged.jwk.expose_secret()).map_err(|_| InvalidKeys::Key {
                position,
                reason: "it is not JSON".to_owned(),
            })?;
        let key = Key::read(position, &jwk)?;
        if !kids.insert(key.kid.clone()) {
            return Err(InvalidKeys::DuplicateKid(key.kid));
        }
        let key = current.known(&key).unwrap_or_else(|| Arc::new(key));
        match arranged.stage {
            KeyStage::Coming => coming.push(key),
            KeyStage::Signing => active.push(key),
            KeyStage::Retiring { until } => retiring.push(Retiring { key, until }),
        }
    }
    if active.iter().all(|key| key.signing.is_empty()) {
        return Err(InvalidKeys::NobodySigns);
    }
    Ok(KeySet::new(active, coming, retiring, clock.clone()))
}

/// The kinds of signing keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// RS256 and PS256.
    Rsa,
    /// ES256.
    P256,
    /// `EdDSA` under both of its names.
    Ed25519,
}

impl KeyKind {
    /// The kind that signs with `algorithm`.
    #[must_use]
    pub fn of(algorithm: SigningAlgorithm) -> Self {
        match algorithm {
            SigningAlgorithm::Rs256 | SigningAlgorithm::Ps256 => Self::Rsa,
            SigningAlgorithm::Es256 => Self::P256,
            SigningAlgorithm::EdDsa | SigningAlgorithm::Ed25519 => Self::Ed25519,
        }
    }

    /// The kind of a JWK, private or public.
    #[must_use]
    pub fn of_jwk(jwk: &Value) -> Option<Self> {
        match (jwk.get("kty")?.as_str()?, jwk.get("crv").and_then(Value::as_str)) {
            ("RSA", _) => Some(Self::Rsa),
            ("EC", Some("P-256")) => Some(Self::P256),
            ("OKP", Some("Ed25519")) => Some(Self::Ed25519),
            _ => None,
        }
    }
}

/// What is known of a key from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicHalf {
    pub kid: String,
    /// Whether it can sign with an algorithm that is enabled.
    pub signs: bool,
}

/// The keys of a private JWK set, in order.
///
/// # Errors
/// See [`InvalidKeys`].
pub fn public_halves(jwks: &SecretString) -> Result<Vec<PublicHalf>, InvalidKeys> {
    let keys = read_keys(jwks.expose_secret())?;
    Ok(keys
        .iter()
        .map(|key| PublicHalf {
            kid: key.kid.clone(),
            signs: !key.signing.is_empty(),
        })
        .collect())
}

/// A new private signing key of this kind, as JSON, with its `kid`.
///
/// # Errors
/// When OpenSSL cannot make one.
pub fn generate_signing_key(kind: KeyKind) -> Result<SecretString, JoseError> {
    let jwk = match kind {
        KeyKind::Rsa => Jwk::generate_rsa_key(2_048)?,
        KeyKind::P256 => Jwk::generate_ec_key(P_256)?,
        KeyKind::Ed25519 => Jwk::generate_ed_key(Ed25519)?,
    };
    Ok(SecretString::from(described(&jwk, "sig").to_string()))
}

/// A new private JWK set of five keys: RSA and P-256, each for signatures and for encryption, and Ed25519 for signatures.
/// RSA keys take a moment (about 0.1 s each).
///
/// # Errors
/// When OpenSSL cannot make a key.
pub fn generate() -> Result<SecretString, JoseError> {
    let shapes = [
        (Jwk::generate_rsa_key(2_048)?, "sig"),
        (Jwk::generate_rsa_key(2_048)?, "enc"),
        (Jwk::generate_ec_key(P_256)?, "sig"),
        (Jwk::generate_ec_key(P_256)?, "enc"),
        (Jwk::generate_ed_key(Ed25519)?, "sig"),
    ];
    let keys: Vec<Value> = shapes
        .into_iter()
        .map(|(jwk, public_use)| described(&jwk, public_use))
        .collect();
    Ok(SecretString::from(json!({ "keys": keys }).to_string()))
}

/// The private key with its `use`, its `kid`, and its `alg` where only one is possible.
fn described(jwk: &Jwk, public_use: &str) -> Value {
    let mut members = jwk.as_ref().clone();
    members.insert("use".to_owned(), json!(public_use));
    let bare = Value::Object(members.clone());
    if let Ok(key) = Key::read(0, &bare) {
        members.insert("kid".to_owned(), json!(key.kid));
        if let Some(algorithm) = key.public_jwk.get("alg") {
            members.insert("alg".to_owned(), algorithm.clone());
        }
    }
    Value::Object(members)
}
