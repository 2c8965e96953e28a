//! Giving a one-time code.

use futures::future::join_all;
use reqwest::header::{COOKIE, REFERER};

use super::{
    EMAIL, HOME, SECOND_FACTOR, application_of, events, give_code, in_memory, insert_capable_user, methods,
    sign_in,
};
use crate::accounts::{PASSWORD, insert_user, place};
use crate::support::{
    Options, TestDatabase, TestRedis, TestServer, TotpApplication, Visitor, wait_for_a_period,
};
use identite::db;
use identite::domain::UserId;

const INVALID: &str = "/users/2fa-sign-in?notification=invalid_totp_token";

fn authenticating_browsers() -> Options {
    Options::default().with("FEATURE_AUTHENTICATE_BROWSER", "True")
}

#[tokio::test]
async fn a_code_completes_the_sign_in_and_proves_the_browser() {
    let server = TestServer::start_with(authenticating_browsers()).await;
    insert_capable_user(server.database(), EMAIL, &[("force_2fa", "true")]).await;
    let visitor = server.visitor();
    let page = visitor.sign_in_as(EMAIL, PASSWORD).await;
    assert_eq!(page.title(), SECOND_FACTOR);
    assert_eq!(page.heading(), "Valider avec la double authentification");
    assert!(page.text().contains(EMAIL));
    assert!(visitor.cookie("/", "trusted-browser").is_none());
    let (former_session, former_token) = (visitor.cookie("/", "session"), page.form_token());

    let code = TotpApplication::new(TotpApplication::KEY).code_at(0);
    let page = visitor
        .submit(&page, "/users/2fa-sign-in-with-totp", &[("totpToken", &code)])
        .await;
    assert_eq!(page.title(), HOME, "{}", page.text());
    assert_eq!(methods(server.database(), EMAIL).await, "pwd,totp,mfa");
    assert!(visitor.cookie("/", "trusted-browser").is_some());
    assert_eq!(events(server.database(), EMAIL, "second_factor_used").await, 1);

    // The session goes on under another name, with other form tokens.
    assert_ne!(visitor.cookie("/", "session"), former_session);
    assert_ne!(
        visitor.get("/personal-information").await.form_token(),
        former_token
    );
    let stale = server.visitor();
    stale.add_cookie(&format!("session={}", former_session.unwrap()));
    assert_eq!(stale.get("/").await.url.path(), "/users/start-sign-in");
}

#[tokio::test]
async fn a_code_may_be_typed_with_blanks_and_be_two_periods_old_or_early() {
    let server = TestServer::start().await;
    insert_capable_user(server.database(), EMAIL, &[("force_2fa", "true")]).await;
    let application = TotpApplication::new(TotpApplication::KEY);
    wait_for_a_period().await;
    for (distance, is_accepted) in [(-3, false), (-2, true), (0, true), (2, true), (3, false)] {
        let visitor = sign_in(&server, EMAIL).await;
        let code = application.code_at(distance);
        let page = give_code(&visitor, &format!(" {} {}\u{a0}", &code[..3], &code[3..])).await;
        assert_eq!(page.title() == HOME, is_accepted, "{distance}: {}", page.url);
    }
}

#[tokio::test]
async fn what_is_no_code_of_now_is_refused() {
    let server = TestServer::start().await;
    insert_capable_user(server.database(), EMAIL, &[("force_2fa", "true")]).await;
    let visitor = sign_in(&server, EMAIL).await;
    for wrong in ["123456", "12345", "1234567", "abcdef"] {
        let page = give_code(&visitor, wrong).await;
        assert_eq!(place(&page), INVALID, "{wrong}");
        assert_eq!(page.title(), format!("Erreur - {SECOND_FACTOR}"));
        assert!(page.text().contains("Code invalide."));
        assert!(page.texts("#notifications").is_empty());
    }
    let page = visitor.get("/users/2fa-sign-in").await;
    let token = page.form_token();
    for fields in [
        &[("_csrf", token.as_str())][..],
        &[("_csrf", &token), ("totpToken", " ")],
    ] {
        visitor
            .post("/users/2fa-sign-in-with-totp", fields)
            .await
            .expect_error(400, "");
    }
    let page = visitor
        .post("/users/2fa-sign-in-with-totp", &[("totpToken", "123456")])
        .await;
    page.expect_error(403, "invalid csrf token");
    assert_eq!(methods(server.database(), EMAIL).await, "pwd");
}

#[tokio::test]
async fn nothing_is_asked_of_who_has_no_second_factor() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let visitor = sign_in(&server, EMAIL).await;
    for path in ["/users/2fa-sign-in", "/users/2fa-sign-in-with-recovery-code"] {
        assert_eq!(visitor.get(path).await.title(), HOME, "{path}");
    }
    let token = visitor.get("/personal-information").await.form_token();
    let page = visitor
        .post(
            "/users/2fa-sign-in-with-totp",
            &[("_csrf", &token), ("totpToken", "123456")],
        )
        .await;
    assert_eq!(page.title(), HOME);
    let stranger = server.visitor();
    for path in ["/users/2fa-sign-in", "/users/2fa-sign-in-with-recovery-code"] {
        assert_eq!(
            stranger.get(path).await.url.path(),
            "/users/start-sign-in",
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_code_is_good_once_whoever_shows_it_again() {
    let server = TestServer::start().await;
    insert_capable_user(server.database(), EMAIL, &[("force_2fa", "true")]).await;
    let application = TotpApplication::new(TotpApplication::KEY);
    let (first, second) = (sign_in(&server, EMAIL).await, sign_in(&server, EMAIL).await);
    wait_for_a_period().await;
    let code = application.code_at(0);
    assert_eq!(give_code(&first, &code).await.title(), HOME);
    assert_eq!(place(&give_code(&second, &code).await), INVALID);
    // Nor is an earlier one, that somebody may have read over a shoulder.
    assert_eq!(
        place(&give_code(&second, &application.code_at(-1)).await),
        INVALID
    );
    assert_eq!(give_code(&second, &application.code_at(1)).await.title(), HOME);
}

#[tokio::test]
async fn the_code_of_somebody_else_opens_nothing() {
    let server = TestServer::start().await;
    insert_capable_user(server.database(), EMAIL, &[("force_2fa", "true")]).await;
    insert_user(server.database(), "autre@exemple.fr", &[]).await;
    let other = sign_in(&server, "autre@exemple.fr").await;
    let (page, application) = application_of(&other, "/totp-configuration").await;
    let code = application.code_at(0);
    other
        .submit(&page, "/totp-configuration", &[("totpToken", &code)])
        .await;

    let visitor = sign_in(&server, EMAIL).await;
    assert_eq!(
        place(&give_code(&visitor, &application.code_at(1)).await),
        INVALID
    );
}

/// Fifty browsers, each signed in with the password, that send the same code at once.
async fn race(server: &TestServer, origins: &[&url::Url]) -> usize {
    insert_capable_user(server.database(), EMAIL, &[("force_2fa", "true")]).await;
    server.database().make_sign_in_cheap().await;
    let mut requests = Vec::new();
    for number in 0..50 {
        let visitor = Visitor::new(origins[number % origins.len()]);
        visitor.sign_in_as(EMAIL, PASSWORD).await;
        let page = visitor.get("/users/2fa-sign-in").await;
        requests.push((visitor, page));
    }
    wait_for_a_period().await;
    let code = TotpApplication::new(TotpApplication::KEY).code_at(0);
    let answers = join_all(requests.iter().map(async |(visitor, page)| {
        visitor
            .submit(page, "/users/2fa-sign-in-with-totp", &[("totpToken", &code)])
            .await
    }))
    .await;
    let winners = answers.iter().filter(|page| page.title() == HOME).count();
    // Some come too late for the account's budget.
    let losers = answers
        .iter()
        .filter(|page| place(page) == INVALID || page.status == 429)
        .count();
    assert_eq!(winners + losers, 50);
    let strengthened = server
        .database()
        .count("SELECT count(*) FROM identite_sessions WHERE 'mfa' = ANY (amr) AND ended_at IS NULL")
        .await;
    assert_eq!(usize::try_from(strengthened).unwrap(), winners);
    winners
}

#[tokio::test]
async fn of_fifty_uses_of_a_code_one_wins_in_memory() {
    let server = TestServer::start_with(in_memory()).await;
    assert_eq!(race(&server, &[&server.base_url]).await, 1);
}

#[tokio::test]
async fn of_fifty_uses_of_a_code_one_wins_on_two_nodes_with_redis() {
    let redis = TestRedis::start().await;
    let server = TestServer::start_with(Options::default().with("REDIS_URL", &redis.url())).await;
    let node = server.start_node().await;
    assert_eq!(race(&server, &[&server.base_url, &node.base_url]).await, 1);
}

#[tokio::test]
async fn one_session_that_sends_a_code_many_times_is_strengthened_once() {
    let server = TestServer::start().await;
    insert_capable_user(server.database(), EMAIL, &[("force_2fa", "true")]).await;
    let visitor = sign_in(&server, EMAIL).await;
    let page = visitor.get("/users/2fa-sign-in").await;
    let (token, cookies) = (page.form_token(), visitor.cookies_for("/"));
    let code = TotpApplication::new(TotpApplication::KEY).code_at(0);
    let client = crate::support::http_client_builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let answers = join_all((0..20).map(async |_| {
        let request = client
            .post(visitor.url("/users/2fa-sign-in-with-totp"))
            .header(COOKIE, cookies.as_str())
            .header(REFERER, page.url.as_str())
            .form(&[("_csrf", token.as_str()), ("totpToken", &code)]);
        request.send().await.unwrap()
    }))
    .await;
    let trusted = answers.iter().filter(|answer| {
        let mut cookies = answer.headers().get_all("set-cookie").iter();
        cookies.any(|cookie| cookie.to_str().unwrap().starts_with("trusted-browser="))
    });
    assert_eq!(trusted.count(), 1);
    assert_eq!(methods(server.database(), EMAIL).await, "pwd,totp,mfa");
    assert_eq!(events(server.database(), EMAIL, "second_factor_used").await, 1);
}

#[tokio::test]
async fn no_cookie_stands_for_another() {
    let server = TestServer::start_with(authenticating_browsers()).await;
    insert_capable_user(server.database(), EMAIL, &[]).await;
    let visitor = sign_in(&server, EMAIL).await;
    let page = give_code(&visitor, &TotpApplication::new(TotpApplication::KEY).code_at(0)).await;
    assert_eq!(page.title(), HOME);
    let [session, trusted, browser] =
        ["session", "trusted-browser", "browser"].map(|name| visitor.cookie("/", name).unwrap());
    // None of the three opens a session in the place of the right one.
    for forged in [&trusted, &browser] {
        let stranger = server.visitor();
        stranger.add_cookie(&format!("session={forged}"));
        assert_eq!(stranger.get("/").await.url.path(), "/users/start-sign-in");
    }
    // None of the others makes a browser trusted.
    for forged in [&session, &browser] {
        let stranger = server.visitor();
        stranger.add_cookie(&format!("trusted-browser={forged}"));
        let page = stranger.sign_in_as(EMAIL, PASSWORD).await;
        assert_eq!(
            place(&page),
            "/users/verify-email?notification=browser_not_trusted"
        );
    }
    // The right one does, without saying anything about the second factor.
    let known = server.visitor();
    known.add_cookie(&format!("trusted-browser={trusted}"));
    assert_eq!(known.sign_in_as(EMAIL, PASSWORD).await.title(), HOME);
    assert_eq!(known.get("/connection-and-account").await.title(), SECOND_FACTOR);
}

#[tokio::test]
async fn a_key_that_cannot_be_read_is_told_to_the_operator_and_opens_nothing() {
    let server = TestServer::start().await;
    insert_user(
        server.database(),
        EMAIL,
        &[("encrypted_totp_key", "'AAAA.AAAA.AAAA'"), ("force_2fa", "true")],
    )
    .await;
    let visitor = sign_in(&server, EMAIL).await;
    give_code(&visitor, "123456").await.expect_error(500, "");
    let log = server.expect_discreet_log(&["AAAA.AAAA.AAAA", "123456"]).await;
    assert!(log.contains("a stored key of one-time codes"), "{log}");
}

/// Below the budgets: the table itself lets one of many through.
#[tokio::test]
async fn of_fifty_statements_that_use_a_step_one_succeeds() {
    let database = TestDatabase::create().await;
    let owner = UserId(insert_user(&database, EMAIL, &[]).await);
    for step in [56_666_666, 56_666_667] {
        let used = join_all((0..50).map(async |_| {
            let client = database.pool().get().await.unwrap();
            db::second_factors::use_step(&client, owner, step).await.unwrap()
        }))
        .await;
        assert_eq!(used.into_iter().filter(|used| *used).count(), 1, "{step}");
    }
    let client = database.pool().get().await.unwrap();
    assert!(
        !db::second_factors::use_step(&client, owner, 56_666_666)
            .await
            .unwrap(),
        "an earlier one"
    );
}
