//! The signed cookies that bind an interaction to a browser (spec/oidc.md §5.9): values only.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha1::Sha1;

/// Sent to `/interaction/<uid>` and below.
pub const INTERACTION_COOKIE: &str = "oidc.interaction";
/// Sent to `/oauth/authorize/<uid>`.
pub const RESUME_COOKIE: &str = "oidc.interaction_resume";
/// A cookie's signature travels in a cookie of its name with this suffix.
pub const SIGNATURE_SUFFIX: &str = ".sig";

/// The signature of the cookie `name` with `value`: HMAC-SHA1 over `name=value`, base64url.
#[must_use]
pub fn signature(secret: &SecretString, name: &str, value: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(mac(secret, name, value).finalize().into_bytes())
}

/// Whether one of `secrets` signed the cookie. The comparison takes the same time wherever the signatures differ.
#[must_use]
pub fn is_signed(secrets: &[SecretString], name: &str, value: &str, signature: &str) -> bool {
    let Ok(signature) = BASE64_URL_SAFE_NO_PAD.decode(signature) else {
        return false;
    };
    secrets
        .iter()
        .any(|secret| mac(secret, name, value).verify_slice(&signature).is_ok())
}

fn mac(secret: &SecretString, name: &str, value: &str) -> Hmac<Sha1> {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.expose_secret().as_bytes())
        .expect("HMAC takes keys of any length");
    mac.update(name.as_bytes());
    mac.update(b"=");
    mac.update(value.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VALUE: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

    fn secret(text: &str) -> SecretString {
        SecretString::from(text)
    }

    #[test]
    fn signatures_are_those_of_the_appendix() {
        let secret = secret("verysecretcookie");
        assert_eq!(
            signature(&secret, "oidc.session", VALUE),
            "YXa7ggNu1OQDqi1xlrC1SZDEa3I"
        );
        assert_eq!(
            signature(&secret, INTERACTION_COOKIE, VALUE),
            "r2Iu6NtE94t2BfF3jiMa3Lp5saY"
        );
    }

    #[test]
    fn any_configured_secret_verifies_and_no_other() {
        let secrets = [secret("new"), secret("old")];
        let by_old = signature(&secrets[1], RESUME_COOKIE, VALUE);
        assert!(is_signed(&secrets, RESUME_COOKIE, VALUE, &by_old));
        assert!(!is_signed(&secrets[..1], RESUME_COOKIE, VALUE, &by_old));
        assert!(!is_signed(&secrets, INTERACTION_COOKIE, VALUE, &by_old));
        assert!(!is_signed(&secrets, RESUME_COOKIE, "other", &by_old));
        assert!(!is_signed(&secrets, RESUME_COOKIE, VALUE, ""));
    }

    proptest! {
        #[test]
        fn no_cookie_makes_the_check_panic_or_pass(value in ".*", signature in ".*") {
            prop_assert!(!is_signed(&[secret("verysecretcookie")], INTERACTION_COOKIE, &value, &signature));
        }
    }
}
