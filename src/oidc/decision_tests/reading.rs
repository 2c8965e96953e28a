//! What is read of requests, and whom a refusal is told to (spec/oidc.md §4.2).

use proptest::prelude::*;

use super::*;

#[test]
fn errors_are_told_to_the_relying_party_once_its_uri_is_known() {
    let [short, long] =
        [42, 129].map(|length| format!("code_challenge_method=S256&code_challenge={}", "a".repeat(length)));
    let rows = [
        ("response_type=", ErrorCode::InvalidRequest),
        ("response_type=none", ErrorCode::UnsupportedResponseType),
        ("response_mode=bad", ErrorCode::UnsupportedResponseMode),
        ("response_mode=query.jwt", ErrorCode::UnsupportedResponseMode),
        ("scope=openid+phone", ErrorCode::InvalidScope),
        ("scope=", ErrorCode::InvalidScope),
        ("scope=email&nonce=n", ErrorCode::InvalidRequest),
        ("prompt=select_account", ErrorCode::InvalidRequest),
        ("prompt=create", ErrorCode::InvalidRequest),
        ("prompt=none+login", ErrorCode::InvalidRequest),
        ("max_age=abc", ErrorCode::InvalidRequest),
        ("max_age=-1", ErrorCode::InvalidRequest),
        ("max_age=1.5", ErrorCode::InvalidRequest),
        ("claims=%7B", ErrorCode::InvalidRequest),
        ("claims=%5B%5D", ErrorCode::InvalidRequest),
        ("claims=%7B%7D", ErrorCode::InvalidRequest),
        ("id_token_hint=abc", ErrorCode::InvalidRequest),
        ("id_token_hint=1%40other_client", ErrorCode::InvalidRequest),
        ("request=x", ErrorCode::RequestNotSupported),
        ("request_uri=https://x/", ErrorCode::RequestUriNotSupported),
        (
            "request_uri=urn:ietf:params:oauth:request_uri:x",
            ErrorCode::InvalidRequestUri,
        ),
        ("registration=%7B%7D", ErrorCode::RegistrationNotSupported),
        ("resource=https://a", ErrorCode::InvalidTarget),
        (
            "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=plain",
            ErrorCode::InvalidRequest,
        ),
        (
            "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            ErrorCode::InvalidRequest,
        ),
        ("code_challenge_method=S256", ErrorCode::InvalidRequest),
        (&short, ErrorCode::InvalidRequest),
        (&long, ErrorCode::InvalidRequest),
        (
            "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw%2BcM&code_challenge_method=S256",
            ErrorCode::InvalidRequest,
        ),
    ];
    let expected = ResponseTarget {
        redirect_uri: CALLBACK.into(),
        mode: ResponseMode::Query,
        state: Some("s".into()),
        signed: None,
    };
    for (changes, code) in rows {
        let rejection = read_query(changes).unwrap_err();
        assert_eq!(
            (rejection.error.code, rejection.target.as_deref()),
            (code, Some(&expected)),
            "{changes}"
        );
    }
}

#[test]
fn what_is_kept_while_a_person_is_busy_has_a_size() {
    for name in [
        "state",
        "nonce",
        "login_hint",
        "siret_hint",
        "sp_name",
        "acr_values",
    ] {
        for (length, is_accepted) in [(2048, true), (4096, true), (4097, false)] {
            let outcome = read(&[(name, &"a".repeat(length))]);
            assert_eq!(outcome.is_ok(), is_accepted, "{name} {length}");
            if let Err(rejection) = outcome {
                assert_eq!(rejection.error.code, ErrorCode::InvalidRequest, "{name}");
                assert!(rejection.target.is_some(), "{name}: the relying party is told");
            }
        }
    }
    for (length, is_accepted) in [(16_384, true), (16_385, false)] {
        let claims = format!("{:length$}", r#"{"id_token":{"acr":null}}"#);
        assert_eq!(read(&[("claims", &claims)]).is_ok(), is_accepted, "{length}");
    }
}

#[test]
fn errors_travel_in_the_mode_of_the_request() {
    let rows = [
        ("response_type=token", ResponseMode::Fragment),
        ("response_type=id_token", ResponseMode::Fragment),
        ("response_type=code+id_token", ResponseMode::Fragment),
        ("response_type=none", ResponseMode::Query),
        ("response_type=token&response_mode=query", ResponseMode::Query),
        (
            "response_mode=form_post&scope=openid+phone",
            ResponseMode::FormPost,
        ),
        (
            "response_mode=fragment&scope=openid+phone",
            ResponseMode::Fragment,
        ),
        ("response_mode=bad&response_type=token", ResponseMode::Query),
    ];
    for (changes, mode) in rows {
        assert_eq!(
            read_query(changes).unwrap_err().target.map(|target| target.mode),
            Some(mode),
            "{changes}"
        );
    }
}

#[test]
fn modes_have_their_names_and_signed_ones_theirs() {
    let rows = [
        ("query", Some(ResponseMode::Query), None),
        ("fragment", Some(ResponseMode::Fragment), None),
        ("form_post", Some(ResponseMode::FormPost), None),
        ("jwt", None, Some(ResponseMode::Query)),
        ("query.jwt", None, Some(ResponseMode::Query)),
        ("fragment.jwt", None, Some(ResponseMode::Fragment)),
        ("form_post.jwt", None, Some(ResponseMode::FormPost)),
        ("other.jwt", None, None),
        ("", None, None),
    ];
    for (text, plain, signed) in rows {
        assert_eq!(ResponseMode::parse(text), plain, "{text}");
        assert_eq!(ResponseMode::parse_signed(text), signed, "{text}");
    }
}

#[test]
fn claims_are_limited_for_every_client_or_for_the_one_that_is_set_so() {
    let asked = [
        ("client_id", "standard_client_id"),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", "openid"),
        ("claims", r#"{"userinfo":{"email":null,"phone_number":null}}"#),
    ];
    let parameters = Parameters::read(pairs(&asked), AUTHORIZATION_PARAMETERS);
    for (everybody, this_client) in [(false, false), (true, false), (false, true)] {
        let mut client = standard_client();
        client.settings.limits_claims_to_scopes = this_client;
        let context = ReadContext {
            issuer: ISSUER,
            signer: &HintReader,
            limit_claims_to_client_scopes: everybody,
            provenance: Provenance::default(),
            now: now(),
        };
        let request =
            read_authorization_request(&parameters, ClientLookup::Known(&client), &context).unwrap();
        let is_limited = request.claims.is_within(&client.allowed_scopes);
        assert_eq!(is_limited, everybody || this_client, "{everybody} {this_client}");
    }
}

#[test]
fn the_offending_scope_is_told() {
    assert_eq!(
        read(&[("scope", "openid phone")]).unwrap_err().error.scope,
        Some("phone")
    );
}

#[test]
fn an_unregistered_uri_is_told_to_the_person_whatever_else_is_wrong() {
    let unregistered = ("redirect_uri", "http://localhost:4000/other");
    for other in [
        ("state", "s"),
        ("response_type", "token"),
        ("prompt", "bad"),
        ("scope", "phone"),
        ("request", "x"),
    ] {
        let rejection = read(&[unregistered, other]).unwrap_err();
        assert_eq!(
            (rejection.error.code, rejection.target),
            (ErrorCode::InvalidRedirectUri, None),
            "{other:?}"
        );
    }
}

#[test]
fn an_unknown_or_broken_client_is_told_to_the_person() {
    let raw = [("client_id", "x"), ("redirect_uri", CALLBACK)];
    let unknown = read_raw(&raw, ClientLookup::Unknown).unwrap_err();
    assert_eq!(
        (unknown.error.code, unknown.target),
        (ErrorCode::InvalidClient, None)
    );
    let broken = ProtocolError::bare(ErrorCode::InvalidRedirectUri);
    let rejection = read_raw(&raw, ClientLookup::Broken(&broken)).unwrap_err();
    assert_eq!(
        (rejection.error.code, rejection.target),
        (ErrorCode::InvalidRedirectUri, None)
    );
    let nothing = read_raw(&[], ClientLookup::Unknown).unwrap_err();
    assert_eq!(
        (nothing.error.code, nothing.target),
        (ErrorCode::InvalidRequest, None)
    );
}

#[test]
fn a_duplicated_state_is_not_echoed_and_an_unknown_duplicate_is_ignored() {
    let rejection = read(&[("state", "a"), ("state", "b")]).unwrap_err();
    assert_eq!(rejection.error.code, ErrorCode::InvalidRequest);
    assert_eq!(rejection.target.unwrap().state, None);
    assert!(read(&[("unknown", "a"), ("unknown", "b")]).is_ok());
}

#[test]
fn a_single_registered_uri_is_filled_in() {
    let request = request(&[("redirect_uri", "")]);
    assert_eq!(request.sent_redirect_uri, CALLBACK);
    let twice = read(&[
        ("redirect_uri", CALLBACK),
        ("redirect_uri", "http://evil.example/"),
    ])
    .unwrap_err();
    assert_eq!(twice.target.unwrap().redirect_uri, CALLBACK);
}

#[test]
fn the_answer_goes_to_the_normalised_uri_and_the_sent_one_is_remembered() {
    let request = request(&[("redirect_uri", "HTTP://LOCALHOST:4000/login-callback")]);
    assert_eq!(request.target.redirect_uri, CALLBACK);
    assert_eq!(request.sent_redirect_uri, "HTTP://LOCALHOST:4000/login-callback");
}

#[test]
fn unknown_scopes_are_dropped() {
    assert_eq!(
        request(&[("scope", "openid foo offline_access email  email")])
            .scope
            .to_string(),
        "openid email"
    );
}

#[test]
fn an_age_of_zero_asks_for_a_sign_in_and_tells_its_time() {
    let zero = request(&[("max_age", "0")]);
    assert!(zero.asks_for(Prompt::Login));
    assert!(zero.claims.tells(SignInClaim::AuthTime));
    assert!(
        request(&[("prompt", "login")])
            .claims
            .tells(SignInClaim::AuthTime)
    );
    assert!(!request(&[]).claims.tells(SignInClaim::AuthTime));
}

#[test]
fn the_legacy_level_is_only_for_those_who_insist_on_nothing_supported() {
    let essential = r#"{"id_token":{"acr":{"essential":true}}}"#;
    let unsupported = r#"{"id_token":{"acr":{"essential":true,"value":"eidas2"}}}"#;
    assert!(request(&[("acr_values", "eidas1")]).legacy_eidas1);
    assert!(!request(&[("acr_values", "eidas1 eidas0")]).legacy_eidas1);
    assert!(!request(&[("acr_values", "eidas1"), ("claims", essential)]).legacy_eidas1);
    assert!(!request(&[("acr_values", "eidas2"), ("claims", unsupported)]).legacy_eidas1);
}

/// Values that parameters could have, from the plausible to the absurd.
fn parameter_value() -> impl Strategy<Value = String> {
    prop_oneof![
        ".*",
        "[a-z_ .{}\\[\\]\":,0-9-]{0,60}",
        Just("openid".to_owned()),
        Just("code".to_owned()),
        Just(CALLBACK.to_owned()),
        Just("none login consent".to_owned()),
        Just(r#"{"id_token":{"acr":{"essential":true,"values":[1,null,"x"]}}}"#.to_owned()),
        Just("urn:ietf:params:oauth:request_uri:x".to_owned()),
        Just("1@standard_client_id".to_owned()),
    ]
}

proptest! {
    /// Whatever is asked, nothing panics, and an answer goes to a registered address or to a page of ours.
    #[test]
    fn no_request_leads_anywhere_else(
        values in proptest::collection::vec((0..AUTHORIZATION_PARAMETERS.len(), parameter_value()), 0..12),
        is_signed_in in any::<bool>(),
    ) {
        let mut raw = pairs(&[("client_id", "standard_client_id"), ("response_type", "code"), ("scope", "openid")]);
        for (index, value) in values {
            let name = AUTHORIZATION_PARAMETERS[index];
            raw.retain(|(known, _)| known != name || value.len() % 7 == 0);
            raw.push((name.to_owned(), value));
        }
        let parameters = Parameters::read(raw, AUTHORIZATION_PARAMETERS);
        let context = ReadContext {
            issuer: ISSUER,
            signer: &HintReader,
            limit_claims_to_client_scopes: false,
            provenance: Provenance::default(),
            now: now(),
        };
        let client = standard_client();
        match read_authorization_request(&parameters, ClientLookup::Known(&client), &context) {
            Ok(request) => {
                prop_assert_eq!(&request.target.redirect_uri, CALLBACK);
                let somebody = is_signed_in.then(|| signed_in(10));
                let _ = decide(&request, somebody.as_ref(), &Progress::default(), now());
            }
            Err(rejection) => {
                if let Some(target) = rejection.target {
                    prop_assert_eq!(&target.redirect_uri, CALLBACK);
                }
            }
        }
    }
}
