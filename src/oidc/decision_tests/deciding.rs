//! What is decided against the session (spec/oidc.md §5.2, §15.4).

use chrono::TimeDelta;

use super::*;

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
fn a_sign_in_is_too_old_when_it_is_older_than_asked() {
    let reasons = |seconds_ago| {
        reasons(
            &[("max_age", "60")],
            &signed_in(seconds_ago),
            &Progress::default(),
        )
    };
    assert_eq!(reasons(60), []);
    assert_eq!(reasons(61), [Reason::MaxAge]);
}

#[test]
fn some_reasons_are_removed_by_a_sign_in_only() {
    let by_sign_in = [
        Reason::LoginPrompt,
        Reason::NoSession,
        Reason::MaxAge,
        Reason::IdTokenHint,
        Reason::ClaimsIdTokenSubValue,
        Reason::LoginHint,
    ];
    let otherwise = [
        Reason::ConsentPrompt,
        Reason::EssentialAcr,
        Reason::EssentialAcrs,
        Reason::OrganizationMissing,
        Reason::JourneyIncomplete,
        Reason::SelectOrganizationPrompt,
        Reason::UpdateUserinfoPrompt,
    ];
    for reason in by_sign_in {
        assert!(reason.needs_a_new_sign_in(), "{reason:?}");
    }
    for reason in otherwise {
        assert!(!reason.needs_a_new_sign_in(), "{reason:?}");
    }
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

/// The secret that subjects are made with does not wait in the store; what a former version stored with it is read.
#[test]
fn a_stored_request_holds_no_key_and_means_the_same_person() {
    use super::super::subject::{PairwiseKey, SubjectType};
    let names = SubjectType::Pairwise(PairwiseKey::new("the key".to_owned()));
    let mut client = standard_client();
    client.settings.subject_type = names.clone();
    let hint = format!("{}@standard_client_id", names.subject(UserId(1)));
    let raw = [
        ("client_id", "standard_client_id"),
        ("response_type", "code"),
        ("scope", "openid"),
        ("id_token_hint", hint.as_str()),
    ];
    let request = read_raw(&raw, ClientLookup::Known(&client)).unwrap();
    assert!(request.names_somebody());

    let mut stored = serde_json::to_value(&request).unwrap();
    let text = stored.to_string();
    assert!(!text.contains("the key") && !text.contains("pairwise"), "{text}");
    let read = |stored: &Value| -> AuthorizationRequest { serde_json::from_value(stored.clone()).unwrap() };
    assert_eq!(read(&stored).of_client(&client), request);
    stored["subject_type"] = json!({"pairwise": "the key"});
    assert_eq!(read(&stored).of_client(&client), request);
    assert_eq!(login_reasons(&request, Some(&signed_in(60)), now()), []);
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
