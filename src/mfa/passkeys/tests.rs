//! What answers prove, with an authenticator in software.

use serde_json::{Value, json};
use webauthn_rs_core::proto::{PublicKeyCredential, RegisterPublicKeyCredential};

use super::Refusal;
use super::assertion::Proof;
use super::attestation::MadePasskey;
use super::relying_party::{RelyingParty, Verification};
use crate::db::authenticators::Authenticator as Row;
use crate::domain::UserId;

#[path = "../../../tests/support/authenticator.rs"]
mod authenticator;

use authenticator::{Authenticator, BACKED_UP, BACKUP_ELIGIBLE, KeyKind, PRESENT, VERIFIED};

const ORIGIN: &str = "https://identite.example";
const KINDS: [KeyKind; 3] = [KeyKind::P256, KeyKind::Ed25519, KeyKind::Rsa];

fn us() -> RelyingParty {
    RelyingParty::new(ORIGIN.parse().unwrap(), "ProConnect").unwrap()
}

/// A passkey as the row of either implementation holds it.
fn row(authenticator: &Authenticator, counter: i64) -> Row {
    Row {
        credential_id: authenticator.id(),
        public_key: authenticator.cose(),
        counter,
        transports: vec!["internal".to_owned()],
    }
}

fn register(authenticator: &mut Authenticator) -> Result<MadePasskey, Refusal> {
    register_changed(authenticator, |_| {})
}

/// A registration whose answer somebody changes on the way.
fn register_changed(
    authenticator: &mut Authenticator,
    change: impl FnOnce(&mut Value),
) -> Result<MadePasskey, Refusal> {
    let us = us();
    let challenged = us
        .challenge_registration(UserId(42), "camille@exemple.gouv.fr", &[])
        .unwrap();
    let mut answer = authenticator.create(&challenged.options);
    change(&mut answer);
    let answer: RegisterPublicKeyCredential = serde_json::from_value(answer).unwrap();
    us.verify_registration(&answer, &challenged.state)
}

fn assert_with(
    authenticator: &mut Authenticator,
    counter_on_record: i64,
    verification: Verification,
) -> Result<Proof, Refusal> {
    let us = us();
    let row = row(authenticator, counter_on_record);
    let challenged = us.challenge_assertion(&[], verification).unwrap();
    let answer: PublicKeyCredential = serde_json::from_value(authenticator.get(&challenged.options)).unwrap();
    us.verify_assertion(&answer, &challenged.state, &row, verification)
}

#[test]
fn options_say_what_browsers_of_the_reference_read() {
    let known = row(&Authenticator::new(KeyKind::P256, ORIGIN), 0);
    let registration = us()
        .challenge_registration(UserId(2), "camille@exemple.gouv.fr", std::slice::from_ref(&known))
        .unwrap();
    let mut options = registration.options;
    assert_eq!(options["challenge"].as_str().unwrap().len(), 43);
    options.as_object_mut().unwrap().remove("challenge");
    assert_eq!(
        options,
        json!({
            "rp": { "name": "ProConnect", "id": "identite.example" },
            "user": { "id": "Mg", "name": "camille@exemple.gouv.fr", "displayName": "" },
            "pubKeyCredParams": [
                { "type": "public-key", "alg": -8 },
                { "type": "public-key", "alg": -7 },
                { "type": "public-key", "alg": -257 },
            ],
            "timeout": 60000,
            "attestation": "none",
            "excludeCredentials": [
                { "type": "public-key", "id": known.credential_id, "transports": ["internal"] },
            ],
            "authenticatorSelection": {
                "residentKey": "preferred",
                "requireResidentKey": false,
                "userVerification": "preferred",
            },
            "extensions": { "credProps": true },
            "hints": [],
        })
    );

    for (verification, told) in [
        (Verification::Required, "required"),
        (Verification::NotNeeded, "discouraged"),
    ] {
        let allowed = super::relying_party::descriptor(&known).unwrap();
        let mut options = us()
            .challenge_assertion(&[allowed], verification)
            .unwrap()
            .options;
        options.as_object_mut().unwrap().remove("challenge");
        assert_eq!(
            options,
            json!({
                "rpId": "identite.example",
                "allowCredentials": [
                    { "type": "public-key", "id": known.credential_id, "transports": ["internal"] },
                ],
                "timeout": 60000,
                "userVerification": told,
            })
        );
    }
}

#[test]
fn passkeys_of_every_kind_are_made_and_shown() {
    for kind in KINDS {
        let mut authenticator = Authenticator::new(kind, ORIGIN);
        authenticator.flags |= BACKUP_ELIGIBLE | BACKED_UP;
        authenticator.aaguid = [7; 16];
        let made = register(&mut authenticator).unwrap();
        assert_eq!(made.public_key, authenticator.cose(), "{kind:?}");
        assert_eq!(made.credential_id.to_string(), authenticator.id());
        assert_eq!(made.counter, 1);
        assert!(made.backup_eligible && made.backed_up && made.user_verified);
        assert_eq!(made.aaguid.as_bytes(), &[7; 16]);

        let proof = assert_with(&mut authenticator, 1, Verification::Required);
        let expected = Proof {
            counter: 2,
            user_verified: true,
        };
        assert_eq!(proof, Ok(expected), "{kind:?}");
    }
}

#[test]
fn a_touch_is_enough_beside_a_password_and_not_instead_of_one() {
    for kind in KINDS {
        let mut authenticator = Authenticator::new(kind, ORIGIN);
        authenticator.flags = PRESENT;
        assert!(!register(&mut authenticator).unwrap().user_verified);
        let proof = assert_with(&mut authenticator, 1, Verification::NotNeeded).unwrap();
        assert!(!proof.user_verified);
        assert!(
            assert_with(&mut authenticator, 2, Verification::Required).is_err(),
            "{kind:?}"
        );
    }
}

/// Whether a key may be copied is no matter of the reference: an update of a phone may change it.
#[test]
fn a_passkey_that_has_learnt_to_be_copied_is_the_same_passkey() {
    for kind in KINDS {
        let mut authenticator = Authenticator::new(kind, ORIGIN);
        register(&mut authenticator).unwrap();
        authenticator.flags = PRESENT | VERIFIED | BACKUP_ELIGIBLE | BACKED_UP;
        assert!(assert_with(&mut authenticator, 1, Verification::Required).is_ok());
        authenticator.flags = PRESENT | VERIFIED;
        assert!(assert_with(&mut authenticator, 2, Verification::Required).is_ok());
    }
}

#[test]
fn a_counter_goes_up_or_stays_at_zero() {
    for kind in KINDS {
        // (on record, counted by the authenticator before this signature, counts)
        for (on_record, counted, counts, expected) in [
            (0, 0, false, Ok(0)),
            (0, 0, true, Ok(1)),
            (41, 41, true, Ok(42)),
            (41, 99, true, Ok(100)),
            (42, 41, true, Err(Refusal::CounterWentBackwards)),
            (50, 41, true, Err(Refusal::CounterWentBackwards)),
            (1, 0, false, Err(Refusal::CounterWentBackwards)),
            (i64::MAX, 41, true, Err(Refusal::CounterWentBackwards)),
            (-1, 41, true, Err(Refusal::CounterWentBackwards)),
        ] {
            let mut authenticator = Authenticator::new(kind, ORIGIN);
            authenticator.counter = counted;
            authenticator.counts = counts;
            let proof = assert_with(&mut authenticator, on_record, Verification::Required);
            assert_eq!(
                proof.map(|proof| proof.counter),
                expected,
                "{kind:?}: {on_record}, {counted}"
            );
        }
    }
}

#[test]
fn an_authenticator_that_says_something_else_is_refused() {
    type Change = fn(&mut Authenticator);
    let changes: [(&str, Change); 6] = [
        ("another origin", |it| {
            it.origin = "https://identite.example.org".to_owned();
        }),
        ("another port", |it| {
            it.origin = "https://identite.example:8443".to_owned();
        }),
        ("a part of the house", |it| {
            it.origin = "https://www.identite.example".to_owned();
        }),
        ("in clear", |it| it.origin = "http://identite.example".to_owned()),
        ("for somebody else", |it| it.rp_id = Some("example".to_owned())),
        ("nobody there", |it| it.flags = VERIFIED),
    ];
    for kind in KINDS {
        for (name, change) in changes {
            let mut authenticator = Authenticator::new(kind, ORIGIN);
            change(&mut authenticator);
            assert!(register(&mut authenticator).is_err(), "{kind:?}: {name}");
            let proof = assert_with(&mut authenticator, 0, Verification::NotNeeded);
            assert!(matches!(proof, Err(Refusal::Invalid(_))), "{kind:?}: {name}");
        }
        let mut authenticator = Authenticator::new(kind, ORIGIN);
        authenticator.flags = PRESENT | VERIFIED | BACKED_UP;
        assert!(
            register(&mut authenticator).is_err(),
            "{kind:?}: copied, and cannot be"
        );
        assert!(assert_with(&mut authenticator, 0, Verification::NotNeeded).is_err());
    }
}

#[test]
fn an_answer_that_was_changed_is_refused() {
    let us = us();
    for kind in KINDS {
        let mut authenticator = Authenticator::new(kind, ORIGIN);
        let row = row(&authenticator, 0);
        let challenged = us.challenge_assertion(&[], Verification::NotNeeded).unwrap();
        let verify = |answer: Value| {
            let answer: PublicKeyCredential = serde_json::from_value(answer).unwrap();
            us.verify_assertion(&answer, &challenged.state, &row, Verification::NotNeeded)
        };
        let right = authenticator.get(&challenged.options);
        assert!(verify(right.clone()).is_ok());

        let other = Authenticator::new(kind, ORIGIN).get(&challenged.options);
        let mut changed = right.clone();
        changed["response"]["signature"] = other["response"]["signature"].clone();
        assert!(verify(changed).is_err(), "{kind:?}: somebody else's signature");

        // Verified, says the data that was not signed.
        authenticator.flags = PRESENT;
        let mut changed = authenticator.get(&challenged.options);
        changed["response"]["authenticatorData"] = right["response"]["authenticatorData"].clone();
        assert!(verify(changed).is_err(), "{kind:?}: flags of another answer");

        let creation = authenticator.client_data("webauthn.create", &challenged.options["challenge"]);
        assert!(verify(authenticator.assert(&creation, "identite.example")).is_err());

        let mut framed = authenticator.client_data("webauthn.get", &challenged.options["challenge"]);
        framed["crossOrigin"] = json!(true);
        assert!(verify(authenticator.assert(&framed, "identite.example")).is_err());
    }
}

#[test]
fn a_registration_with_a_wrong_attestation_is_refused() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    for kind in KINDS {
        let mut authenticator = Authenticator::new(kind, ORIGIN);
        let outcome = register_changed(&mut authenticator, |answer| {
            let object = answer["response"]["attestationObject"].as_str().unwrap();
            let object = URL_SAFE_NO_PAD.decode(object).unwrap();
            let mut object: serde_cbor_2::Value = serde_cbor_2::from_slice(&object).unwrap();
            if let serde_cbor_2::Value::Map(members) = &mut object {
                let format = serde_cbor_2::Value::Text("fmt".to_owned());
                members.insert(format, serde_cbor_2::Value::Text("packed".to_owned()));
            }
            let object = serde_cbor_2::to_vec(&object).unwrap();
            answer["response"]["attestationObject"] = json!(URL_SAFE_NO_PAD.encode(object));
        });
        assert!(outcome.is_err(), "{kind:?}");
        let outcome = register_changed(&mut authenticator, |answer| {
            answer["response"]["attestationObject"] = json!("oA");
        });
        assert!(outcome.is_err(), "{kind:?}");
    }
}

/// A row whose key nobody can read says so, and nothing else breaks.
#[test]
fn a_row_with_an_unknown_key_is_refused() {
    let us = us();
    let mut authenticator = Authenticator::new(KeyKind::P256, ORIGIN);
    let row = Row {
        public_key: vec![0xa0],
        ..row(&authenticator, 0)
    };
    let challenged = us.challenge_assertion(&[], Verification::NotNeeded).unwrap();
    let answer = authenticator.get(&challenged.options);
    let answer: PublicKeyCredential = serde_json::from_value(answer).unwrap();
    let proof = us.verify_assertion(&answer, &challenged.state, &row, Verification::NotNeeded);
    assert!(matches!(proof, Err(Refusal::Invalid(_))));
}
