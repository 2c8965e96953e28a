//! Where the parameters of an authorization request really are: in the request itself, in a signed object (RFC 9101), or
//! pushed before (RFC 9126).

use identite_actors::state::Write;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::artefacts::{consumed_key, pushed_request_key};
use super::authorization_request::AUTHORIZATION_PARAMETERS;
use super::client::Client;
use super::client_authentication::CLOCK_TOLERANCE;
use super::error::{ErrorCode, Fault, ProtocolError};
use super::jose::UnverifiedJwt;
use super::parameters::Parameters;
use super::pushed_request::PUSHED_REQUEST_LIFE;
use super::service::Oidc;

/// What the identifier of a pushed request begins with (RFC 9126 §2.2).
pub const PUSHED_REQUEST_PREFIX: &str = "urn:ietf:params:oauth:request_uri:";
/// The `typ` of a request object (RFC 9101 §10.8).
pub(super) const REQUEST_OBJECT_TYPE: &str = "oauth-authz-req+jwt";
/// A client that must sign its requests makes none that are valid for longer, in seconds: whoever finds one has that much time.
const OBJECT_LIFE_AT_MOST: i64 = 3600;

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

/// The parameters that count, and where they come from.
pub(super) struct Effective {
    pub(super) parameters: Parameters,
    pub(super) provenance: Provenance,
    /// The key of the pushed request that the code uses up.
    pub(super) pushed_request: Option<String>,
}

/// Why the parameters cannot be had.
pub(super) enum Unobtainable {
    /// The request is at fault.
    Refused {
        error: ProtocolError,
        /// What the client has signed: once that is known to be the client's, it says where the error goes (RFC 9101 §6.3).
        signed: Option<Parameters>,
    },
    Fault(Fault),
}

impl Unobtainable {
    /// A refusal that goes where the outer parameters say.
    fn refused(error: ProtocolError) -> Self {
        Self::Refused { error, signed: None }
    }
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
    ) -> Result<Option<Effective>, Unobtainable> {
        if !outer.duplicated().is_empty() || (outer.has("request") && outer.has("request_uri")) {
            return Ok(None);
        }
        if let Some(object) = outer.get("request") {
            if client.settings.request_object_algorithm.is_none() {
                return Ok(None);
            }
            return Ok(Some(Effective {
                parameters: self.read_request_object(object, client).await?,
                provenance: Provenance {
                    is_signed: true,
                    is_pushed: false,
                },
                pushed_request: None,
            }));
        }
        let Some(name) = outer
            .get("request_uri")
            .and_then(|uri| uri.strip_prefix(PUSHED_REQUEST_PREFIX))
        else {
            return Ok(None);
        };
        self.pushed_request(name, client).await.map(Some)
    }

    /// The parameters of a pushed request, for its own client only. Looking at it uses nothing up: people reload pages and go back, scanners
    /// of mails visit first. What uses it up is the code that it becomes ([`Self::use_up`]; RFC 9126 §4).
    async fn pushed_request(&self, name: &str, client: &Client) -> Result<Effective, Unobtainable> {
        let unknown = || Unobtainable::refused(unknown_request_uri());
        let key = pushed_request_key(name);
        let stored = self.state.get(&key).await?.ok_or_else(unknown)?;
        let pushed: PushedRequest = serde_json::from_slice(&stored)?;
        if pushed.client_id != client.client_id {
            let description = "request_uri belongs to another client";
            let error = ProtocolError::new(ErrorCode::InvalidRequestObject, description);
            return Err(Unobtainable::refused(error));
        }
        if pushed.expires_at <= self.now() {
            return Err(unknown());
        }
        Ok(Effective {
            parameters: Parameters::read(pushed.parameters, AUTHORIZATION_PARAMETERS),
            provenance: Provenance {
                is_pushed: true,
                is_signed: pushed.is_signed,
            },
            pushed_request: Some(key),
        })
    }

    /// Adds to `writes`, which hand a code out, what makes the pushed request unusable.
    pub(super) fn use_up(&self, pushed_request: &str, writes: &mut Vec<Write>) {
        writes.extend([
            Write::Delete {
                key: pushed_request.to_owned(),
            },
            Write::Put {
                key: consumed_key(pushed_request),
                value: b"1".to_vec(),
                // Whatever began with it began before, and is over by then.
                ttl: self.settings.interaction_ttl + PUSHED_REQUEST_LIFE,
            },
        ]);
    }

    /// The parameters of a signed request object: only those inside of it count (RFC 9101 §6.3).
    pub(super) async fn read_request_object(
        &self,
        object: &str,
        client: &Client,
    ) -> Result<Parameters, Unobtainable> {
        let error = |why: &'static str| ProtocolError::new(ErrorCode::InvalidRequestObject, why);
        let invalid = |why: &'static str| Unobtainable::refused(error(why));
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
        let (pairs, unreadable) = parameters_in(&jwt);
        let parameters = Parameters::read(pairs, AUTHORIZATION_PARAMETERS);
        let issuer = &self.settings.issuer;
        let sound = check_object(&jwt, client, issuer, self.now().timestamp());
        match sound.and(unreadable.map_or(Ok(()), Err)) {
            Ok(()) => Ok(parameters),
            Err(why) => Err(Unobtainable::Refused {
                error: error(why),
                signed: Some(parameters),
            }),
        }
    }
}

/// The error for a `request_uri` that leads to no request, or to one that has become a code.
pub(super) fn unknown_request_uri() -> ProtocolError {
    let description = "request_uri is invalid, expired, or was already used";
    ProtocolError::new(ErrorCode::InvalidRequestUri, description)
}

/// Whether a signed object is one of `client`, for `issuer`, at `now` (in seconds since 1970). What stands in it must be right; a client
/// that must sign its requests must say from whom they are, for whom, and until when.
fn check_object(
    jwt: &UnverifiedJwt<'_>,
    client: &Client,
    issuer: &str,
    now: i64,
) -> Result<(), &'static str> {
    let has = |name: &str| jwt.claims.contains_key(name);
    let is_own = |name: &str| jwt.text(name) == Some(client.client_id.as_str());
    if !is_own("client_id") || (has("iss") && !is_own("iss")) {
        return Err("the request object is of another client");
    }
    if has("aud") && !jwt.is_for_one_of(&[issuer]) {
        return Err("the request object is for somebody else");
    }
    if ["exp", "nbf", "iat"]
        .into_iter()
        .any(|name| has(name) && jwt.seconds(name).is_none())
    {
        return Err("a time of the request object is no number");
    }
    let is_over = jwt.seconds("exp").is_some_and(|at| at <= now - CLOCK_TOLERANCE);
    let is_early = jwt.seconds("nbf").is_some_and(|at| at > now + CLOCK_TOLERANCE);
    if is_over || is_early {
        return Err("the request object is not valid now");
    }
    if client.settings.requires_signed_requests {
        let (Some(end), true, true) = (jwt.seconds("exp"), has("iss"), has("aud")) else {
            return Err("the request object must have iss, aud and exp");
        };
        if end > now + OBJECT_LIFE_AT_MOST + CLOCK_TOLERANCE {
            return Err("the request object is valid for more than an hour");
        }
    }
    if has("request") || has("request_uri") {
        return Err("a request object holds no other one");
    }
    Ok(())
}

/// The parameters as they would be in a query: texts, numbers, and `claims` as JSON. What nobody here knows is ignored, whatever it is; a
/// parameter of another type is left out, and told of.
fn parameters_in(jwt: &UnverifiedJwt<'_>) -> (Vec<(String, String)>, Option<&'static str>) {
    let mut pairs = Vec::with_capacity(jwt.claims.len());
    let mut unreadable = None;
    for (name, value) in &jwt.claims {
        if !AUTHORIZATION_PARAMETERS.contains(&name.as_str()) {
            continue;
        }
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Object(_) if name == "claims" => value.to_string(),
            _ => {
                unreadable = Some("a parameter has a type that none has");
                continue;
            }
        };
        pairs.push((name.clone(), text));
    }
    (pairs, unreadable)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::client::tests::standard_client;
    use super::*;

    /// A token with these claims, which nobody signed.
    fn token(claims: &Value) -> String {
        format!("e30.{}.AA", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    fn read(claims: &Value) -> (Vec<(String, String)>, Option<&'static str>) {
        parameters_in(&UnverifiedJwt::parse(&token(claims)).expect("a token"))
    }

    #[test]
    fn parameters_are_read_as_they_would_stand_in_a_query() {
        let claims = json!({
            "iss": "client", "aud": "issuer", "exp": 1,
            "client_id": "client", "max_age": 60, "claims": {"id_token": {"acr": null}}, "unknown": [1],
        });
        let (mut pairs, unreadable) = read(&claims);
        assert_eq!(unreadable, None);
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
    fn a_parameter_of_another_type_is_none_and_the_others_are_read() {
        for value in [json!(null), json!(true), json!(["x"]), json!({})] {
            let (pairs, unreadable) = read(&json!({"scope": value, "state": "s"}));
            assert_eq!(pairs, [("state".to_owned(), "s".to_owned())], "{value}");
            assert!(unreadable.is_some(), "{value}");
        }
    }

    #[test]
    fn what_an_object_says_of_itself_is_right_and_enough() {
        const NOW: i64 = 1_800_000_000;
        let lax = standard_client();
        let mut strict = standard_client();
        strict.settings.requires_signed_requests = true;
        // What is changed (`null`: left out); whether a client may say so, and one that must sign.
        let rows = [
            (json!({}), true, true),
            (json!({"iss": null}), true, false),
            (json!({"aud": null}), true, false),
            (json!({"exp": null}), true, false),
            (json!({"aud": ["https://other", "https://op"]}), true, true),
            (json!({"nbf": NOW + 15, "iat": NOW}), true, true),
            (json!({"exp": NOW - 14}), true, true),
            (json!({"exp": NOW + 3615}), true, true),
            (json!({"exp": NOW + 3616}), true, false),
            (json!({"exp": f64::MAX}), true, false),
            (json!({"exp": NOW - 15}), false, false),
            (json!({"nbf": NOW + 16}), false, false),
            (json!({"exp": "1900000000"}), false, false),
            (json!({"exp": true}), false, false),
            (json!({"nbf": [NOW]}), false, false),
            (json!({"iat": {}}), false, false),
            (json!({"iss": 1}), false, false),
            (json!({"iss": ["standard_client_id"]}), false, false),
            (json!({"iss": "other"}), false, false),
            (json!({"aud": 1}), false, false),
            (json!({"aud": {"https://op": 1}}), false, false),
            (json!({"aud": "https://other"}), false, false),
            (json!({"client_id": null}), false, false),
            (json!({"client_id": "other"}), false, false),
            (json!({"request": "x"}), false, false),
            (json!({"request_uri": "x"}), false, false),
        ];
        for (changes, is_sound, is_sound_where_signed) in rows {
            let mut claims = json!({
                "iss": "standard_client_id", "aud": "https://op", "client_id": "standard_client_id", "exp": NOW + 60,
            });
            let members = claims.as_object_mut().expect("an object");
            for (name, value) in changes.as_object().expect("changes") {
                if value.is_null() {
                    members.remove(name);
                } else {
                    members.insert(name.clone(), value.clone());
                }
            }
            let token = token(&claims);
            let jwt = UnverifiedJwt::parse(&token).expect("a token");
            let check = |client| check_object(&jwt, client, "https://op", NOW).is_ok();
            assert_eq!(check(&lax), is_sound, "{changes}");
            assert_eq!(check(&strict), is_sound_where_signed, "{changes}");
        }
        // Present and empty is not left out.
        for name in ["iss", "aud", "exp", "nbf", "iat"] {
            let token = token(&json!({"client_id": "standard_client_id", name: null}));
            let jwt = UnverifiedJwt::parse(&token).expect("a token");
            assert!(check_object(&jwt, &lax, "https://op", NOW).is_err(), "{name}");
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
            let (pairs, _) = read(&Value::Object(claims));
            let parameters = Parameters::read(pairs, AUTHORIZATION_PARAMETERS);
            prop_assert!(parameters.duplicated().is_empty());
            prop_assert!(!parameters.has("iss") && !parameters.has("exp"));
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
