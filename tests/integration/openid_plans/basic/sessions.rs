//! Who is signed in, since when, and what a request may ask of it.

use std::time::Duration;

use super::{Stage, sent};
use crate::support::{EMAIL, parameter};

/// Longer than the second that `auth_time` is told in.
const ANOTHER_SECOND: Duration = Duration::from_millis(1100);

/// The time of the sign-in that a request with `max_age` is told without any page, in seconds.
async fn auth_time(stage: &Stage) -> i64 {
    let code = stage.code(&[("max_age", "10000")]).await;
    let tokens = stage.tokens_with_basic(&code).await;
    stage.id_token(&tokens).await["auth_time"].as_i64().unwrap()
}

/// Answers the pages that `asked` asks for; the time of the sign-in and the subject that are told then.
async fn sign_in_again(stage: &Stage, asked: (&str, &str)) -> i64 {
    let page = stage.send(&[asked]).await;
    assert_eq!(page.status, 200, "a page asks");
    assert_eq!(page.url.path(), "/users/start-sign-in");
    let answer = stage.sign_in(page).await;
    let tokens = stage
        .tokens_with_basic(&parameter(&answer, "code").unwrap())
        .await;
    let claims = stage.id_token(&tokens).await;
    assert_eq!(claims["sub"], "1");
    claims["auth_time"].as_i64().expect("the time of the sign-in")
}

#[tokio::test]
async fn oidcc_prompt_login() {
    let stage = Stage::set_signed_in().await;
    let first = auth_time(&stage).await;
    tokio::time::sleep(ANOTHER_SECOND).await;
    assert!(sign_in_again(&stage, ("prompt", "login")).await > first);
}

#[tokio::test]
async fn oidcc_prompt_none_not_logged_in() {
    let stage = Stage::set().await;
    let page = stage.send(&[("prompt", "none")]).await;
    assert_eq!(sent(&page, "error").as_deref(), Some("login_required"));
    assert_eq!(sent(&page, "state").as_deref(), Some("the-state"));
    assert_eq!(sent(&page, "iss").as_deref(), Some(stage.server.issuer()));
}

#[tokio::test]
async fn oidcc_prompt_none_logged_in() {
    let stage = Stage::set_signed_in().await;
    let first = stage.tokens_with_basic(&stage.code(&[]).await).await;
    let second = stage
        .tokens_with_basic(&stage.code(&[("prompt", "none")]).await)
        .await;
    assert_eq!(
        stage.id_token(&first).await["sub"],
        stage.id_token(&second).await["sub"]
    );
}

#[tokio::test]
async fn oidcc_max_age_1() {
    let stage = Stage::set_signed_in().await;
    let first = auth_time(&stage).await;
    tokio::time::sleep(ANOTHER_SECOND * 2).await;
    assert!(sign_in_again(&stage, ("max_age", "1")).await > first);
}

#[tokio::test]
async fn oidcc_max_age_10000() {
    let stage = Stage::set_signed_in().await;
    let first = auth_time(&stage).await;
    tokio::time::sleep(ANOTHER_SECOND).await;
    assert_eq!(auth_time(&stage).await, first, "nobody was asked anything");
}

#[tokio::test]
async fn oidcc_id_token_hint() {
    let stage = Stage::set_signed_in().await;
    let tokens = stage.tokens_with_basic(&stage.code(&[]).await).await;
    let hint = tokens["id_token"].as_str().unwrap();
    let code = stage.code(&[("prompt", "none"), ("id_token_hint", hint)]).await;
    let again = stage.tokens_with_basic(&code).await;
    assert_eq!(
        stage.id_token(&again).await["sub"],
        stage.id_token(&tokens).await["sub"]
    );
}

#[tokio::test]
async fn oidcc_login_hint() {
    let stage = Stage::set().await;
    let page = stage.send(&[("login_hint", EMAIL)]).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains(EMAIL), "{}", page.text());
}
