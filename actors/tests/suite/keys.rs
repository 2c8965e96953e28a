use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use identite_actors::keys::{
    ArrangeError, ArrangedKey, InvalidKeys, KeySet, KeyStage, Keys, SigningAlgorithm, VerificationError,
    generate,
};
use josekit::jwk::{Ed25519, Jwk, P_256, P_384, P_521, X25519};
use josekit::jws::{ES256, EdDSA, JwsVerifier, PS256, RS256};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::support::{clock, eventually_is, instruments};

/// Made once: RSA keys are slow to make.
static GENERATED: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(generate().unwrap().expose_secret()).unwrap());

fn read(jwks: &Value) -> Result<KeySet, InvalidKeys> {
    KeySet::read(&jwks.to_string(), clock().1)
}

fn generated(position: usize) -> Value {
    GENERATED["keys"][position].clone()
}

fn set_of(keys: &[Value]) -> KeySet {
    read(&json!({ "keys": keys })).unwrap()
}

fn with(mut key: Value, name: &str, value: Value) -> Value {
    match value {
        Value::Null => key.as_object_mut().unwrap().remove(name),
        value => key.as_object_mut().unwrap().insert(name.to_owned(), value),
    };
    key
}

fn new_key(jwk: Jwk) -> Value {
    Value::Object(jwk.into())
}

fn published(set: &KeySet) -> Vec<Value> {
    let jwks: Value = serde_json::from_slice(&set.public_jwks()).unwrap();
    jwks["keys"].as_array().unwrap().clone()
}

fn header(jws: &str) -> String {
    String::from_utf8(URL_SAFE_NO_PAD.decode(jws.split('.').next().unwrap()).unwrap()).unwrap()
}

fn kid_of(jws: &str) -> String {
    let header: Value = serde_json::from_str(&header(jws)).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

#[test]
fn five_keys_are_generated_in_their_shapes() {
    let set = read(&GENERATED).unwrap();
    let shapes: Vec<(String, String, Option<String>, Option<String>)> = published(&set)
        .iter()
        .map(|key| {
            let text = |name: &str| key[name].as_str().map(str::to_owned);
            assert_eq!(text("kid").unwrap().len(), 43, "a thumbprint");
            (
                text("kty").unwrap(),
                text("use").unwrap(),
                text("crv"),
                text("alg"),
            )
        })
        .collect();
    let shape = |kty: &str, usage: &str, crv: Option<&str>, alg: Option<&str>| {
        (
            kty.to_owned(),
            usage.to_owned(),
            crv.map(str::to_owned),
            alg.map(str::to_owned),
        )
    };
    assert_eq!(
        shapes,
        [
            shape("RSA", "sig", None, None),
            shape("RSA", "enc", None, None),
            shape("EC", "sig", Some("P-256"), Some("ES256")),
            shape("EC", "enc", Some("P-256"), None),
            shape("OKP", "sig", Some("Ed25519"), None),
        ]
    );
    let algorithms: Vec<&str> = set
        .signing_algorithms()
        .into_iter()
        .map(SigningAlgorithm::name)
        .collect();
    assert_eq!(algorithms, ["PS256", "RS256", "ES256", "EdDSA", "Ed25519"]);
}

#[test]
fn nothing_private_is_published() {
    let allowed = [
        "kty", "use", "key_ops", "kid", "alg", "crv", "e", "n", "x", "y", "x5c", "pub",
    ];
    for key in published(&read(&GENERATED).unwrap()) {
        for name in key.as_object().unwrap().keys() {
            assert!(allowed.contains(&name.as_str()), "{name}");
        }
    }
}

#[test]
fn what_is_signed_verifies_here_and_elsewhere() {
    let set = read(&GENERATED).unwrap();
    let keys = published(&set);
    for algorithm in SigningAlgorithm::ALL {
        let jws = set.sign(algorithm, br#"{"sub":"1"}"#).unwrap();
        let kid = kid_of(&jws);
        assert_eq!(header(&jws), format!(r#"{{"alg":"{algorithm}","kid":"{kid}"}}"#));
        assert_eq!(set.verify_own(&jws).unwrap(), br#"{"sub":"1"}"#);

        let key = keys.iter().find(|key| key["kid"] == kid.as_str()).unwrap();
        let key = Jwk::from_map(key.as_object().unwrap().clone()).unwrap();
        let verifier: Box<dyn JwsVerifier> = match algorithm {
            SigningAlgorithm::Rs256 => Box::new(RS256.verifier_from_jwk(&key).unwrap()),
            SigningAlgorithm::Ps256 => Box::new(PS256.verifier_from_jwk(&key).unwrap()),
            SigningAlgorithm::Es256 => Box::new(ES256.verifier_from_jwk(&key).unwrap()),
            SigningAlgorithm::EdDsa | SigningAlgorithm::Ed25519 => {
                Box::new(EdDSA.verifier_from_jwk(&key).unwrap())
            }
        };
        let (signed, signature) = jws.rsplit_once('.').unwrap();
        verifier
            .verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
            .unwrap();
    }
}

#[test]
fn what_was_tampered_with_is_refused() {
    let set = read(&GENERATED).unwrap();
    let jws = set.sign(SigningAlgorithm::Es256, b"payload").unwrap();
    let kid = kid_of(&jws);
    let verify = |jws: &str| set.verify_own(jws);
    let parts: Vec<&str> = jws.split('.').collect();
    let (head, payload, signature) = (parts[0], parts[1], parts[2]);
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);

    let other_payload = format!("{head}.{}.{signature}", encode("other"));
    assert_eq!(verify(&other_payload), Err(VerificationError::WrongSignature));
    for wrong in [vec![0; 64], vec![255; 64], vec![1; 63], vec![1; 65], Vec::new()] {
        let jws = format!("{head}.{payload}.{}", URL_SAFE_NO_PAD.encode(wrong));
        assert_eq!(verify(&jws), Err(VerificationError::WrongSignature));
    }
    let unknown_kid = format!("{}.{payload}.{signature}", encode(r#"{"alg":"ES256","kid":"x"}"#));
    assert_eq!(verify(&unknown_kid), Err(VerificationError::UnknownKey));
    for alg in ["none", "HS256", "RS256", "ES384"] {
        let jws = format!(
            "{}.{payload}.{signature}",
            encode(&json!({ "alg": alg, "kid": kid }).to_string())
        );
        assert_eq!(verify(&jws), Err(VerificationError::UnknownKey), "{alg}");
    }
    let critical = encode(&json!({ "alg": "ES256", "kid": kid, "crit": ["b64"] }).to_string());
    for text in [
        "",
        "a",
        "a.b",
        "....",
        &format!("{critical}.{payload}.{signature}"),
        &format!("{jws}.x"),
    ] {
        assert_eq!(verify(text), Err(VerificationError::Malformed), "{text}");
    }
}

#[test]
fn a_kid_is_kept_or_is_the_thumbprint() {
    let kept = with(generated(2), "kid", json!("mine"));
    assert_eq!(published(&set_of(&[kept]))[0]["kid"], "mine");
    // RFC 8037 appendix A.3: the thumbprint of the key of appendix A.1.
    let rfc8037 = json!({
        "kty": "OKP",
        "crv": "Ed25519",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    });
    assert_eq!(
        published(&set_of(&[rfc8037]))[0]["kid"],
        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    );
}

#[test]
fn use_and_alg_are_completed_when_only_one_is_possible() {
    let rsa = with(generated(0), "use", Value::Null);
    let p256 = with(with(generated(2), "use", Value::Null), "alg", Value::Null);
    let ed = with(generated(4), "use", Value::Null);
    let x25519 = new_key(Jwk::generate_ecx_key(X25519).unwrap());
    let p384 = with(new_key(Jwk::generate_ec_key(P_384).unwrap()), "use", json!("sig"));
    for (key, public_use, alg) in [
        (rsa.clone(), None, None),
        (
            with(rsa.clone(), "alg", json!("RS256")),
            Some("sig"),
            Some("RS256"),
        ),
        (with(rsa, "alg", json!("RSA-OAEP")), Some("enc"), Some("RSA-OAEP")),
        (p256, None, None),
        (ed.clone(), Some("sig"), None),
        (with(ed, "alg", json!("EdDSA")), Some("sig"), Some("EdDSA")),
        (x25519, Some("enc"), None),
        (p384, Some("sig"), Some("ES384")),
    ] {
        let public = &published(&set_of(&[key]))[0];
        assert_eq!(
            (public["use"].as_str(), public["alg"].as_str()),
            (public_use, alg),
            "{public}"
        );
    }
}

#[test]
fn keys_of_other_curves_are_published_and_sign_nothing() {
    for curve in [P_384, P_521] {
        let set = set_of(&[new_key(Jwk::generate_ec_key(curve).unwrap())]);
        assert_eq!(published(&set).len(), 1);
        assert!(set.signing_algorithms().is_empty());
        assert!(set.sign(SigningAlgorithm::Es256, b"x").is_err());
    }
    assert!(
        set_of(&[generated(1)])
            .sign(SigningAlgorithm::Rs256, b"x")
            .is_err(),
        "for encryption only"
    );
    let decrypts = with(
        with(generated(0), "use", Value::Null),
        "key_ops",
        json!(["decrypt"]),
    );
    assert!(set_of(&[decrypts]).signing_algorithms().is_empty());
}

#[test]
fn useless_and_broken_keys_are_errors() {
    let small = new_key(Jwk::generate_rsa_key(1_024).unwrap());
    let other = new_key(Jwk::generate_ec_key(P_256).unwrap());
    let mixed = with(
        with(generated(2), "x", other["x"].clone()),
        "y",
        other["y"].clone(),
    );
    for (what, key) in [
        ("symmetric", json!({ "kty": "oct", "k": "AAAA" })),
        ("no type", json!({})),
        ("not an object", json!("key")),
        ("unknown curve", with(generated(2), "crv", json!("P-999"))),
        ("unknown use", with(generated(2), "use", json!("other"))),
        (
            "algorithm of another type",
            with(generated(0), "alg", json!("ES256")),
        ),
        (
            "algorithm of another use",
            with(generated(1), "alg", json!("RS256")),
        ),
        ("public only", with(generated(2), "d", Value::Null)),
        ("incomplete RSA", with(generated(0), "qi", Value::Null)),
        ("not base64url", with(generated(2), "d", json!("%%%"))),
        ("empty", with(generated(2), "d", json!(""))),
        ("halves of different keys", mixed),
        ("small RSA", small),
        ("kid that is not a text", with(generated(2), "kid", json!(7))),
    ] {
        let keys = json!({ "keys": [generated(4), key] });
        let error = read(&keys).err();
        assert!(
            matches!(error, Some(InvalidKeys::Key { position: 1, .. })),
            "{what}: {error:?}"
        );
    }
    for text in ["", "null", "[]", "{}", r#"{"keys":{}}"#] {
        assert_eq!(
            KeySet::read(text, clock().1).err(),
            Some(InvalidKeys::NotAKeySet),
            "{text}"
        );
    }
}

#[test]
fn two_keys_of_one_kid_are_an_error() {
    let twice = json!({ "keys": [generated(2), generated(2)] });
    assert!(matches!(read(&twice), Err(InvalidKeys::DuplicateKid(_))));
    let same_name =
        json!({ "keys": [with(generated(2), "kid", json!("a")), with(generated(4), "kid", json!("a"))] });
    assert_eq!(
        read(&same_name).err(),
        Some(InvalidKeys::DuplicateKid("a".to_owned()))
    );
}

#[test]
fn a_key_that_names_the_algorithm_signs_before_the_order_of_the_list() {
    let rsa = |kid: &str| with(with(generated(0), "kid", json!(kid)), "use", Value::Null);
    let set = set_of(&[
        rsa("first"),
        rsa("second"),
        with(rsa("third"), "alg", json!("RS256")),
    ]);
    assert_eq!(kid_of(&set.sign(SigningAlgorithm::Rs256, b"x").unwrap()), "third");
    assert_eq!(kid_of(&set.sign(SigningAlgorithm::Ps256, b"x").unwrap()), "first");
    let rotated = set_of(&[rsa("new"), rsa("old")]);
    assert_eq!(
        kid_of(&rotated.sign(SigningAlgorithm::Rs256, b"x").unwrap()),
        "new"
    );
}

fn jwks(key: &Value) -> SecretString {
    SecretString::from(json!({ "keys": [key] }).to_string())
}

fn arranged(key: &Value, stage: KeyStage) -> ArrangedKey {
    ArrangedKey {
        jwk: SecretString::from(key.to_string()),
        stage,
    }
}

#[actix::test]
async fn a_key_is_published_signs_and_verifies_until_the_last_token_it_signed_has_expired() {
    let (shifted, clock) = clock();
    let instruments = instruments(&clock);
    let (first, next) = (generated(2), new_key(Jwk::generate_ec_key(P_256).unwrap()));
    let keys = Keys::start(&jwks(&first), clock.clone(), &instruments).unwrap();
    let coming = vec![
        arranged(&first, KeyStage::Signing),
        arranged(&next, KeyStage::Coming),
    ];
    keys.arrange(coming).await.unwrap();
    assert_eq!(published(&keys.current()).len(), 2, "before it signs");
    let old_token = keys.current().sign(SigningAlgorithm::Es256, b"old").unwrap();
    assert_eq!(first["kid"], kid_of(&old_token).as_str());

    let until = clock.now() + TimeDelta::hours(1);
    let replaced = vec![
        arranged(&next, KeyStage::Signing),
        arranged(&first, KeyStage::Retiring { until }),
    ];
    keys.arrange(replaced).await.unwrap();
    let new_token = keys.current().sign(SigningAlgorithm::Es256, b"new").unwrap();
    assert_ne!(kid_of(&old_token), kid_of(&new_token));
    assert_eq!(keys.current().verify_own(&old_token).unwrap(), b"old");
    assert_eq!(
        published(&keys.current()).len(),
        2,
        "relying parties verify it too"
    );
    assert_eq!(
        instruments.observations()[0].detail["retiring"][0]["kid"],
        generated(2)["kid"]
    );

    shifted.advance(TimeDelta::minutes(59));
    assert!(keys.current().verify_own(&old_token).is_ok());
    shifted.advance(TimeDelta::minutes(2));
    assert_eq!(
        keys.current().verify_own(&old_token),
        Err(VerificationError::UnknownKey)
    );
    eventually_is("it is not published any more", || {
        published(&keys.current()).len() == 1
    })
    .await;
    assert!(keys.current().verify_own(&new_token).is_ok());
}

/// Nodes look at the calendar one after the other: what a sister signs with the next key is ours as well.
#[actix::test]
async fn what_a_key_that_is_coming_has_signed_elsewhere_is_ours() {
    let clock = clock().1;
    let (first, next) = (generated(2), new_key(Jwk::generate_ec_key(P_256).unwrap()));
    let keys = Keys::start(&jwks(&first), clock.clone(), &instruments(&clock)).unwrap();
    let token = set_of(std::slice::from_ref(&next))
        .sign(SigningAlgorithm::Es256, b"sister")
        .unwrap();
    assert_eq!(
        keys.current().verify_own(&token),
        Err(VerificationError::UnknownKey)
    );
    let coming = vec![
        arranged(&first, KeyStage::Signing),
        arranged(&next, KeyStage::Coming),
    ];
    keys.arrange(coming).await.unwrap();
    assert_eq!(keys.current().verify_own(&token).unwrap(), b"sister");
    let own = keys.current().sign(SigningAlgorithm::Es256, b"own").unwrap();
    assert_eq!(
        first["kid"],
        kid_of(&own).as_str(),
        "it does not sign here before its time"
    );
}

#[actix::test]
async fn unusable_keys_replace_nothing() {
    let clock = clock().1;
    let key = generated(2);
    let keys = Keys::start(&jwks(&key), clock.clone(), &instruments(&clock)).unwrap();
    let token = keys.current().sign(SigningAlgorithm::Es256, b"x").unwrap();
    let fresh = new_key(Jwk::generate_ec_key(P_256).unwrap());
    let same_name = with(fresh, "kid", key["kid"].clone());
    let until = clock.now() + TimeDelta::hours(1);
    let (signing, retiring) = (KeyStage::Signing, KeyStage::Retiring { until });

    let useless = keys.arrange(vec![arranged(&json!({}), signing)]).await;
    assert!(
        matches!(
            useless,
            Err(ArrangeError::Keys(InvalidKeys::Key { position: 0, .. }))
        ),
        "{useless:?}"
    );
    let twice = vec![arranged(&key, retiring), arranged(&same_name, signing)];
    assert!(matches!(
        keys.arrange(twice).await,
        Err(ArrangeError::Keys(InvalidKeys::DuplicateKid(_)))
    ));
    for nobody in [
        vec![],
        vec![arranged(&key, retiring)],
        vec![arranged(&key, KeyStage::Coming)],
    ] {
        assert_eq!(
            keys.arrange(nobody).await,
            Err(ArrangeError::Keys(InvalidKeys::NobodySigns))
        );
    }
    assert!(keys.current().verify_own(&token).is_ok());
    assert_eq!(published(&keys.current()).len(), 1);
}

#[test]
fn an_ed25519_key_signs_under_both_names() {
    let key = new_key(Jwk::generate_ed_key(Ed25519).unwrap());
    let set = set_of(std::slice::from_ref(&key));
    for algorithm in [SigningAlgorithm::EdDsa, SigningAlgorithm::Ed25519] {
        let jws = set.sign(algorithm, b"x").unwrap();
        assert!(header(&jws).starts_with(&format!(r#"{{"alg":"{algorithm}""#)));
        set.verify_own(&jws).unwrap();
    }
    let named = set_of(&[with(key, "alg", json!("EdDSA"))]);
    assert_eq!(named.signing_algorithms(), [SigningAlgorithm::EdDsa]);
}
