//! One private key of the set.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::jwk::Jwk;
use josekit::jwk::alg::ec::EcKeyPair;
use josekit::jwk::alg::ecx::EcxKeyPair;
use josekit::jwk::alg::ed::EdKeyPair;
use josekit::jwk::alg::rsa::RsaKeyPair;
use josekit::jws::{JwsSigner, JwsVerifier};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::InvalidKeys;
use super::algorithm::{SigningAlgorithm, possible};

/// Smaller RSA keys are refused (RFC 7518 §3.3).
const RSA_BYTES_AT_LEAST: usize = 256;

/// A key with all that is prepared from it once.
pub(super) struct Key {
    pub(super) kid: String,
    /// RFC 7638: the same for the same key, whatever its `kid`.
    pub(super) thumbprint: String,
    pub(super) public_jwk: Value,
    /// What it can sign with, in the order of the discovery document.
    pub(super) signing: Vec<Signing>,
}

/// What one key does with one algorithm.
pub(super) struct Signing {
    pub(super) algorithm: SigningAlgorithm,
    pub(super) kid: String,
    /// Whether the key names this algorithm.
    pub(super) is_explicit: bool,
    /// The JOSE header, encoded, with the dot that follows it.
    pub(super) header: String,
    pub(super) signer: Box<dyn JwsSigner>,
    pub(super) verifier: Box<dyn JwsVerifier>,
}

impl Key {
    /// Reads the private JWK at `position` of its set.
    pub(super) fn read(position: usize, jwk: &Value) -> Result<Self, InvalidKeys> {
        let invalid = |reason: &str| InvalidKeys::Key {
            position,
            reason: reason.to_owned(),
        };
        let members = jwk
            .as_object()
            .ok_or_else(|| invalid("it is not a JSON object"))?;
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        for name in ["kid", "use", "alg"] {
            if members
                .get(name)
                .is_some_and(|value| value.as_str().is_none_or(str::is_empty))
            {
                return Err(invalid(&format!("`{name}` is not a text")));
            }
        }
        let key_type = text("kty").ok_or_else(|| invalid("`kty` is missing"))?;
        let curve = text("crv").unwrap_or_default();
        let algorithms = usable_algorithms(key_type, curve, text("use"), text("alg"))
            .ok_or_else(|| invalid("no algorithm is known for its type, curve, `alg` and `use`"))?;

        let bare = check_material(key_type, curve, members).map_err(|reason| invalid(&reason))?;
        let thumbprint = thumbprint(key_type, members);
        let kid = text("kid").map_or_else(|| thumbprint.clone(), str::to_owned);
        let public_jwk = public_jwk(&kid, &algorithms, members);

        let may_sign = !algorithms.signatures.is_empty() && allows(members, "sign");
        let public = bare
            .to_public_key()
            .map_err(|_| invalid("its public half cannot be read"))?;
        let mut signing = Vec::new();
        for name in algorithms.signatures.iter().filter(|_| may_sign) {
            let Ok(algorithm) = name.parse::<SigningAlgorithm>() else {
                continue;
            };
            let prepared = Signing {
                algorithm,
                kid: kid.clone(),
                is_explicit: text("alg") == Some(algorithm.name()),
                header: header(algorithm, &kid),
                signer: algorithm
                    .signer(&bare)
                    .map_err(|_| invalid("it cannot be loaded"))?,
                verifier: algorithm
                    .verifier(&public)
                    .map_err(|_| invalid("it cannot be loaded"))?,
            };
            let sample = prepared
                .signer
                .sign(b"sample")
                .map_err(|_| invalid("it cannot sign"))?;
            if prepared.verifier.verify(b"sample", &sample).is_err() {
                return Err(invalid("its private and public halves do not belong together"));
            }
            signing.push(prepared);
        }
        Ok(Self {
            kid,
            thumbprint,
            public_jwk,
            signing,
        })
    }
}

struct Algorithms {
    signatures: Vec<&'static str>,
    encryption: Vec<&'static str>,
}

/// `None` when the key is good for nothing.
fn usable_algorithms(
    key_type: &str,
    curve: &str,
    public_use: Option<&str>,
    algorithm: Option<&str>,
) -> Option<Algorithms> {
    let (signatures, encryption) = possible(key_type, curve);
    let kept = |names: &[&'static str], use_name: &str| -> Vec<&'static str> {
        let use_fits = public_use.is_none_or(|declared| declared == use_name);
        let fits = |name: &&&str| use_fits && algorithm.is_none_or(|declared| declared == **name);
        names.iter().filter(fits).copied().collect()
    };
    let algorithms = Algorithms {
        signatures: kept(signatures, "sig"),
        encryption: kept(encryption, "enc"),
    };
    let is_useless = algorithms.signatures.is_empty() && algorithms.encryption.is_empty();
    (!is_useless).then_some(algorithms)
}

/// Checks that the private key can be loaded, and gives it without the members that narrow its use.
fn check_material(key_type: &str, curve: &str, members: &Map<String, Value>) -> Result<Jwk, String> {
    let needed: &[&str] = match key_type {
        "RSA" => &["n", "e", "d", "p", "q", "dp", "dq", "qi"],
        "EC" => &["x", "y", "d"],
        _ => &["x", "d"],
    };
    let mut bare = Map::new();
    bare.insert("kty".to_owned(), json!(key_type));
    if !curve.is_empty() {
        bare.insert("crv".to_owned(), json!(curve));
    }
    for name in needed {
        let value = members
            .get(*name)
            .and_then(Value::as_str)
            .ok_or_else(|| format!("`{name}` is missing"))?;
        let bytes = URL_SAFE_NO_PAD
            .decode(value)
            .map_err(|_| format!("`{name}` is not base64url"))?;
        if *name == "n" && bytes.len() < RSA_BYTES_AT_LEAST {
            return Err("it is an RSA key of less than 2048 bits".to_owned());
        }
        bare.insert((*name).to_owned(), json!(value));
    }
    let jwk = Jwk::from_map(bare).map_err(|_| "it is not a JWK".to_owned())?;
    let loaded = match (key_type, curve) {
        ("RSA", _) => RsaKeyPair::from_jwk(&jwk).map(drop),
        ("EC", _) => EcKeyPair::from_jwk(&jwk).map(drop),
        ("OKP", "X25519") => EcxKeyPair::from_jwk(&jwk).map(drop),
        _ => EdKeyPair::from_jwk(&jwk).map(drop),
    };
    loaded.map(|()| jwk).map_err(|_| "it cannot be loaded".to_owned())
}

fn thumbprint(key_type: &str, members: &Map<String, Value>) -> String {
    // RFC 7638 §3.2: the required members, in lexicographic order, without white space.
    let names: &[&str] = match key_type {
        "RSA" => &["e", "kty", "n"],
        "EC" => &["crv", "kty", "x", "y"],
        _ => &["crv", "kty", "x"],
    };
    let pairs: Vec<String> = names
        .iter()
        .map(|name| format!("{}:{}", json!(name), members.get(*name).unwrap_or(&Value::Null)))
        .collect();
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{{{}}}", pairs.join(","))))
}

/// The published half: public members only, `use` and `alg` completed where only one is possible.
fn public_jwk(kid: &str, algorithms: &Algorithms, members: &Map<String, Value>) -> Value {
    let mut published = Map::new();
    for name in [
        "kty", "use", "key_ops", "kid", "alg", "crv", "e", "n", "x", "y", "x5c",
    ] {
        if let Some(value) = members.get(name) {
            published.insert(name.to_owned(), value.clone());
        }
    }
    if let Some(operations) = members.get("key_ops").and_then(Value::as_array) {
        published.insert(
            "key_ops".to_owned(),
            operations.iter().filter_map(public_operation).collect(),
        );
    }
    published.insert("kid".to_owned(), json!(kid));
    match (algorithms.signatures.as_slice(), algorithms.encryption.as_slice()) {
        (_, []) => published.insert("use".to_owned(), json!("sig")),
        ([], _) => published.insert("use".to_owned(), json!("enc")),
        _ => None,
    };
    let mut all = algorithms.signatures.iter().chain(&algorithms.encryption);
    match (all.next(), all.next()) {
        (Some(only), None) => published.insert("alg".to_owned(), json!(only)),
        _ => published.remove("alg"),
    };
    Value::Object(published)
}

/// What the public half does where the private half does `operation` (RFC 7517 §4.3).
fn public_operation(operation: &Value) -> Option<Value> {
    let public = match operation.as_str()? {
        "sign" | "verify" => "verify",
        "decrypt" | "encrypt" => "encrypt",
        "unwrapKey" | "wrapKey" => "wrapKey",
        _ => return None,
    };
    Some(json!(public))
}

fn allows(members: &Map<String, Value>, operation: &str) -> bool {
    let Some(operations) = members.get("key_ops").and_then(Value::as_array) else {
        return true;
    };
    operations.iter().any(|allowed| allowed == operation)
}

fn header(algorithm: SigningAlgorithm, kid: &str) -> String {
    let header = format!(r#"{{"alg":{},"kid":{}}}"#, json!(algorithm.name()), json!(kid));
    format!("{}.", URL_SAFE_NO_PAD.encode(header))
}
