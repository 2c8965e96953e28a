//! Logout.

use identite::domain::UserId;
use identite::oidc::{Authentication, ErrorCode, LogoutAnswer, LogoutError, LogoutPage};

use super::provider::Provider;

const AFTERWARDS: &str = "http://localhost:4000/";

fn pairs(raw: &[(&str, &str)]) -> Vec<(String, String)> {
    raw.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

async fn id_token(provider: &Provider, session: &Authentication) -> String {
    let code = provider.code(&[], session).await;
    provider.redeem(&code, &[]).await.unwrap().id_token.unwrap()
}

async fn ask(provider: &Provider, raw: &[(&str, &str)], session: Option<&Authentication>) -> LogoutPage {
    match provider.oidc.logout_request(pairs(raw), session).await {
        Ok(LogoutAnswer::Ask(page)) => page,
        other => panic!("{other:?}"),
    }
}

async fn confirm(
    provider: &Provider,
    page: &LogoutPage,
    logout: &str,
    session: Option<&Authentication>,
) -> Result<LogoutAnswer, LogoutError> {
    provider
        .oidc
        .logout_confirm(pairs(&[("xsrf", &page.xsrf), ("logout", logout)]), session)
        .await
}

fn done(outcome: Result<LogoutAnswer, LogoutError>) -> (String, bool) {
    match outcome {
        Ok(LogoutAnswer::Done(logged_out)) => (logged_out.url, logged_out.ends_session),
        other => panic!("{other:?}"),
    }
}

fn refusal<T: std::fmt::Debug>(outcome: Result<T, LogoutError>) -> ErrorCode {
    match outcome {
        Err(LogoutError::Refused(error)) => error.code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_hinted_logout_leads_back_to_the_relying_party_with_its_state() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let hint = id_token(&provider, &session).await;
    let raw = [
        ("id_token_hint", hint.as_str()),
        ("client_id", "standard_client_id"),
        ("post_logout_redirect_uri", AFTERWARDS),
        ("state", "a b"),
    ];
    let page = ask(&provider, &raw, Some(&session)).await;
    assert_eq!(page.xsrf.len(), 48);
    assert!(page.is_automatic && page.ends_session);
    let outcome = done(confirm(&provider, &page, "yes", None).await);
    assert_eq!(outcome, (format!("{AFTERWARDS}?state=a+b"), true));
    assert_eq!(
        refusal(confirm(&provider, &page, "yes", None).await),
        ErrorCode::InvalidRequest
    );
}

#[tokio::test]
async fn a_bare_logout_leads_to_our_own_page() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let page = ask(&provider, &[], Some(&session)).await;
    let outcome = done(confirm(&provider, &page, "yes", Some(&session)).await);
    assert_eq!(
        outcome,
        ("http://localhost:3000/oauth/logout/success".to_owned(), true)
    );
}

#[tokio::test]
async fn only_registered_addresses_of_known_clients_are_followed() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let hint = id_token(&provider, &session).await;
    let refused = async |raw: &[(&str, &str)]| refusal(provider.oidc.logout_request(pairs(raw), None).await);
    let invalid = ErrorCode::InvalidRequest;
    assert_eq!(refused(&[("id_token_hint", "x")]).await, invalid);
    assert_eq!(
        refused(&[("id_token_hint", &hint), ("client_id", "client_id")]).await,
        invalid
    );
    assert_eq!(
        refused(&[("client_id", "nobody")]).await,
        ErrorCode::InvalidClient
    );
    let elsewhere = ("post_logout_redirect_uri", "https://evil.example/");
    assert_eq!(
        refused(&[("client_id", "standard_client_id"), elsewhere]).await,
        invalid
    );
    assert_eq!(refused(&[("state", "a"), ("state", "b")]).await, invalid);
    assert_eq!(refused(&[("state", &"a".repeat(4097))]).await, invalid);
    let page = ask(&provider, &[elsewhere], None).await;
    let (url, _) = done(confirm(&provider, &page, "yes", None).await);
    assert_eq!(url, "http://localhost:3000/oauth/logout/success");
}

/// A client that compares its addresses as texts does so after a logout, too (spec/oidc.md §8.3: the same comparison).
#[tokio::test]
async fn an_exact_client_is_led_to_exactly_its_address() {
    let provider = Provider::start().await;
    let address = |sent| {
        [
            ("client_id", "standard_client_id"),
            ("post_logout_redirect_uri", sent),
        ]
    };
    let shouted = address("HTTP://LOCALHOST:4000");
    let page = ask(&provider, &shouted, None).await;
    assert_eq!(done(confirm(&provider, &page, "yes", None).await).0, AFTERWARDS);

    provider
        .set(serde_json::json!({"exact_redirect_uris": true}))
        .await;
    let refused = provider.oidc.logout_request(pairs(&shouted), None).await;
    assert_eq!(refusal(refused), ErrorCode::InvalidRequest);
    let page = ask(&provider, &address(AFTERWARDS), None).await;
    assert_eq!(done(confirm(&provider, &page, "yes", None).await).0, AFTERWARDS);
}

/// A hint counts as its client knows people, also where the question comes up at the confirmation only.
#[tokio::test]
async fn a_hint_of_a_client_with_pairwise_subjects_spares_the_question() {
    let provider = Provider::start_with(|settings| settings.confirm_unhinted_logout = true).await;
    provider
        .set(serde_json::json!({"pairwise_subject_key": "a key"}))
        .await;
    let session = provider.sign_in().await;
    let hint = id_token(&provider, &session).await;
    let other = provider.sign_in_as(UserId(2), 2).await;
    let raw = [("id_token_hint", hint.as_str())];
    assert!(ask(&provider, &raw, Some(&session)).await.is_automatic);
    assert!(!ask(&provider, &raw, Some(&other)).await.is_automatic);

    let page = ask(&provider, &raw, None).await;
    assert!(done(confirm(&provider, &page, "yes", Some(&session)).await).1);
    let page = ask(&provider, &raw, None).await;
    let asked = confirm(&provider, &page, "yes", Some(&other)).await;
    assert!(matches!(asked, Ok(LogoutAnswer::Ask(_))), "{asked:?}");
}

#[tokio::test]
async fn a_page_of_another_session_confirms_nothing() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let page = ask(&provider, &[], Some(&session)).await;
    let other = provider.sign_in().await;
    assert_eq!(
        refusal(confirm(&provider, &page, "yes", Some(&other)).await),
        ErrorCode::InvalidRequest
    );
    assert_eq!(
        refusal(provider.oidc.logout_confirm(pairs(&[("xsrf", "x")]), None).await),
        ErrorCode::InvalidRequest
    );
}

#[tokio::test]
async fn a_form_posted_by_another_site_still_ends_the_session() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let page = ask(&provider, &[], None).await;
    let (_, ends_session) = done(confirm(&provider, &page, "yes", Some(&session)).await);
    assert!(ends_session);
}

#[tokio::test]
async fn staying_signed_in_still_revokes_what_the_client_had() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let code = provider.code(&[], &session).await;
    let page = ask(&provider, &[("client_id", "standard_client_id")], Some(&session)).await;
    let (url, ends_session) = done(confirm(&provider, &page, "", Some(&session)).await);
    assert_eq!(
        url,
        "http://localhost:3000/oauth/logout/success?client_id=standard_client_id"
    );
    assert!(!ends_session);
    assert_eq!(
        provider.redeem(&code, &[]).await.unwrap_err().error.code,
        ErrorCode::InvalidGrant
    );
}

#[tokio::test]
async fn where_it_is_wanted_an_unhinted_logout_asks_first() {
    let provider = Provider::start_with(|settings| settings.confirm_unhinted_logout = true).await;
    let session = provider.sign_in().await;
    let page = ask(&provider, &[], Some(&session)).await;
    assert!(!page.is_automatic && !page.ends_session);
    assert!(done(confirm(&provider, &page, "yes", Some(&session)).await).1);

    let from_elsewhere = ask(&provider, &[], None).await;
    let asked = confirm(&provider, &from_elsewhere, "yes", Some(&session))
        .await
        .unwrap();
    let LogoutAnswer::Ask(page) = asked else {
        panic!("{asked:?}")
    };
    assert!(done(confirm(&provider, &page, "yes", Some(&session)).await).1);

    let hint = id_token(&provider, &session).await;
    assert!(
        ask(&provider, &[("id_token_hint", &hint)], Some(&session))
            .await
            .ends_session
    );

    // Who is asked may stay, and goes on from the account.
    for raw in [&[][..], &[("client_id", "standard_client_id")]] {
        let page = ask(&provider, raw, Some(&session)).await;
        let outcome = done(confirm(&provider, &page, "", Some(&session)).await);
        assert_eq!(outcome, ("http://localhost:3000/".to_owned(), false), "{raw:?}");
    }
}
