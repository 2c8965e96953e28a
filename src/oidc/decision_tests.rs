//! The table tests of reading and deciding (spec/oidc.md §4.2, §5.2, §15.4).

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::authentication::{Authentication, SelectedOrganization};
use super::authorization_request::*;
use super::claims_request::SignInClaim;
use super::client::tests::standard_client;
use super::decision::*;
use super::error::{ErrorCode, ProtocolError};
use super::parameters::{Parameters, pairs};
use super::request_object::Provenance;
use super::signer::{Signer, SigningAlgorithm, SigningError, VerifiedJwt};
use crate::domain::{Acr, Amr, IdentityLevel, OrganizationId, OrganizationLevel, UserId};

const CALLBACK: &str = "http://localhost:4000/login-callback";
const ISSUER: &str = "http://localhost:3000";

/// Believes every hint of the form `<sub>@<client_id>`.
struct HintReader;

impl Signer for HintReader {
    fn sign(&self, _: SigningAlgorithm, _: &Map<String, Value>) -> Result<String, SigningError> {
        Err(SigningError("not in these tests".into()))
    }

    fn sign_as(&self, _: SigningAlgorithm, _: &str, _: &Map<String, Value>) -> Result<String, SigningError> {
        Err(SigningError("this test signs nothing".into()))
    }

    fn verify(&self, jwt: &str) -> Option<VerifiedJwt> {
        let (sub, aud) = jwt.split_once('@')?;
        let Value::Object(claims) = json!({"iss": ISSUER, "sub": sub, "aud": aud}) else {
            return None;
        };
        Some(VerifiedJwt {
            algorithm: SigningAlgorithm::RS256,
            claims,
        })
    }

    fn algorithms(&self) -> Vec<SigningAlgorithm> {
        vec![SigningAlgorithm::RS256]
    }

    fn public_jwks(&self) -> Value {
        json!({"keys": []})
    }
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_360_000, 0).unwrap()
}

fn read_raw(raw: &[(&str, &str)], lookup: ClientLookup<'_>) -> Result<AuthorizationRequest, Rejection> {
    let parameters = Parameters::read(pairs(raw), AUTHORIZATION_PARAMETERS);
    let context = ReadContext {
        issuer: ISSUER,
        signer: &HintReader,
        limit_claims_to_client_scopes: false,
        provenance: Provenance::default(),
        now: now(),
    };
    read_authorization_request(&parameters, lookup, &context)
}

/// A sound request with some parameters replaced (an empty value removes one) or added.
fn read(changes: &[(&str, &str)]) -> Result<AuthorizationRequest, Rejection> {
    let mut raw = vec![
        ("client_id", "standard_client_id"),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", "openid email"),
        ("state", "s"),
    ];
    raw.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    raw.extend_from_slice(changes);
    read_raw(&raw, ClientLookup::Known(&standard_client()))
}

/// A sound request of the standard client with some parameters replaced or added.
pub(crate) fn request(changes: &[(&str, &str)]) -> AuthorizationRequest {
    read(changes).unwrap()
}

fn signed_in(seconds_ago: i64) -> Authentication {
    Authentication {
        session_uid: "session".into(),
        user_id: UserId(1),
        email: "user@yopmail.com".into(),
        auth_time: now() - TimeDelta::seconds(seconds_ago),
        amr: vec![Amr::Pwd],
        identity_level: IdentityLevel::Declared,
        selected_organization: Some(SelectedOrganization {
            id: OrganizationId(1),
            siret: "21340126800130".into(),
            level: OrganizationLevel::Verified,
        }),
        journey_complete: true,
    }
}

/// Changes written as a query.
fn read_query(changes: &str) -> Result<AuthorizationRequest, Rejection> {
    let changes: Vec<(String, String)> = url::form_urlencoded::parse(changes.as_bytes())
        .into_owned()
        .collect();
    let changes: Vec<(&str, &str)> = changes
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    read(&changes)
}

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

#[test]
fn nobody_signed_in_means_an_interaction_or_login_required() {
    let interact = decide(&request(&[]), None, &Progress::default(), now());
    let expected = Interact {
        prompt: InteractionPrompt::Login,
        reasons: vec![Reason::NoSession],
    };
    assert_eq!(interact, Decision::Interact(expected));
    assert_eq!(refusal(&[("prompt", "none")], None), ErrorCode::LoginRequired);
}

fn refusal(changes: &[(&str, &str)], authentication: Option<&Authentication>) -> ErrorCode {
    match decide(&request(changes), authentication, &Progress::default(), now()) {
        Decision::Refuse(error) => error.code,
        other => panic!("{changes:?} gives {other:?}"),
    }
}

fn reasons(changes: &[(&str, &str)], authentication: &Authentication, progress: &Progress) -> Vec<Reason> {
    match decide(&request(changes), Some(authentication), progress, now()) {
        Decision::Interact(interact) => interact.reasons,
        Decision::Grant { .. } => Vec::new(),
        Decision::Refuse(error) => panic!("{changes:?} gives {error:?}"),
    }
}

#[test]
fn a_live_session_is_answered_at_once() {
    let granted = Decision::Grant {
        acr: Some(Acr::Eidas0),
    };
    for changes in [
        &[][..],
        &[("prompt", "none")],
        &[("max_age", "100")],
        &[("login_hint", " USER@yopmail.com")],
    ] {
        assert_eq!(
            decide(
                &request(changes),
                Some(&signed_in(60)),
                &Progress::default(),
                now()
            ),
            granted
        );
    }
}

#[test]
fn each_check_of_a_live_session_has_its_reason_and_its_error() {
    let acr = r#"{"id_token":{"acr":{"essential":true,"values":["eidas1"]}}}"#;
    let single = r#"{"id_token":{"acr":{"essential":true,"value":"eidas1"}}}"#;
    let subject = r#"{"id_token":{"sub":{"value":"2"}}}"#;
    let rows = [
        ("max_age", "30", Reason::MaxAge, ErrorCode::LoginRequired),
        (
            "id_token_hint",
            "2@standard_client_id",
            Reason::IdTokenHint,
            ErrorCode::LoginRequired,
        ),
        (
            "claims",
            subject,
            Reason::ClaimsIdTokenSubValue,
            ErrorCode::LoginRequired,
        ),
        ("claims", acr, Reason::EssentialAcrs, ErrorCode::LoginRequired),
        ("claims", single, Reason::EssentialAcr, ErrorCode::LoginRequired),
        (
            "login_hint",
            "other@yopmail.com",
            Reason::LoginHint,
            ErrorCode::LoginRequired,
        ),
        (
            "siret_hint",
            "13002526500013",
            Reason::OrganizationMissing,
            ErrorCode::InteractionRequired,
        ),
        (
            "siret_hint",
            "jean",
            Reason::OrganizationMissing,
            ErrorCode::InteractionRequired,
        ),
    ];
    for (name, value, reason, code) in rows {
        assert_eq!(
            reasons(&[(name, value)], &signed_in(60), &Progress::default()),
            [reason],
            "{name}={value}"
        );
        assert_eq!(
            refusal(&[(name, value), ("prompt", "none")], Some(&signed_in(60))),
            code,
            "{name}={value}"
        );
    }
    for (prompt, reason) in [
        ("login", Reason::LoginPrompt),
        ("consent", Reason::ConsentPrompt),
        ("select_organization", Reason::SelectOrganizationPrompt),
        ("update_userinfo", Reason::UpdateUserinfoPrompt),
    ] {
        assert_eq!(
            reasons(&[("prompt", prompt)], &signed_in(60), &Progress::default()),
            [reason]
        );
    }
}

#[test]
fn an_age_of_zero_without_pages_is_a_refusal() {
    assert_eq!(
        refusal(&[("prompt", "none"), ("max_age", "0")], Some(&signed_in(1))),
        ErrorCode::LoginRequired
    );
}

#[test]
fn a_hinted_siret_is_compared_without_its_blanks() {
    assert_eq!(
        reasons(
            &[("siret_hint", "213 401 268 00130")],
            &signed_in(60),
            &Progress::default()
        ),
        []
    );
}

#[test]
fn no_organization_or_an_open_journey_is_an_interaction() {
    let nowhere = Authentication {
        selected_organization: None,
        ..signed_in(60)
    };
    assert_eq!(
        reasons(&[], &nowhere, &Progress::default()),
        [Reason::OrganizationMissing]
    );
    assert_eq!(
        refusal(&[("prompt", "none")], Some(&nowhere)),
        ErrorCode::InteractionRequired
    );
    let unverified = Authentication {
        journey_complete: false,
        ..signed_in(60)
    };
    assert_eq!(
        reasons(&[], &unverified, &Progress::default()),
        [Reason::JourneyIncomplete]
    );
    assert_eq!(
        refusal(&[("prompt", "none")], Some(&unverified)),
        ErrorCode::InteractionRequired
    );
}

#[test]
fn a_sign_in_older_than_the_request_never_counts_as_one_for_it() {
    let progress = Progress::default().with_answer(UserId(1), InteractionPrompt::Login);
    assert_eq!(
        reasons(&[("prompt", "login")], &signed_in(1), &progress),
        [Reason::LoginPrompt]
    );
    assert_eq!(
        reasons(&[("max_age", "30")], &signed_in(60), &progress),
        [Reason::MaxAge]
    );
    assert_eq!(reasons(&[("prompt", "login")], &signed_in(0), &progress), []);
    assert_eq!(reasons(&[("max_age", "0")], &signed_in(-2), &progress), []);
}

#[test]
fn a_slow_second_factor_does_not_make_a_new_sign_in_too_old() {
    let mut request = request(&[("max_age", "5")]);
    request.began_at = now() - TimeDelta::seconds(120);
    let progress = Progress::default().with_answer(UserId(1), InteractionPrompt::Login);
    let decision = decide(&request, Some(&signed_in(60)), &progress, now());
    assert_eq!(
        decision,
        Decision::Grant {
            acr: Some(Acr::Eidas0)
        }
    );
}

#[test]
fn the_wrong_person_is_refused_after_having_signed_in() {
    let subject = r#"{"id_token":{"sub":{"value":"2"}}}"#;
    let fresh = signed_in(-5);
    assert_eq!(
        refusal(&[("id_token_hint", "2@standard_client_id")], Some(&fresh)),
        ErrorCode::LoginRequired
    );
    assert_eq!(
        refusal(&[("claims", subject)], Some(&fresh)),
        ErrorCode::AccessDenied
    );
    let by_choice = Progress::default().with_answer(UserId(1), InteractionPrompt::Login);
    assert_eq!(
        reasons(&[("login_hint", "other@yopmail.com")], &fresh, &by_choice),
        []
    );
}

#[test]
fn every_custom_prompt_is_honoured_once() {
    let both = [("prompt", "update_userinfo select_organization")];
    let first = Progress::default();
    assert_eq!(
        reasons(&both, &signed_in(60), &first),
        [Reason::SelectOrganizationPrompt]
    );
    let second = first.with_answer(UserId(1), InteractionPrompt::SelectOrganization);
    assert_eq!(
        reasons(&both, &signed_in(60), &second),
        [Reason::UpdateUserinfoPrompt]
    );
    let third = second.with_answer(UserId(1), InteractionPrompt::UpdateUserinfo);
    assert_eq!(reasons(&both, &signed_in(60), &third), []);
}

#[test]
fn what_one_person_answered_does_not_count_for_another() {
    let progress = Progress::default().with_answer(UserId(2), InteractionPrompt::SelectOrganization);
    let prompt = [("prompt", "select_organization")];
    assert_eq!(
        reasons(&prompt, &signed_in(60), &progress),
        [Reason::SelectOrganizationPrompt]
    );
}

#[test]
fn consent_is_given_by_any_interaction() {
    let progress = Progress::default().with_answer(UserId(1), InteractionPrompt::Login);
    assert_eq!(reasons(&[("prompt", "consent")], &signed_in(60), &progress), []);
}

#[test]
fn a_choice_made_for_this_request_wins_over_its_hint() {
    let changes = [
        ("prompt", "select_organization"),
        ("siret_hint", "13002526500013"),
    ];
    let progress = Progress::default().with_answer(UserId(1), InteractionPrompt::SelectOrganization);
    assert_eq!(reasons(&changes, &signed_in(60), &progress), []);
}

#[test]
fn the_legacy_level_is_stated_after_an_interaction_and_nowhere_else() {
    let legacy = request(&[("acr_values", "eidas1")]);
    let progress = Progress::default().with_answer(UserId(1), InteractionPrompt::Login);
    let stated = |progress: &Progress| decide(&legacy, Some(&signed_in(60)), progress, now());
    assert_eq!(
        stated(&progress),
        Decision::Grant {
            acr: Some(Acr::Eidas1)
        }
    );
    assert_eq!(
        stated(&Progress::default()),
        Decision::Grant {
            acr: Some(Acr::Eidas0)
        }
    );
    let insisting = [(
        "claims",
        r#"{"id_token":{"acr":{"essential":true,"values":["eidas1"]}}}"#,
    )];
    assert_eq!(
        reasons(&insisting, &signed_in(60), &progress),
        [Reason::EssentialAcrs]
    );
}

#[test]
fn only_unknown_scopes_are_refused() {
    assert_eq!(
        refusal(&[("scope", "foo bar")], Some(&signed_in(60))),
        ErrorCode::AccessDenied
    );
    assert_eq!(refusal(&[("scope", "foo bar")], None), ErrorCode::AccessDenied);
}

#[test]
fn an_unreachable_level_is_not_acceptable() {
    let values =
        |values: &str| format!(r#"{{"id_token":{{"acr":{{"essential":true,"values":[{values}]}}}}}}"#);
    let acceptable = |claims: &str, authentication: &Authentication| {
        acr_is_acceptable(&request(&[("claims", claims)]), authentication)
    };
    assert!(!acceptable(&values(r#""eidas1","eidas1-mfa""#), &signed_in(60)));
    assert!(acceptable(&values(r#""eidas0","eidas2""#), &signed_in(60)));
    let unverified = Authentication {
        selected_organization: Some(SelectedOrganization {
            id: OrganizationId(1),
            siret: "21340126800130".into(),
            level: OrganizationLevel::Unverified,
        }),
        ..signed_in(60)
    };
    assert!(!acr_is_acceptable(&request(&[]), &unverified));
    assert!(acr_is_acceptable(
        &request(&[("acr_values", "eidas1")]),
        &unverified
    ));
    let unsupported = values(r#""eidas2""#);
    assert!(!acr_is_acceptable(
        &request(&[("acr_values", "eidas1"), ("claims", &unsupported)]),
        &signed_in(60)
    ));
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
