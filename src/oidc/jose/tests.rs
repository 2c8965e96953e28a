use josekit::jwk::alg::ec::EcCurve;
use josekit::jws::JwsHeader;
use proptest::prelude::*;

use super::*;

pub(crate) fn ec_key(kid: &str) -> Jwk {
    let mut key = Jwk::generate_ec_key(EcCurve::P256).unwrap();
    key.set_key_id(kid);
    key
}

pub(crate) fn public(key: &Jwk) -> Value {
    let mut public = key.to_public_key().unwrap();
    if let Some(kid) = key.key_id() {
        public.set_key_id(kid);
    }
    Value::Object(public.as_ref().clone())
}

pub(crate) fn signed(key: &Jwk, header: &Value, claims: &Value) -> String {
    let mut jws = JwsHeader::new();
    for (name, value) in header.as_object().unwrap() {
        jws.set_claim(name, Some(value.clone())).unwrap();
    }
    let mut signer = ES256.signer_from_jwk(key).unwrap();
    // The header is the test's business.
    signer.remove_key_id();
    josekit::jws::serialize_compact(claims.to_string().as_bytes(), &jws, &signer).unwrap()
}

#[test]
fn a_jwt_has_its_limit() {
    let of_length = |length: usize| {
        let jwt = format!("e30.e30.{}", "A".repeat(length - 8));
        UnverifiedJwt::parse(&jwt).is_some()
    };
    assert!(of_length(JWT_LIMIT_IN_BYTES));
    // Four characters of base64 more: nothing else is wrong with it.
    assert!(!of_length(JWT_LIMIT_IN_BYTES + 4));
}

#[test]
fn a_thumbprint_is_that_of_rfc_7638() {
    let key = json!({
        "kty": "RSA",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"
    });
    let key = PublicKey::parse(&key).unwrap();
    assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

#[test]
fn a_signature_is_checked_with_the_key_that_the_header_names() {
    let (one, other) = (ec_key("1"), ec_key("2"));
    let keys = PublicKeys::parse(&json!({"keys": [public(&one), public(&other)]})).unwrap();
    let accepted = [SigningAlgorithm::ES256];
    let check = |jwt: &str| keys.verify(&UnverifiedJwt::parse(jwt).unwrap(), &accepted);
    assert_eq!(check(&signed(&one, &json!({"kid": "1"}), &json!({}))), Ok(()));
    assert_eq!(check(&signed(&other, &json!({}), &json!({}))), Ok(()));
    assert_eq!(
        check(&signed(&one, &json!({"kid": "2"}), &json!({}))),
        Err(Disbelief::Signature)
    );
    assert_eq!(
        check(&signed(&one, &json!({"kid": "3"}), &json!({}))),
        Err(Disbelief::UnknownKey)
    );
    let jwt = signed(&one, &json!({"kid": "1"}), &json!({}));
    let parsed = UnverifiedJwt::parse(&jwt).unwrap();
    assert_eq!(
        keys.verify(&parsed, &[SigningAlgorithm::RS256]),
        Err(Disbelief::Algorithm)
    );
}

#[test]
fn unsigned_and_critical_tokens_are_not_believed() {
    let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    let unsigned = format!("{}.{}.", encode(r#"{"alg":"none"}"#), encode("{}"));
    assert_eq!(UnverifiedJwt::parse(&unsigned).unwrap().algorithm(), None);
    let critical = format!(
        "{}.{}.AA",
        encode(r#"{"alg":"ES256","crit":["x"]}"#),
        encode("{}")
    );
    assert!(UnverifiedJwt::parse(&critical).is_none());
}

#[test]
fn secret_small_and_unknown_keys_are_refused() {
    let key = ec_key("1");
    assert!(PublicKey::parse(&Value::Object(key.as_ref().clone())).is_none());
    for bad in [
        json!({"kty": "oct", "k": "AAAA"}),
        json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"}),
        json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}),
        json!({"kty": "EC", "crv": "P-256", "x": "AA"}),
        json!({}),
        json!([]),
    ] {
        assert!(PublicKey::parse(&bad).is_none(), "{bad}");
    }
    assert!(PublicKeys::parse(&json!({"keys": []})).is_none());
}

#[test]
fn a_key_serves_what_it_is_of_the_kind_for_and_what_it_was_declared_for() {
    let with = |changes: Value| {
        let mut key = public(&ec_key("1"));
        for (name, value) in changes.as_object().unwrap() {
            key[name] = value.clone();
        }
        PublicKey::parse(&key).unwrap()
    };
    let okp = |curve: &str| PublicKey::parse(&json!({"kty": "OKP", "crv": curve, "x": "AA"})).unwrap();
    let p384 = Value::Object(
        Jwk::generate_ec_key(EcCurve::P384)
            .unwrap()
            .to_public_key()
            .unwrap()
            .as_ref()
            .clone(),
    );
    let rsa = Value::Object(
        Jwk::generate_rsa_key(2048)
            .unwrap()
            .to_public_key()
            .unwrap()
            .as_ref()
            .clone(),
    );
    let rsa = PublicKey::parse(&rsa).unwrap();
    // Key, and whether it may verify with ES256, RS256 and Ed25519, and be encrypted for with ECDH-ES.
    let rows = [
        (with(json!({})), [true, false, false, true]),
        (with(json!({"use": "sig"})), [true, false, false, false]),
        (with(json!({"use": "enc"})), [false, false, false, true]),
        (with(json!({"alg": "ES256"})), [true, false, false, false]),
        (with(json!({"alg": "ECDH-ES"})), [false, false, false, true]),
        (with(json!({"alg": "RS256"})), [false, false, false, false]),
        (PublicKey::parse(&p384).unwrap(), [false, false, false, true]),
        (okp("Ed25519"), [false, false, true, false]),
        (okp("X25519"), [false, false, false, true]),
        (rsa, [false, true, false, false]),
    ];
    for (key, expected) in rows {
        let may = [
            key.may_verify(SigningAlgorithm::ES256),
            key.may_verify(SigningAlgorithm::RS256),
            key.may_verify(SigningAlgorithm::Ed25519),
            key.may_encrypt(KeyEncryption::EcdhEs),
        ];
        assert_eq!(may, expected, "{key:?}");
    }
}

#[test]
fn a_certificate_is_found_by_its_thumbprint() {
    let mut key = public(&ec_key("1"));
    key["x5c"] = json!([BASE64_STANDARD.encode("a certificate")]);
    let keys = PublicKeys::parse(&json!({"keys": [public(&ec_key("2")), key]})).unwrap();
    let thumbprint = |der: &str| BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(der));
    assert!(keys.holds_certificate(&thumbprint("a certificate")));
    assert!(!keys.holds_certificate(&thumbprint("another")));
}

#[test]
fn a_key_set_has_its_limit() {
    let of = |count: usize| PublicKeys::parse(&json!({"keys": vec![public(&ec_key("1")); count]}));
    assert!(of(KEYS_AT_MOST).is_some());
    assert!(of(KEYS_AT_MOST + 1).is_none());
}

#[test]
fn what_is_sealed_is_opened_by_its_owner() {
    let key = ec_key("e");
    let rsa = Jwk::generate_rsa_key(2048).unwrap();
    let keys = PublicKeys::parse(&json!({"keys": [public(&key), public(&rsa)]})).unwrap();
    for content in CONTENT_ENCRYPTIONS {
        let sealed = keys
            .seal(
                "a.b.c",
                Encryption {
                    key: KeyEncryption::EcdhEs,
                    content,
                },
            )
            .unwrap();
        let decrypter = ECDH_ES.decrypter_from_jwk(&key).unwrap();
        let (opened, header) = josekit::jwe::deserialize_compact(&sealed, &decrypter).unwrap();
        assert_eq!(opened, b"a.b.c");
        assert_eq!(header.content_type(), Some("JWT"));
    }
    let claims: Map<String, Value> = [("sub".to_owned(), json!("1"))].into_iter().collect();
    let encryption = Encryption {
        key: KeyEncryption::EcdhEs,
        content: "A256GCM",
    };
    let sealed = keys.seal_claims(&claims, encryption).unwrap();
    let decrypter = ECDH_ES.decrypter_from_jwk(&key).unwrap();
    let (opened, header) = josekit::jwe::deserialize_compact(&sealed, &decrypter).unwrap();
    assert_eq!(opened, br#"{"sub":"1"}"#);
    assert_eq!(header.content_type(), None, "what is inside is no JWT");
    for algorithm in KeyEncryption::ALL {
        let encryption = Encryption {
            key: algorithm,
            content: "A256GCM",
        };
        assert!(keys.seal("a.b.c", encryption).is_some(), "{}", algorithm.as_str());
    }
}

proptest! {
    #[test]
    fn no_token_makes_the_parser_panic(text in ".*", header in ".*", payload in ".*") {
        let _ = UnverifiedJwt::parse(&text);
        let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        let _ = UnverifiedJwt::parse(&format!("{}.{}.{}", encode(&header), encode(&payload), text));
    }

    /// A character more, less or changed anywhere in a token: it is read as none, or not believed.
    #[test]
    fn a_token_that_was_changed_is_not_believed(at in any::<proptest::sample::Index>(), by in any::<char>()) {
        let key = ec_key("1");
        let keys = PublicKeys::parse(&json!({"keys": [public(&key)]})).unwrap();
        let jwt = signed(&key, &json!({"kid": "1"}), &json!({"sub": "somebody"}));
        let at = at.index(jwt.len());
        let changed = [
            format!("{}{by}{}", &jwt[..at], &jwt[at + 1..]),
            format!("{}{}", &jwt[..at], &jwt[at + 1..]),
            format!("{}{by}{}", &jwt[..at], &jwt[at..]),
        ];
        for text in changed.iter().filter(|text| **text != jwt) {
            let is_believed = UnverifiedJwt::parse(text)
                .is_some_and(|parsed| keys.verify(&parsed, &[SigningAlgorithm::ES256]).is_ok());
            prop_assert!(!is_believed, "{}", text);
        }
    }

    #[test]
    fn no_key_makes_the_parser_panic(n in "[A-Za-z0-9_-]{0,400}", kty in "RSA|EC|OKP|oct", crv in "P-256|Ed25519|X25519|x") {
        let jwk = json!({"kty": kty, "crv": crv, "n": n, "e": n, "x": n, "y": n});
        if let Some(key) = PublicKey::parse(&jwk) {
            let jwt = UnverifiedJwt::parse("e30.e30.AA").unwrap();
            for algorithm in SigningAlgorithm::ALL {
                prop_assert!(!key.verifies(&jwt, algorithm));
            }
        }
    }
}
