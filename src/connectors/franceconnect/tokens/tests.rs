use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use josekit::jwk::alg::ec::EcCurve;
use josekit::jws::JwsSigner;
use serde_json::json;

use super::*;

const ISSUER: &str = "https://fc.exemple.fr/api/v2";
const SECRET: &str = "a secret of the client, as long as HS256 wants it";

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn key(kid: &str) -> Jwk {
    let mut key = Jwk::generate_ec_key(EcCurve::P256).unwrap();
    key.set_key_id(kid);
    key
}

fn set(keys: &[&Jwk]) -> JwkSet {
    let mut set = JwkSet::new();
    for key in keys {
        let mut public = key.to_public_key().unwrap();
        public.set_key_id(key.key_id().unwrap());
        set.push_key(public);
    }
    set
}

fn sign(claims: &Value, kid: Option<&str>, signer: &dyn JwsSigner) -> String {
    let mut header = JwsHeader::new();
    if let Some(kid) = kid {
        header.set_key_id(kid);
    }
    jws::serialize_compact(claims.to_string().as_bytes(), &header, signer).unwrap()
}

fn trust(keys: &JwkSet, algorithm: SignatureAlgorithm) -> Trust<'_> {
    Trust {
        algorithm,
        keys,
        client_secret: SECRET,
    }
}

#[test]
fn only_what_the_provider_signed_is_read() {
    let (known, other) = (key("one"), key("two"));
    let keys = set(&[&known]);
    let claims = json!({"sub": "abc"});
    let by = |key: &Jwk, kid: Option<&str>| {
        let mut signer = ES256.signer_from_jwk(key).unwrap();
        signer.remove_key_id();
        sign(&claims, kid, &signer)
    };
    let es256 = trust(&keys, SignatureAlgorithm::Es256);

    for kid in [Some("one"), None] {
        assert_eq!(verify(&by(&known, kid), es256).unwrap()["sub"], "abc", "{kid:?}");
    }
    assert_eq!(verify(&by(&other, Some("two")), es256), Err(Distrust::UnknownKey));
    assert_eq!(verify(&by(&other, Some("one")), es256), Err(Distrust::Signature));
    assert_eq!(verify(&by(&other, None), es256), Err(Distrust::Signature));
    assert_eq!(
        verify(&by(&known, None), trust(&keys, SignatureAlgorithm::Rs256)),
        Err(Distrust::Algorithm)
    );

    let good = by(&known, Some("one"));
    let mut parts: Vec<&str> = good.split('.').collect();
    let forged = BASE64_URL_SAFE_NO_PAD.encode(br#"{"sub":"xyz"}"#);
    parts[1] = &forged;
    assert_eq!(verify(&parts.join("."), es256), Err(Distrust::Signature));
    for nonsense in [
        "",
        "a.b.c",
        "..",
        &good[..good.len() - 4],
        "eyJhbGciOiJub25lIn0.e30.",
    ] {
        assert!(verify(nonsense, es256).is_err(), "{nonsense}");
    }
}

/// The public key as a shared secret is the oldest trick.
#[test]
fn the_algorithm_is_the_agreed_one() {
    let known = key("one");
    let keys = set(&[&known]);
    let claims = json!({"sub": "abc"});
    let with_secret = sign(&claims, None, &HS256.signer_from_bytes(SECRET).unwrap());
    assert_eq!(
        verify(&with_secret, trust(&keys, SignatureAlgorithm::Es256)),
        Err(Distrust::Algorithm)
    );
    assert!(verify(&with_secret, trust(&keys, SignatureAlgorithm::Hs256)).is_ok());
    let public = known.to_public_key().unwrap().to_string();
    let with_public_key = sign(&claims, Some("one"), &HS256.signer_from_bytes(public).unwrap());
    for algorithm in [SignatureAlgorithm::Es256, SignatureAlgorithm::Hs256] {
        assert!(verify(&with_public_key, trust(&keys, algorithm)).is_err());
    }
    assert_eq!("ES256".parse(), Ok(SignatureAlgorithm::Es256));
    assert!("none".parse::<SignatureAlgorithm>().is_err());
}

fn claims(changes: &Value) -> Map<String, Value> {
    let seconds = now().timestamp();
    let Value::Object(mut claims) = json!({
        "iss": ISSUER, "aud": "us", "sub": "abc", "nonce": "the nonce", "iat": seconds - 1, "exp": seconds + 60,
    }) else {
        unreachable!()
    };
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.remove(name);
        } else {
            claims.insert(name.clone(), value.clone());
        }
    }
    claims
}

const EXPECTED: fn() -> Expected<'static> = || Expected {
    issuer: ISSUER,
    client_id: "us",
    nonce: "the nonce",
    now: now(),
};

#[test]
fn an_id_token_says_for_whom_for_what_and_until_when() {
    let seconds = now().timestamp();
    for changes in [
        json!({}),
        json!({"aud": ["us"]}),
        json!({"aud": ["us", "them"], "azp": "us"}),
        json!({"acr": "eidas2"}),
        json!({"exp": seconds - 59}),
        json!({"iat": seconds + 59}),
        json!({"nbf": seconds}),
    ] {
        assert_eq!(
            subject(&claims(&changes), EXPECTED()),
            Ok("abc".to_owned()),
            "{changes}"
        );
    }
    for (changes, claim) in [
        (json!({"iss": "https://fc.exemple.fr/api/v2/"}), "iss"),
        (json!({"iss": null}), "iss"),
        (json!({"aud": "them"}), "aud"),
        (json!({"aud": []}), "aud"),
        (json!({"aud": null}), "aud"),
        (json!({"aud": ["us", "them"]}), "azp"),
        (json!({"azp": "them"}), "azp"),
        (json!({"exp": seconds - 60}), "exp"),
        (json!({"exp": null}), "exp"),
        (json!({"exp": "tomorrow"}), "exp"),
        (json!({"iat": seconds + 61}), "iat"),
        (json!({"iat": null}), "iat"),
        (json!({"nbf": seconds + 61}), "nbf"),
        (json!({"nonce": "another"}), "nonce"),
        (json!({"nonce": null}), "nonce"),
        (json!({"acr": "eidas0"}), "acr"),
        (json!({"acr": 1}), "acr"),
        (json!({"sub": ""}), "sub"),
        (json!({"sub": null}), "sub"),
    ] {
        assert_eq!(
            subject(&claims(&changes), EXPECTED()),
            Err(Distrust::Claim(claim)),
            "{changes}"
        );
    }
}

#[test]
fn signed_userinfo_for_somebody_else_is_refused() {
    for (changes, expected) in [
        (json!({}), Ok(())),
        (json!({"iss": null, "aud": null}), Ok(())),
        (
            json!({"iss": "https://autre.exemple.fr"}),
            Err(Distrust::Claim("iss")),
        ),
        (json!({"aud": "them"}), Err(Distrust::Claim("aud"))),
    ] {
        assert_eq!(
            check_userinfo(&claims(&changes), EXPECTED()),
            expected,
            "{changes}"
        );
    }
}
