//! Signed cookies: the browser session, the trusted browser, the name of a browser. What is signed says what it is for, so that none
//! can be taken for another.
//!
//! Format of the reference, so that cookies survive the switch: `s:<value>.<HMAC-SHA256 of the value>`, the signature in standard
//! base64 without padding (spec/accounts.md §2.1). The first secret signs, all verify.

use std::sync::{Arc, PoisonError, RwLock};

use actix_web::cookie::time::OffsetDateTime;
use actix_web::cookie::{Cookie, SameSite};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use rand::RngExt as _;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::domain::TrustedBrowser;

/// Name of the browser session's cookie.
pub const SESSION: &str = "session";
/// Name of the cookie of a browser that has proven to be somebody's.
pub const TRUSTED_BROWSER: &str = "trusted-browser";
/// Name of the cookie by which a browser is recognised, whoever uses it.
pub const BROWSER: &str = "browser";

/// How long a browser is recognised without being used.
const BROWSER_MAX_AGE: TimeDelta = TimeDelta::days(400);

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
            signer: Signer {
                secrets: Arc::new(RwLock::new(secrets.into())),
            },
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
    pub fn secrets(&self) -> Arc<[SecretString]> {
        self.signer.secrets()
    }

    /// From now on these are the secrets, wherever these rules were cloned to.
    pub fn replace_secrets(&self, secrets: Vec<SecretString>) {
        *self
            .signer
            .secrets
            .write()
            .unwrap_or_else(PoisonError::into_inner) = secrets.into();
    }

    /// Whether cookies carry the attribute `Secure`.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The cookie that carries `sid` until `expires`.
    #[must_use]
    pub fn session(&self, sid: &Sid, expires: DateTime<Utc>) -> Cookie<'static> {
        self.cookie(SESSION, sid.secret(), expires)
    }

    /// The session identifier that a request's cookie value proves, if its signature holds.
    #[must_use]
    pub fn session_of(&self, cookie_value: &str) -> Option<Sid> {
        self.value_of(cookie_value)
            .and_then(|value| Sid::from_cookie(&value))
    }

    /// The cookie that carries `claim` for `max_age`.
    #[must_use]
    pub fn trusted_browser(
        &self,
        claim: TrustedBrowser,
        now: DateTime<Utc>,
        max_age: TimeDelta,
    ) -> Cookie<'static> {
        let mut cookie = self.cookie(TRUSTED_BROWSER, &claim.value(), now + max_age);
        cookie.set_max_age(actix_web::cookie::time::Duration::seconds(max_age.num_seconds()));
        cookie
    }

    /// The claim that a request's cookie value proves, if its signature holds.
    #[must_use]
    pub fn trusted_browser_of(&self, cookie_value: &str) -> Option<TrustedBrowser> {
        self.value_of(cookie_value)
            .and_then(|value| TrustedBrowser::parse(&value))
    }

    /// The cookie by which this browser is recognised from now on.
    #[must_use]
    pub fn browser(&self, name: &BrowserName, now: DateTime<Utc>) -> Cookie<'static> {
        self.cookie(BROWSER, &name.value(), now + BROWSER_MAX_AGE)
    }

    /// The name that a request's cookie value proves, if its signature holds.
    #[must_use]
    pub fn browser_of(&self, cookie_value: &str) -> Option<BrowserName> {
        self.value_of(cookie_value)
            .and_then(|value| BrowserName::from_cookie(&value))
    }

    /// The cookie that makes a browser forget the cookie `name`.
    #[must_use]
    pub fn removal(&self, name: &'static str) -> Cookie<'static> {
        let mut cookie = Cookie::build(name, "")
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .finish();
        cookie.set_secure(self.secure);
        cookie.make_removal();
        cookie
    }

    fn cookie(&self, name: &'static str, value: &str, expires: DateTime<Utc>) -> Cookie<'static> {
        let expires =
            OffsetDateTime::from_unix_timestamp(expires.timestamp()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        Cookie::build(name, percent_encode(&self.signer.sign(value)))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(self.secure)
            .expires(expires)
            .finish()
    }

    fn value_of(&self, cookie_value: &str) -> Option<String> {
        let decoded = percent_decode_str(cookie_value).decode_utf8().ok()?;
        self.signer.verify(&decoded).map(str::to_owned)
    }
}

/// Characters that express's cookie writer escapes and that appear in a signed value.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_');

fn percent_encode(value: &str) -> String {
    utf8_percent_encode(value, ESCAPED).to_string()
}

/// Signs values and verifies signed values. Clones share the secrets, which may be replaced while the process runs.
#[derive(Debug, Clone)]
pub struct Signer {
    secrets: Arc<RwLock<Arc<[SecretString]>>>,
}

impl Signer {
    fn secrets(&self) -> Arc<[SecretString]> {
        self.secrets
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// `s:<value>.<signature>` with the first secret.
    #[must_use]
    pub fn sign(&self, value: &str) -> String {
        let signature = self
            .secrets()
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
        self.secrets()
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

/// The random name of a browser: 16 bytes in base64url. Only its SHA-256 is ever stored, with the accounts that it signed in to.
#[derive(Clone, PartialEq, Eq)]
pub struct BrowserName(String);

const BROWSER_NAME_PREFIX: &str = "v1.browser.";
const BROWSER_NAME_LENGTH_IN_CHARACTERS: usize = 22;

impl BrowserName {
    /// A fresh one.
    #[must_use]
    pub fn draw() -> Self {
        Self(URL_SAFE_NO_PAD.encode(rand::rng().random::<[u8; 16]>()))
    }

    fn from_cookie(value: &str) -> Option<Self> {
        let name = value.strip_prefix(BROWSER_NAME_PREFIX)?;
        (name.len() == BROWSER_NAME_LENGTH_IN_CHARACTERS).then(|| Self(name.to_owned()))
    }

    fn value(&self) -> String {
        format!("{BROWSER_NAME_PREFIX}{}", self.0)
    }

    /// SHA-256 of the name.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::UserId;

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

    #[test]
    fn no_cookie_can_be_taken_for_another() {
        let rules = rules(&["secret"]);
        let now = DateTime::UNIX_EPOCH;
        let session = rules.session(&Sid::draw(), now);
        let trusted =
            rules.trusted_browser(TrustedBrowser::issued(UserId(12), now), now, TimeDelta::days(90));
        let browser = rules.browser(&BrowserName::draw(), now);
        for cookie in [&session, &trusted, &browser] {
            assert_eq!(
                rules.session_of(cookie.value()).is_some(),
                cookie.name() == SESSION
            );
            assert_eq!(
                rules.trusted_browser_of(cookie.value()).is_some(),
                cookie.name() == TRUSTED_BROWSER
            );
            assert_eq!(
                rules.browser_of(cookie.value()).is_some(),
                cookie.name() == BROWSER
            );
        }
    }

    #[test]
    fn a_session_name_that_begins_with_digits_trusts_nobody() {
        let rules = rules(&["secret"]);
        let sid = Sid("12-45678901234567890123456789abc".to_owned());
        let value = rules.session(&sid, DateTime::UNIX_EPOCH).value().to_owned();
        assert!(rules.session_of(&value).is_some());
        assert!(rules.trusted_browser_of(&value).is_none());
    }

    #[test]
    fn the_trusted_browser_of_the_reference_is_known() {
        let rules = rules(&["verysecretcookie"]);
        let value = percent_encode(&rules.signer().sign("12"));
        let claim = rules.trusted_browser_of(&value).unwrap();
        assert!(claim.holds_for(UserId(12), None, TimeDelta::days(90), DateTime::UNIX_EPOCH));
    }

    proptest! {
        #[test]
        fn no_cookie_makes_the_reader_panic_or_proves_anything(bytes in any::<Vec<u8>>(), text in any::<String>()) {
            let rules = rules(&["secret"]);
            let encoded = percent_encode(&format!("s:{text}.{}", STANDARD_NO_PAD.encode(&bytes)));
            for value in [&text, &String::from_utf8_lossy(&bytes).into_owned(), &encoded] {
                prop_assert!(rules.session_of(value).is_none());
                prop_assert!(rules.trusted_browser_of(value).is_none());
                prop_assert!(rules.browser_of(value).is_none());
            }
        }

        #[test]
        fn a_cookie_that_was_changed_is_none(at in any::<proptest::sample::Index>(), by in any::<char>()) {
            let rules = rules(&["secret"]);
            let sid = Sid("0123456789abcdefghijklmnopqrstuv".to_owned());
            let value = rules.session(&sid, DateTime::UNIX_EPOCH).value().to_owned();
            let at = at.index(value.len());
            let changed = format!("{}{by}{}", &value[..at], &value[at + 1..]);
            // Hexadecimal digits of an escape may be small or large.
            prop_assume!(!changed.eq_ignore_ascii_case(&value));
            prop_assert_eq!(rules.session_of(&changed), None);
        }
    }
}
