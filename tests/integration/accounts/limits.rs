//! Budgets by address, and who pays for whose attempts

use super::{PASSWORD, insert_user, place};
use crate::support::{Options, Page, TestServer, Visitor};

const EMAIL: &str = "agent@exemple.fr";

fn limited() -> Options {
    Options::default().with("FEATURE_RATE_LIMIT_BY_EMAIL", "True")
}

/// The same browser from another network.
async fn submit_from(
    visitor: &Visitor,
    page: &Page,
    path: &str,
    values: &[(&str, &str)],
    address: &str,
) -> u16 {
    let form = page.form(path);
    let mut fields = form.fields;
    fields.retain(|(name, _)| values.iter().all(|(replaced, _)| name != replaced));
    fields.extend(
        values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    let request = visitor
        .client()
        .post(form.action)
        .form(&fields)
        .header("x-forwarded-for", address);
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn the_eleventh_code_is_one_too_many() {
    let server = TestServer::start_with(limited()).await;
    insert_user(server.database(), EMAIL, &[("email_verified", "false")]).await;
    let visitor = server.visitor();
    let page = visitor.sign_in_as(EMAIL, PASSWORD).await;
    for number in 1..=11 {
        let answer = visitor
            .submit(
                &page,
                "/users/verify-email",
                &[("verify_email_token", "1234567890")],
            )
            .await;
        assert_eq!(
            answer.status.as_u16(),
            if number <= 10 { 200 } else { 429 },
            "{number}"
        );
        if number == 11 {
            assert!(answer.text().contains("Too Many Requests"));
            assert!(answer.text().contains("dans une quinzaine de minutes"));
        }
    }
}

#[tokio::test]
async fn the_sixth_reset_is_one_too_many_whatever_the_toggles_say() {
    let server = TestServer::start().await;
    let visitor = server.visitor();
    let page = visitor.get("/users/reset-password").await;
    for number in 1..=6 {
        let answer = visitor
            .submit(&page, "/users/reset-password", &[("login", EMAIL)])
            .await;
        assert_eq!(
            answer.status.as_u16(),
            if number <= 5 { 200 } else { 429 },
            "{number}"
        );
    }
    let answer = visitor
        .submit(&page, "/users/reset-password", &[("login", "autre@exemple.fr")])
        .await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn whoever_types_an_address_uses_up_their_own_budget() {
    let server = TestServer::start_with(limited()).await;
    insert_user(server.database(), EMAIL, &[]).await;
    let attacker = server.visitor();
    let page = attacker.start_sign_in(EMAIL).await;
    for number in 1..=11 {
        let status = submit_from(
            &attacker,
            &page,
            "/users/sign-in",
            &[("password", "x")],
            "203.0.113.7",
        )
        .await;
        assert_eq!(status, if number <= 10 { 200 } else { 429 }, "{number}");
    }
    let owner = server.visitor();
    let page = owner.start_sign_in(EMAIL).await;
    let status = submit_from(
        &owner,
        &page,
        "/users/sign-in",
        &[("password", PASSWORD)],
        "198.51.100.9",
    )
    .await;
    assert_eq!(status, 200);
    assert_eq!(owner.get("/").await.title(), "Accueil - ProConnect");
}

#[tokio::test]
async fn guessing_from_everywhere_becomes_slow_and_locks_nobody_out() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let attacker = server.visitor();
    let page = attacker.start_sign_in(EMAIL).await;
    for number in 0..10 {
        let address = format!("203.0.113.{number}");
        submit_from(&attacker, &page, "/users/sign-in", &[("password", "x")], &address).await;
    }
    let started = std::time::Instant::now();
    let owner = server.visitor();
    assert_eq!(
        owner.sign_in_as(EMAIL, PASSWORD).await.title(),
        "Accueil - ProConnect"
    );
    assert!(started.elapsed().as_millis() >= 1000, "{:?}", started.elapsed());
}

#[tokio::test]
async fn pages_have_a_budget_by_network() {
    let server = TestServer::start_with(Options::default().with("FEATURE_RATE_LIMIT_BY_IP", "True")).await;
    let visitor = server.visitor();
    for number in 1..=61 {
        let page = visitor.get("/users/start-sign-in").await;
        assert_eq!(
            page.status.as_u16(),
            if number <= 60 { 200 } else { 429 },
            "{number}"
        );
    }
    let elsewhere = visitor
        .client()
        .get(visitor.url("/users/start-sign-in"))
        .header("x-forwarded-for", "203.0.113.7");
    assert_eq!(elsewhere.send().await.unwrap().status(), 200);
    assert_eq!(
        place(&visitor.get("/dist/mail-proconnect.png").await),
        "/dist/mail-proconnect.png"
    );
}
