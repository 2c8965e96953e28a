//! The checks of an authorization request, one function each, in the order in which they are made (spec/oidc.md §4.2).

use serde_json::Value;

use super::authorization_request::{ClientLookup, Prompt, ReadContext, ResponseMode, SignedResponse};
use super::client::Client;
use super::error::{ErrorCode, ProtocolError};
use super::parameters::{KEPT_VALUE_LIMIT_IN_BYTES, Parameters};
use super::request_object::{PUSHED_REQUEST_PREFIX, Provenance, unknown_request_uri};
use crate::domain::text::ecmascript_trim;
use crate::domain::{Scope, ScopeSet};

/// Characters of a PKCE challenge or verifier (RFC 7636 §4.1).
const PKCE_LENGTHS: std::ops::RangeInclusive<usize> = 43..=128;
/// The largest integer that a double holds exactly.
const LARGEST_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;

/// Levels, claims and a subject: all of them that we know, insisted on, take less than half of it.
const CLAIMS_LIMIT_IN_BYTES: usize = 16 * 1024;

type Check<T> = Result<T, ProtocolError>;

pub(super) fn no_duplicates(parameters: &Parameters) -> Check<()> {
    let duplicated = parameters.duplicated();
    if duplicated.is_empty() {
        return Ok(());
    }
    let names = duplicated.join(", ");
    Err(ProtocolError::invalid_request(format!(
        "parameters must not be given twice: {names}"
    )))
}

pub(super) fn no_request_object(parameters: &Parameters) -> Check<()> {
    refuse(parameters, "request", ErrorCode::RequestNotSupported)
}

pub(super) fn known_client<'a>(parameters: &Parameters, client: ClientLookup<'a>) -> Check<&'a Client> {
    if !parameters.has("client_id") {
        return Err(missing("client_id"));
    }
    match client {
        ClientLookup::Known(client) => Ok(client),
        ClientLookup::Broken(error) => Err(error.clone()),
        ClientLookup::Unknown => Err(ProtocolError::new(ErrorCode::InvalidClient, "client is invalid")),
    }
}

pub(super) fn no_request_uri(parameters: &Parameters) -> Check<()> {
    match parameters.get("request_uri") {
        None => Ok(()),
        Some(uri) if uri.starts_with(PUSHED_REQUEST_PREFIX) => Err(unknown_request_uri()),
        Some(_) => Err(ProtocolError::bare(ErrorCode::RequestUriNotSupported)),
    }
}

/// What the client has set about how its requests reach us.
pub(super) fn provenance(client: &Client, provenance: Provenance) -> Check<()> {
    if client.settings.requires_pushed_requests && !provenance.is_pushed {
        let description = "this client must push its authorization requests";
        return Err(ProtocolError::invalid_request(description));
    }
    if client.settings.requires_signed_requests && !provenance.is_signed {
        let description = "this client must sign its authorization requests";
        return Err(ProtocolError::invalid_request(description));
    }
    Ok(())
}

/// What is kept of a request while its person is busy has a size: anybody can send one.
pub(super) fn nothing_too_long(parameters: &Parameters) -> Check<()> {
    const KEPT: [&str; 6] = [
        "state",
        "nonce",
        "login_hint",
        "siret_hint",
        "sp_name",
        "acr_values",
    ];
    parameters.refuse_longer_than(KEPT_VALUE_LIMIT_IN_BYTES, &KEPT)?;
    parameters.refuse_longer_than(CLAIMS_LIMIT_IN_BYTES, &["claims"])
}

type Mode = (ResponseMode, Option<SignedResponse>);

pub(super) fn response_mode(parameters: &Parameters, client: &Client) -> Check<Mode> {
    match parameters.get("response_mode") {
        None => Ok((ResponseMode::default(), None)),
        Some(text) => known_mode(text, client).ok_or_else(|| {
            ProtocolError::new(
                ErrorCode::UnsupportedResponseMode,
                "unsupported response_mode requested",
            )
        }),
    }
}

/// The mode named `text`; the signed ones are for those who have chosen to get them.
fn known_mode(text: &str, client: &Client) -> Option<Mode> {
    if let Some(mode) = ResponseMode::parse(text) {
        return Some((mode, None));
    }
    let signed = SignedResponse {
        algorithm: client.settings.response_algorithm?,
        audience: client.client_id.clone(),
    };
    Some((ResponseMode::parse_signed(text)?, Some(signed)))
}

/// The mode for an error of a request that may be unsound in every respect.
pub(super) fn error_mode(parameters: &Parameters, client: &Client) -> Mode {
    if let Some(text) = parameters.get("response_mode") {
        return known_mode(text, client).unwrap_or_default();
    }
    let response_type = parameters.get("response_type").unwrap_or_default();
    let hands_out_tokens = response_type
        .split_ascii_whitespace()
        .any(|word| matches!(word, "token" | "id_token"));
    if hands_out_tokens {
        (ResponseMode::Fragment, None)
    } else {
        (ResponseMode::Query, None)
    }
}

pub(super) fn response_type_is_present(parameters: &Parameters) -> Check<()> {
    if parameters.has("response_type") {
        Ok(())
    } else {
        Err(missing("response_type"))
    }
}

pub(super) fn no_registration(parameters: &Parameters) -> Check<()> {
    refuse(parameters, "registration", ErrorCode::RegistrationNotSupported)
}

pub(super) fn response_type_is_code(parameters: &Parameters) -> Check<()> {
    let mut words = parameters
        .get("response_type")
        .unwrap_or_default()
        .split_ascii_whitespace();
    if words.next() == Some("code") && words.all(|word| word == "code") {
        return Ok(());
    }
    Err(ProtocolError::new(
        ErrorCode::UnsupportedResponseType,
        "unsupported response_type requested",
    ))
}

/// The redirection URI as sent, or the single registered one.
pub(super) fn redirect_uri_is_present<'a>(parameters: &'a Parameters, client: &'a Client) -> Check<&'a str> {
    parameters
        .get("redirect_uri")
        .or_else(|| client.single_redirect_uri().map(|uri| uri.registered.as_str()))
        .ok_or_else(|| missing("redirect_uri"))
}

pub(super) fn redirect_uri_is_registered(client: &Client, sent: &str) -> Check<String> {
    client
        .redirect_uri(sent)
        .map(|uri| uri.normalised.clone())
        .ok_or_else(|| {
            let description = "redirect_uri did not match any of the client's registered redirect_uris";
            ProtocolError::new(ErrorCode::InvalidRedirectUri, description)
        })
}

pub(super) fn prompt(parameters: &Parameters) -> Check<Vec<Prompt>> {
    let mut prompts = Vec::new();
    for word in parameters
        .get("prompt")
        .unwrap_or_default()
        .split_ascii_whitespace()
    {
        let Some(prompt) = Prompt::ALL.into_iter().find(|prompt| prompt.as_str() == word) else {
            return Err(ProtocolError::invalid_request(
                "unsupported prompt value requested",
            ));
        };
        if !prompts.contains(&prompt) {
            prompts.push(prompt);
        }
    }
    if prompts.contains(&Prompt::None) && prompts.len() > 1 {
        return Err(ProtocolError::invalid_request(
            "prompt none must only be used alone",
        ));
    }
    Ok(prompts)
}

/// An age of zero is a request to sign in again, unless no page may be shown.
pub(super) fn with_login_for_zero_max_age(mut prompts: Vec<Prompt>, max_age: Option<u64>) -> Vec<Prompt> {
    let may_ask = !prompts.contains(&Prompt::None) && !prompts.contains(&Prompt::Login);
    if max_age == Some(0) && may_ask {
        prompts.push(Prompt::Login);
    }
    prompts
}

/// The known scopes asked for, all of which the client may ask for.
pub(super) fn scope(parameters: &Parameters, client: &Client) -> Check<ScopeSet> {
    let Some(text) = parameters.get("scope") else {
        return Err(ProtocolError::new(
            ErrorCode::InvalidScope,
            "missing required parameter: scope",
        ));
    };
    let asked = ScopeSet::parse_known(text);
    match asked.first_outside(&client.allowed_scopes) {
        None => Ok(asked),
        Some(scope) => {
            let description = "requested scope is not allowed";
            Err(ProtocolError::new(ErrorCode::InvalidScope, description).about_scope(scope.as_str()))
        }
    }
}

pub(super) fn openid_only_parameters(parameters: &Parameters, scope: &ScopeSet) -> Check<()> {
    const OPENID_ONLY: [&str; 6] = [
        "acr_values",
        "claims",
        "claims_locales",
        "id_token_hint",
        "max_age",
        "nonce",
    ];
    if scope.contains(Scope::OpenId) {
        return Ok(());
    }
    match OPENID_ONLY.into_iter().find(|name| parameters.has(name)) {
        None => Ok(()),
        Some(name) => Err(ProtocolError::invalid_request(format!(
            "openid scope must be requested to use parameter {name}"
        ))),
    }
}

pub(super) fn code_challenge(parameters: &Parameters, client: &Client) -> Check<Option<String>> {
    let (challenge, method) = (
        parameters.get("code_challenge"),
        parameters.get("code_challenge_method"),
    );
    match (challenge, method) {
        (None, None) if client.settings.requires_pkce => Err(missing("code_challenge")),
        (None, None) => Ok(None),
        (None, Some(_)) => Err(ProtocolError::invalid_request(
            "code_challenge must be provided with code_challenge_method",
        )),
        (Some(challenge), Some("S256")) if is_pkce_text(challenge) => Ok(Some(challenge.to_owned())),
        (Some(_), Some("S256")) => Err(ProtocolError::invalid_request(
            "code_challenge is not well-formed",
        )),
        (Some(_), _) => Err(ProtocolError::invalid_request(
            "code_challenge_method must be S256",
        )),
    }
}

/// Whether `text` is a well-formed PKCE challenge or verifier.
pub(super) fn is_pkce_text(text: &str) -> bool {
    PKCE_LENGTHS.contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~'))
}

/// The thumbprint of a key (RFC 9449 §10): a SHA-256 in base64url.
pub(super) fn dpop_jkt(parameters: &Parameters) -> Check<Option<String>> {
    match parameters.get("dpop_jkt") {
        None => Ok(None),
        Some(text) if super::artefacts::looks_like_a_secret(text) => Ok(Some(text.to_owned())),
        Some(_) => Err(ProtocolError::invalid_request("dpop_jkt is not a thumbprint")),
    }
}

pub(super) fn no_resource(parameters: &Parameters) -> Check<()> {
    if parameters.has("resource") {
        return Err(ProtocolError::new(
            ErrorCode::InvalidTarget,
            "resource indicators are not supported",
        ));
    }
    Ok(())
}

pub(super) fn max_age(parameters: &Parameters) -> Check<Option<u64>> {
    let Some(text) = parameters.get("max_age") else {
        return Ok(None);
    };
    non_negative_integer(text)
        .map(Some)
        .ok_or_else(|| ProtocolError::invalid_request("max_age must be a non-negative integer"))
}

/// Reads a number as ECMAScript converts text to numbers: `1e3` is 1000, blanks are 0, `0x10` is 16.
fn non_negative_integer(text: &str) -> Option<u64> {
    let text = ecmascript_trim(text);
    if text.is_empty() {
        return Some(0);
    }
    for (prefix, radix) in [("0x", 16), ("0X", 16), ("0o", 8), ("0O", 8), ("0b", 2), ("0B", 2)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            let is_plain = digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
            let limit = 1 << 53;
            return u64::from_str_radix(digits, radix)
                .ok()
                .filter(|number| is_plain && *number < limit);
        }
    }
    let is_decimal = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    let number: f64 = text.parse().ok().filter(|_| is_decimal)?;
    let is_safe = number.fract() == 0.0 && (0.0..=LARGEST_SAFE_INTEGER).contains(&number);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a safe non-negative integer"
    )]
    is_safe.then_some(number as u64)
}

/// The subject of the hint, whose expiry does not matter.
pub(super) fn id_token_hint(
    parameters: &Parameters,
    client: &Client,
    context: &ReadContext<'_>,
) -> Check<Option<String>> {
    let Some(jwt) = parameters.get("id_token_hint") else {
        return Ok(None);
    };
    let invalid = || ProtocolError::invalid_request("could not validate id_token_hint");
    let hint = context.signer.verify(jwt).ok_or_else(invalid)?;
    let text_of = |name: &str| hint.claims.get(name).and_then(Value::as_str);
    let is_ours = text_of("iss") == Some(context.issuer)
        && text_of("aud") == Some(client.client_id.as_str())
        && hint.algorithm == client.id_token_algorithm;
    let subject = text_of("sub").filter(|_| is_ours).ok_or_else(invalid)?;
    Ok(Some(subject.to_owned()))
}

fn refuse(parameters: &Parameters, name: &str, code: ErrorCode) -> Check<()> {
    if parameters.has(name) {
        Err(ProtocolError::bare(code))
    } else {
        Ok(())
    }
}

fn missing(name: &'static str) -> ProtocolError {
    ProtocolError::invalid_request(format!("missing required parameter: {name}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::authorization_request::AUTHORIZATION_PARAMETERS;
    use super::super::client::tests::standard_client;
    use super::super::parameters::pairs;
    use super::*;

    #[test]
    fn numbers_are_read_as_ecmascript_does() {
        let rows = [
            ("0", Some(0)),
            ("3600", Some(3600)),
            ("1e3", Some(1000)),
            (" 12 ", Some(12)),
            (" ", Some(0)),
            ("0x10", Some(16)),
            ("1.0", Some(1)),
            ("-0", Some(0)),
            ("abc", None),
            ("-1", None),
            ("1.5", None),
            ("Infinity", None),
            ("inf", None),
            ("nan", None),
            ("1e400", None),
            ("9007199254740993", None),
            ("0x", None),
            ("0x+1", None),
            ("0X1f", Some(31)),
            ("0o17", Some(15)),
            ("0O17", Some(15)),
            ("0b101", Some(5)),
            ("0B101", Some(5)),
            ("0b102", None),
            ("+5", Some(5)),
            ("1e-3", None),
            ("9007199254740991", Some(9_007_199_254_740_991)),
            ("9007199254740992", None),
            ("0x1fffffffffffff", Some(9_007_199_254_740_991)),
            ("0x20000000000000", None),
        ];
        for (text, expected) in rows {
            assert_eq!(non_negative_integer(text), expected, "{text:?}");
        }
    }

    #[test]
    fn pkce_texts_have_43_to_128_unreserved_characters() {
        assert!(is_pkce_text("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"));
        assert!(!is_pkce_text(&"a".repeat(42)));
        assert!(is_pkce_text(&"a.b_c-d~".repeat(6)));
        assert!(is_pkce_text(&"~".repeat(128)));
        assert!(!is_pkce_text(&"a".repeat(129)));
        assert!(!is_pkce_text(&format!("{}+", "a".repeat(50))));
    }

    fn parameters(raw: &[(&str, &str)]) -> Parameters {
        Parameters::read(pairs(raw), AUTHORIZATION_PARAMETERS)
    }

    #[test]
    fn what_a_client_has_set_about_its_requests_holds() {
        let rows = [
            (false, false, Provenance::default(), true),
            (true, false, Provenance::default(), false),
            (
                true,
                false,
                Provenance {
                    is_pushed: true,
                    is_signed: false,
                },
                true,
            ),
            (
                false,
                true,
                Provenance {
                    is_pushed: true,
                    is_signed: false,
                },
                false,
            ),
            (
                false,
                true,
                Provenance {
                    is_pushed: false,
                    is_signed: true,
                },
                true,
            ),
            (
                true,
                true,
                Provenance {
                    is_pushed: false,
                    is_signed: true,
                },
                false,
            ),
        ];
        for (pushed, signed, came, expected) in rows {
            let mut client = standard_client();
            client.settings.requires_pushed_requests = pushed;
            client.settings.requires_signed_requests = signed;
            assert_eq!(
                provenance(&client, came).is_ok(),
                expected,
                "{pushed} {signed} {came:?}"
            );
        }
    }

    #[test]
    fn an_age_of_zero_asks_for_a_sign_in_once_and_only_where_a_page_may_be_shown() {
        let rows: [(&[Prompt], Option<u64>, &[Prompt]); 5] = [
            (&[], Some(0), &[Prompt::Login]),
            (&[], Some(1), &[]),
            (&[], None, &[]),
            (&[Prompt::None], Some(0), &[Prompt::None]),
            (&[Prompt::Login], Some(0), &[Prompt::Login]),
        ];
        for (prompts, max_age, expected) in rows {
            assert_eq!(with_login_for_zero_max_age(prompts.to_vec(), max_age), expected);
        }
    }

    #[test]
    fn a_challenge_is_well_formed_or_refused_and_missing_only_where_it_may_be() {
        const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        let mut strict = standard_client();
        strict.settings.requires_pkce = true;
        let lax = standard_client();
        let s256 = ("code_challenge_method", "S256");
        assert_eq!(code_challenge(&parameters(&[]), &lax), Ok(None));
        assert!(code_challenge(&parameters(&[]), &strict).is_err());
        assert!(code_challenge(&parameters(&[s256]), &lax).is_err());
        for client in [&strict, &lax] {
            let with =
                |challenge| code_challenge(&parameters(&[("code_challenge", challenge), s256]), client);
            assert_eq!(with(CHALLENGE), Ok(Some(CHALLENGE.to_owned())));
            assert!(with("short").is_err());
            assert!(code_challenge(&parameters(&[("code_challenge", CHALLENGE)]), client).is_err());
        }
    }

    #[test]
    fn a_thumbprint_is_a_sha_256_in_base64url() {
        let thumbprint = super::super::artefacts::fingerprint("a key");
        let read = |text| dpop_jkt(&parameters(&[("dpop_jkt", text)]));
        assert_eq!(read(&thumbprint), Ok(Some(thumbprint.clone())));
        assert!(read("short").is_err());
        assert_eq!(dpop_jkt(&parameters(&[])), Ok(None));
    }

    proptest! {
        #[test]
        fn no_number_makes_the_parser_panic(text in ".*") {
            let _ = non_negative_integer(&text);
        }
    }
}
