//! One-time codes of authenticator applications (RFC 6238): SHA-1, six digits, a new code every 30 seconds
//! (spec/accounts.md §5.10).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use openssl::symm::{Cipher, decrypt_aead, encrypt_aead};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rand::{CryptoRng, RngExt as _};
use secrecy::{ExposeSecret, SecretString};
use totp_rs::{Algorithm, Builder, Secret, Totp};

use super::master_keys::MasterKeys;
use super::text::without_whitespace;

/// Of a fresh key; older accounts hold keys of 20 bytes.
const KEY_LENGTH_IN_BYTES: usize = 32;
const DIGITS: u8 = 6;
const PERIOD_IN_SECONDS: u64 = 30;
/// Clocks of telephones go wrong by as many periods.
const TOLERANCE_IN_PERIODS: u16 = 2;
const GROUP_LENGTH: usize = 4;

const NONCE_LENGTH_IN_BYTES: usize = 12;
const TAG_LENGTH_IN_BYTES: usize = 16;

/// What the parts of the address in the QR code leave as they are (RFC 3986, unreserved).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The key that an account and an application share, in base32.
#[derive(Clone)]
pub struct TotpKey(SecretString);

/// A text that is no key of one-time codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a key of one-time codes")]
pub struct InvalidTotpKey;

/// Six digits that somebody typed.
#[derive(Clone, PartialEq, Eq)]
pub struct TotpCode(String);

/// A period of 30 seconds since 1970, by its number. Its code is accepted once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeStep(pub i64);

impl TotpKey {
    /// A fresh key.
    #[must_use]
    pub fn draw(rng: &mut impl CryptoRng) -> Self {
        let bytes: [u8; KEY_LENGTH_IN_BYTES] = rng.random();
        Self(Secret::new(Box::new(bytes)).to_base32().into())
    }

    /// Reads base32 (RFC 4648, no padding), capitals or not.
    ///
    /// # Errors
    /// When it is none, or empty.
    pub fn parse(base32: &str) -> Result<Self, InvalidTotpKey> {
        let key = base32.to_ascii_uppercase();
        match Secret::try_from_base32(&key) {
            Ok(secret) if !secret.as_bytes().is_empty() => Ok(Self(key.into())),
            _ => Err(InvalidTotpKey),
        }
    }

    /// What people type who cannot scan: small letters in groups of four.
    #[must_use]
    pub fn human_readable(&self) -> String {
        let key = self.0.expose_secret().to_ascii_lowercase();
        let groups: Vec<&str> = key
            .as_bytes()
            .chunks(GROUP_LENGTH)
            .filter_map(|group| std::str::from_utf8(group).ok())
            .collect();
        groups.join(" ")
    }

    /// What the QR code says (key URI format): whose account, with whom, and the key.
    #[must_use]
    pub fn uri(&self, issuer: &str, email: &str) -> String {
        let issuer = utf8_percent_encode(issuer, UNRESERVED);
        let email = utf8_percent_encode(email, UNRESERVED);
        let key = self.0.expose_secret();
        format!(
            "otpauth://totp/{issuer}:{email}?issuer={issuer}&secret={key}&algorithm=SHA1&digits={DIGITS}&period={PERIOD_IN_SECONDS}"
        )
    }

    /// The period whose code is `code`, of those around `now`; `None` when it is none of them.
    #[must_use]
    pub fn step_of(&self, code: &TotpCode, now: DateTime<Utc>) -> Option<TimeStep> {
        let now = u64::try_from(now.timestamp()).ok()?;
        let step = self.totp()?.check(&code.0, now)?;
        i64::try_from(step).ok().map(TimeStep)
    }

    fn totp(&self) -> Option<Totp> {
        let secret = Secret::try_from_base32(self.0.expose_secret()).ok()?;
        // Keys of existing accounts may be shorter than the RFC recommends: they keep working.
        let totp = Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(DIGITS)
            .with_skew(TOLERANCE_IN_PERIODS)
            .with_step_duration(PERIOD_IN_SECONDS)
            .with_secret(secret)
            .build_noncompliant();
        Some(totp)
    }
}

/// Debug output reaches logs: nothing of the key.
impl fmt::Debug for TotpKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpKey(…)")
    }
}

impl TotpCode {
    /// Reads what a person typed: blanks anywhere do not matter. `None` unless six digits are left.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        let code = without_whitespace(typed);
        let is_code = code.len() == usize::from(DIGITS) && code.bytes().all(|byte| byte.is_ascii_digit());
        is_code.then_some(Self(code))
    }
}

/// Debug output reaches logs: a code is good for two minutes.
impl fmt::Debug for TotpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpCode(…)")
    }
}

/// Encrypts keys of one-time codes for the database (AES-256-GCM), as the reference does:
/// `base64(ciphertext).base64(nonce).base64(tag)`, no associated data. The current key encrypts; former keys still read what
/// they encrypted, and the tag tells whose it is.
pub struct TotpKeyCipher(MasterKeys);

/// Why a stored key cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableTotpKey {
    #[error("a stored key of one-time codes is not of the form ciphertext.nonce.tag")]
    Malformed,
    /// Another `SYMMETRIC_ENCRYPTION_KEY`, or somebody changed the value.
    #[error("a stored key of one-time codes was not encrypted with a key that is known here")]
    Forged,
    #[error("a stored value is not a key of one-time codes")]
    NoKey,
    #[error("the cipher failed")]
    Cipher,
}

impl TotpKeyCipher {
    /// A cipher with the keys of this deployment.
    #[must_use]
    pub const fn new(keys: MasterKeys) -> Self {
        Self(keys)
    }

    /// The form in which `key` is stored.
    ///
    /// # Errors
    /// When the cipher fails.
    pub fn encrypt(&self, key: &TotpKey, rng: &mut impl CryptoRng) -> Result<String, UnreadableTotpKey> {
        let nonce: [u8; NONCE_LENGTH_IN_BYTES] = rng.random();
        let mut tag = [0; TAG_LENGTH_IN_BYTES];
        let ciphertext = encrypt_aead(
            Cipher::aes_256_gcm(),
            self.0.ring().current().expose(),
            Some(&nonce),
            &[],
            key.0.expose_secret().as_bytes(),
            &mut tag,
        )
        .map_err(|_| UnreadableTotpKey::Cipher)?;
        Ok(format!(
            "{}.{}.{}",
            STANDARD.encode(ciphertext),
            STANDARD.encode(nonce),
            STANDARD.encode(tag)
        ))
    }

    /// The key behind a stored value.
    ///
    /// # Errors
    /// When the value is not of this form, was encrypted with none of the keys, or was tampered with.
    pub fn decrypt(&self, stored: &str) -> Result<TotpKey, UnreadableTotpKey> {
        self.open(stored).map(|opened| opened.key)
    }

    /// `stored`, encrypted with the current key; `None` when that is what it is.
    ///
    /// # Errors
    /// When the value cannot be read, or the cipher fails.
    pub fn renewed(
        &self,
        stored: &str,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<String>, UnreadableTotpKey> {
        let opened = self.open(stored)?;
        if opened.is_current {
            return Ok(None);
        }
        self.encrypt(&opened.key, rng).map(Some)
    }

    fn open(&self, stored: &str) -> Result<Opened, UnreadableTotpKey> {
        let parts: Vec<Vec<u8>> = stored
            .split('.')
            .map(|part| STANDARD.decode(part))
            .collect::<Result<_, _>>()
            .map_err(|_| UnreadableTotpKey::Malformed)?;
        let [ciphertext, nonce, tag] = parts.as_slice() else {
            return Err(UnreadableTotpKey::Malformed);
        };
        // A shorter tag would be easier to guess.
        if nonce.len() != NONCE_LENGTH_IN_BYTES || tag.len() != TAG_LENGTH_IN_BYTES {
            return Err(UnreadableTotpKey::Malformed);
        }
        let cipher = Cipher::aes_256_gcm();
        let ring = self.0.ring();
        let (rank, base32) = ring
            .all()
            .enumerate()
            .find_map(|(rank, key)| {
                let opened = decrypt_aead(cipher, key.expose(), Some(nonce), &[], ciphertext, tag);
                opened.ok().map(|base32| (rank, base32))
            })
            .ok_or(UnreadableTotpKey::Forged)?;
        let base32 = std::str::from_utf8(&base32).map_err(|_| UnreadableTotpKey::NoKey)?;
        let key = TotpKey::parse(base32).map_err(|_| UnreadableTotpKey::NoKey)?;
        let is_current = rank == 0;
        Ok(Opened { key, is_current })
    }
}

struct Opened {
    key: TotpKey,
    /// Whether the current key encrypted it.
    is_current: bool,
}

impl fmt::Debug for TotpKeyCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpKeyCipher(…)")
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    const ENCRYPTION_KEY: &str = "aTrueRandom32BytesLongBase64EncodedStringAA=";
    const FIRST: (&str, &str) = (
        "kuOSXGk68H2B3pYnph0uyXAHrmpbWaWyX/iX49xVaUc=.VMPBZSO+eAng7mjS.cI2kRY9rwhXchcKiiaMZIg==",
        "DIN5NCVBLUQPX7XFZQCYBMIBMTJOCNSF",
    );
    const SECOND: (&str, &str) = (
        "Po+i0lASN8+jdjYU3BA3oA==.AAECAwQFBgcICQoL.BP8reh0EO4X9zyzG33puiw==",
        "JBSWY3DPEHPK3PXP",
    );

    fn cipher() -> TotpKeyCipher {
        let key = STANDARD.decode(ENCRYPTION_KEY).unwrap();
        TotpKeyCipher::new(<[u8; 32]>::try_from(key).unwrap().into())
    }

    fn at(unix_time: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(unix_time, 0).unwrap()
    }

    fn code(digits: &str) -> TotpCode {
        TotpCode::parse(digits).unwrap()
    }

    #[test]
    fn stored_keys_of_the_reference_are_read() {
        for (stored, expected) in [FIRST, SECOND] {
            assert_eq!(cipher().decrypt(stored).unwrap().0.expose_secret(), expected);
        }
    }

    #[test]
    fn a_former_key_reads_what_it_encrypted_and_only_the_current_one_encrypts() {
        let mut rng = StdRng::seed_from_u64(5);
        let (one, two) = ([1; 32], [2; 32]);
        let before = TotpKeyCipher::new(one.into());
        let during = TotpKeyCipher::new(MasterKeys::new(two.into(), vec![one.into()]));
        let after = TotpKeyCipher::new(two.into());
        let key = TotpKey::draw(&mut rng);
        let stored = before.encrypt(&key, &mut rng).unwrap();
        assert_eq!(
            during.decrypt(&stored).unwrap().0.expose_secret(),
            key.0.expose_secret()
        );
        assert_eq!(after.decrypt(&stored).unwrap_err(), UnreadableTotpKey::Forged);

        let renewed = during.renewed(&stored, &mut rng).unwrap().expect("another key");
        assert_eq!(
            after.decrypt(&renewed).unwrap().0.expose_secret(),
            key.0.expose_secret()
        );
        assert_eq!(before.decrypt(&renewed).unwrap_err(), UnreadableTotpKey::Forged);
        assert_eq!(during.renewed(&renewed, &mut rng), Ok(None), "it is done");
        assert_eq!(
            after.renewed(&stored, &mut rng),
            Err(UnreadableTotpKey::Forged),
            "a key is missing"
        );
    }

    #[test]
    fn what_is_encrypted_is_read_back_and_never_twice_the_same() {
        let mut rng = StdRng::seed_from_u64(1);
        let key = TotpKey::draw(&mut rng);
        assert_eq!(key.0.expose_secret().len(), 52);
        let stored = [
            cipher().encrypt(&key, &mut rng).unwrap(),
            cipher().encrypt(&key, &mut rng).unwrap(),
        ];
        assert_ne!(stored[0], stored[1]);
        for stored in stored {
            let read = cipher().decrypt(&stored).unwrap();
            assert_eq!(read.0.expose_secret(), key.0.expose_secret());
        }
    }

    #[test]
    fn what_was_tampered_with_is_refused() {
        let (stored, _) = FIRST;
        let parts: Vec<&str> = stored.split('.').collect();
        let [ciphertext, nonce, tag] = parts[..] else {
            panic!()
        };
        let short_tag = STANDARD.encode(&STANDARD.decode(tag).unwrap()[..4]);
        for (value, expected) in [
            (String::new(), UnreadableTotpKey::Malformed),
            (ciphertext.to_owned(), UnreadableTotpKey::Malformed),
            (format!("{stored}."), UnreadableTotpKey::Malformed),
            (format!("{ciphertext}.{nonce}.é"), UnreadableTotpKey::Malformed),
            (
                format!("{ciphertext}.{nonce}.{short_tag}"),
                UnreadableTotpKey::Malformed,
            ),
            (
                format!("{ciphertext}.{tag}.{nonce}"),
                UnreadableTotpKey::Malformed,
            ),
            (
                format!("A{}.{nonce}.{tag}", &ciphertext[1..]),
                UnreadableTotpKey::Forged,
            ),
            (
                format!("{ciphertext}.AAECAwQFBgcICQoL.{tag}"),
                UnreadableTotpKey::Forged,
            ),
        ] {
            assert_eq!(cipher().decrypt(&value).unwrap_err(), expected, "{value}");
        }
        let other = TotpKeyCipher::new([7; 32].into());
        assert_eq!(other.decrypt(stored).unwrap_err(), UnreadableTotpKey::Forged);
    }

    #[test]
    fn codes_of_the_published_vectors_are_known() {
        let key = TotpKey::parse(FIRST.1).unwrap();
        for (unix_time, digits) in [(0, "360895"), (30, "160402"), (1_700_000_000, "755683")] {
            assert_eq!(
                key.step_of(&code(digits), at(unix_time)),
                Some(TimeStep(unix_time / 30)),
                "{unix_time}"
            );
        }
        let lower = TotpKey::parse(&FIRST.1.to_lowercase()).unwrap();
        assert_eq!(lower.step_of(&code("160402"), at(59)), Some(TimeStep(1)));
    }

    #[test]
    fn a_code_is_known_for_two_periods_before_and_after_its_own() {
        let key = TotpKey::parse(FIRST.1).unwrap();
        let step = 1_700_000_000 / 30;
        let start = step * 30;
        for (unix_time, is_known) in [
            (start - 61, false),
            (start - 60, true),
            (start, true),
            (start + 29, true),
            (start + 89, true),
            (start + 90, false),
        ] {
            let found = key.step_of(&code("755683"), at(unix_time));
            assert_eq!(found.is_some(), is_known, "{}", unix_time - start);
            assert!(found.is_none_or(|found| found == TimeStep(step)));
        }
        assert_eq!(key.step_of(&code("755683"), at(-1)), None);
    }

    #[test]
    fn a_code_is_six_digits_and_blanks_do_not_matter() {
        assert_eq!(code(" 123 456\u{a0}"), code("123456"));
        for typed in [
            "", " ", "12345", "1234567", "12345a", "12345６", "+12345", "-1 234",
        ] {
            assert_eq!(TotpCode::parse(typed), None, "{typed:?}");
        }
    }

    #[test]
    fn a_key_is_shown_in_groups_and_as_an_address() {
        let key = TotpKey::parse("JBSWY3DPEHPK3PXP").unwrap();
        assert_eq!(key.human_readable(), "jbsw y3dp ehpk 3pxp");
        assert_eq!(
            key.uri("ProConnect", "jean+1@exemple.gouv.fr"),
            "otpauth://totp/ProConnect:jean%2B1%40exemple.gouv.fr?issuer=ProConnect&secret=JBSWY3DPEHPK3PXP\
             &algorithm=SHA1&digits=6&period=30"
        );
        assert!(
            key.uri("Mon Service", "a@b")
                .starts_with("otpauth://totp/Mon%20Service:a%40b?issuer=Mon%20Service&")
        );
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in ["", "1", "JBSWY3DPEHPK3PX!", "é"] {
            assert!(TotpKey::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn nothing_of_a_secret_shows() {
        let key = TotpKey::parse(SECOND.1).unwrap();
        assert_eq!(
            format!("{key:?} {:?} {:?}", code("123456"), cipher()),
            "TotpKey(…) TotpCode(…) TotpKeyCipher(…)"
        );
    }
}
