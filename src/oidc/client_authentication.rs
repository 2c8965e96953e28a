//! How a client proves who it is (spec/oidc.md §3.4): reading what was presented. Pure.

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};

use super::client::Client;
use super::endpoint_error::EndpointError;
use super::error::ProtocolError;
use super::parameters::Parameters;

/// The parameters that carry credentials.
pub const CREDENTIAL_PARAMETERS: [&str; 4] = [
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
];

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Standard base64, with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Who the client says it is, and what it shows for it.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub client_id: String,
    /// `None`: nothing that this provider could check.
    secret: Option<SecretString>,
    /// They came in the header `Authorization`: a refusal is a challenge.
    pub came_in_header: bool,
}

impl Credentials {
    /// Reads the header `Authorization` and the form.
    ///
    /// # Errors
    /// `invalid_request` when they are malformed, repeated, contradictory, absent, or of several kinds at once.
    pub fn read(authorization: Option<&str>, form: &Parameters) -> Result<Self, EndpointError> {
        if let Some(name) = form
            .duplicated()
            .iter()
            .find(|name| CREDENTIAL_PARAMETERS.contains(name))
        {
            return Err(malformed(format!("parameters must not be given twice: {name}")));
        }
        match authorization {
            Some(header) => Self::read_header(header, form),
            None => Self::read_form(form),
        }
    }

    fn read_header(header: &str, form: &Parameters) -> Result<Self, EndpointError> {
        if form.has("client_secret") || form.has("client_assertion") {
            return Err(malformed(
                "client authentication must only be provided using one mechanism",
            ));
        }
        let (client_id, secret) =
            parse_basic(header).ok_or_else(|| malformed("invalid authorization header"))?;
        if form.get("client_id").is_some_and(|in_form| in_form != client_id) {
            return Err(malformed("mismatch in client_id of the header and of the body"));
        }
        Ok(Self {
            client_id,
            secret: Some(secret),
            came_in_header: true,
        })
    }

    fn read_form(form: &Parameters) -> Result<Self, EndpointError> {
        let secret = form.get("client_secret").map(SecretString::from);
        if let Some(assertion) = form.get("client_assertion") {
            if secret.is_some() {
                return Err(malformed(
                    "client authentication must only be provided using one mechanism",
                ));
            }
            if form.get("client_assertion_type") != Some(ASSERTION_TYPE) {
                return Err(malformed("client_assertion_type must be that of a JWT"));
            }
            let subject =
                assertion_subject(assertion).ok_or_else(|| malformed("invalid client_assertion"))?;
            return Ok(Self {
                client_id: subject,
                secret: None,
                came_in_header: false,
            });
        }
        let Some(client_id) = form.owned("client_id") else {
            return Err(malformed("no client authentication mechanism provided"));
        };
        Ok(Self {
            client_id,
            secret,
            came_in_header: false,
        })
    }

    /// Whether these credentials are those of `client`.
    #[must_use]
    pub fn prove(&self, client: &Client) -> bool {
        self.secret
            .as_ref()
            .is_some_and(|secret| client.has_secret(secret.expose_secret()))
    }
}

/// `Basic base64(formenc(client_id):formenc(client_secret))` (RFC 6749 §2.3.1).
fn parse_basic(header: &str) -> Option<(String, SecretString)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || encoded.contains(' ') {
        return None;
    }
    let decoded = String::from_utf8(BASE64.decode(encoded).ok()?).ok()?;
    let (client_id, secret) = decoded.split_once(':')?;
    Some((
        form_decoded(client_id)?,
        SecretString::from(form_decoded(secret)?),
    ))
}

/// Decodes `application/x-www-form-urlencoded`; a percent sign that begins no escape is an error.
fn form_decoded(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let escapes_are_whole = bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'%')
        .all(|(at, _)| {
            bytes
                .get(at + 1..at + 3)
                .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
        });
    if !escapes_are_whole {
        return None;
    }
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(Into::into)
}

/// The subject that an assertion claims. Nobody checks it: no client can register a key yet.
fn assertion_subject(assertion: &str) -> Option<String> {
    let mut parts = assertion.split('.');
    let (Some(_), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let payload = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?;
    let claims: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&payload).ok()?;
    claims.get("sub")?.as_str().map(str::to_owned)
}

fn malformed(description: impl Into<std::borrow::Cow<'static, str>>) -> EndpointError {
    EndpointError::bad_request(ProtocolError::invalid_request(description))
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_STANDARD;
    use proptest::prelude::*;

    use super::super::client::tests::standard_client;
    use super::super::parameters::pairs;
    use super::*;

    type Presented<'a> = (Option<&'a str>, &'a [(&'a str, &'a str)]);

    fn form(raw: &[(&str, &str)]) -> Parameters {
        Parameters::read(pairs(raw), &CREDENTIAL_PARAMETERS)
    }

    fn basic(text: &str) -> String {
        format!("Basic {}", BASE64_STANDARD.encode(text))
    }

    fn proves(authorization: Option<&str>, raw: &[(&str, &str)]) -> bool {
        Credentials::read(authorization, &form(raw))
            .unwrap()
            .prove(&standard_client())
    }

    #[test]
    fn a_secret_is_accepted_in_the_body_and_in_the_header() {
        let body = [
            ("client_id", "standard_client_id"),
            ("client_secret", "standard_client_secret"),
        ];
        assert!(proves(None, &body));
        assert!(proves(
            Some(&basic("standard_client_id:standard_client_secret")),
            &[]
        ));
        assert!(proves(
            Some(&basic("standard%5Fclient_id:standard%5fclient_secret")),
            &body[..1]
        ));
        assert!(proves(
            Some(&basic("standard_client_id:standard_client_secret").replace("Basic", "bASIC")),
            &[]
        ));
    }

    #[test]
    fn a_wrong_or_missing_secret_proves_nothing() {
        assert!(!proves(
            None,
            &[("client_id", "standard_client_id"), ("client_secret", "x")]
        ));
        assert!(!proves(None, &[("client_id", "standard_client_id")]));
        assert!(!proves(Some(&basic("standard_client_id:")), &[]));
        let unsigned = format!(
            "e30.{}.x",
            base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(r#"{"sub":"standard_client_id"}"#)
        );
        assert!(!proves(
            None,
            &[
                ("client_assertion", &unsigned),
                ("client_assertion_type", ASSERTION_TYPE)
            ]
        ));
    }

    #[test]
    fn malformed_and_contradictory_credentials_are_refused() {
        let good = basic("standard_client_id:standard_client_secret");
        let no_colon = basic("standard_client_id");
        let bad_escape = basic("standard%client_id:x");
        let rows: [Presented<'_>; 15] = [
            (None, &[]),
            (None, &[("client_secret", "x")]),
            (None, &[("client_id", "a"), ("client_id", "a")]),
            (
                None,
                &[("client_id", "a"), ("client_secret", "b"), ("client_secret", "b")],
            ),
            (
                None,
                &[
                    ("client_assertion", "x"),
                    ("client_assertion_type", ASSERTION_TYPE),
                ],
            ),
            (
                None,
                &[
                    ("client_assertion", "e30.e30.x"),
                    ("client_assertion_type", "other"),
                ],
            ),
            (Some(&good), &[("client_secret", "standard_client_secret")]),
            (Some(&good), &[("client_id", "other")]),
            (Some(&no_colon), &[]),
            (Some(&bad_escape), &[]),
            (Some("Basic"), &[]),
            (Some("Basic a b"), &[]),
            (Some("Basic ???"), &[]),
            (Some("Bearer abc"), &[]),
            (Some(""), &[]),
        ];
        for (authorization, raw) in rows {
            let error = Credentials::read(authorization, &form(raw)).unwrap_err();
            assert_eq!(
                (error.status, error.error.code.as_str()),
                (400, "invalid_request"),
                "{authorization:?} {raw:?}"
            );
        }
    }

    #[test]
    fn plus_is_a_space_and_escapes_are_whole() {
        assert_eq!(form_decoded("a+b%2B%25").as_deref(), Some("a b+%"));
        for bad in ["%", "%1", "%zz", "a%2", "%ff"] {
            assert_eq!(form_decoded(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_the_parser_panic(header in ".*", inside in ".*") {
            let _ = parse_basic(&header);
            let _ = parse_basic(&basic(&inside));
            let _ = form_decoded(&inside);
            let _ = assertion_subject(&header);
        }

        #[test]
        fn what_was_encoded_is_read_back(id in "[ -~]{1,20}", secret in "[ -~]{1,20}") {
            let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let (read_id, read_secret) = parse_basic(&basic(&format!("{}:{}", encode(&id), encode(&secret)))).unwrap();
            prop_assert_eq!(read_id, id);
            prop_assert_eq!(read_secret.expose_secret(), secret);
        }
    }
}
