//! The three secrets of the server itself: the key of the TOTP secrets, the signing secrets of the cookies, the
//! provider's keys.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretBox, SecretString};
use serde_json::Value;

use super::environment::DeployEnv;
use super::masking::MASK;
use super::reader::{Reader, items};

/// The encryption key of the development profile, with which the fixtures' TOTP secrets are encrypted.
pub const DEVELOPMENT_ENCRYPTION_KEY: &str = "aTrueRandom32BytesLongBase64EncodedStringAA=";
/// The cookie secret of the development profile.
pub const DEVELOPMENT_COOKIE_SECRET: &str = "verysecretcookie";

/// Secrets that are printed in documentation or fixtures: whoever reads them could forge a session.
const KNOWN_SECRETS: [&str; 6] = [
    DEVELOPMENT_ENCRYPTION_KEY,
    DEVELOPMENT_COOKIE_SECRET,
    "changeme",
    "change-me",
    "secret",
    "keyboard cat",
];

const MISSING: &str = "a value is required unless DEPLOY_ENV is localhost";
const KNOWN: &str = "this value is public, a secret of your own is required";

/// The server's own secrets.
#[derive(Debug, Clone)]
pub struct SecretsConfig {
    /// `SYMMETRIC_ENCRYPTION_KEY`: AES-256-GCM key of the TOTP secrets at rest.
    pub symmetric_encryption_key: SymmetricKey,
    /// `SYMMETRIC_ENCRYPTION_KEY_PREVIOUS`: keys that still read what they encrypted, and encrypt nothing.
    pub former_encryption_keys: Vec<SymmetricKey>,
    /// `SESSION_COOKIE_SECRET`: signing secrets of the cookies, never empty. The first signs, all verify.
    pub cookie_secrets: Vec<SecretString>,
    /// `JWKS`: the provider's private keys, JSON text of an object with a non-empty array `keys`.
    pub jwks: SecretString,
}

impl SecretsConfig {
    pub(super) fn read(reader: &mut Reader, deploy_env: DeployEnv) -> Self {
        Self {
            symmetric_encryption_key: read_encryption_key(reader, deploy_env),
            former_encryption_keys: read_former_encryption_keys(reader),
            cookie_secrets: read_cookie_secrets(reader, deploy_env),
            jwks: read_jwks(reader),
        }
    }
}

/// A key of 32 bytes that never shows.
pub struct SymmetricKey(SecretBox<[u8; 32]>);

impl SymmetricKey {
    /// The key's bytes, to be handed to the cipher and nowhere else.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose_secret()
    }

    fn from_base64(text: &str) -> Result<Self, &'static str> {
        let bytes = STANDARD.decode(text.trim()).map_err(|_| "expected base64 text")?;
        let key = <[u8; 32]>::try_from(bytes).map_err(|_| "expected 32 bytes in base64")?;
        Ok(Self(SecretBox::new(Box::new(key))))
    }
}

impl Clone for SymmetricKey {
    fn clone(&self) -> Self {
        Self(SecretBox::new(Box::new(*self.expose())))
    }
}

impl fmt::Debug for SymmetricKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SymmetricKey(****)")
    }
}

fn read_encryption_key(reader: &mut Reader, deploy_env: DeployEnv) -> SymmetricKey {
    const VARIABLE: &str = "SYMMETRIC_ENCRYPTION_KEY";
    let unusable = || SymmetricKey(SecretBox::new(Box::new([0; 32])));
    let Some(text) = reader.raw_filled(VARIABLE) else {
        reader.reject(VARIABLE, MISSING);
        return unusable();
    };
    reader.note(VARIABLE, MASK.to_owned(), false);
    if !deploy_env.is_localhost() && is_known(&text) {
        reader.reject(VARIABLE, KNOWN);
        return unusable();
    }
    SymmetricKey::from_base64(&text).unwrap_or_else(|problem| {
        reader.reject(VARIABLE, problem);
        unusable()
    })
}

/// A public value is taken here: it is what a deployment wants to get away from.
fn read_former_encryption_keys(reader: &mut Reader) -> Vec<SymmetricKey> {
    const VARIABLE: &str = "SYMMETRIC_ENCRYPTION_KEY_PREVIOUS";
    let texts = items(&reader.raw(VARIABLE).unwrap_or_default());
    reader.note(VARIABLE, vec![MASK; texts.len()].join(","), texts.is_empty());
    let mut keys = Vec::with_capacity(texts.len());
    for text in texts {
        match SymmetricKey::from_base64(&text) {
            Ok(key) => keys.push(key),
            Err(problem) => reader.reject(VARIABLE, problem),
        }
    }
    keys
}

fn read_cookie_secrets(reader: &mut Reader, deploy_env: DeployEnv) -> Vec<SecretString> {
    const VARIABLE: &str = "SESSION_COOKIE_SECRET";
    let secrets = items(&reader.raw(VARIABLE).unwrap_or_default());
    if secrets.is_empty() {
        reader.reject(VARIABLE, MISSING);
        return Vec::new();
    }
    reader.note(VARIABLE, vec![MASK; secrets.len()].join(","), false);
    if !deploy_env.is_localhost() && secrets.iter().any(|secret| is_known(secret)) {
        reader.reject(VARIABLE, KNOWN);
    }
    secrets.into_iter().map(SecretString::from).collect()
}

fn read_jwks(reader: &mut Reader) -> SecretString {
    const VARIABLE: &str = "JWKS";
    let Some(text) = reader.raw_filled(VARIABLE) else {
        reader.reject(VARIABLE, MISSING);
        return SecretString::from("");
    };
    reader.note(VARIABLE, MASK.to_owned(), false);
    if let Err(problem) = check_jwks(&text) {
        reader.reject(VARIABLE, problem);
    }
    SecretString::from(text)
}

fn check_jwks(text: &str) -> Result<(), &'static str> {
    let set: Value = serde_json::from_str(text).map_err(|_| "expected JSON")?;
    let keys = set
        .get("keys")
        .and_then(Value::as_array)
        .ok_or("expected an object with an array \"keys\"")?;
    if keys.is_empty() {
        return Err("expected at least one key");
    }
    let all_are_keys = keys
        .iter()
        .all(|key| key.get("kty").is_some_and(Value::is_string));
    if all_are_keys {
        Ok(())
    } else {
        Err("expected every key to be an object with a \"kty\"")
    }
}

fn is_known(secret: &str) -> bool {
    KNOWN_SECRETS.contains(&secret.trim())
}
