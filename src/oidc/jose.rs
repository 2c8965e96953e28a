//! Keys of others, and what they signed: the public keys of relying parties, and those inside of DPoP proofs.
//!
//! The algorithms are `josekit`'s; this decides which key and which algorithm may be used at all.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use josekit::jwe::{
    ECDH_ES, ECDH_ES_A128KW, ECDH_ES_A256KW, JweEncrypter, JweHeader, RSA_OAEP, RSA_OAEP_256,
};
use josekit::jwk::Jwk;
use josekit::jws::{ES256, EdDSA, JwsVerifier, PS256, RS256};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::signer::SigningAlgorithm;

/// Larger tokens are not looked at.
const JWT_LIMIT_IN_BYTES: usize = 32 * 1024;
/// A client has no use for more.
const KEYS_AT_MOST: usize = 32;
/// Smaller RSA keys are refused (RFC 7518 §3.3).
const RSA_BYTES_AT_LEAST: usize = 256;
/// Members that only a private or a symmetric key has.
const SECRET_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// How tokens are encrypted for their recipient (RFC 7518 §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyEncryption {
    RsaOaep,
    RsaOaep256,
    EcdhEs,
    EcdhEsA128Kw,
    EcdhEsA256Kw,
}

impl KeyEncryption {
    /// Every algorithm, in the order of the discovery document.
    pub const ALL: [Self; 5] = [
        Self::EcdhEs,
        Self::EcdhEsA128Kw,
        Self::EcdhEsA256Kw,
        Self::RsaOaep,
        Self::RsaOaep256,
    ];

    /// The name in a JOSE header.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RsaOaep => "RSA-OAEP",
            Self::RsaOaep256 => "RSA-OAEP-256",
            Self::EcdhEs => "ECDH-ES",
            Self::EcdhEsA128Kw => "ECDH-ES+A128KW",
            Self::EcdhEsA256Kw => "ECDH-ES+A256KW",
        }
    }

    /// The algorithm named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == text)
    }

    const fn key_types(self) -> &'static [&'static str] {
        match self {
            Self::RsaOaep | Self::RsaOaep256 => &["RSA"],
            Self::EcdhEs | Self::EcdhEsA128Kw | Self::EcdhEsA256Kw => &["EC", "OKP"],
        }
    }

    fn encrypter(self, key: &Jwk) -> Option<Box<dyn JweEncrypter>> {
        let encrypter: Box<dyn JweEncrypter> = match self {
            Self::RsaOaep => Box::new(RSA_OAEP.encrypter_from_jwk(key).ok()?),
            Self::RsaOaep256 => Box::new(RSA_OAEP_256.encrypter_from_jwk(key).ok()?),
            Self::EcdhEs => Box::new(ECDH_ES.encrypter_from_jwk(key).ok()?),
            Self::EcdhEsA128Kw => Box::new(ECDH_ES_A128KW.encrypter_from_jwk(key).ok()?),
            Self::EcdhEsA256Kw => Box::new(ECDH_ES_A256KW.encrypter_from_jwk(key).ok()?),
        };
        Some(encrypter)
    }
}

/// How the content of an encrypted token is encrypted (RFC 7518 §5.1), in the order of the discovery document.
pub const CONTENT_ENCRYPTIONS: [&str; 4] = ["A128CBC-HS256", "A128GCM", "A256CBC-HS512", "A256GCM"];

/// How a relying party wants its tokens encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encryption {
    pub key: KeyEncryption,
    /// Of [`CONTENT_ENCRYPTIONS`].
    pub content: &'static str,
}

/// Why something signed by somebody else is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Disbelief {
    #[error("not a signed JWT")]
    Malformed,
    #[error("an algorithm that is not accepted")]
    Algorithm,
    #[error("no key fits")]
    UnknownKey,
    #[error("the signature is wrong")]
    Signature,
}

/// A JWT that was taken apart. Nobody has checked its signature yet.
#[derive(Debug, Clone)]
pub struct UnverifiedJwt<'a> {
    pub header: Map<String, Value>,
    pub claims: Map<String, Value>,
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> UnverifiedJwt<'a> {
    /// Takes a compact JWS with JSON claims apart. Gives `None` for anything else, or when it is critical to understand
    /// something that nobody here does.
    #[must_use]
    pub fn parse(jwt: &'a str) -> Option<Self> {
        if jwt.len() > JWT_LIMIT_IN_BYTES {
            return None;
        }
        let (signed, signature) = jwt.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let object = |part: &str| -> Option<Map<String, Value>> {
            serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).ok()?).ok()
        };
        let header = object(header)?;
        if header.contains_key("crit") || header.contains_key("b64") {
            return None;
        }
        Some(Self {
            claims: object(payload)?,
            header,
            signed,
            signature: BASE64_URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }

    /// A text of the header.
    #[must_use]
    pub fn header_text(&self, name: &str) -> Option<&str> {
        self.header.get(name).and_then(Value::as_str)
    }

    /// A text of the claims.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Value::as_str)
    }

    /// A whole number of the claims; what stands behind a decimal point is cut off.
    #[must_use]
    pub fn seconds(&self, name: &str) -> Option<i64> {
        let value = self.claims.get(name)?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "instants beyond the range saturate and are refused as such"
        )]
        value
            .as_i64()
            .or_else(|| value.as_f64().map(|number| number as i64))
    }

    /// The algorithm, if it is one that this provider knows.
    #[must_use]
    pub fn algorithm(&self) -> Option<SigningAlgorithm> {
        self.header_text("alg")?.parse().ok()
    }

    /// Whether `aud` is or contains one of `accepted`.
    #[must_use]
    pub fn is_for_one_of(&self, accepted: &[&str]) -> bool {
        match self.claims.get("aud") {
            Some(Value::String(audience)) => accepted.contains(&audience.as_str()),
            Some(Value::Array(audiences)) => audiences
                .iter()
                .filter_map(Value::as_str)
                .any(|audience| accepted.contains(&audience)),
            _ => false,
        }
    }
}

/// One public key.
#[derive(Debug, Clone)]
pub struct PublicKey {
    kid: Option<String>,
    key_type: String,
    curve: String,
    algorithm: Option<String>,
    public_use: Option<String>,
    /// Without the members that narrow its use: they are checked here.
    bare: Jwk,
    /// RFC 7638.
    thumbprint: String,
    /// SHA-256 of the first certificate of `x5c`, base64url.
    certificate_thumbprint: Option<String>,
}

impl PublicKey {
    /// Reads a public JWK. Gives `None` for secret, unknown, too small or unreadable keys.
    #[must_use]
    pub fn parse(jwk: &Value) -> Option<Self> {
        let members = jwk.as_object()?;
        if SECRET_MEMBERS.iter().any(|name| members.contains_key(*name)) {
            return None;
        }
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let (key_type, curve) = (text("kty")?, text("crv").unwrap_or_default());
        let needed: &[&str] = match (key_type, curve) {
            ("RSA", _) => &["e", "kty", "n"],
            ("EC", "P-256" | "P-384" | "P-521") => &["crv", "kty", "x", "y"],
            ("OKP", "Ed25519" | "X25519") => &["crv", "kty", "x"],
            _ => return None,
        };
        let mut bare = Map::new();
        for name in needed {
            bare.insert((*name).to_owned(), json!(text(name)?));
        }
        if key_type == "RSA" && BASE64_URL_SAFE_NO_PAD.decode(text("n")?).ok()?.len() < RSA_BYTES_AT_LEAST {
            return None;
        }
        // RFC 7638 §3.2: the required members in lexicographic order, which is the order of `needed`.
        let canonical: Vec<String> = needed
            .iter()
            .map(|name| format!("{}:{}", json!(name), bare[*name]))
            .collect();
        let thumbprint =
            BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{{{}}}", canonical.join(","))));
        let certificate_thumbprint = members
            .get("x5c")
            .and_then(|chain| chain.get(0))
            .and_then(Value::as_str)
            .and_then(|der| BASE64_STANDARD.decode(der).ok())
            .map(|der| BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(der)));
        Some(Self {
            kid: text("kid").map(str::to_owned),
            key_type: key_type.to_owned(),
            curve: curve.to_owned(),
            algorithm: text("alg").map(str::to_owned),
            public_use: text("use").map(str::to_owned),
            bare: Jwk::from_map(bare).ok()?,
            thumbprint,
            certificate_thumbprint,
        })
    }

    /// The RFC 7638 SHA-256 thumbprint, base64url.
    #[must_use]
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// The SHA-256 of the key's certificate (`x5c`), base64url, if it has one.
    #[must_use]
    pub fn certificate_thumbprint(&self) -> Option<&str> {
        self.certificate_thumbprint.as_deref()
    }

    /// Whether this key signed `jwt` with `algorithm`.
    #[must_use]
    pub fn verifies(&self, jwt: &UnverifiedJwt<'_>, algorithm: SigningAlgorithm) -> bool {
        self.verifier(algorithm)
            .is_some_and(|verifier| verifier.verify(jwt.signed.as_bytes(), &jwt.signature).is_ok())
    }

    fn verifier(&self, algorithm: SigningAlgorithm) -> Option<Box<dyn JwsVerifier>> {
        let verifier: Box<dyn JwsVerifier> = match algorithm {
            SigningAlgorithm::RS256 => Box::new(RS256.verifier_from_jwk(&self.bare).ok()?),
            SigningAlgorithm::PS256 => Box::new(PS256.verifier_from_jwk(&self.bare).ok()?),
            SigningAlgorithm::ES256 => Box::new(ES256.verifier_from_jwk(&self.bare).ok()?),
            SigningAlgorithm::EdDsa | SigningAlgorithm::Ed25519 => {
                Box::new(EdDSA.verifier_from_jwk(&self.bare).ok()?)
            }
        };
        Some(verifier)
    }

    fn may_verify(&self, algorithm: SigningAlgorithm) -> bool {
        let fits = match algorithm {
            SigningAlgorithm::RS256 | SigningAlgorithm::PS256 => self.key_type == "RSA",
            SigningAlgorithm::ES256 => self.curve == "P-256",
            SigningAlgorithm::EdDsa | SigningAlgorithm::Ed25519 => self.curve == "Ed25519",
        };
        fits && self
            .public_use
            .as_deref()
            .is_none_or(|declared| declared == "sig")
            && self
                .algorithm
                .as_deref()
                .is_none_or(|declared| declared == algorithm.as_str())
    }

    fn may_encrypt(&self, algorithm: KeyEncryption) -> bool {
        algorithm.key_types().contains(&self.key_type.as_str())
            && self.curve != "Ed25519"
            && self
                .public_use
                .as_deref()
                .is_none_or(|declared| declared == "enc")
            && self
                .algorithm
                .as_deref()
                .is_none_or(|declared| declared == algorithm.as_str())
    }
}

/// The public keys of a relying party.
#[derive(Debug, Clone, Default)]
pub struct PublicKeys {
    keys: Vec<PublicKey>,
}

impl PublicKeys {
    /// Reads a JWK set. Keys of kinds that nobody here knows are passed over (RFC 7517 §5). Gives `None` when it is no
    /// key set, too large, or when none of its keys can be used.
    #[must_use]
    pub fn parse(jwks: &Value) -> Option<Self> {
        let keys = jwks.get("keys")?.as_array()?;
        if keys.len() > KEYS_AT_MOST {
            return None;
        }
        let keys: Vec<PublicKey> = keys.iter().filter_map(PublicKey::parse).collect();
        (!keys.is_empty()).then_some(Self { keys })
    }

    /// Checks the signature of `jwt` with the key that its header names, or else with every key that fits.
    ///
    /// # Errors
    /// See [`Disbelief`].
    pub fn verify(&self, jwt: &UnverifiedJwt<'_>, accepted: &[SigningAlgorithm]) -> Result<(), Disbelief> {
        let algorithm = jwt
            .algorithm()
            .filter(|algorithm| accepted.contains(algorithm))
            .ok_or(Disbelief::Algorithm)?;
        let wanted = jwt.header_text("kid");
        let mut fitting = self
            .keys
            .iter()
            .filter(|key| key.may_verify(algorithm))
            .filter(|key| wanted.is_none_or(|kid| key.kid.as_deref().is_none_or(|own| own == kid)))
            .peekable();
        if fitting.peek().is_none() {
            return Err(Disbelief::UnknownKey);
        }
        if fitting.any(|key| key.verifies(jwt, algorithm)) {
            Ok(())
        } else {
            Err(Disbelief::Signature)
        }
    }

    /// Encrypts a JWT for the owner of these keys (a nested JWT, RFC 7519 §5.2). Gives `None` when no key fits.
    #[must_use]
    pub fn seal(&self, jwt: &str, encryption: Encryption) -> Option<String> {
        self.encrypt(jwt.as_bytes(), Some("JWT"), encryption)
    }

    /// Encrypts claims that nobody signs for the owner of these keys. Gives `None` when no key fits.
    #[must_use]
    pub fn seal_claims(&self, claims: &Map<String, Value>, encryption: Encryption) -> Option<String> {
        let content = serde_json::to_vec(claims).ok()?;
        self.encrypt(&content, None, encryption)
    }

    fn encrypt(&self, content: &[u8], content_type: Option<&str>, encryption: Encryption) -> Option<String> {
        let key = self.keys.iter().find(|key| key.may_encrypt(encryption.key))?;
        let encrypter = encryption.key.encrypter(&key.bare)?;
        let mut header = JweHeader::new();
        header.set_algorithm(encryption.key.as_str());
        header.set_content_encryption(encryption.content);
        if let Some(content_type) = content_type {
            header.set_content_type(content_type);
        }
        if let Some(kid) = &key.kid {
            header.set_key_id(kid);
        }
        josekit::jwe::serialize_compact(content, &header, &*encrypter).ok()
    }

    /// Whether one of the keys can be encrypted for with `algorithm`.
    #[must_use]
    pub fn can_encrypt(&self, algorithm: KeyEncryption) -> bool {
        self.keys.iter().any(|key| key.may_encrypt(algorithm))
    }

    /// Whether a certificate with this thumbprint (SHA-256, base64url) is among the keys' `x5c`.
    #[must_use]
    pub fn holds_certificate(&self, thumbprint: &str) -> bool {
        self.keys
            .iter()
            .any(|key| key.certificate_thumbprint() == Some(thumbprint))
    }
}

#[cfg(test)]
pub(super) mod tests;
