//! DPoP (RFC 9449): proofs of possession of a key, and the nonces that keep them fresh. Pure, but for the replay check.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use url::Url;

use super::artefacts::fingerprint;
use super::client_authentication::CLOCK_TOLERANCE;
use super::error::{ErrorCode, ProtocolError};
use super::jose::{PublicKey, UnverifiedJwt};
use super::signer::SigningAlgorithm;
use crate::domain::{MasterKey, MasterKeys};

/// How far the clock of a client may be off, and how old a proof may be, in seconds, unless its nonce tells.
pub const PROOF_WINDOW_IN_SECONDS: i64 = 300;
/// A new nonce every this many seconds; one is accepted in its own period and in the next.
const NONCE_PERIOD_IN_SECONDS: i64 = 300;
const NONCE_LENGTH_IN_BYTES: usize = 24;
/// A proof is remembered for as long as it could be shown: from one end of its window to the other, or while its nonce is accepted.
/// A little longer, as the clocks of the nodes are not the same.
pub const PROOF_LIFE: Duration = {
    let period = if NONCE_PERIOD_IN_SECONDS > PROOF_WINDOW_IN_SECONDS {
        NONCE_PERIOD_IN_SECONDS
    } else {
        PROOF_WINDOW_IN_SECONDS
    };
    Duration::from_secs((2 * period + CLOCK_TOLERANCE).unsigned_abs())
};
const JTI_LIMIT: usize = 512;

/// The algorithms of proofs, in the order of the discovery document.
pub const PROOF_ALGORITHMS: [SigningAlgorithm; 3] = [
    SigningAlgorithm::ES256,
    SigningAlgorithm::Ed25519,
    SigningAlgorithm::EdDsa,
];

/// A proof whose signature and claims are sound. Whether it was used before is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// RFC 7638 thumbprint of the key.
    pub thumbprint: String,
    pub jti: String,
}

/// What a proof must be about.
pub struct ProofContext<'a> {
    pub method: &'a str,
    /// Of the endpoint, without query.
    pub url: &'a str,
    /// That comes with the proof, at a resource.
    pub access_token: Option<&'a str>,
    pub nonces: &'a Nonces,
    pub nonce_is_required: bool,
    pub now: DateTime<Utc>,
}

/// Reads the header `DPoP`.
///
/// # Errors
/// `use_dpop_nonce` when the nonce is missing or old; `invalid_dpop_proof` for everything else.
pub fn read_proof(header: &str, context: &ProofContext<'_>) -> Result<Proof, ProtocolError> {
    let invalid = |why: &'static str| ProtocolError::new(ErrorCode::InvalidDpopProof, why);
    let jwt = UnverifiedJwt::parse(header).ok_or_else(|| invalid("the proof is not a signed JWT"))?;
    if jwt.header_text("typ") != Some("dpop+jwt") {
        return Err(invalid("typ must be dpop+jwt"));
    }
    let algorithm = jwt
        .algorithm()
        .filter(|algorithm| PROOF_ALGORITHMS.contains(algorithm))
        .ok_or_else(|| invalid("alg is not supported"))?;
    let key = jwt
        .header
        .get("jwk")
        .and_then(PublicKey::parse)
        .ok_or_else(|| invalid("jwk must be a public key"))?;
    if !key.verifies(&jwt, algorithm) {
        return Err(invalid("the signature is wrong"));
    }
    let jti = jwt
        .text("jti")
        .filter(|jti| !jti.is_empty() && jti.len() <= JTI_LIMIT)
        .ok_or_else(|| invalid("jti is missing"))?;
    if jwt.text("htm") != Some(context.method) {
        return Err(invalid("htm is not the method of the request"));
    }
    if !jwt.text("htu").is_some_and(|htu| is_same_place(htu, context.url)) {
        return Err(invalid("htu is not the address of the request"));
    }
    let hash = context.access_token.map(fingerprint);
    if hash.is_some() && jwt.text("ath") != hash.as_deref() {
        return Err(invalid("ath is not the hash of the access token"));
    }
    // Before the times: whose clock is wrong is led to a nonce, which tells the time better.
    let nonce_is_fine = match jwt.claims.get("nonce") {
        None => !context.nonce_is_required,
        Some(nonce) => nonce
            .as_str()
            .is_some_and(|nonce| context.nonces.accept(nonce, context.now)),
    };
    if !nonce_is_fine {
        let description = "a nonce of this server is needed in the proof";
        return Err(ProtocolError::new(ErrorCode::UseDpopNonce, description));
    }
    check_times(&jwt, context.now.timestamp()).map_err(invalid)?;
    Ok(Proof {
        thumbprint: key.thumbprint().to_owned(),
        jti: jti.to_owned(),
    })
}

/// Judges the times of a proof whose nonce, if it has one, is fresh. `now` is in seconds since 1970.
fn check_times(jwt: &UnverifiedJwt<'_>, now: i64) -> Result<(), &'static str> {
    let issued = jwt.seconds("iat").ok_or("iat is missing")?;
    // A fresh nonce says when the proof was made, whatever the clock of the client says (RFC 9449 §4.3).
    let is_dated_by_nonce = jwt.claims.contains_key("nonce");
    let is_near = now
        .checked_sub(issued)
        .is_some_and(|age| age.abs() <= PROOF_WINDOW_IN_SECONDS);
    if !is_dated_by_nonce && !is_near {
        return Err("iat is too far from now");
    }
    // What the client itself says of its proof counts, too; what cannot be read has had its time.
    let bound = |name: &str| jwt.claims.get(name).map(|_| jwt.seconds(name));
    if bound("exp").is_some_and(|at| at.is_none_or(|at| at <= now - CLOCK_TOLERANCE)) {
        return Err("the proof has expired");
    }
    if bound("nbf").is_some_and(|at| at.is_none_or(|at| at > now + CLOCK_TOLERANCE)) {
        return Err("the proof is not valid yet");
    }
    Ok(())
}

/// Whether `htu` names `url`: compared as RFC 3986 normalises, without query and fragment (RFC 9449 §4.3).
fn is_same_place(htu: &str, url: &str) -> bool {
    let bare = |text: &str| {
        let mut url = Url::parse(text).ok()?;
        url.set_query(None);
        url.set_fragment(None);
        Some(url)
    };
    bare(htu).is_some_and(|htu| Some(htu) == bare(url))
}

/// Separates the key of nonces from every other use of the master key.
const NONCE_PURPOSE: &[u8] = b"identite dpop nonces v1";

/// The nonces of this server: the same on every node, renewed by time, nothing to store.
#[derive(Clone)]
pub struct Nonces {
    keys: MasterKeys,
}

impl Nonces {
    /// Nonces whose keys are derived from `keys`, the same for all nodes.
    #[must_use]
    pub const fn derived_from(keys: MasterKeys) -> Self {
        Self { keys }
    }

    /// The nonce for proofs made from `now` on.
    #[must_use]
    pub fn current(&self, now: DateTime<Utc>) -> String {
        let period = now.timestamp().div_euclid(NONCE_PERIOD_IN_SECONDS);
        of_period(self.keys.ring().current(), period)
    }

    fn accept(&self, nonce: &str, now: DateTime<Utc>) -> bool {
        let period = now.timestamp().div_euclid(NONCE_PERIOD_IN_SECONDS);
        let ring = self.keys.ring();
        ring.all().any(|key| {
            [period, period - 1]
                .into_iter()
                .any(|period| of_period(key, period).as_bytes().ct_eq(nonce.as_bytes()).into())
        })
    }
}

fn of_period(key: &MasterKey, period: i64) -> String {
    let digest = mac(&key.derived(NONCE_PURPOSE), &period.to_be_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(&digest[..NONCE_LENGTH_IN_BYTES])
}

fn mac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonces(…)")
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::jose::tests::{ec_key, public, signed};
    use super::*;

    const URL: &str = "https://op.example/oauth/token";

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn nonces() -> Nonces {
        Nonces::derived_from([1; 32].into())
    }

    fn proof(
        header: &Value,
        claims: &Value,
        nonce_is_required: bool,
        token: Option<&str>,
    ) -> Result<Proof, ErrorCode> {
        let key = ec_key("k");
        let mut full_header = json!({"typ": "dpop+jwt", "jwk": public(&key)});
        let mut full_claims = json!({"jti": "1", "htm": "POST", "htu": URL, "iat": now().timestamp()});
        for (target, changes) in [(&mut full_header, header), (&mut full_claims, claims)] {
            for (name, value) in changes.as_object().unwrap() {
                target[name] = value.clone();
            }
        }
        let context = ProofContext {
            method: "POST",
            url: URL,
            access_token: token,
            nonces: &nonces(),
            nonce_is_required,
            now: now(),
        };
        read_proof(&signed(&key, &full_header, &full_claims), &context).map_err(|error| error.code)
    }

    #[test]
    fn a_sound_proof_is_accepted() {
        for claims in [
            json!({}),
            json!({"htu": "HTTPS://op.example:443/oauth/token?x=1#y"}),
            json!({"iat": now().timestamp() - 300}),
            json!({"nonce": nonces().current(now())}),
        ] {
            assert!(proof(&json!({}), &claims, false, None).is_ok(), "{claims}");
        }
        assert!(proof(&json!({}), &json!({"ath": fingerprint("t")}), false, Some("t")).is_ok());
    }

    #[test]
    fn an_unsound_proof_is_refused() {
        let other = public(&ec_key("other"));
        let private = Value::Object(ec_key("private").as_ref().clone());
        for (header, claims, token) in [
            (json!({"typ": "JWT"}), json!({}), None),
            (json!({"jwk": other}), json!({}), None),
            (json!({"jwk": private}), json!({}), None),
            (json!({}), json!({"jti": ""}), None),
            (json!({}), json!({"htm": "GET"}), None),
            (
                json!({}),
                json!({"htu": "https://op.example/oauth/userinfo"}),
                None,
            ),
            (json!({}), json!({"iat": now().timestamp() - 301}), None),
            (json!({}), json!({"iat": now().timestamp() + 301}), None),
            (json!({}), json!({"iat": "now"}), None),
            (json!({}), json!({}), Some("t")),
            (json!({}), json!({"ath": fingerprint("u")}), Some("t")),
        ] {
            assert_eq!(
                proof(&header, &claims, false, token),
                Err(ErrorCode::InvalidDpopProof),
                "{header} {claims}"
            );
        }
    }

    #[test]
    fn a_proof_counts_no_longer_than_it_says() {
        let at = now().timestamp();
        for (claims, is_sound) in [
            (json!({"exp": at + 1}), true),
            (json!({"exp": at - 14}), true),
            (json!({"exp": at - 15}), false),
            (json!({"exp": "soon"}), false),
            (json!({"exp": null}), false),
            (json!({"nbf": at + 15}), true),
            (json!({"nbf": at + 16}), false),
            (json!({"nbf": i64::MIN, "exp": i64::MAX}), true),
            (json!({"nonce": nonces().current(now()), "exp": at - 15}), false),
        ] {
            let outcome = proof(&json!({}), &claims, false, None);
            assert_eq!(outcome.is_ok(), is_sound, "{claims}: {outcome:?}");
        }
    }

    #[test]
    fn whose_clock_is_wrong_is_led_to_a_nonce_and_accepted_with_it() {
        let nonce = nonces().current(now());
        for off in [-301, 301, -86_400, 1_000_000_000] {
            let issued = now().timestamp() + off;
            let claims = json!({"iat": issued});
            let told = proof(&json!({}), &claims, true, None);
            assert_eq!(told, Err(ErrorCode::UseDpopNonce), "{off}");
            let claims = json!({"iat": issued, "nonce": nonce});
            assert!(proof(&json!({}), &claims, true, None).is_ok(), "{off}");
        }
        for issued in [json!(null), json!("now")] {
            let claims = json!({"iat": issued, "nonce": nonce});
            let told = proof(&json!({}), &claims, true, None);
            assert_eq!(told, Err(ErrorCode::InvalidDpopProof), "{issued}");
        }
    }

    #[test]
    fn a_proof_is_remembered_for_as_long_as_it_could_be_shown() {
        let life = i64::try_from(PROOF_LIFE.as_secs()).unwrap();
        // The last second of the window is one that still counts.
        assert!(life > 2 * PROOF_WINDOW_IN_SECONDS);
        assert!(life >= 2 * NONCE_PERIOD_IN_SECONDS);
    }

    #[test]
    fn a_nonce_is_asked_for_where_it_is_required_and_wears_off() {
        let asked = Err(ErrorCode::UseDpopNonce);
        assert_eq!(proof(&json!({}), &json!({}), true, None), asked);
        assert_eq!(proof(&json!({}), &json!({"nonce": "x"}), false, None), asked);
        let nonces = nonces();
        let nonce = nonces.current(now());
        assert!(nonces.accept(&nonce, now() + TimeDelta::seconds(NONCE_PERIOD_IN_SECONDS)));
        assert!(!nonces.accept(&nonce, now() + TimeDelta::seconds(2 * NONCE_PERIOD_IN_SECONDS)));
        assert!(!Nonces::derived_from([2; 32].into()).accept(&nonce, now()));
    }

    proptest! {
        #[test]
        fn no_header_makes_the_reader_panic(text in ".*") {
            let nonces = nonces();
            let context = ProofContext {
                method: "POST", url: URL, access_token: None, nonces: &nonces, nonce_is_required: false, now: now(),
            };
            prop_assert!(read_proof(&text, &context).is_err());
        }

        /// What is signed is believed only where every claim is as it should be.
        #[test]
        fn no_claim_of_another_value_passes(
            (name, value) in prop_oneof![
                ("jti", "[ -~]{0,8}".prop_map(Value::from)),
                ("htm", "[A-Z]{0,6}".prop_map(Value::from)),
                ("htu", ".{0,40}".prop_map(Value::from)),
                ("iat", any::<i64>().prop_map(Value::from)),
                ("iat", any::<f64>().prop_map(Value::from)),
                ("iat", ".{0,12}".prop_map(Value::from)),
            ],
        ) {
            let outcome = proof(&json!({}), &json!({name.as_str(): value}), false, None);
            let is_fine = match name.as_str() {
                "jti" => value != "",
                "htm" => value == "POST",
                "htu" => value.as_str().is_some_and(|htu| is_same_place(htu, URL)),
                _ => value.as_f64().is_some_and(|at| {
                    #[expect(clippy::cast_precision_loss, reason = "far from the limits of a double")]
                    let off = at - now().timestamp() as f64;
                    off.abs() < 302.0
                }),
            };
            prop_assert!(is_fine || outcome.is_err(), "{}: {}", name, value);
        }
    }
}
