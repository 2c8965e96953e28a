//! Userinfo: the request, and the checks on its answer (OpenID Connect Core §5.3).
//!
//! `openidconnect` verifies signed userinfo with RS256 only, while the provider signs it with the algorithm of the
//! client's registration; so the signed form is verified here, on the keys of the same crate.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::{CoreJsonWebKey, CoreJsonWebKeyUse, CoreJwsSigningAlgorithm};
use openidconnect::{
    AccessToken, ClientId, HttpRequest, HttpResponse, JsonWebKey, JsonWebKeyAlgorithm, JwsSigningAlgorithm,
    SubjectIdentifier, UserInfoUrl, http,
};
use serde::Deserialize;
use serde_json::Value;

use crate::failure::Failure;

/// What userinfo must match to be believed.
pub struct Expected<'a> {
    pub issuer: &'a str,
    pub client_id: &'a ClientId,
    /// The subject of the ID token that came with the access token.
    pub subject: &'a SubjectIdentifier,
    /// Plain JSON is expected when absent.
    pub algorithm: Option<&'a CoreJwsSigningAlgorithm>,
    pub keys: &'a [CoreJsonWebKey],
}

/// The request for `access_token`.
///
/// # Errors
/// [`Failure::Userinfo`] when the token holds characters that no header can carry.
pub fn request(endpoint: &UserInfoUrl, access_token: &AccessToken) -> Result<HttpRequest, Failure> {
    http::Request::builder()
        .uri(endpoint.as_str())
        .header(http::header::ACCEPT, "application/json, application/jwt")
        .header(
            http::header::AUTHORIZATION,
            format!("Bearer {}", access_token.secret()),
        )
        .body(Vec::new())
        .map_err(|error| Failure::Userinfo(error.to_string()))
}

/// The claims of an answer that passes every check.
///
/// # Errors
/// What does not fit: status, media type, signature, algorithm, issuer, audience, expiry or subject.
pub fn verify(answer: &HttpResponse, expected: &Expected<'_>) -> Result<Value, String> {
    if answer.status() != http::StatusCode::OK {
        return Err(format!(
            "status {}: {}",
            answer.status(),
            String::from_utf8_lossy(answer.body())
        ));
    }
    let claims = match (media_type(answer).as_str(), expected.algorithm) {
        ("application/json", None) => {
            serde_json::from_slice(answer.body()).map_err(|error| format!("not JSON: {error}"))?
        }
        ("application/jwt", Some(algorithm)) => {
            let token = std::str::from_utf8(answer.body()).map_err(|_| "the token is not text".to_owned())?;
            verified_payload(token, algorithm, expected)?
        }
        (media_type, Some(_)) => return Err(format!("a signed answer was expected, not {media_type}")),
        (media_type, None) => return Err(format!("a JSON answer was expected, not {media_type}")),
    };
    // The subject must be the one that signed in, or the token was swapped (§5.3.2).
    if claims["sub"] != expected.subject.as_str() {
        return Err(format!(
            "sub is {}, not {:?}",
            claims["sub"],
            expected.subject.as_str()
        ));
    }
    Ok(claims)
}

/// The payload of a compact JWS, without any check.
///
/// # Errors
/// When the text is not three parts, or its payload is not base64url of JSON.
pub fn payload(token: &str) -> Result<Value, String> {
    let [_, payload, _] = parts(token)?;
    decode_json(payload)
}

#[derive(Deserialize)]
struct Header {
    alg: CoreJwsSigningAlgorithm,
    kid: Option<String>,
    /// Extensions that must be understood (RFC 7515 §4.1.11); none is.
    crit: Option<Value>,
}

fn verified_payload(
    token: &str,
    algorithm: &CoreJwsSigningAlgorithm,
    expected: &Expected<'_>,
) -> Result<Value, String> {
    let [header_part, payload_part, signature_part] = parts(token)?;
    let header: Header = serde_json::from_value(decode_json(header_part)?)
        .map_err(|error| format!("unusable JOSE header: {error}"))?;
    if header.crit.is_some() {
        return Err("the JOSE header has critical extensions".into());
    }
    if header.alg != *algorithm {
        return Err(format!("signed with {:?}, not with {algorithm:?}", header.alg));
    }

    let signature = decode(signature_part)?;
    let signing_input = &token.as_bytes()[..header_part.len() + 1 + payload_part.len()];
    let signed_by_known_key = expected
        .keys
        .iter()
        .filter(|key| fits(key, header.kid.as_deref(), algorithm))
        .any(|key| key.verify_signature(algorithm, signing_input, &signature).is_ok());
    if !signed_by_known_key {
        return Err("the signature fits none of the provider's keys".into());
    }

    let claims = decode_json(payload_part)?;
    if claims["iss"] != expected.issuer {
        return Err(format!("iss is {}, not {:?}", claims["iss"], expected.issuer));
    }
    let for_us = match &claims["aud"] {
        Value::String(audience) => audience == expected.client_id.as_str(),
        Value::Array(audiences) => audiences
            .iter()
            .any(|audience| *audience == expected.client_id.as_str()),
        _ => false,
    };
    if !for_us {
        return Err(format!(
            "aud is {}, not {:?}",
            claims["aud"],
            expected.client_id.as_str()
        ));
    }
    if claims["exp"]
        .as_i64()
        .is_some_and(|expiry| expiry <= chrono::Utc::now().timestamp())
    {
        return Err("the token has expired".into());
    }
    Ok(claims)
}

/// Whether a published key may have made a signature with this `kid` and `alg`.
fn fits(key: &CoreJsonWebKey, kid: Option<&str>, algorithm: &CoreJwsSigningAlgorithm) -> bool {
    let right_id = kid.is_none_or(|kid| key.key_id().is_some_and(|id| id.as_str() == kid));
    let right_use = matches!(key.key_use(), None | Some(CoreJsonWebKeyUse::Signature));
    let right_type = algorithm.key_type().as_ref() == Some(key.key_type());
    let right_algorithm = match key.signing_alg() {
        JsonWebKeyAlgorithm::Algorithm(named) => named == algorithm,
        JsonWebKeyAlgorithm::Unspecified => true,
        JsonWebKeyAlgorithm::Unsupported => false,
    };
    right_id && right_use && right_type && right_algorithm
}

/// The media type, in lower case and without its parameters.
fn media_type(answer: &HttpResponse) -> String {
    let value = answer
        .headers()
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    value
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}

fn parts(token: &str) -> Result<[&str; 3], String> {
    let parts: Vec<&str> = token.split('.').collect();
    parts
        .try_into()
        .map_err(|_| "the token is not a compact JWS".to_owned())
}

fn decode(part: &str) -> Result<Vec<u8>, String> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|error| format!("the token is not base64url: {error}"))
}

fn decode_json(part: &str) -> Result<Value, String> {
    serde_json::from_slice(&decode(part)?).map_err(|error| format!("the token does not hold JSON: {error}"))
}
