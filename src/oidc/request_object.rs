//! Where the parameters of an authorization request really are: in the request itself, in a signed object (RFC 9101), or
//! pushed before (RFC 9126).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::artefacts::pushed_request_key;
use super::authorization_request::AUTHORIZATION_PARAMETERS;
use super::client::Client;
use super::client_authentication::CLOCK_TOLERANCE;
use super::error::{ErrorCode, Fault, ProtocolError};
use super::jose::UnverifiedJwt;
use super::parameters::Parameters;
use super::service::Oidc;

/// What the identifier of a pushed request begins with (RFC 9126 §2.2).
pub const PUSHED_REQUEST_PREFIX: &str = "urn:ietf:params:oauth:request_uri:";
/// The `typ` of a request object (RFC 9101 §10.8).
pub(super) const REQUEST_OBJECT_TYPE: &str = "oauth-authz-req+jwt";
/// Claims of a request object that are about the object itself.
const OBJECT_CLAIMS: [&str; 7] = ["iss", "aud", "exp", "nbf", "iat", "jti", "sub"];

/// How the parameters reached us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Provenance {
    /// By the client itself, which has proved who it is.
    pub is_pushed: bool,
    /// Signed by the client.
    pub is_signed: bool,
}

/// What is kept of a pushed request.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PushedRequest {
    pub(super) client_id: String,
    pub(super) parameters: Vec<(String, String)>,
    pub(super) is_signed: bool,
    pub(super) expires_at: chrono::DateTime<chrono::Utc>,
}

/// Why the parameters cannot be had.
pub(super) enum Unobtainable {
    /// The request is at fault.
    Refused(ProtocolError),
    Fault(Fault),
}

impl<E: Into<Fault>> From<E> for Unobtainable {
    fn from(error: E) -> Self {
        Self::Fault(error.into())
    }
}

impl Oidc {
    /// The parameters that count, instead of the `outer` ones.
    ///
    /// What is wrong with the outer ones themselves is left to the checks of the read stage: they come back as they are.
    pub(super) async fn effective_parameters(
        &self,
        outer: &Parameters,
        client: &Client,
    ) -> Result<Option<(Parameters, Provenance)>, Unobtainable> {
        if !outer.duplicated().is_empty() || (outer.has("request") && outer.has("request_uri")) {
            return Ok(None);
        }
        if let Some(object) = outer.get("request") {
            if client.settings.request_object_algorithm.is_none() {
                return Ok(None);
            }
            let parameters = self.read_request_object(object, client).await?;
            let provenance = Provenance {
                is_signed: true,
                is_pushed: false,
            };
            return Ok(Some((parameters, provenance)));
        }
        let Some(name) = outer
            .get("request_uri")
            .and_then(|uri| uri.strip_prefix(PUSHED_REQUEST_PREFIX))
        else {
            return Ok(None);
        };
        self.take_pushed_request(name, client).await.map(Some)
    }

    /// The parameters of a pushed request, which works once, and for its own client only.
    async fn take_pushed_request(
        &self,
        name: &str,
        client: &Client,
    ) -> Result<(Parameters, Provenance), Unobtainable> {
        let unknown = || {
            Unobtainable::Refused(ProtocolError::new(
                ErrorCode::InvalidRequestUri,
                "request_uri is invalid, expired, or was already used",
            ))
        };
        let key = pushed_request_key(name);
        let stored = self.state.get(&key).await?.ok_or_else(unknown)?;
        let pushed: PushedRequest = serde_json::from_slice(&stored)?;
        if pushed.client_id != client.client_id {
            let description = "request_uri belongs to another client";
            let error = ProtocolError::new(ErrorCode::InvalidRequestObject, description);
            return Err(Unobtainable::Refused(error));
        }
        let is_first = self.state.take(&key).await?.is_some();
        if !is_first || pushed.expires_at <= self.now() {
            return Err(unknown());
        }
        let provenance = Provenance {
            is_pushed: true,
            is_signed: pushed.is_signed,
        };
        Ok((
            Parameters::read(pushed.parameters, AUTHORIZATION_PARAMETERS),
            provenance,
        ))
    }

    /// The parameters of a signed request object: only those inside of it count (RFC 9101 §6.3).
    pub(super) async fn read_request_object(
        &self,
        object: &str,
        client: &Client,
    ) -> Result<Parameters, Unobtainable> {
        let invalid = |why: &'static str| {
            Unobtainable::Refused(ProtocolError::new(ErrorCode::InvalidRequestObject, why))
        };
        let jwt =
            UnverifiedJwt::parse(object).ok_or_else(|| invalid("the request object is not a signed JWT"))?;
        let type_is_fine = jwt.header_text("typ").is_none_or(|name| {
            name.eq_ignore_ascii_case(REQUEST_OBJECT_TYPE) || name.eq_ignore_ascii_case("jwt")
        });
        if !type_is_fine {
            return Err(invalid("the request object is a token of another type"));
        }
        let accepted: Vec<_> = client.settings.request_object_algorithm.into_iter().collect();
        if !self.is_signed_by(client, &jwt, &accepted).await? {
            return Err(invalid("the signature of the request object is wrong"));
        }
        let is_own = |name: &str| jwt.text(name).is_none_or(|value| value == client.client_id);
        if !is_own("iss") || jwt.text("client_id") != Some(client.client_id.as_str()) {
            return Err(invalid("the request object is of another client"));
        }
        if jwt.claims.contains_key("aud") && !jwt.is_for_one_of(&[self.settings.issuer.as_str()]) {
            return Err(invalid("the request object is for somebody else"));
        }
        let now = self.now().timestamp();
        let is_over = jwt.seconds("exp").is_some_and(|at| at <= now - CLOCK_TOLERANCE);
        let is_early = jwt.seconds("nbf").is_some_and(|at| at > now + CLOCK_TOLERANCE);
        if is_over || is_early {
            return Err(invalid("the request object is not valid now"));
        }
        if jwt.claims.contains_key("request") || jwt.claims.contains_key("request_uri") {
            return Err(invalid("a request object holds no other one"));
        }
        let pairs = parameters_in(&jwt).ok_or_else(|| invalid("a parameter has a type that none has"))?;
        Ok(Parameters::read(pairs, AUTHORIZATION_PARAMETERS))
    }
}

/// The parameters as they would be in a query: texts, numbers, and `claims` as JSON.
fn parameters_in(jwt: &UnverifiedJwt<'_>) -> Option<Vec<(String, String)>> {
    let mut pairs = Vec::with_capacity(jwt.claims.len());
    for (name, value) in &jwt.claims {
        let text = match value {
            _ if OBJECT_CLAIMS.contains(&name.as_str()) => continue,
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Object(_) if name == "claims" => value.to_string(),
            // What nobody here knows is ignored, whatever it is.
            _ if !AUTHORIZATION_PARAMETERS.contains(&name.as_str()) => continue,
            _ => return None,
        };
        pairs.push((name.clone(), text));
    }
    Some(pairs)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// A token with these claims, which nobody signed.
    fn token(claims: &Value) -> String {
        format!("e30.{}.AA", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    fn read(claims: &Value) -> Option<Vec<(String, String)>> {
        parameters_in(&UnverifiedJwt::parse(&token(claims)).expect("a token"))
    }

    #[test]
    fn parameters_are_read_as_they_would_stand_in_a_query() {
        let claims = json!({
            "iss": "client", "aud": "issuer", "exp": 1,
            "client_id": "client", "max_age": 60, "claims": {"id_token": {"acr": null}}, "unknown": [1],
        });
        let mut pairs = read(&claims).unwrap();
        pairs.sort();
        let expected = [
            ("claims", r#"{"id_token":{"acr":null}}"#),
            ("client_id", "client"),
            ("max_age", "60"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(pairs, expected);
    }

    #[test]
    fn a_parameter_of_another_type_is_none() {
        for value in [json!(null), json!(true), json!(["x"]), json!({})] {
            assert_eq!(read(&json!({"state": value})), None, "{value}");
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(any::<String>(), inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Whatever is signed, only parameters that this provider knows are taken, each a text.
        #[test]
        fn no_object_makes_the_reader_panic(
            members in proptest::collection::vec((0..AUTHORIZATION_PARAMETERS.len(), any_value()), 0..8),
            others in proptest::collection::btree_map("[a-z_]{1,12}", any_value(), 0..4),
        ) {
            let mut claims: serde_json::Map<String, Value> = others.into_iter().collect();
            for (index, value) in members {
                claims.insert(AUTHORIZATION_PARAMETERS[index].to_owned(), value);
            }
            if let Some(pairs) = read(&Value::Object(claims)) {
                let parameters = Parameters::read(pairs, AUTHORIZATION_PARAMETERS);
                prop_assert!(parameters.duplicated().is_empty());
                prop_assert!(!parameters.has("iss") && !parameters.has("exp"));
            }
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in any::<String>(), payload in any::<Vec<u8>>()) {
            let tokens = [text, format!("e30.{}.AA", BASE64_URL_SAFE_NO_PAD.encode(payload))];
            for token in &tokens {
                if let Some(jwt) = UnverifiedJwt::parse(token) {
                    let _ = parameters_in(&jwt);
                }
            }
        }
    }
}
