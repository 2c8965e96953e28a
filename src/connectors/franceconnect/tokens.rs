//! What `FranceConnect` has signed, and whether it may be believed (OpenID Connect Core §3.1.3.7). Pure.

use chrono::{DateTime, TimeDelta, Utc};
use josekit::jwk::{Jwk, JwkSet};
use josekit::jws::alg::hmac::HmacJwsAlgorithm;
use josekit::jws::{self, ES256, HS256, JwsHeader, JwsVerifier, PS256, RS256};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;

/// Clocks that tell the time apart by this much are both right.
const LEEWAY: TimeDelta = TimeDelta::seconds(60);
/// What was asked for with `acr_values=eidas1`, and what is more than that.
const ACCEPTABLE_ACRS: [&str; 3] = ["eidas1", "eidas2", "eidas3"];

/// `FRANCECONNECT_ID_TOKEN_SIGNED_RESPONSE_ALG`: how the provider signs for this client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    Es256,
    Rs256,
    Ps256,
    /// With the client's secret as the key.
    Hs256,
}

/// The name of an algorithm that is not supported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not one of ES256, RS256, PS256 and HS256")]
pub struct UnsupportedSignatureAlgorithm(String);

impl SignatureAlgorithm {
    const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Hs256 => "HS256",
        }
    }
}

impl std::str::FromStr for SignatureAlgorithm {
    type Err = UnsupportedSignatureAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnsupportedSignatureAlgorithm> {
        [Self::Es256, Self::Rs256, Self::Ps256, Self::Hs256]
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
            .ok_or_else(|| UnsupportedSignatureAlgorithm(name.to_owned()))
    }
}

/// Why something signed is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    #[error("it is no signed token")]
    Malformed,
    #[error("it is signed with another algorithm than agreed")]
    Algorithm,
    /// Perhaps the provider has new keys.
    #[error("no key of the provider has signed it")]
    UnknownKey,
    #[error("the signature is wrong")]
    Signature,
    #[error("the claim {0} is missing or wrong")]
    Claim(&'static str),
}

/// The key that a signature is checked with.
#[derive(Clone, Copy)]
pub(super) struct Trust<'a> {
    pub(super) algorithm: SignatureAlgorithm,
    pub(super) keys: &'a JwkSet,
    pub(super) client_secret: &'a str,
}

/// What an ID token must say.
#[derive(Clone, Copy)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    pub(super) now: DateTime<Utc>,
}

/// The claims of a signed token, once its signature is found good.
pub(super) fn verify(token: &str, trust: Trust<'_>) -> Result<Map<String, Value>, Distrust> {
    let header = header(token)?;
    if header.claim("alg").and_then(Value::as_str) != Some(trust.algorithm.name()) {
        return Err(Distrust::Algorithm);
    }
    let candidates = verifiers(&header, trust);
    if candidates.is_empty() {
        return Err(Distrust::UnknownKey);
    }
    let payload = candidates
        .iter()
        .find_map(|verifier| jws::deserialize_compact(token, verifier.as_ref()).ok())
        .map(|(payload, _)| payload)
        .ok_or(Distrust::Signature)?;
    serde_json::from_slice(&payload).map_err(|_| Distrust::Malformed)
}

fn header(token: &str) -> Result<JwsHeader, Distrust> {
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;

    let encoded = token.split('.').next().unwrap_or_default();
    let bytes = BASE64_URL_SAFE_NO_PAD
        .decode(encoded)
        .map_err(|_| Distrust::Malformed)?;
    JwsHeader::from_bytes(&bytes).map_err(|_| Distrust::Malformed)
}

/// The keys that may have signed: the one that the header names, or without a name all of the right kind.
fn verifiers(header: &JwsHeader, trust: Trust<'_>) -> Vec<Box<dyn JwsVerifier>> {
    if trust.algorithm == SignatureAlgorithm::Hs256 {
        return hmac_verifier(HS256, trust.client_secret).into_iter().collect();
    }
    trust
        .keys
        .keys()
        .into_iter()
        .filter(|key| header.key_id().is_none() || header.key_id() == key.key_id())
        .filter_map(|key| verifier(trust.algorithm, key))
        .collect()
}

fn hmac_verifier(algorithm: HmacJwsAlgorithm, secret: &str) -> Option<Box<dyn JwsVerifier>> {
    let mut verifier = algorithm.verifier_from_bytes(secret).ok()?;
    verifier.remove_key_id();
    Some(Box::new(verifier))
}

/// A verifier that does not insist on a `kid`: which key it is was settled before.
fn verifier(algorithm: SignatureAlgorithm, key: &Jwk) -> Option<Box<dyn JwsVerifier>> {
    Some(match algorithm {
        SignatureAlgorithm::Es256 => {
            let mut verifier = ES256.verifier_from_jwk(key).ok()?;
            verifier.remove_key_id();
            Box::new(verifier)
        }
        SignatureAlgorithm::Rs256 => {
            let mut verifier = RS256.verifier_from_jwk(key).ok()?;
            verifier.remove_key_id();
            Box::new(verifier)
        }
        SignatureAlgorithm::Ps256 => {
            let mut verifier = PS256.verifier_from_jwk(key).ok()?;
            verifier.remove_key_id();
            Box::new(verifier)
        }
        SignatureAlgorithm::Hs256 => return None,
    })
}

/// The subject of an ID token that says what it must.
pub(super) fn subject(claims: &Map<String, Value>, expected: Expected<'_>) -> Result<String, Distrust> {
    if text(claims, "iss") != Some(expected.issuer) {
        return Err(Distrust::Claim("iss"));
    }
    require_audience(claims, expected.client_id)?;
    let instant = |name: &'static str| {
        let seconds = claims.get(name).and_then(Value::as_f64)?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "out of range saturates, and is then no instant"
        )]
        DateTime::from_timestamp(seconds as i64, 0)
    };
    if instant("exp").is_none_or(|end| end + LEEWAY <= expected.now) {
        return Err(Distrust::Claim("exp"));
    }
    if instant("iat").is_none_or(|made| made - LEEWAY > expected.now) {
        return Err(Distrust::Claim("iat"));
    }
    if claims.contains_key("nbf") && instant("nbf").is_none_or(|start| start - LEEWAY > expected.now) {
        return Err(Distrust::Claim("nbf"));
    }
    let nonce = text(claims, "nonce").unwrap_or_default();
    if !bool::from(nonce.as_bytes().ct_eq(expected.nonce.as_bytes())) {
        return Err(Distrust::Claim("nonce"));
    }
    if claims.contains_key("acr") && !text(claims, "acr").is_some_and(|acr| ACCEPTABLE_ACRS.contains(&acr)) {
        return Err(Distrust::Claim("acr"));
    }
    text(claims, "sub")
        .filter(|sub| !sub.is_empty())
        .map(str::to_owned)
        .ok_or(Distrust::Claim("sub"))
}

/// Whether signed userinfo is from the provider and for this client, where it says so (OpenID Connect Core §5.3.2).
pub(super) fn check_userinfo(claims: &Map<String, Value>, expected: Expected<'_>) -> Result<(), Distrust> {
    if claims.contains_key("iss") && text(claims, "iss") != Some(expected.issuer) {
        return Err(Distrust::Claim("iss"));
    }
    if claims.contains_key("aud") {
        require_audience(claims, expected.client_id)?;
    }
    Ok(())
}

/// `aud` names the client; among several, `azp` says that it is the one.
fn require_audience(claims: &Map<String, Value>, client_id: &str) -> Result<(), Distrust> {
    let audience: Vec<&str> = match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !audience.contains(&client_id) {
        return Err(Distrust::Claim("aud"));
    }
    let party = text(claims, "azp");
    let is_ours = match party {
        Some(party) => party == client_id,
        None => audience.len() == 1,
    };
    if is_ours {
        Ok(())
    } else {
        Err(Distrust::Claim("azp"))
    }
}

fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    claims.get(name).and_then(Value::as_str)
}

#[cfg(test)]
mod tests;
