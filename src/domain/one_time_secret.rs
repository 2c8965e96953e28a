//! Secrets that travel by e-mail and work once: the code that proves an address, and the token in a link.
//!
//! At rest they are keyed digests, in the same columns where the reference keeps them in clear. A digest is 64
//! hexadecimal characters. What was stored in clear minutes before a switch keeps working until it expires; what looks like a
//! digest is never taken for a clear value, so that who reads the database has nothing to submit.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use rand::{CryptoRng, RngExt as _};
use sha2::Sha256;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::diceware;
use super::ids::{OrganizationId, UserId};
use super::master_keys::{MasterKey, MasterKeys};
use super::text::{ecmascript_trim, is_ecmascript_whitespace, without_whitespace};

const CODE_LENGTH_IN_DIGITS: usize = 10;
const CODE_COUNT: u64 = 10_000_000_000;
/// 48 bytes are 64 characters of base64url: 384 bits.
const TOKEN_LENGTH_IN_BYTES: usize = 48;
const DIGEST_LENGTH_IN_CHARACTERS: usize = 64;
/// Separates this key from every other use of the master key.
const KEY_PURPOSE: &[u8] = b"identite one-time secrets v1";

/// What a secret is for: a digest for one purpose is worth nothing for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The code that proves the address of this account.
    EmailVerification(UserId),
    /// The code that shows this person to be known to the official contact of the organization.
    OfficialContact(UserId, OrganizationId),
    /// The link that signs in.
    MagicLink,
    /// The link that allows to choose a new password.
    PasswordReset,
    /// A code that stands in for a lost second factor of this account.
    RecoveryCode(UserId),
}

/// Makes the digests under which secrets are stored: those of the current key, and those of former keys to find what was stored
/// while they were current.
#[derive(Clone)]
pub struct SecretHasher {
    keys: MasterKeys,
}

impl SecretHasher {
    /// A hasher whose keys are derived from `keys`.
    #[must_use]
    pub const fn derived_from(keys: MasterKeys) -> Self {
        Self { keys }
    }

    /// The name of the key that digests are made with now.
    #[must_use]
    pub fn key_name(&self) -> String {
        self.keys.ring().current().name()
    }

    /// The digest that is stored.
    pub(super) fn digest(&self, purpose: Purpose, secret: &str) -> String {
        digest(self.keys.ring().current(), purpose, secret)
    }

    /// The digests under which the secret may be stored, that of the current key first.
    pub(super) fn digests(&self, purpose: Purpose, secret: &str) -> Vec<String> {
        let ring = self.keys.ring();
        ring.all().map(|key| digest(key, purpose, secret)).collect()
    }
}

/// HMAC-SHA256 in hexadecimal.
fn digest(key: &MasterKey, purpose: Purpose, secret: &str) -> String {
    let (name, subject) = match purpose {
        Purpose::EmailVerification(user) => ("email-verification", user.to_string()),
        Purpose::OfficialContact(user, organization) => {
            ("official-contact", format!("{user} {organization}"))
        }
        Purpose::MagicLink => ("magic-link", String::new()),
        Purpose::PasswordReset => ("password-reset", String::new()),
        Purpose::RecoveryCode(user) => ("recovery-code", user.to_string()),
    };
    hex::encode(mac(
        &key.derived(KEY_PURPOSE),
        &[
            name.as_bytes(),
            b"\0",
            subject.as_bytes(),
            b"\0",
            secret.as_bytes(),
        ],
    ))
}

impl fmt::Debug for SecretHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHasher(…)")
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

macro_rules! one_time_secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// The secret itself, for the e-mail and nothing else.
            #[must_use]
            pub fn expose(&self) -> &str {
                &self.0
            }

            /// What is stored of a secret that we issue.
            #[must_use]
            pub fn digest(&self, hasher: &SecretHasher, purpose: Purpose) -> String {
                hasher.digest(purpose, &self.0)
            }

            /// What may be stored of this secret: its digests by the current key and by former ones.
            #[must_use]
            pub fn digests(&self, hasher: &SecretHasher, purpose: Purpose) -> Vec<String> {
                hasher.digests(purpose, &self.0)
            }

            /// The stored values that this secret proves to know: its digests, and itself unless it looks like a digest.
            #[must_use]
            pub fn stored_forms(&self, hasher: &SecretHasher, purpose: Purpose) -> Vec<String> {
                let mut forms = self.digests(hasher, purpose);
                if !looks_like_a_digest(&self.0) {
                    forms.push(self.0.clone());
                }
                forms
            }
        }

        /// Debug output reaches logs: nothing of the secret.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}

one_time_secret!(
    /// The ten digits that prove an address.
    EmailCode
);
one_time_secret!(
    /// The two words that an official contact hands on.
    ContactCode
);
one_time_secret!(
    /// The 64 characters in a magic link or a link to change a password.
    LinkToken
);

impl EmailCode {
    /// A fresh code; zeros may come first.
    #[must_use]
    pub fn draw(rng: &mut impl CryptoRng) -> Self {
        let number = rng.random_range(0..CODE_COUNT);
        Self(format!("{number:0CODE_LENGTH_IN_DIGITS$}"))
    }

    /// Reads what a person typed: blanks anywhere do not matter. `None` when nothing else is there.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        let code = without_whitespace(typed);
        (!code.is_empty()).then_some(Self(code))
    }
}

impl ContactCode {
    /// A fresh code: two words, each drawn by five dice.
    #[must_use]
    pub fn draw(rng: &mut impl CryptoRng) -> Self {
        let mut word = || diceware::word(rng.random_range(0..diceware::WORD_COUNT));
        Self(format!("{}-{}", word(), word()))
    }

    /// Reads what a person typed: capitals, accents, and blanks instead of the hyphen do not matter. `None` when nothing is there.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        let folded: String = ecmascript_trim(typed)
            .nfd()
            .filter(|character| !is_combining_mark(*character))
            .flat_map(char::to_lowercase)
            .collect();
        let words: Vec<&str> = folded
            .split(is_ecmascript_whitespace)
            .filter(|word| !word.is_empty())
            .collect();
        (!words.is_empty()).then(|| Self(words.join("-")))
    }
}

impl LinkToken {
    /// A fresh token.
    #[must_use]
    pub fn draw(rng: &mut impl CryptoRng) -> Self {
        Self(URL_SAFE_NO_PAD.encode(rng.random::<[u8; TOKEN_LENGTH_IN_BYTES]>()))
    }

    /// Reads the parameter of a link. `None` when it is blank.
    #[must_use]
    pub fn parse(parameter: &str) -> Option<Self> {
        let token = ecmascript_trim(parameter);
        (!token.is_empty()).then(|| Self(token.to_owned()))
    }
}

fn looks_like_a_digest(text: &str) -> bool {
    text.len() == DIGEST_LENGTH_IN_CHARACTERS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::domain::vectors::{cases, text};

    fn hasher() -> SecretHasher {
        SecretHasher::derived_from([7; 32].into())
    }

    #[test]
    fn codes_are_ten_digits_and_tokens_64_characters() {
        let mut rng = StdRng::seed_from_u64(1);
        for _ in 0..1000 {
            let code = EmailCode::draw(&mut rng);
            assert!(
                code.expose().len() == 10 && code.expose().bytes().all(|byte| byte.is_ascii_digit()),
                "{}",
                code.expose()
            );
            let token = LinkToken::draw(&mut rng);
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            assert!(
                token.expose().len() == 64 && token.expose().bytes().all(is_plain),
                "{}",
                token.expose()
            );
        }
    }

    #[test]
    fn blanks_in_a_code_do_not_matter() {
        assert_eq!(
            EmailCode::parse(" 123 456\u{a0}7890\n").unwrap().expose(),
            "1234567890"
        );
        assert_eq!(EmailCode::parse(" \t"), None);
        assert_eq!(LinkToken::parse("  abc "), Some(LinkToken("abc".to_owned())));
        assert_eq!(LinkToken::parse("\u{feff}"), None);
    }

    #[test]
    fn the_code_of_a_contact_is_two_words_read_as_the_vectors_say() {
        let code = ContactCode::draw(&mut StdRng::seed_from_u64(3));
        let words: Vec<&str> = code.expose().split('-').collect();
        assert_eq!(words.len(), 2);
        assert_eq!(ContactCode::parse(&code.expose().to_uppercase()), Some(code));
        assert_eq!(ContactCode::parse(" \n"), None);
        for case in cases("official_contact_token", &["input", "output"]) {
            let parsed = ContactCode::parse(text(&case, "input").unwrap_or_default());
            assert_eq!(
                parsed.as_ref().map(ContactCode::expose),
                text(&case, "output"),
                "{case}"
            );
        }
    }

    #[test]
    fn a_digest_is_bound_to_its_purpose_and_its_account() {
        let code = EmailCode("0123456789".to_owned());
        let digests = [
            Purpose::EmailVerification(UserId(1)),
            Purpose::EmailVerification(UserId(2)),
            Purpose::OfficialContact(UserId(1), OrganizationId(2)),
            Purpose::OfficialContact(UserId(2), OrganizationId(2)),
            Purpose::MagicLink,
            Purpose::PasswordReset,
        ]
        .map(|purpose| code.digest(&hasher(), purpose));
        for (index, digest) in digests.iter().enumerate() {
            assert!(looks_like_a_digest(digest));
            assert!(!digests[index + 1..].contains(digest));
        }
        let other_key = SecretHasher::derived_from([8; 32].into());
        assert_ne!(
            code.digest(&other_key, Purpose::MagicLink),
            code.digest(&hasher(), Purpose::MagicLink)
        );
    }

    #[test]
    fn what_was_stored_before_a_rotation_is_found_after_it() {
        let code = EmailCode("0123456789".to_owned());
        let purpose = Purpose::RecoveryCode(UserId(1));
        let before = code.digest(&hasher(), purpose);
        let keys = MasterKeys::new([8; 32].into(), vec![[7; 32].into()]);
        let rotated = SecretHasher::derived_from(keys.clone());
        assert_eq!(rotated.key_name(), MasterKey::from([8; 32]).name());
        assert_ne!(
            code.digest(&rotated, purpose),
            before,
            "what is new is made with the current key"
        );
        assert_eq!(
            code.digests(&rotated, purpose),
            [code.digest(&rotated, purpose), before.clone()]
        );
        keys.replace([8; 32].into(), Vec::new());
        assert!(!code.stored_forms(&rotated, purpose).contains(&before));
    }

    #[test]
    fn a_stored_digest_cannot_be_submitted_but_a_clear_value_can() {
        let token = LinkToken::draw(&mut StdRng::seed_from_u64(2));
        let digest = token.digest(&hasher(), Purpose::MagicLink);
        let clear = token.expose().to_owned();
        assert_eq!(
            token.stored_forms(&hasher(), Purpose::MagicLink),
            [digest.clone(), clear]
        );
        let stolen = LinkToken::parse(&digest).unwrap();
        assert!(
            !stolen
                .stored_forms(&hasher(), Purpose::MagicLink)
                .contains(&digest)
        );
        let stolen = LinkToken::parse(&digest.to_uppercase()).unwrap();
        assert_eq!(stolen.stored_forms(&hasher(), Purpose::MagicLink).len(), 1);
    }

    #[test]
    fn nothing_of_a_secret_shows() {
        assert_eq!(
            format!("{:?} {:?}", LinkToken("x".to_owned()), hasher()),
            "LinkToken(…) SecretHasher(…)"
        );
    }
}
