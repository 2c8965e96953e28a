//! From the sign-in to the end of a session.

use std::time::{Duration, Instant};

use futures::future::join_all;

use crate::support::wire::{exchange, request};
use crate::support::{EMAIL, ORGANIZATION, Options, PASSWORD, TestServer, Visitor};

const START: &str = "/users/start-sign-in";

async fn start(options: Options) -> TestServer {
    let server = TestServer::start_with(options).await;
    server.database().make_sign_in_cheap().await;
    server
}

fn session_of(visitor: &Visitor) -> String {
    visitor.cookie("/", "session").expect("a session cookie")
}

/// Where somebody with this cookie lands who opens the home page: there, or at the sign-in.
async fn place_of(server: &TestServer, session: &str) -> String {
    let cookie = format!("session={session}");
    let answer = exchange(
        &server.base_url,
        &request("GET", "/", &[("Cookie", &cookie)], b""),
    )
    .await;
    match answer.status.as_u16() {
        200 => "/".to_owned(),
        302 => answer.location().path().to_owned(),
        status => panic!("{status}: {}", answer.text()),
    }
}

#[tokio::test]
async fn a_sign_in_renames_the_session_and_the_old_name_is_worthless() {
    let server = start(Options::default()).await;
    let visitor = server.visitor();
    visitor.start_sign_in(EMAIL).await;
    let anonymous = session_of(&visitor);
    visitor.sign_in(PASSWORD).await;
    let first = session_of(&visitor);
    assert_ne!(anonymous, first);
    assert_eq!(place_of(&server, &anonymous).await, START);
    assert_eq!(place_of(&server, &first).await, "/");
    // What had been typed is forgotten, too: the old name opens no password form.
    let old = format!("session={anonymous}");
    let answer = exchange(
        &server.base_url,
        &request("GET", "/users/sign-in", &[("Cookie", &old)], b""),
    )
    .await;
    assert_eq!(answer.location().path(), START);

    visitor.sign_in_as(EMAIL, PASSWORD).await;
    let second = session_of(&visitor);
    assert_eq!(place_of(&server, &first).await, START, "renamed");
    assert_eq!(place_of(&server, &second).await, "/");

    visitor.sign_out().await;
    assert_eq!(place_of(&server, &second).await, START, "signed out");
    let client = server.database().pool().get().await.expect("a connection");
    let rows = client
        .query(
            "SELECT end_reason FROM identite_sessions ORDER BY signed_in_at",
            &[],
        )
        .await
        .expect("rows");
    let reasons: Vec<Option<&str>> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(reasons, [Some("logout")], "one session under two names");
    server
        .expect_discreet_log(&[&anonymous, &first, &second, EMAIL, PASSWORD])
        .await;
}

#[tokio::test]
async fn the_cookie_is_out_of_reach_of_scripts_and_other_sites() {
    let server = start(Options::default()).await;
    let answer = exchange(&server.base_url, &request("GET", START, &[], b"")).await;
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("session=s%3A"), "{cookie}");
    for attribute in ["Path=/", "HttpOnly", "SameSite=Lax", "Expires="] {
        assert!(cookie.contains(attribute), "{attribute} in {cookie}");
    }
    assert!(
        !cookie.contains("Secure") && !cookie.contains("Domain"),
        "{cookie}"
    );
}

#[tokio::test]
async fn a_session_that_expired_leads_to_the_sign_in_and_back() {
    let server = start(Options::default().with("SESSION_MAX_AGE_IN_SECONDS", "3")).await;
    let visitor = server.visitor();
    let home = visitor.sign_in_as(EMAIL, PASSWORD).await;
    assert_eq!(home.url.path(), "/");
    let session = session_of(&visitor);
    tokio::time::sleep(Duration::from_millis(3_300)).await;

    assert_eq!(visitor.cookie("/", "session"), None, "the browser forgets it");
    assert_eq!(
        place_of(&server, &session).await,
        START,
        "… and so does the server"
    );
    let wanted = "/users/select-organization?notification=user_in_organization_already";
    let page = visitor.get(wanted).await;
    assert_eq!(page.url.path(), START);
    let page = visitor.sign_in_as(EMAIL, PASSWORD).await;
    assert_eq!(
        format!("{}?{}", page.url.path(), page.url.query().unwrap_or_default()),
        wanted
    );
}

#[tokio::test]
async fn a_session_in_use_does_not_expire() {
    let server = start(Options::default().with("SESSION_MAX_AGE_IN_SECONDS", "3")).await;
    let visitor = server.visitor();
    visitor.sign_in_as(EMAIL, PASSWORD).await;
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(7) {
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(
            visitor.get("/").await.url.path(),
            "/",
            "after {:?}",
            began.elapsed()
        );
    }
}

#[tokio::test]
async fn the_cookie_comes_with_what_changes_the_session_and_not_with_every_page() {
    let server = start(Options::default()).await;
    let visitor = server.visitor();
    // The last page has drawn the form token.
    assert_eq!(visitor.sign_in_as(EMAIL, PASSWORD).await.url.path(), "/");
    let session = session_of(&visitor);
    for path in ["/", "/users/select-organization"] {
        let page = visitor.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert_eq!(
            page.header("set-cookie"),
            "",
            "{path}: late, it would bring back a former name"
        );
    }
    // An address that is typed is kept in the session.
    let page = visitor.get(START).await;
    let token = page.form_token();
    let cookies = visitor.cookies_for(START);
    let headers = [
        ("Cookie", cookies.as_str()),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ];
    let body = format!("_csrf={token}&login={}", EMAIL.replace('@', "%40"));
    let answer = exchange(
        &server.base_url,
        &request("POST", START, &headers, body.as_bytes()),
    )
    .await;
    assert_eq!(answer.status, 302);
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with(&format!("session={session};")), "{cookie}");
}

#[tokio::test]
async fn a_session_in_use_ends_all_the_same_after_its_absolute_age() {
    let options = Options::default().with("SESSION_ABSOLUTE_MAX_AGE_IN_SECONDS", "2");
    let server = start(options.with("SESSION_MAX_AGE_IN_SECONDS", "60")).await;
    let visitor = server.visitor();
    visitor.sign_in_as(EMAIL, PASSWORD).await;
    let session = session_of(&visitor);
    assert_eq!(place_of(&server, &session).await, "/");
    tokio::time::sleep(Duration::from_millis(2_300)).await;
    assert_eq!(place_of(&server, &session).await, START);
}

#[tokio::test]
async fn a_form_sent_after_the_session_ended_leads_to_the_sign_in_and_does_nothing() {
    let server = start(Options::default()).await;
    let visitor = server.visitor();
    visitor.sign_in_as(EMAIL, PASSWORD).await;
    let page = visitor.get("/users/select-organization").await;
    server
        .database()
        .execute("UPDATE identite_sessions SET expires_at = now() - interval '1 second'")
        .await;
    let organization = ORGANIZATION.to_string();
    let fields = [("organization_id", organization.as_str())];
    let answer = visitor.submit(&page, "/users/select-organization", &fields).await;
    assert_eq!(answer.url.path(), START);
    // The way back is the page that held the form.
    let page = visitor.sign_in_as(EMAIL, PASSWORD).await;
    assert_eq!(page.url.path(), "/users/select-organization");
    let selected = "SELECT count(*) FROM identite_sessions WHERE selected_organization_id IS NOT NULL";
    assert_eq!(server.database().count(selected).await, 0);
}

#[tokio::test]
async fn an_account_deleted_elsewhere_leads_to_the_sign_in() {
    let server = start(Options::default()).await;
    let visitor = server.visitor();
    visitor.sign_in_as(EMAIL, PASSWORD).await;
    let form = visitor.get("/users/select-organization").await;
    server.database().execute("DELETE FROM users WHERE id = 1").await;

    for path in ["/", "/users/select-organization"] {
        let page = visitor.get(path).await;
        assert_eq!((page.status.as_u16(), page.url.path()), (200, START), "{path}");
    }
    let page = visitor
        .submit(&form, "/users/select-organization", &[("organization_id", "1")])
        .await;
    assert_eq!(page.url.path(), START);
    let page = visitor.sign_out().await;
    assert_eq!(page.url.path(), "/users/start-sign-in/");
    server.expect_discreet_log(&[EMAIL]).await;
}

#[tokio::test]
async fn an_account_deleted_while_its_password_is_typed_is_unknown() {
    let server = start(Options::default()).await;
    let visitor = server.visitor();
    visitor.start_sign_in(EMAIL).await;
    server.database().execute("DELETE FROM users WHERE id = 1").await;
    let page = visitor.sign_in(PASSWORD).await;
    assert_eq!(page.url.query(), Some("notification=invalid_credentials"));
}

#[tokio::test]
async fn requests_that_race_share_one_session_and_one_form_token() {
    let server = start(Options::default()).await;
    let visitor = server.visitor();
    let first = visitor.get(START).await;
    let pages = join_all((0..20).map(|_| visitor.get(START))).await;
    let token = first.form_token();
    assert!(pages.iter().all(|page| page.form_token() == token));

    // Two addresses typed at once: one of them is kept, whole.
    let (mine, other) = ([("login", EMAIL)], [("login", "user10@yopmail.com")]);
    let typed = join_all([&mine, &other].map(|fields| visitor.submit(&first, START, fields)));
    for page in typed.await {
        assert_eq!(page.url.path(), "/users/sign-in");
    }
    let text = visitor.get("/users/sign-in").await.text();
    assert!(
        text.contains(EMAIL) != text.contains("user10@yopmail.com"),
        "{text}"
    );
}

#[tokio::test]
async fn sign_outs_that_race_with_requests_end_the_session() {
    let server = start(Options::default()).await;
    for _ in 0..3 {
        let visitor = server.visitor();
        visitor.sign_in_as(EMAIL, PASSWORD).await;
        let session = session_of(&visitor);
        let requests = join_all((0..10).map(|_| place_of(&server, &session)));
        let (_, signed_out) = tokio::join!(requests, visitor.sign_out());
        assert_eq!(signed_out.url.path(), "/users/start-sign-in/");
        assert_eq!(place_of(&server, &session).await, START);
    }
    let alive = "SELECT count(*) FROM identite_sessions WHERE ended_at IS NULL";
    assert_eq!(server.database().count(alive).await, 0);
    server.expect_discreet_log(&[EMAIL, PASSWORD]).await;
}
