//! Budgets of guesses at codes.

use super::{EMAIL, give_code, insert_capable_user, sign_in};
use crate::accounts::{insert_user, place};
use crate::support::{Options, TestServer};

#[tokio::test]
async fn the_sixth_code_is_one_too_many_where_budgets_hold() {
    let options = Options::default().with("FEATURE_RATE_LIMIT_BY_EMAIL", "True");
    let server = TestServer::start_with(options).await;
    insert_capable_user(server.database(), EMAIL, &[("force_2fa", "true")]).await;
    let visitor = sign_in(&server, EMAIL).await;
    for _ in 0..5 {
        let page = give_code(&visitor, "123456").await;
        assert_eq!(place(&page), "/users/2fa-sign-in?notification=invalid_totp_token");
    }
    let page = give_code(&visitor, "123456").await;
    assert_eq!(page.status, 429);
    assert!(page.text().contains("Too Many Requests"));
    assert!(!page.header("retry-after").is_empty());
    // Recovery codes are on the same budget.
    let page = visitor.get("/users/2fa-sign-in-with-recovery-code").await;
    let page = visitor
        .submit(
            &page,
            "/users/2fa-sign-in-with-recovery-code",
            &[("recovery_code", "aaaaa-aaaaa")],
        )
        .await;
    assert_eq!(page.status, 429);
}

#[tokio::test]
async fn both_ways_to_add_an_application_share_a_budget() {
    let options = Options::default().with("FEATURE_RATE_LIMIT_BY_EMAIL", "True");
    let server = TestServer::start_with(options).await;
    insert_user(server.database(), EMAIL, &[]).await;
    let visitor = sign_in(&server, EMAIL).await;
    for number in 1..=6 {
        let path = ["/totp-configuration", "/users/totp-configuration"][number % 2];
        let page = visitor.get(path).await;
        let page = visitor.submit(&page, path, &[("totpToken", "123456")]).await;
        assert_eq!(
            page.status.as_u16(),
            if number <= 5 { 200 } else { 429 },
            "{number}"
        );
    }
}

#[tokio::test]
async fn an_account_has_a_budget_whatever_the_toggles_say_and_wherever_guesses_come_from() {
    let server = TestServer::start().await;
    server.database().make_sign_in_cheap().await;
    insert_capable_user(server.database(), EMAIL, &[("force_2fa", "true")]).await;
    let (one, other) = (sign_in(&server, EMAIL).await, sign_in(&server, EMAIL).await);
    for number in 0..30 {
        let visitor = if number % 2 == 0 { &one } else { &other };
        let page = give_code(visitor, "123456").await;
        assert_eq!(page.status, 200, "{number}");
    }
    for visitor in [&one, &other, &sign_in(&server, EMAIL).await] {
        assert_eq!(give_code(visitor, "123456").await.status, 429);
    }
    // Other accounts have theirs.
    insert_capable_user(server.database(), "autre@exemple.fr", &[("force_2fa", "true")]).await;
    let visitor = sign_in(&server, "autre@exemple.fr").await;
    assert_eq!(give_code(&visitor, "123456").await.status, 200);
}
