//! Public keys of passkeys, in the one form in which authenticators give and databases keep them (COSE, RFC 9052 §7).

use openssl::pkey::{Id, PKey};
use openssl::sign::Verifier;
use serde_cbor_2::Value;
use webauthn_rs_core::proto::COSEKey;

/// Labels and values of RFC 9053 §7.1 and of the IANA registry "COSE Algorithms".
const KEY_TYPE: i128 = 1;
const ALGORITHM: i128 = 3;
const CURVE: i128 = -1;
const X: i128 = -2;
const OCTET_KEY_PAIR: Value = Value::Integer(1);
const EDDSA: Value = Value::Integer(-8);
const ED25519: Value = Value::Integer(6);
const ED25519_KEY_LENGTH: usize = 32;

/// The public key of a passkey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PublicKey {
    /// P-256, P-384, RSA 2048: the crate checks its signatures.
    OfTheCrate(COSEKey),
    /// The crate reads no such key: OpenSSL checks its signatures.
    Ed25519(Ed25519Key),
}

/// An Ed25519 public key (RFC 8032).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ed25519Key([u8; ED25519_KEY_LENGTH]);

impl PublicKey {
    /// The key that `bytes` encode. `None`: they encode no key, or one of a kind that no passkey of ours is made with.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        Self::of(&serde_cbor_2::from_slice(bytes).ok()?)
    }

    /// The key that `value` describes.
    pub(super) fn of(value: &Value) -> Option<Self> {
        if let Some(key) = Ed25519Key::of(value) {
            return Some(Self::Ed25519(key));
        }
        COSEKey::try_from(value).ok().map(Self::OfTheCrate)
    }
}

impl Ed25519Key {
    fn of(value: &Value) -> Option<Self> {
        let Value::Map(map) = value else {
            return None;
        };
        let member = |label: i128| map.get(&Value::Integer(label));
        let is_ed25519 = member(KEY_TYPE) == Some(&OCTET_KEY_PAIR)
            && member(ALGORITHM) == Some(&EDDSA)
            && member(CURVE) == Some(&ED25519);
        match member(X) {
            Some(Value::Bytes(x)) if is_ed25519 => x.as_slice().try_into().ok().map(Self),
            _ => None,
        }
    }

    /// Whether `signature` is one of `message` by this key.
    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let verify = || {
            let key = PKey::public_key_from_raw_bytes(&self.0, Id::ED25519)?;
            Verifier::new_without_digest(&key)?.verify_oneshot(signature, message)
        };
        verify().unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(hex_text: &str) -> Option<PublicKey> {
        PublicKey::read(&hex::decode(hex_text).unwrap())
    }

    /// RFC 8032 §7.1, test 2.
    #[test]
    fn a_signature_of_rfc_8032_holds_and_no_other() {
        let x = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
        let signature = hex::decode(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        )
        .unwrap();
        let Some(PublicKey::Ed25519(key)) = key(&format!("a4010103272006215820{x}")) else {
            panic!("not read as an Ed25519 key");
        };
        assert!(key.has_signed(&[0x72], &signature));
        assert!(!key.has_signed(&[0x73], &signature));
        assert!(!key.has_signed(&[0x72], &signature[1..]));
        assert!(!key.has_signed(&[0x72], &[]));
    }

    #[test]
    fn keys_of_three_kinds_are_read() {
        // RFC 7517 appendix A.1 as COSE.
        let p256 = "a5010203262001\
            215820 30a0424cd21c2944838a2d75c92b37e76ea20d9f00893a3b4eee8a3c0aafec3e\
            225820 e04b65e92456d9888b52b379bdfbd51ee869ef1f0fc65b6659695b6cce081723"
            .replace([' ', '\n'], "");
        assert!(matches!(key(&p256), Some(PublicKey::OfTheCrate(_))));
        let rsa = format!("a401030339010020590100{}2143010001", "c5".repeat(256));
        assert!(matches!(key(&rsa), Some(PublicKey::OfTheCrate(_))));
    }

    #[test]
    fn what_is_no_key_is_none() {
        let x = "00".repeat(32);
        for text in [
            String::new(),
            "a0".to_owned(),
            // A point that is not on the curve.
            format!("a5010203262001215820{x}225820{x}"),
            // X25519, which signs nothing; Ed25519 with a short key; ES256 announced for Ed25519.
            format!("a4010103272004215820{x}"),
            format!("a401010327200621581f{}", &x[2..]),
            format!("a4010103262006215820{x}"),
            // Something after the key.
            format!("a4010103272006215820{x}00"),
        ] {
            assert_eq!(key(&text), None, "{text}");
        }
    }
}
