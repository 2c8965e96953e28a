//! The register of quirks (spec/oidc.md §14): how each is resolved here, and the tests that hold it so.
//!
//! [`REGISTER`] is the check list; a test looks for every name of it in the sources.

use std::path::Path;

use serde_json::{Value, json};

use super::{Stage, sent};
use crate::support::wire::{exchange, request};
use crate::support::{Options, RelyingParty};

/// What became of a quirk.
#[derive(Debug, PartialEq, Eq)]
enum Resolution {
    /// Relying parties see it as before.
    Keep,
    /// It is gone.
    Fix,
    /// It is as before unless the deployment, or the client, is set otherwise.
    Switch,
    /// Nothing can be seen of it.
    Nothing,
}

use Resolution::{Fix, Keep, Nothing, Switch};

/// Number, resolution, tests.
const REGISTER: [(u8, Resolution, &[&str]); 59] = [
    (1, Fix, &["oidcc_discovery_endpoint_verification"]),
    (
        2,
        Fix,
        &["links_are_built_on_the_configured_origin_whatever_a_request_claims"],
    ),
    (
        3,
        Keep,
        &["unknown_paths_are_told_in_the_language_of_their_part_of_the_house"],
    ),
    (
        4,
        Fix,
        &[
            "oidcc_ensure_post_request_succeeds",
            "a_form_of_another_site_finds_whoever_is_signed_in",
            "a_logout_may_be_posted",
        ],
    ),
    (
        5,
        Fix,
        &["a_pushed_request_is_used_once_and_only_its_parameters_count"],
    ),
    (
        6,
        Fix,
        &["an_assertion_proves_the_client_for_each_audience_that_is_us"],
    ),
    (
        7,
        Keep,
        &[
            "basic_authentication_works_as_well",
            "oidcc_discovery_endpoint_verification",
        ],
    ),
    (
        8,
        Keep,
        &[
            "what_the_reference_ignores_breaks_nothing",
            "introspection_is_signed_for_whoever_asks_for_it",
        ],
    ),
    (9, Fix, &["tokens_are_encrypted_for_whoever_wants_that"]),
    (
        10,
        Keep,
        &[
            "a_deployment_needs_secrets_of_its_own",
            "a_restart_on_a_development_machine_signs_nobody_out",
        ],
    ),
    (
        11,
        Keep,
        &[
            "clients_are_told_apart_on_our_own_page",
            "the_check_names_rows_that_are_broken",
        ],
    ),
    (12, Fix, &["the_lowest_row_wins_among_clients_of_one_name"]),
    (
        13,
        Switch,
        &[
            "uris_are_compared_after_normalisation",
            "settings_are_part_of_the_client",
        ],
    ),
    (
        14,
        Keep,
        &[
            "a_single_registered_uri_is_filled_in",
            "the_right_address_is_the_one_that_was_sent",
        ],
    ),
    (15, Fix, &["a_request_for_nothing_known_is_denied"]),
    (
        16,
        Keep,
        &[
            "only_unknown_scopes_are_refused",
            "a_request_for_nothing_known_is_denied",
        ],
    ),
    (
        17,
        Fix,
        &["a_login_hint_at_another_account_wins_over_the_session"],
    ),
    (
        18,
        Fix,
        &["a_login_hint_at_another_account_wins_over_the_session"],
    ),
    (
        19,
        Fix,
        &[
            "hints_belong_to_their_interaction",
            "a_hinted_organization_of_the_person_is_selected_without_a_page",
        ],
    ),
    (
        20,
        Fix,
        &[
            "a_hinted_siret_is_compared_without_its_blanks",
            "a_hinted_organization_of_the_person_is_selected_without_a_page",
        ],
    ),
    (21, Keep, &["a_hint_that_is_no_siret_ends_at_the_relying_party"]),
    (
        22,
        Fix,
        &[
            "each_custom_prompt_has_its_page",
            "each_of_several_prompts_is_honoured",
        ],
    ),
    (
        23,
        Fix,
        &["oidcc_max_age_1", "a_sign_in_that_is_asked_for_cannot_be_skipped"],
    ),
    (
        24,
        Fix,
        &[
            "oidcc_prompt_login",
            "a_sign_in_that_is_asked_for_cannot_be_skipped",
        ],
    ),
    (
        25,
        Fix,
        &["an_id_token_hint_at_another_person_asks_for_that_person"],
    ),
    (
        26,
        Fix,
        &["another_subject_than_the_wanted_one_is_denied_after_one_sign_in"],
    ),
    (27, Keep, &["a_request_is_satisfied_by_one_of_its_values_only"]),
    (
        28,
        Fix,
        &[
            "the_legacy_level_stays_in_its_one_answer",
            "a_level_is_judged_for_each_request",
        ],
    ),
    (
        29,
        Fix,
        &[
            "a_verified_identity_is_asked_when_it_satisfies_the_request",
            "a_service_that_needs_a_verified_identity_gets_one",
        ],
    ),
    (
        30,
        Fix,
        &[
            "an_address_that_must_be_proven_again_stands_in_the_way",
            "an_organization_that_was_left_is_represented_no_more",
        ],
    ),
    (31, Fix, &["the_organization_is_that_of_the_session"]),
    (
        32,
        Fix,
        &["a_code_without_an_organization_is_an_invalid_grant_and_a_token_is_invalid"],
    ),
    (33, Fix, &["code_replay_in_parallel"]),
    (
        34,
        Switch,
        &["named_claims_are_told_unless_claims_are_limited_to_scopes"],
    ),
    // A number, since certified libraries insist on it; the old text is a setting of the client.
    (
        35,
        Switch,
        &[
            "oidcc_scope_profile",
            "who_wants_the_old_text_of_updated_at_gets_it",
        ],
    ),
    (
        36,
        Fix,
        &["the_answer_can_be_narrowed_but_always_tells_the_subject"],
    ),
    (
        37,
        Keep,
        &["an_organization_without_label_says_null_and_empty_texts_are_left_out"],
    ),
    (38, Keep, &["without_a_number_only_its_verification_is_told"]),
    (
        39,
        Switch,
        &["tokens_of_others_are_introspected_unless_that_is_limited"],
    ),
    (
        40,
        Switch,
        &[
            "a_logout_without_hint_asks_where_that_is_wanted",
            "oidcc_rp_initiated_logout_no_params",
        ],
    ),
    (41, Fix, &["a_sign_out_ends_whatever_the_session_brought"]),
    (
        42,
        Keep,
        &["a_hint_at_somebody_else_signs_out_whoever_is_signed_in"],
    ),
    (
        43,
        Fix,
        &["extra_parameters_are_kept_and_only_codes_are_written_down"],
    ),
    (
        44,
        Keep,
        &["the_journal_holds_the_address_that_the_proxy_vouches_for"],
    ),
    (45, Fix, &["an_interaction_that_is_over_is_a_page_and_no_fault"]),
    (46, Fix, &["an_expired_request_asks_for_nothing"]),
    (47, Fix, &["a_deleted_account_is_nobody"]),
    (
        48,
        Fix,
        &[
            "a_fault_is_told_to_the_operator_by_the_reference_on_the_page",
            "relying_parties_are_told_to_come_back_while_redis_is_away",
        ],
    ),
    (
        49,
        Switch,
        &["a_session_in_use_ends_all_the_same_after_its_absolute_age"],
    ),
    (
        50,
        Keep,
        &["the_way_back_from_a_used_up_budget_is_on_the_same_budget"],
    ),
    (
        51,
        Fix,
        &[
            "secure_cookies_over_plain_http_are_remarked_upon_anywhere",
            "secure_cookies_over_plain_http_are_no_fault",
        ],
    ),
    (52, Fix, &["keys_never_hold_the_secret", "credential_leakage"]),
    (53, Fix, &["a_look_from_afar_issues_no_code_and_ends_no_session"]),
    (54, Fix, &["an_authorization_header_disturbs_no_interaction"]),
    (55, Keep, &["browsers_have_no_business_here"]),
    (56, Fix, &["a_failed_attempt_leaves_the_code_usable"]),
    (57, Nothing, &[]),
    (
        58,
        Keep,
        &["claims_of_the_id_token_are_those_that_were_asked_for"],
    ),
    (
        59,
        Keep,
        &[
            "claims_of_the_id_token_are_those_that_were_asked_for",
            "settings_change_what_tokens_tell",
        ],
    ),
];

/// Adds the text of every Rust source below `folder`.
fn read_sources(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_quirk_has_its_resolution_and_its_tests() {
    let mut sources = String::new();
    for folder in ["src", "tests"] {
        read_sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut sources);
    }
    for (position, (number, resolution, tests)) in REGISTER.iter().enumerate() {
        assert_eq!(usize::from(*number), position + 1, "in their order");
        assert_eq!(tests.is_empty(), *resolution == Nothing, "Q{number:02}");
        for test in *tests {
            assert!(
                sources.contains(&format!("fn {test}()")),
                "Q{number:02}: no test {test}"
            );
        }
    }
}

#[tokio::test]
async fn without_a_number_only_its_verification_is_told() {
    let client = RelyingParty {
        scope: "openid phone".into(),
        ..RelyingParty::default()
    };
    let stage = Stage::set_with(Options::default(), client).await;
    stage
        .server
        .database()
        .execute("UPDATE users SET phone_number = NULL WHERE id = 1")
        .await;
    let page = stage.send(&[]).await;
    let answer = stage.sign_in(page).await;
    let tokens = stage
        .tokens(&crate::support::parameter(&answer, "code").unwrap())
        .await;
    let (_, userinfo) = stage.userinfo(tokens["access_token"].as_str().unwrap()).await;
    assert_eq!(userinfo, json!({"sub": "1", "phone_number_verified": false}));
}

#[tokio::test]
async fn tokens_of_others_are_introspected_unless_that_is_limited() {
    for (limited, expected) in [("False", true), ("True", false)] {
        let options = Options::default().with("FEATURE_LIMIT_INTROSPECTION_TO_OWN_TOKENS", limited);
        let stage = Stage::set_with(options, RelyingParty::default()).await;
        let page = stage.send(&[]).await;
        stage.sign_in(page).await;
        let tokens = stage.tokens(&stage.code(&[]).await).await;
        let other = RelyingParty::default();
        other.register(stage.server.database()).await;
        for (client, is_active) in [(&stage.client, true), (&other, expected)] {
            let answer = crate::support::http_client()
                .post(stage.server.base_url.join("oauth/token/introspection").unwrap())
                .form(&[
                    ("client_id", client.client_id.as_str()),
                    ("client_secret", &client.client_secret),
                    ("token", tokens["access_token"].as_str().unwrap()),
                ])
                .send()
                .await
                .unwrap();
            let answer: Value = answer.json().await.unwrap();
            assert_eq!(answer["active"], is_active, "{limited}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_hint_at_somebody_else_signs_out_whoever_is_signed_in() {
    let stage = Stage::set_signed_in().await;
    let tokens = stage.tokens(&stage.code(&[]).await).await;
    let hint = tokens["id_token"].as_str().unwrap();
    stage
        .server
        .database()
        .execute(
            "UPDATE users SET encrypted_password = (SELECT encrypted_password FROM users WHERE id = 1) WHERE id = 2",
        )
        .await;
    let other = Stage {
        visitor: stage.server.visitor(),
        ..stage
    };
    other
        .visitor
        .sign_in_as("api-particulier@yopmail.com", crate::support::PASSWORD)
        .await;
    let page = other
        .visitor
        .get(&format!("/oauth/logout?id_token_hint={hint}"))
        .await;
    other.visitor.submit(&page, "/oauth/logout/confirm", &[]).await;
    let silent = other.send(&[("prompt", "none")]).await;
    assert_eq!(sent(&silent, "error").as_deref(), Some("login_required"));
}

#[tokio::test]
async fn the_journal_holds_the_address_that_the_proxy_vouches_for() {
    let stage = Stage::set_signed_in().await;
    let url = stage.client.authorization_url(&stage.server, &[]);
    let long = format!("{}, 203.0.113.7", "x".repeat(2000));
    for claimed in ["198.51.100.9, 203.0.113.7", "203.0.113.7", &long] {
        let request = stage.visitor.client().get(url.clone());
        let answer = request.header("X-Forwarded-For", claimed).send().await.unwrap();
        assert_eq!(answer.status(), 303);
    }
    let connection = stage.server.database().pool().get().await.unwrap();
    let rows = connection
        .query("SELECT DISTINCT user_ip_address FROM users_oidc_clients", &[])
        .await
        .unwrap();
    let addresses: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(addresses, ["203.0.113.7"]);
}

#[tokio::test]
async fn the_way_back_from_a_used_up_budget_is_on_the_same_budget() {
    let options = Options::default().with("FEATURE_RATE_LIMIT_BY_IP", "True");
    let stage = Stage::set_with(options, RelyingParty::default()).await;
    let mut page = stage.send(&[]).await;
    for _ in 0..61 {
        if page.status == 429 {
            break;
        }
        page = stage.visitor.get("/users/start-sign-in").await;
    }
    assert_eq!(page.status, 429);
    let links = page.attributes("a[href^='/interaction/']", "href");
    assert!(
        links[0].contains("error=server_error&error_description=Too%20many%20requests"),
        "{links:?}"
    );
    let back = stage.visitor.get(&links[0]).await;
    assert_eq!(back.status, 429, "the person stays here");
}

#[tokio::test]
async fn secure_cookies_over_plain_http_are_no_fault() {
    let options = Options::default().with("FEATURE_USE_SECURE_COOKIES", "True");
    let stage = Stage::set_with(options, RelyingParty::default()).await;
    let url = stage.client.authorization_url(&stage.server, &[]);
    let path = format!("/oauth/authorize?{}", url.query().unwrap());
    let answer = super::appendix::step(&stage, &path).await;
    assert_eq!(answer.status, 303);
    for cookie in answer.headers.get_all("set-cookie") {
        assert!(cookie.to_str().unwrap().contains("Secure"), "{cookie:?}");
    }
}

#[tokio::test]
async fn an_authorization_header_disturbs_no_interaction() {
    let stage = Stage::set().await;
    let url = stage.client.authorization_url(&stage.server, &[]);
    let path = format!("/oauth/authorize?{}", url.query().unwrap());
    let start = super::appendix::step(&stage, &path).await;
    let interaction = start.location().path().to_owned();
    let next = format!("{interaction}/login");
    for (path, expected) in [(&interaction, &*next), (&next, "/users/start-sign-in")] {
        let cookies = stage.visitor.cookies_for(path);
        let headers = [("Authorization", "Bearer x"), ("Cookie", cookies.as_str())];
        let answer = exchange(&stage.server.base_url, &request("GET", path, &headers, b"")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.location().path()),
            (302, expected)
        );
        for cookie in answer.headers.get_all("set-cookie") {
            stage.visitor.add_cookie(cookie.to_str().unwrap());
        }
    }
}
