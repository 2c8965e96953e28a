//! The authorization endpoint and its interactions.

use chrono::TimeDelta;
use identite::domain::{Siret, UserId};
use identite::oidc::{
    Authentication, AuthorizationAnswer, ErrorCode, ErrorEnd, Finish, FirstPage, Start, Visitor,
};

use super::provider::{Provider, parameter, request};

const OTHER_USER: UserId = UserId(2);

fn error_of(answer: &AuthorizationAnswer) -> String {
    parameter(answer, "error").expect("an error for the relying party")
}

fn uid_of(answer: &AuthorizationAnswer) -> String {
    let AuthorizationAnswer::Interaction { uid, .. } = answer else {
        panic!("{answer:?}")
    };
    uid.clone()
}

fn page_error(answer: &AuthorizationAnswer) -> (u16, ErrorCode) {
    let AuthorizationAnswer::ErrorPage { status, error } = answer else {
        panic!("{answer:?}")
    };
    (*status, error.code)
}

#[tokio::test]
async fn a_live_session_is_answered_with_a_code_and_written_down_once() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let answer = provider
        .authorize(&[("sp_name", "Service\n final")], Some(&session))
        .await;
    assert_eq!(parameter(&answer, "code").unwrap().len(), 43);
    assert_eq!(parameter(&answer, "state").as_deref(), Some("s"));
    assert_eq!(
        parameter(&answer, "iss").as_deref(),
        Some("http://localhost:3000")
    );
    let written = "SELECT count(*) FROM users_oidc_clients WHERE user_id = 1 AND organization_id = 1
                   AND oidc_client_id = 2 AND sp_name = 'Service final' AND user_ip_address = '203.0.113.7'";
    assert_eq!(provider.database.count(written).await, 1);
}

#[tokio::test]
async fn connections_that_come_together_are_written_down_together_and_one_that_cannot_be_hinders_no_other() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let gone = Authentication {
        user_id: UserId(999_999),
        ..session.clone()
    };
    let people = (0..40).map(|number| if number == 7 { &gone } else { &session });
    let answers = people.map(|person| provider.authorize(&[], Some(person)));
    for answer in futures::future::join_all(answers).await {
        assert!(parameter(&answer, "code").is_some(), "{answer:?}");
    }
    let written = "SELECT count(*) FROM users_oidc_clients WHERE user_id = 1 AND oidc_client_id = 2";
    assert_eq!(provider.database.count(written).await, 39);
    let all = "SELECT count(*) FROM users_oidc_clients";
    assert_eq!(provider.database.count(all).await, 39);
}

#[tokio::test]
async fn a_refusal_is_not_written_down() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let answer = provider
        .authorize(&[("scope", "openid phone")], Some(&session))
        .await;
    assert_eq!(error_of(&answer), "invalid_scope");
    assert_eq!(
        provider
            .database
            .count("SELECT count(*) FROM users_oidc_clients")
            .await,
        0
    );
}

#[tokio::test]
async fn clients_are_told_apart_on_our_own_page() {
    let provider = Provider::start().await;
    let unknown = provider.authorize(&[("client_id", "nobody")], None).await;
    assert_eq!(page_error(&unknown), (400, ErrorCode::InvalidClient));
    let unprintable = provider.authorize(&[("client_id", "\u{0}é")], None).await;
    assert_eq!(page_error(&unprintable), (400, ErrorCode::InvalidClient));
    let elsewhere = provider
        .authorize(&[("redirect_uri", "https://evil.example/")], None)
        .await;
    assert_eq!(page_error(&elsewhere), (400, ErrorCode::InvalidRedirectUri));
    provider
        .database
        .execute("UPDATE oidc_clients SET redirect_uris = '{0/login-callback}' WHERE client_id = 'client_id'")
        .await;
    let broken = provider.authorize(&[("client_id", "client_id")], None).await;
    assert_eq!(page_error(&broken), (400, ErrorCode::InvalidRedirectUri));
    uid_of(&provider.authorize(&[], None).await);
}

#[tokio::test]
async fn the_lowest_row_wins_among_clients_of_one_name() {
    let provider = Provider::start().await;
    provider
        .database
        .execute(
            "INSERT INTO oidc_clients (id, client_name, client_id, client_secret, redirect_uris)
             VALUES (9999, 'Double', 'standard_client_id', 'x', '{https://double.example/}')",
        )
        .await;
    uid_of(&provider.authorize(&[], None).await);
}

#[tokio::test]
async fn a_person_who_signs_in_comes_back_with_a_code_once() {
    let provider = Provider::start().await;
    let waiting = provider.authorize(&[], None).await;
    let uid = uid_of(&waiting);
    let start = provider.oidc.start_interaction(&uid, None).await.unwrap();
    assert!(
        matches!(
            start,
            Start::Page {
                page: FirstPage::Journey,
                ..
            }
        ),
        "{start:?}"
    );
    let session = provider.sign_in().await;
    let answer = provider.interact(waiting, &session).await;
    assert!(parameter(&answer, "code").is_some());
    let again = provider
        .oidc
        .resume(&uid, Some(&session), &Visitor::default())
        .await;
    assert_eq!(page_error(&again), (400, ErrorCode::InvalidRequest));
    assert_eq!(
        provider
            .database
            .count("SELECT count(*) FROM users_oidc_clients")
            .await,
        1
    );
}

#[tokio::test]
async fn an_interaction_ends_after_an_hour() {
    let provider = Provider::start().await;
    let uid = uid_of(&provider.authorize(&[], None).await);
    provider.clock.advance(TimeDelta::minutes(61));
    let session = provider.sign_in().await;
    assert_eq!(
        provider.oidc.start_interaction(&uid, None).await.unwrap(),
        Start::Gone
    );
    assert_eq!(
        provider.oidc.finish_interaction(&uid, &session).await.unwrap(),
        Finish::Gone
    );
    let resumed = provider
        .oidc
        .resume(&uid, Some(&session), &Visitor::default())
        .await;
    assert_eq!(page_error(&resumed), (400, ErrorCode::InvalidRequest));
}

#[tokio::test]
async fn asking_to_sign_in_again_cannot_be_skipped() {
    let provider = Provider::start().await;
    let old = provider.sign_in().await;
    provider.clock.advance(TimeDelta::minutes(5));
    for change in [
        ("prompt", "login"),
        ("max_age", "60"),
        ("max_age", "0"),
        ("login_hint", "x@yopmail.com"),
    ] {
        let waiting = provider.authorize(&[change], Some(&old)).await;
        let uid = uid_of(&waiting);
        let start = provider.oidc.start_interaction(&uid, Some(&old)).await.unwrap();
        assert!(
            matches!(
                start,
                Start::Page {
                    page: FirstPage::SignIn,
                    ..
                }
            ),
            "{change:?} {start:?}"
        );
        let skipped = provider.oidc.finish_interaction(&uid, &old).await.unwrap();
        assert!(
            matches!(skipped, Finish::SignInAgain(_)),
            "{change:?} {skipped:?}"
        );
        let early = provider.oidc.resume(&uid, Some(&old), &Visitor::default()).await;
        let fresh = provider.sign_in().await;
        let answer = provider.interact(early, &fresh).await;
        assert!(parameter(&answer, "code").is_some(), "{change:?}");
    }
}

#[tokio::test]
async fn a_hint_at_another_person_is_never_answered_for_this_one() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let code = provider.code(&[], &session).await;
    let hint = provider.redeem(&code, &[]).await.unwrap().id_token.unwrap();
    let other = provider.sign_in_as(OTHER_USER, 2).await;
    let silent = provider
        .authorize(&[("id_token_hint", &hint), ("prompt", "none")], Some(&other))
        .await;
    assert_eq!(error_of(&silent), "login_required");
    let waiting = provider
        .authorize(&[("id_token_hint", &hint)], Some(&other))
        .await;
    let other_again = provider.sign_in_as(OTHER_USER, 2).await;
    assert_eq!(
        error_of(&provider.interact(waiting, &other_again).await),
        "login_required"
    );

    let subject = r#"{"id_token":{"sub":{"value":"1"}}}"#;
    let waiting = provider
        .authorize(&[("claims", subject)], Some(&other_again))
        .await;
    let other_once_more = provider.sign_in_as(OTHER_USER, 2).await;
    assert_eq!(
        error_of(&provider.interact(waiting, &other_once_more).await),
        "access_denied"
    );
}

/// The key that makes the names of a client is not kept with its requests; they mean the same people all the same.
#[tokio::test]
async fn an_interaction_knows_people_by_the_names_of_its_client() {
    let provider = Provider::start().await;
    provider
        .set(serde_json::json!({"pairwise_subject_key": "a key"}))
        .await;
    let session = provider.sign_in().await;
    let code = provider.code(&[], &session).await;
    let hint = provider.redeem(&code, &[]).await.unwrap().id_token.unwrap();
    let changes = [("id_token_hint", hint.as_str()), ("prompt", "consent")];
    let waiting = provider.authorize(&changes, Some(&session)).await;
    let uid = uid_of(&waiting);
    let start = provider.oidc.start_interaction(&uid, Some(&session)).await;
    assert!(
        matches!(
            start,
            Ok(Start::Page {
                page: FirstPage::Journey,
                ..
            })
        ),
        "{start:?}"
    );
    let answer = provider.interact(waiting, &session).await;
    assert!(parameter(&answer, "code").is_some(), "{answer:?}");

    let other = provider.sign_in_as(OTHER_USER, 2).await;
    let uid = uid_of(&provider.authorize(&changes, Some(&other)).await);
    let finish = provider.oidc.finish_interaction(&uid, &other).await.unwrap();
    assert!(matches!(finish, Finish::SignInAgain(_)), "{finish:?}");
}

#[tokio::test]
async fn a_level_that_cannot_be_reached_is_denied_on_a_page_with_a_way_back() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let claims = r#"{"id_token":{"acr":{"essential":true,"values":["eidas1","eidas2"]}}}"#;
    let uid = uid_of(&provider.authorize(&[("claims", claims)], Some(&session)).await);
    let finish = provider.oidc.finish_interaction(&uid, &session).await.unwrap();
    assert_eq!(finish, Finish::AcrNotMet);
    let description = identite::oidc::ACR_NOT_MET;
    let end = provider
        .oidc
        .interaction_error(&uid, Some("access_denied"), Some(description))
        .await
        .unwrap();
    assert_eq!(end, ErrorEnd::Resume);
    let answer = provider
        .oidc
        .resume(&uid, Some(&session), &Visitor::default())
        .await;
    assert_eq!(error_of(&answer), "access_denied");
    assert_eq!(
        parameter(&answer, "error_description").as_deref(),
        Some(description)
    );
    assert_eq!(parameter(&answer, "state").as_deref(), Some("s"));
}

#[tokio::test]
async fn a_bad_way_back_leaves_the_interaction_alone() {
    let provider = Provider::start().await;
    let uid = uid_of(&provider.authorize(&[], None).await);
    let bad = provider
        .oidc
        .interaction_error(&uid, Some("not_an_error"), None)
        .await
        .unwrap();
    assert_eq!(bad, ErrorEnd::Invalid);
    let session = provider.sign_in().await;
    assert_eq!(
        provider.oidc.finish_interaction(&uid, &session).await.unwrap(),
        Finish::Resume
    );
}

#[tokio::test]
async fn each_custom_prompt_has_its_page() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let prompts = [("prompt", "select_organization update_userinfo")];
    let first = provider.authorize(&prompts, Some(&session)).await;
    let start = provider
        .oidc
        .start_interaction(&uid_of(&first), Some(&session))
        .await
        .unwrap();
    assert!(
        matches!(
            start,
            Start::Page {
                page: FirstPage::SelectOrganization,
                ..
            }
        ),
        "{start:?}"
    );
    let second = provider.interact(first, &session).await;
    let start = provider
        .oidc
        .start_interaction(&uid_of(&second), Some(&session))
        .await
        .unwrap();
    assert!(
        matches!(
            start,
            Start::Page {
                page: FirstPage::PersonalInformation,
                ..
            }
        ),
        "{start:?}"
    );
    assert!(parameter(&provider.interact(second, &session).await, "code").is_some());
}

#[tokio::test]
async fn hints_belong_to_their_interaction() {
    let provider = Provider::start().await;
    let hinted = provider
        .authorize(
            &[("siret_hint", "130 025 265 00013"), ("login_hint", "a@b.fr")],
            None,
        )
        .await;
    let context = provider
        .oidc
        .interaction(&uid_of(&hinted))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        context.siret_hint.as_ref().map(Siret::as_str),
        Some("13002526500013")
    );
    assert_eq!(context.login_hint.as_deref(), Some("a@b.fr"));
    let bare = provider.authorize(&[], None).await;
    let context = provider.oidc.interaction(&uid_of(&bare)).await.unwrap().unwrap();
    assert_eq!((context.siret_hint, context.login_hint), (None, None));
    let invalid = provider.authorize(&[("siret_hint", "jean")], None).await;
    let start = provider
        .oidc
        .start_interaction(&uid_of(&invalid), None)
        .await
        .unwrap();
    assert!(
        matches!(&start, Start::InvalidSiretHint { hint, .. } if hint == "jean"),
        "{start:?}"
    );
}

#[tokio::test]
async fn the_legacy_level_stays_in_its_one_answer() {
    let provider = Provider::start().await;
    let legacy = [("acr_values", "eidas1")];
    let waiting = provider.authorize(&legacy, None).await;
    let session = provider.sign_in().await;
    let code = parameter(&provider.interact(waiting, &session).await, "code").unwrap();
    let id_token = provider.redeem(&code, &[]).await.unwrap().id_token.unwrap();
    assert_eq!(provider.claims(&id_token)["acr"], "eidas1");
    let essential = r#"{"id_token":{"acr":{"essential":true,"values":["eidas1"]}}}"#;
    let other = provider
        .authorize(&[("claims", essential), ("prompt", "none")], Some(&session))
        .await;
    assert_eq!(error_of(&other), "login_required");
}

#[tokio::test]
async fn the_client_of_a_request_can_be_loaded_by_the_caller() {
    let provider = Provider::start().await;
    let raw = request(&[]);
    assert_eq!(
        identite::oidc::Oidc::wanted_client_id(&raw),
        Some("standard_client_id")
    );
    let twice = request(&[("client_id", "a"), ("client_id", "b")]);
    assert_eq!(identite::oidc::Oidc::wanted_client_id(&twice), None);
    let answer = provider
        .oidc
        .authorize(raw, None, None, &Visitor::default())
        .await;
    assert_eq!(page_error(&answer), (400, ErrorCode::InvalidClient));
}
