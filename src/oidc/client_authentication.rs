//! How a client proves who it is (spec/oidc.md §3.4): reading what was presented, and checking it.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use identite_actors::state::Write;
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};

use super::artefacts::fingerprint;
use super::certificate::ClientCertificate;
use super::client::Client;
use super::client_settings::ClientAuthentication;
use super::endpoint_error::EndpointError;
use super::error::{Fault, ProtocolError};
use super::jose::UnverifiedJwt;
use super::metrics::Meter;
use super::parameters::Parameters;
use super::request_object::REQUEST_OBJECT_TYPE;
use super::service::{Oidc, Registered};
use super::signer::SigningAlgorithm;
use super::token::TOKEN_PATH;
use crate::db::clients::ClientRow;

/// The parameters that carry credentials.
pub const CREDENTIAL_PARAMETERS: [&str; 4] = [
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
];

/// How far the clock of a client may be off, in seconds.
pub(super) const CLOCK_TOLERANCE: i64 = 15;
/// Assertions that are valid for longer are refused: each is remembered until then.
const ASSERTION_LIFE_AT_MOST: i64 = 24 * 3600;

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
    shown: Shown,
    /// They came in the header `Authorization`: a refusal is a challenge.
    pub came_in_header: bool,
}

/// What is shown for an identity.
#[derive(Debug, Clone)]
enum Shown {
    /// At most a certificate.
    Nothing,
    InForm(SecretString),
    InHeader(SecretString),
    /// RFC 7523.
    Assertion(String),
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
            shown: Shown::InHeader(secret),
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
            if form.get("client_id").is_some_and(|in_form| in_form != subject) {
                return Err(malformed(
                    "mismatch in client_id of the assertion and of the body",
                ));
            }
            return Ok(Self {
                client_id: subject,
                shown: Shown::Assertion(assertion.to_owned()),
                came_in_header: false,
            });
        }
        let Some(client_id) = form.owned("client_id") else {
            return Err(malformed("no client authentication mechanism provided"));
        };
        Ok(Self {
            client_id,
            shown: secret.map_or(Shown::Nothing, Shown::InForm),
            came_in_header: false,
        })
    }

    /// Whether the secret that was shown is that of `client`, shown in a way that it registered. `None` when something
    /// else than a secret was shown, or wanted.
    fn secret_proves(&self, client: &Client, now: chrono::DateTime<chrono::Utc>) -> Option<bool> {
        let (secret, fits) = match (&self.shown, &client.settings.authentication) {
            (Shown::InForm(secret), ClientAuthentication::AnySecret | ClientAuthentication::SecretPost)
            | (
                Shown::InHeader(secret),
                ClientAuthentication::AnySecret | ClientAuthentication::SecretBasic,
            ) => (secret, true),
            (Shown::InForm(secret) | Shown::InHeader(secret), _) => (secret, false),
            (Shown::Nothing | Shown::Assertion(_), _) => return None,
        };
        Some(fits && client.has_secret(secret.expose_secret(), now))
    }
}

impl Oidc {
    /// The client, if the credentials prove it at the endpoint `path`.
    ///
    /// # Errors
    /// `invalid_client`, the same for all reasons; the client's own error when its row is broken.
    pub(super) async fn authenticated(
        &self,
        credentials: &Credentials,
        row: Option<ClientRow>,
        certificate: Option<&ClientCertificate>,
        path: &str,
        meter: &Meter<'_>,
    ) -> Result<Arc<Client>, EndpointError> {
        let refused = || {
            let realm = credentials
                .came_in_header
                .then_some(self.settings.issuer.as_str());
            EndpointError {
                unproven_client: Some(fingerprint(&credentials.client_id)),
                ..EndpointError::invalid_client(realm)
            }
        };
        let client = match self.registered(row) {
            Registered::Known(client) => client,
            Registered::Unknown => return Err(refused()),
            Registered::Broken(error) => return Err(EndpointError::bad_request(error)),
        };
        meter.is_about(&client.client_id);
        let is_proved = match credentials.secret_proves(&client, self.now()) {
            Some(is_proved) => is_proved,
            None => self
                .is_proved_otherwise(credentials, &client, certificate, path)
                .await
                .map_err(|fault| EndpointError::fault(&fault))?,
        };
        if is_proved { Ok(client) } else { Err(refused()) }
    }

    async fn is_proved_otherwise(
        &self,
        credentials: &Credentials,
        client: &Client,
        certificate: Option<&ClientCertificate>,
        path: &str,
    ) -> Result<bool, Fault> {
        match (&client.settings.authentication, &credentials.shown, certificate) {
            (ClientAuthentication::PrivateKeyJwt, Shown::Assertion(assertion), _) => {
                self.accept_assertion(client, assertion, path).await
            }
            (ClientAuthentication::TlsSubject(subject), Shown::Nothing, Some(certificate)) => {
                Ok(certificate.proves(subject))
            }
            (ClientAuthentication::SelfSignedTls, Shown::Nothing, Some(certificate)) => {
                self.has_certificate(client, certificate).await
            }
            _ => Ok(false),
        }
    }

    /// Whether `assertion` is a proof of `client` that was not shown before (RFC 7523 §3), and is meant for us: by the name of the issuer,
    /// the address of the token endpoint, or that of the endpoint `path`.
    async fn accept_assertion(&self, client: &Client, assertion: &str, path: &str) -> Result<bool, Fault> {
        let Some(jwt) = UnverifiedJwt::parse(assertion) else {
            return Ok(false);
        };
        let (token_endpoint, endpoint) = (self.settings.url(TOKEN_PATH), self.settings.url(path));
        let audiences = [self.settings.issuer.as_str(), &token_endpoint, &endpoint];
        let Some(proof) = Proof::read(&jwt, &client.client_id, &audiences, self.now().timestamp()) else {
            return Ok(false);
        };
        let accepted = match client.settings.assertion_algorithm {
            Some(algorithm) => vec![algorithm],
            None => SigningAlgorithm::ALL.to_vec(),
        };
        if !self.is_signed_by(client, &jwt, &accepted).await? {
            return Ok(false);
        }
        self.is_first_use(&client.client_id, proof.jti, proof.life).await
    }

    /// Notes that `jti` of `issuer` was used. Gives `false` when it was before, within `life`: of many at once one is first.
    pub(super) async fn is_first_use(&self, issuer: &str, jti: &str, life: Duration) -> Result<bool, Fault> {
        let key = format!("oidc:replay:{}", fingerprint(&format!("{issuer}{jti}")));
        let note = Write::Put {
            key: key.clone(),
            value: b"1".to_vec(),
            ttl: life,
        };
        Ok(self.state.write(&[key], vec![note]).await?)
    }
}

/// What an assertion proves, if it is signed and was not shown before.
#[derive(Debug, PartialEq, Eq)]
struct Proof<'a> {
    jti: &'a str,
    /// How long it could be shown again.
    life: Duration,
}

impl<'a> Proof<'a> {
    /// Reads the claims of an assertion of `client_id` (RFC 7523 §3). `now` is in seconds since 1970.
    fn read(jwt: &'a UnverifiedJwt<'_>, client_id: &str, audiences: &[&str], now: i64) -> Option<Self> {
        let jti = jwt.text("jti").filter(|jti| !jti.is_empty())?;
        let expires = jwt.seconds("exp")?;
        let is_early = |name: &str| jwt.seconds(name).is_some_and(|at| at > now + CLOCK_TOLERANCE);
        let is_about_client = ["iss", "sub"]
            .iter()
            .all(|name| jwt.text(name) == Some(client_id));
        let is_in_time = (now - CLOCK_TOLERANCE < expires && expires <= now + ASSERTION_LIFE_AT_MOST)
            && !is_early("nbf")
            && !is_early("iat");
        // Signed by the same key, and shown to browsers: it proves nothing about who shows it (RFC 8725 §3.11).
        let is_request_object = jwt
            .header_text("typ")
            .is_some_and(|name| name.eq_ignore_ascii_case(REQUEST_OBJECT_TYPE))
            || ["response_type", "redirect_uri"]
                .iter()
                .any(|parameter| jwt.claims.contains_key(*parameter));
        if is_request_object || !is_about_client || !is_in_time || !jwt.is_for_one_of(audiences) {
            return None;
        }
        let seconds = u64::try_from(expires - now + CLOCK_TOLERANCE).ok()?;
        Some(Self {
            jti,
            life: Duration::from_secs(seconds),
        })
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

/// The subject that an assertion claims. Nobody has checked it yet.
fn assertion_subject(assertion: &str) -> Option<String> {
    UnverifiedJwt::parse(assertion)?.text("sub").map(str::to_owned)
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
            .secret_proves(&standard_client(), chrono::DateTime::UNIX_EPOCH)
            == Some(true)
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
            "e30.{}.AA",
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
    fn an_assertion_proves_its_client_here_and_now() {
        const NOW: i64 = 1_800_000_000;
        let life = |changes: &serde_json::Value| {
            let mut claims =
                serde_json::json!({"iss": "c", "sub": "c", "aud": "https://op", "jti": "1", "exp": NOW + 60});
            for (name, value) in changes.as_object().unwrap() {
                claims[name] = value.clone();
            }
            let payload = base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
            let assertion = format!("e30.{payload}.AA");
            let jwt = UnverifiedJwt::parse(&assertion).unwrap();
            let proof = Proof::read(&jwt, "c", &["https://op/oauth/token", "https://op"], NOW);
            proof.map(|proof| (proof.jti.to_owned(), proof.life.as_secs()))
        };
        let rows = [
            (serde_json::json!({}), Some(75)),
            (
                serde_json::json!({"aud": ["https://other", "https://op/oauth/token"]}),
                Some(75),
            ),
            (serde_json::json!({"exp": NOW - 14}), Some(1)),
            (serde_json::json!({"exp": NOW - 15}), None),
            (serde_json::json!({"exp": NOW + 24 * 3600}), Some(24 * 3600 + 15)),
            (serde_json::json!({"exp": NOW + 24 * 3600 + 1}), None),
            (serde_json::json!({"exp": null}), None),
            (serde_json::json!({"nbf": NOW + 15, "iat": NOW + 15}), Some(75)),
            (serde_json::json!({"nbf": NOW + 16}), None),
            (serde_json::json!({"iat": NOW + 16}), None),
            (serde_json::json!({"iss": "d"}), None),
            (serde_json::json!({"sub": "d"}), None),
            (serde_json::json!({"aud": "https://other"}), None),
            (serde_json::json!({"jti": ""}), None),
            (serde_json::json!({"jti": null}), None),
            // What makes it a request, which browsers carry, however it names itself.
            (serde_json::json!({"response_type": "code"}), None),
            (serde_json::json!({"redirect_uri": "https://c/"}), None),
        ];
        for (changes, expected) in rows {
            assert_eq!(
                life(&changes),
                expected.map(|life| ("1".to_owned(), life)),
                "{changes}"
            );
        }
    }

    #[test]
    fn an_assertion_is_of_the_client_that_the_body_names() {
        let assertion = format!(
            "e30.{}.AA",
            base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(r#"{"sub":"standard_client_id"}"#)
        );
        let read = |client_id| {
            let raw = [
                ("client_id", client_id),
                ("client_assertion", assertion.as_str()),
                ("client_assertion_type", ASSERTION_TYPE),
            ];
            Credentials::read(None, &form(&raw)).map(|credentials| credentials.client_id)
        };
        assert_eq!(read("standard_client_id").unwrap(), "standard_client_id");
        assert!(read("other").is_err());
    }

    #[test]
    fn malformed_and_contradictory_credentials_are_refused() {
        let good = basic("standard_client_id:standard_client_secret");
        let no_colon = basic("standard_client_id");
        let bad_escape = basic("standard%client_id:x");
        let two_words = format!("{good} x");
        let other_scheme = good.replace("Basic", "Digest");
        let rows: [Presented<'_>; 17] = [
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
                    ("client_assertion", "e30.e30.AA"),
                    ("client_assertion_type", "other"),
                ],
            ),
            (Some(&good), &[("client_secret", "standard_client_secret")]),
            (Some(&good), &[("client_id", "other")]),
            (Some(&no_colon), &[]),
            (Some(&bad_escape), &[]),
            (Some("Basic"), &[]),
            (Some("Basic a b"), &[]),
            (Some(&two_words), &[]),
            (Some(&other_scheme), &[]),
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
    fn what_was_used_is_remembered_under_the_name_of_the_appendix() {
        assert_eq!(
            fingerprint("client-1jti-1"),
            "D7Qu7P8SzOMWoYFr1ZN1o16fborf8_DRtu8-vUDLqaA"
        );
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
