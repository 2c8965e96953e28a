//! Budgets by address, and who pays for whose attempts

use std::time::{Duration, Instant};

use futures::future::join_all;
use futures::stream::{FuturesUnordered, StreamExt};

use super::{PASSWORD, VERIFY_EMAIL, authenticating_browsers, enter_code, insert_user, place};
use crate::support::{Options, Page, TestRedis, TestServer, Visitor};

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

/// A wrong password from a network, which has a number.
async fn guess(visitor: &Visitor, page: &Page, network: usize) -> u16 {
    let address = format!("203.0.113.{network}");
    submit_from(visitor, page, "/users/sign-in", &[("password", "x")], &address).await
}

/// Waits until at least so many of `guesses` were checked and so many refused, and not for the others. Gives how many were checked.
async fn checked_of<F: Future<Output = u16>>(
    guesses: &mut FuturesUnordered<F>,
    checked_at_least: usize,
    refused_at_least: usize,
) -> usize {
    let (mut checked, mut refused) = (0, 0);
    while checked < checked_at_least || refused < refused_at_least {
        match guesses.next().await.expect("one more answer") {
            503 => refused += 1,
            status => {
                assert_eq!(status, 200);
                checked += 1;
            }
        }
    }
    checked
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
    let started = Instant::now();
    let owner = server.visitor();
    assert_eq!(
        owner.sign_in_as(EMAIL, PASSWORD).await.title(),
        "Accueil - ProConnect"
    );
    assert!(started.elapsed().as_millis() >= 1000, "{:?}", started.elapsed());
}

#[tokio::test]
async fn of_many_guesses_at_once_ten_are_checked_and_ten_wait() {
    let server = TestServer::start().await;
    for (email, networks) in [("un@exemple.fr", 1), ("autre@exemple.fr", 30)] {
        insert_user(server.database(), email, &[]).await;
        let browsers = join_all((0..30).map(async |_| {
            let visitor = server.visitor();
            let page = visitor.start_sign_in(email).await;
            (visitor, page)
        }))
        .await;
        let numbered = browsers.iter().enumerate();
        let mut guesses: FuturesUnordered<_> = numbered
            .map(|(number, (visitor, page))| guess(visitor, page, number % networks))
            .collect();
        let checked = checked_of(&mut guesses, 10, 10).await;
        assert!(checked <= 20, "{checked} from {networks} networks");
    }
}

#[tokio::test]
async fn whoever_keeps_guessing_keeps_nobody_out_who_does_not() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let attacker = server.visitor();
    let page = attacker.start_sign_in(EMAIL).await;
    for number in 0..10 {
        assert_eq!(guess(&attacker, &page, number).await, 200, "{number}");
    }
    let (owner, elsewhere) = (server.visitor(), server.visitor());
    let owners_page = owner.start_sign_in(EMAIL).await;
    let page_elsewhere = elsewhere.start_sign_in(EMAIL).await;

    // Whoever has guessed finds all turns taken.
    let mut guesses: FuturesUnordered<_> = (0..12)
        .map(|number| guess(&attacker, &page, number % 10))
        .collect();
    checked_of(&mut guesses, 0, 1).await;
    let values = [("password", PASSWORD)];
    let (status, refused) = tokio::join!(
        submit_from(&owner, &owners_page, "/users/sign-in", &values, "198.51.100.9"),
        guess(&attacker, &page, 3),
    );
    assert_eq!((status, refused), (200, 503));
    assert_eq!(owner.get("/").await.title(), "Accueil - ProConnect");
    // The right password is no wrong guess of its network.
    let status = submit_from(
        &elsewhere,
        &page_elsewhere,
        "/users/sign-in",
        &values,
        "198.51.100.9",
    )
    .await;
    assert_eq!(status, 200);
    assert_eq!(elsewhere.get("/").await.title(), "Accueil - ProConnect");
}

#[tokio::test]
async fn right_passwords_are_no_guesses_however_many_come() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let mut durations = Vec::new();
    for _ in 0..13 {
        let began = Instant::now();
        assert_eq!(place(&server.visitor().sign_in_as(EMAIL, PASSWORD).await), "/");
        durations.push(began.elapsed());
    }
    // Each of them would wait for a second at least.
    let quickest = durations[10..].iter().min().expect("a duration");
    assert!(*quickest < Duration::from_secs(1), "{quickest:?}");
}

#[tokio::test]
async fn guessing_becomes_slow_without_redis_too() {
    let mut redis = TestRedis::start().await;
    let options = Options::default().with("REDIS_URL", &redis.url());
    let server = TestServer::start_with(options).await;
    insert_user(server.database(), EMAIL, &[]).await;
    redis.kill();
    let visitor = server.visitor();
    let page = visitor.start_sign_in(EMAIL).await;
    for number in 0..10 {
        assert_eq!(guess(&visitor, &page, number).await, 200, "{number}");
    }
    let began = Instant::now();
    assert_eq!(guess(&visitor, &page, 0).await, 200);
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    let mut guesses: FuturesUnordered<_> = (0..10).map(|number| guess(&visitor, &page, number)).collect();
    checked_of(&mut guesses, 0, 1).await;
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

/// What an attempt is sent to, with what, and how many of them an address has.
type Budget = (&'static str, &'static [(&'static str, &'static str)], usize);

const BUDGETS: [Budget; 5] = [
    ("/users/sign-in", &[("password", "x")], 10),
    ("/users/send-magic-link", &[], 5),
    ("/users/reset-password", &[], 5),
    ("/users/verify-email", &[("verify_email_token", "1234567890")], 10),
    ("/users/send-email-verification", &[], 5),
];

/// The page with the form for `path`, in the browser of somebody with an account of their own.
async fn page_for(server: &TestServer, visitor: &Visitor, path: &str) -> Page {
    let email = format!("agent{}@exemple.fr", path.replace('/', "-"));
    insert_user(server.database(), &email, &[("email_verified", "false")]).await;
    match path {
        "/users/sign-in" | "/users/send-magic-link" => visitor.start_sign_in(&email).await,
        "/users/reset-password" => {
            // The address typed before is in the field.
            visitor.start_sign_in(&email).await;
            visitor.get(path).await
        }
        _ => visitor.sign_in_as(&email, PASSWORD).await,
    }
}

#[tokio::test]
async fn every_budget_ends_with_its_page_and_for_nobody_else() {
    let server = TestServer::start_with(limited()).await;
    for (path, values, points) in BUDGETS {
        let visitor = server.visitor();
        let page = page_for(&server, &visitor, path).await;
        for number in 1..=points {
            let answer = visitor.submit(&page, path, values).await;
            assert_eq!(answer.status, 200, "{path} {number}");
        }
        let answer = visitor.submit(&page, path, values).await;
        assert_eq!(answer.status, 429, "{path}");
        assert_eq!(answer.title(), "Accès temporairement limité - ProConnect");
        assert!(answer.text().contains("Too Many Requests"));
        assert!(answer.text().contains("dans une quinzaine de minutes"));
        assert_eq!(answer.attributes("a.fr-btn[href='/']", "href"), ["/"]);
        assert!(
            answer
                .header("retry-after")
                .parse::<u32>()
                .is_ok_and(|seconds| seconds <= 900)
        );
        let again = visitor.submit(&page, path, values).await;
        assert_eq!(again.status, 429, "{path}: what is refused is counted, too");
        // Whoever comes from elsewhere, as the owner would.
        let elsewhere = submit_from(&visitor, &page, path, values, "198.51.100.9").await;
        assert_eq!(elsewhere, 200, "{path}");
    }
}

#[tokio::test]
async fn without_the_toggle_the_budgets_do_not_hold_but_the_one_for_resets() {
    let server = TestServer::start().await;
    for (path, values, points) in BUDGETS {
        let visitor = server.visitor();
        let page = page_for(&server, &visitor, path).await;
        let mut answers = Vec::new();
        // Guesses at a password would be slowed down after ten.
        for _ in 0..points.min(9) + usize::from(points < 10) {
            answers.push(visitor.submit(&page, path, values).await.status.as_u16());
        }
        let is_limited = answers.contains(&429);
        assert_eq!(is_limited, path == "/users/reset-password", "{path} {answers:?}");
    }
}

#[tokio::test]
async fn a_session_has_only_so_many_guesses_at_a_code_wherever_they_come_from() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[("email_verified", "false")]).await;
    let visitor = server.visitor();
    let page = visitor.sign_in_as(EMAIL, PASSWORD).await;
    let values = [("verify_email_token", "1234567890")];
    for number in 1..=31 {
        let address = format!("203.0.113.{number}");
        let status = submit_from(&visitor, &page, "/users/verify-email", &values, &address).await;
        assert_eq!(status, if number <= 30 { 200 } else { 429 }, "{number}");
    }
}

#[tokio::test]
async fn other_sessions_give_an_account_no_more_guesses_than_a_hundred() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[("email_verified", "false")]).await;
    let values = [("verify_email_token", "1234567890")];
    for session in 1..=4 {
        let visitor = server.visitor();
        let page = visitor.sign_in_as(EMAIL, PASSWORD).await;
        for number in 1..=25 {
            let answer = visitor.submit(&page, "/users/verify-email", &values).await;
            assert_eq!(answer.status, 200, "{session} {number}");
        }
        if session == 4 {
            let answer = visitor.submit(&page, "/users/verify-email", &values).await;
            assert_eq!(answer.status, 429);
        }
    }
}

#[tokio::test]
async fn pages_have_one_budget_for_all_addresses_of_a_subscriber() {
    let server = TestServer::start_with(Options::default().with("FEATURE_RATE_LIMIT_BY_IP", "True")).await;
    let visitor = server.visitor();
    let ask = async |address: &str| {
        let request = visitor
            .client()
            .get(visitor.url("/users/start-sign-in"))
            .header("x-forwarded-for", address);
        request.send().await.unwrap().status().as_u16()
    };
    for number in 1..=61 {
        let status = ask(&format!("2001:db8:1:2::{number}")).await;
        assert_eq!(status, if number <= 60 { 200 } else { 429 }, "{number}");
    }
    assert_eq!(ask("2001:db8:1:3::1").await, 200);
}

#[tokio::test]
async fn guessing_at_two_nodes_is_slowed_down_together() {
    let redis = TestRedis::start().await;
    let options = authenticating_browsers().with("REDIS_URL", &redis.url());
    let server = TestServer::start_with(options).await;
    insert_user(server.database(), EMAIL, &[]).await;
    let node = server.start_node().await;
    let owner = server.visitor();
    owner.sign_in_as(EMAIL, PASSWORD).await;
    enter_code(&server, &owner, EMAIL, 1).await;
    server.mailbox.wait_for(EMAIL, VERIFY_EMAIL).await;

    let here = server.visitor();
    let there = here.at(&node.base_url);
    let page = here.start_sign_in(EMAIL).await;
    let page_there = there.get("/users/sign-in").await;
    for number in 0..10 {
        let address = format!("203.0.113.{number}");
        let (visitor, page) = if number % 2 == 0 {
            (&here, &page)
        } else {
            (&there, &page_there)
        };
        submit_from(visitor, page, "/users/sign-in", &[("password", "x")], &address).await;
    }
    for (visitor, page) in [(&here, &page), (&there, &page_there)] {
        let began = Instant::now();
        let values = [("password", "x")];
        submit_from(visitor, page, "/users/sign-in", &values, "198.51.100.9").await;
        assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    }
    // The owner's browser does not wait for whoever guesses.
    let owners_page = owner.start_sign_in(EMAIL).await;
    let guesses = async {
        let guess = async || {
            submit_from(
                &here,
                &page,
                "/users/sign-in",
                &[("password", "x")],
                "198.51.100.9",
            )
            .await;
        };
        tokio::join!(guess(), guess(), guess(), guess());
        Instant::now()
    };
    let signing_in = async {
        let page = owner
            .submit(&owners_page, "/users/sign-in", &[("password", PASSWORD)])
            .await;
        assert_eq!(place(&page), "/");
        Instant::now()
    };
    let (last_guess, signed_in) = tokio::join!(guesses, signing_in);
    assert!(signed_in < last_guess, "{:?}", signed_in - last_guess);
}
