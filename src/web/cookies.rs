//! Signed cookies: the browser session and the trusted browser.
//!
//! Format of the reference, so that cookies survive the switch: `s:<value>.<HMAC-SHA256 of the value>`, the signature in standard
//! base64 without padding (spec/accounts.md §2.1). The first secret signs, all verify.

use actix_web::cookie::{Cookie, SameSite};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use rand::RngExt as _;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// Name of the browser session's cookie.
pub const SESSION: &str = "session";

/// What every cookie of ours has in common.
#[derive(Debug, Clone)]
pub struct CookieJarRules {
    signer: Signer,
    secure: bool,
}

impl CookieJarRules {
    /// `secrets`: the first signs, all verify; never empty. `secure`: add the `Secure` attribute.
    #[must_use]
    pub fn new(secrets: Vec<SecretString>, secure: bool) -> Self {
        Self {
            signer: Signer { secrets },
            secure,
        }
    }

    /// The signer, for values that travel elsewhere than in the cookies built here.
    #[must_use]
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// The secrets: the first signs, all verify.
    #[must_use]
    pub fn secrets(&self) -> &[SecretString] {
        &self.signer.secrets
    }

    /// Whether cookies carry the attribute `Secure`.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The cookie that carries `sid` until `expires`.
    #[must_use]
    pub fn session(&self, sid: &Sid, expires: DateTime<Utc>) -> Cookie<'static> {
        let expires = actix_web::cookie::time::OffsetDateTime::from_unix_timestamp(expires.timestamp())
            .unwrap_or(actix_web::cookie::time::OffsetDateTime::UNIX_EPOCH);
        Cookie::build(SESSION, percent_encode(&self.signer.sign(sid.secret())))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(self.secure)
            .expires(expires)
            .finish()
    }

    /// The session identifier that a request's cookie value proves, if its signature holds.
    #[must_use]
    pub fn session_of(&self, cookie_value: &str) -> Option<Sid> {
        let decoded = percent_encoding::percent_decode_str(cookie_value)
            .decode_utf8()
            .ok()?;
        self.signer.verify(&decoded).and_then(Sid::from_cookie)
    }
}

/// Characters that express's cookie writer escapes and that appear in a signed value.
fn percent_encode(value: &str) -> String {
    percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC)
        .to_string()
        .replace("%2E", ".")
        .replace("%2D", "-")
        .replace("%5F", "_")
}

/// Signs values and verifies signed values.
#[derive(Debug, Clone)]
pub struct Signer {
    secrets: Vec<SecretString>,
}

impl Signer {
    /// `s:<value>.<signature>` with the first secret.
    #[must_use]
    pub fn sign(&self, value: &str) -> String {
        let signature = self
            .secrets
            .first()
            .map(|secret| mac(secret, value).finalize().into_bytes());
        format!(
            "s:{value}.{}",
            STANDARD_NO_PAD.encode(signature.unwrap_or_default())
        )
    }

    /// The value within `signed` when one of the secrets made its signature. The comparison takes the same time wherever it fails.
    #[must_use]
    pub fn verify<'a>(&self, signed: &'a str) -> Option<&'a str> {
        let (value, signature) = signed.strip_prefix("s:")?.rsplit_once('.')?;
        let signature = STANDARD_NO_PAD.decode(signature).ok()?;
        self.secrets
            .iter()
            .any(|secret| mac(secret, value).verify_slice(&signature).is_ok())
            .then_some(value)
    }
}

fn mac(secret: &SecretString, value: &str) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.expose_secret().as_bytes())
        .expect("HMAC takes keys of any length");
    mac.update(value.as_bytes());
    mac
}

/// The secret name of a browser session: 24 random bytes in base64url. Only its SHA-256 is ever stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Sid(String);

const SID_LENGTH_IN_CHARACTERS: usize = 32;

impl Sid {
    /// A fresh one.
    #[must_use]
    pub fn draw() -> Self {
        Self(URL_SAFE_NO_PAD.encode(rand::rng().random::<[u8; 24]>()))
    }

    fn from_cookie(value: &str) -> Option<Self> {
        let is_sid = value.len() == SID_LENGTH_IN_CHARACTERS
            && value
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        is_sid.then(|| Self(value.to_owned()))
    }

    fn secret(&self) -> &str {
        &self.0
    }

    /// SHA-256 of the secret: the row identifier of the signed-in session.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }

    /// The digest in hexadecimal: the key of the volatile data.
    #[must_use]
    pub fn key(&self) -> String {
        hex::encode(self.digest())
    }
}

impl std::fmt::Debug for Sid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sid(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(secrets: &[&str]) -> CookieJarRules {
        CookieJarRules::new(
            secrets.iter().map(|&secret| SecretString::from(secret)).collect(),
            false,
        )
    }

    #[test]
    fn the_signature_is_the_one_of_the_reference() {
        let jar = rules(&["verysecretcookie"]);
        let signed = "s:0123456789abcdefghijklmnopqrstuv.snEEnp1Cg3kyhUGCAgRqjx0NrspfF5uoc3Qbn3FLREk";
        assert_eq!(jar.signer().sign("0123456789abcdefghijklmnopqrstuv"), signed);
        assert_eq!(
            jar.signer().verify(signed),
            Some("0123456789abcdefghijklmnopqrstuv")
        );
    }

    #[test]
    fn a_cookie_goes_to_the_browser_and_back() {
        let rules = rules(&["new", "old"]);
        let sid = Sid::draw();
        let cookie = rules.session(&sid, DateTime::UNIX_EPOCH);
        assert!(cookie.value().starts_with("s%3A"), "{}", cookie.value());
        assert_eq!(rules.session_of(cookie.value()), Some(sid));
    }

    #[test]
    fn secrets_rotate_and_tampering_shows() {
        let sid = Sid::draw();
        let old = rules(&["old"]).session(&sid, DateTime::UNIX_EPOCH);
        assert_eq!(rules(&["new", "old"]).session_of(old.value()), Some(sid));
        assert_eq!(rules(&["new"]).session_of(old.value()), None);
        for value in [
            "",
            "s%3A",
            "s%3Aabc",
            "s%3Aabc.",
            "%ff",
            "abc.def",
            &old.value().replace("s%3A", "s%3AX"),
        ] {
            assert_eq!(rules(&["old"]).session_of(value), None, "{value:?}");
        }
    }
}
