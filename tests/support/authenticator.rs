//! An authenticator in software: what a security key or a phone answers to the options of a ceremony, right or deliberately wrong.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use serde_cbor_2::Value as Cbor;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Flags of authenticator data (WebAuthn §6.1).
pub const PRESENT: u8 = 0x01;
pub const VERIFIED: u8 = 0x04;
pub const BACKUP_ELIGIBLE: u8 = 0x08;
pub const BACKED_UP: u8 = 0x10;
const HAS_CREDENTIAL: u8 = 0x40;

/// The kinds of keys that passkeys are made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    P256,
    Ed25519,
    Rsa,
}

/// A passkey in the authenticator, and what it says of itself.
#[derive(Clone)]
pub struct Authenticator {
    pub kind: KeyKind,
    pub credential_id: Vec<u8>,
    /// What it keeps of its owner; `None` for one that keeps nothing.
    pub user_handle: Option<Vec<u8>>,
    /// Signatures counted; stays 0 in one that keeps no count.
    pub counter: u32,
    pub counts: bool,
    pub flags: u8,
    pub aaguid: [u8; 16],
    /// Where the browser says that the page is from.
    pub origin: String,
    /// Whom it was asked for; `None`: whom the options name.
    pub rp_id: Option<String>,
    key: PKey<Private>,
}

impl Authenticator {
    /// A fresh passkey that verifies its owner, on a page of `origin` (no slash at its end).
    pub fn new(kind: KeyKind, origin: &str) -> Self {
        let key = match kind {
            KeyKind::P256 => {
                let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect("a curve");
                PKey::from_ec_key(EcKey::generate(&group).expect("a key")).expect("a key")
            }
            KeyKind::Ed25519 => PKey::generate_ed25519().expect("a key"),
            KeyKind::Rsa => PKey::from_rsa(Rsa::generate(2048).expect("a key")).expect("a key"),
        };
        let mut credential_id = vec![0; 32];
        openssl::rand::rand_bytes(&mut credential_id).expect("random bytes");
        Self {
            kind,
            credential_id,
            user_handle: None,
            counter: 0,
            counts: true,
            flags: PRESENT | VERIFIED,
            aaguid: [0; 16],
            origin: origin.to_owned(),
            rp_id: None,
            key,
        }
    }

    /// The identifier as rows and pages show it.
    pub fn id(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.credential_id)
    }

    /// The answer to creation options: the passkey, which remembers its owner from now on.
    pub fn create(&mut self, options: &Value) -> Value {
        self.count();
        self.user_handle = Some(decode(&options["user"]["id"]));
        let rp_id = self.rp_id_of(&options["rp"]["id"]);
        let client_data = self.client_data("webauthn.create", &options["challenge"]);
        self.attest(&client_data, &rp_id)
    }

    /// The answer to creation options with this client data.
    pub fn attest(&self, client_data: &Value, rp_id: &str) -> Value {
        let mut data = self.authenticator_data(rp_id, self.flags | HAS_CREDENTIAL);
        data.extend(self.aaguid);
        let length = u16::try_from(self.credential_id.len()).expect("a short identifier");
        data.extend(length.to_be_bytes());
        data.extend(&self.credential_id);
        data.extend(self.cose());
        let object = cbor_map([
            (Cbor::Text("fmt".into()), Cbor::Text("none".into())),
            (Cbor::Text("attStmt".into()), Cbor::Map(BTreeMap::new())),
            (Cbor::Text("authData".into()), Cbor::Bytes(data)),
        ]);
        json!({
            "id": self.id(),
            "rawId": self.id(),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": { "credProps": { "rk": true } },
            "response": {
                "attestationObject": encode(&object),
                "clientDataJSON": encode(client_data.to_string().as_bytes()),
                "transports": ["internal", "hybrid"],
            },
        })
    }

    /// The answer to request options.
    pub fn get(&mut self, options: &Value) -> Value {
        self.count();
        let rp_id = self.rp_id_of(&options["rpId"]);
        let client_data = self.client_data("webauthn.get", &options["challenge"]);
        self.assert(&client_data, &rp_id)
    }

    /// The answer to request options with this client data.
    pub fn assert(&self, client_data: &Value, rp_id: &str) -> Value {
        let client_data = client_data.to_string();
        let data = self.authenticator_data(rp_id, self.flags);
        let message = [data.as_slice(), Sha256::digest(client_data.as_bytes()).as_slice()].concat();
        json!({
            "id": self.id(),
            "rawId": self.id(),
            "type": "public-key",
            "authenticatorAttachment": "cross-platform",
            "clientExtensionResults": {},
            "response": {
                "authenticatorData": encode(&data),
                "clientDataJSON": encode(client_data.as_bytes()),
                "signature": encode(&self.sign(&message)),
                "userHandle": self.user_handle.as_deref().map(encode),
            },
        })
    }

    /// What the browser adds, and the signature covers.
    pub fn client_data(&self, ceremony: &str, challenge: &Value) -> Value {
        json!({ "type": ceremony, "challenge": challenge, "origin": self.origin, "crossOrigin": false })
    }

    /// The public key as rows hold it.
    pub fn cose(&self) -> Vec<u8> {
        match self.kind {
            KeyKind::P256 => {
                let key = self.key.ec_key().expect("an EC key");
                let mut context = BigNumContext::new().expect("a context");
                let (mut x, mut y) = (BigNum::new().expect("x"), BigNum::new().expect("y"));
                key.public_key()
                    .affine_coordinates(key.group(), &mut x, &mut y, &mut context)
                    .expect("a point");
                let coordinate = |number: &BigNum| Cbor::Bytes(number.to_vec_padded(32).expect("32 bytes"));
                cose_key(
                    &[(1, 2), (3, -7), (-1, 1)],
                    [(-2, coordinate(&x)), (-3, coordinate(&y))],
                )
            }
            KeyKind::Ed25519 => {
                let x = Cbor::Bytes(self.key.raw_public_key().expect("a key"));
                cose_key(&[(1, 1), (3, -8), (-1, 6)], [(-2, x)])
            }
            KeyKind::Rsa => {
                let key = self.key.rsa().expect("an RSA key");
                let number = |number: &openssl::bn::BigNumRef| Cbor::Bytes(number.to_vec());
                cose_key(
                    &[(1, 3), (3, -257)],
                    [(-1, number(key.n())), (-2, number(key.e()))],
                )
            }
        }
    }

    fn count(&mut self) {
        if self.counts {
            self.counter += 1;
        }
    }

    fn rp_id_of(&self, named: &Value) -> String {
        let named = named.as_str().expect("options name the relying party");
        self.rp_id.clone().unwrap_or_else(|| named.to_owned())
    }

    fn authenticator_data(&self, rp_id: &str, flags: u8) -> Vec<u8> {
        let mut data = Sha256::digest(rp_id.as_bytes()).to_vec();
        data.push(flags);
        data.extend(self.counter.to_be_bytes());
        data
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signer = match self.kind {
            KeyKind::Ed25519 => Signer::new_without_digest(&self.key),
            KeyKind::P256 | KeyKind::Rsa => Signer::new(MessageDigest::sha256(), &self.key),
        }
        .expect("a signer");
        signer.sign_oneshot_to_vec(message).expect("a signature")
    }
}

fn cose_key<const N: usize>(numbers: &[(i128, i128)], members: [(i128, Cbor); N]) -> Vec<u8> {
    let numbers = numbers
        .iter()
        .map(|(label, value)| (Cbor::Integer(*label), Cbor::Integer(*value)));
    let members = members
        .into_iter()
        .map(|(label, value)| (Cbor::Integer(label), value));
    cbor_map(numbers.chain(members))
}

fn cbor_map(members: impl IntoIterator<Item = (Cbor, Cbor)>) -> Vec<u8> {
    serde_cbor_2::to_vec(&Cbor::Map(members.into_iter().collect())).expect("CBOR")
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(text: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD
        .decode(text.as_str().expect("a text"))
        .expect("base64url")
}
