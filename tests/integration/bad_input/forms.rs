//! Forms of pages.

use std::fmt::Write as _;

use reqwest::header::CONTENT_TYPE;

use crate::support::wire::{exchange, request};
use crate::support::{EMAIL, PASSWORD, Page, TestServer, Visitor};

const START: &str = "/users/start-sign-in";
const URLENCODED: &str = "application/x-www-form-urlencoded";

/// Posts a body as it is, with the visitor's cookies.
async fn post_raw(visitor: &Visitor, path: &str, content_type: &str, body: String) -> Page {
    let answer = visitor
        .client()
        .post(visitor.url(path))
        .header(CONTENT_TYPE, content_type)
        .body(body)
        .send()
        .await
        .expect("an answer");
    Visitor::page_of(answer).await
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_account_are_answered_alike() {
    let server = TestServer::start().await;
    server.database().make_sign_in_cheap().await;
    server
        .database()
        .execute("UPDATE users SET encrypted_password = NULL WHERE email = 'user11@yopmail.com'")
        .await;
    let (unknown, without_password) = ("personne@exemple.fr", "user11@yopmail.com");

    let mut answers = Vec::new();
    for (email, password) in [
        (EMAIL, "not the password"),
        (EMAIL, ""),
        (unknown, "not the password"),
        (without_password, "not the password"),
        (without_password, ""),
    ] {
        let visitor = server.visitor();
        visitor.start_sign_in(email).await;
        let page = visitor.sign_in(password).await;
        assert_eq!(page.status, 200);
        assert_eq!(page.url.path(), "/users/sign-in");
        assert_eq!(page.url.query(), Some("notification=invalid_credentials"));
        answers.push(page.text().replace(email, "…"));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
    assert_eq!(
        server
            .database()
            .count("SELECT count(*) FROM identite_sessions")
            .await,
        0
    );
    server
        .expect_discreet_log(&["not the password", EMAIL, unknown, without_password])
        .await;
}

#[tokio::test]
async fn a_form_without_the_token_of_its_session_is_refused() {
    let server = TestServer::start().await;
    let foreign = server.visitor().get(START).await.form_token();
    let visitor = server.visitor();
    let token = visitor.get(START).await.form_token();
    let almost = format!("{}x", &token[..token.len() - 1]);

    for fields in [
        vec![],
        vec![("login", EMAIL)],
        vec![("login", EMAIL), ("_csrf", "")],
        vec![("login", EMAIL), ("_csrf", &foreign)],
        vec![("login", EMAIL), ("_csrf", &almost)],
        vec![("login", EMAIL), ("_csrf", &token), ("_csrf", &token)],
        vec![("login", EMAIL), ("_csrf[]", &token)],
    ] {
        let page = visitor.post(START, &fields).await;
        page.expect_error(403, "invalid csrf token");
    }
    for (content_type, body) in [
        ("text/plain", format!("_csrf={token}&login={EMAIL}")),
        (
            "application/json",
            format!(r#"{{"_csrf": "{token}", "login": "{EMAIL}"}}"#),
        ),
        (
            "multipart/form-data; boundary=b",
            format!("--b\r\nContent-Disposition: form-data; name=\"_csrf\"\r\n\r\n{token}\r\n--b--\r\n"),
        ),
    ] {
        let page = post_raw(&visitor, START, content_type, body).await;
        page.expect_error(403, "invalid csrf token");
    }
    // Somebody else's page cannot use the token either, with or without a session of its own.
    let stranger = server.visitor();
    let fields = [("login", EMAIL), ("_csrf", token.as_str())];
    stranger
        .post(START, &fields)
        .await
        .expect_error(403, "invalid csrf token");
    stranger.get(START).await;
    stranger
        .post(START, &fields)
        .await
        .expect_error(403, "invalid csrf token");

    let page = visitor.post(START, &fields).await;
    assert_eq!(page.url.path(), "/users/sign-in", "the token itself is good");
    server.expect_discreet_log(&[&token, &foreign, EMAIL]).await;
}

#[tokio::test]
async fn fields_that_cannot_be_read_are_refused_with_a_page() {
    let server = TestServer::start().await;
    let visitor = server.visitor();
    let token = visitor.get(START).await.form_token();
    let format_error = "n’a pas le bon format";
    let many: String = "a=1&".repeat(1000);
    for (body, status, text) in [
        (
            format!("_csrf={token}&login={}", "x".repeat(9_000)),
            400,
            format_error,
        ),
        (format!("_csrf={token}&login=a%00@b.fr"), 400, format_error),
        (format!("_csrf={token}&login=a\0@b.fr"), 400, format_error),
        (format!("_csrf={token}&login=%ff@b.fr"), 400, format_error),
        (format!("_csrf={token}&%c3%28=1"), 400, format_error),
        (
            format!("_csrf={token}&login=a@b.fr&login=c@d.fr"),
            400,
            format_error,
        ),
        (format!("{many}_csrf={token}"), 413, "trop volumineux"),
        (
            format!("_csrf={token}&login={}", "x".repeat(110_000)),
            413,
            "trop volumineux",
        ),
    ] {
        let page = post_raw(&visitor, START, URLENCODED, body).await;
        page.expect_error(status, text);
    }
    // A name with brackets is a name like any other: no address was typed.
    let page = visitor
        .post(START, &[("_csrf", &token), ("login[a]", EMAIL)])
        .await;
    assert_eq!(page.url.query(), Some("notification=invalid_email"));
    server.expect_discreet_log(&[&token]).await;
}

#[tokio::test]
async fn a_field_of_a_megabyte_is_refused_with_a_page() {
    let server = TestServer::start().await;
    let visitor = server.visitor();
    let token = visitor.get(START).await.form_token();
    let body = format!("_csrf={token}&login={}", "x".repeat(1024 * 1024));

    let page = post_raw(&visitor, START, URLENCODED, body.clone()).await;
    page.expect_error(413, "trop volumineux");
    // … also when the length is not told beforehand.
    let cookies = visitor.cookies_for(START);
    let mut chunked = format!(
        "POST {START} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: {cookies}\r\n\
         Content-Type: {URLENCODED}\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    for chunk in body.as_bytes().chunks(10_000) {
        let chunk = String::from_utf8_lossy(chunk);
        write!(chunked, "{:x}\r\n{chunk}\r\n", chunk.len()).expect("a string grows");
    }
    chunked.push_str("0\r\n\r\n");
    exchange(&server.base_url, chunked.as_bytes())
        .await
        .expect_error(413, "trop volumineux");
    server.expect_discreet_log(&[&token]).await;
}

#[tokio::test]
async fn a_query_that_cannot_be_read_is_refused_with_a_page() {
    let server = TestServer::start().await;
    let visitor = server.visitor();
    for query in ["a=%ff", "a=%00", "did_you_mean=", "did_you_mean=a&did_you_mean=b"] {
        let page = visitor.get(&format!("{START}?{query}")).await;
        page.expect_error(400, "");
    }
    // What only decorates the page is passed over instead.
    for query in [
        "notification=x",
        "notification=a&notification=b",
        "unknown=1",
        "&&=&%41",
    ] {
        let page = visitor.get(&format!("{START}?{query}")).await;
        assert_eq!(page.status, 200, "{query}");
    }
    server.expect_discreet_log(&[]).await;
}

#[tokio::test]
async fn what_was_typed_is_shown_again_as_text() {
    let server = TestServer::start().await;
    let visitor = server.visitor();
    let typed = "\"><script>alert(1)</script>&amp;'@exemple";
    let page = visitor.start_sign_in(typed).await;
    assert_eq!(page.url.query(), Some("notification=invalid_email"));
    assert_eq!(page.attributes("input[name=login]", "value"), [typed]);
    assert!(!page.body.contains("<script>alert"), "{}", page.body);

    let target =
        format!("{START}?did_you_mean=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&notification=invalid_email");
    let page = visitor.get(&target).await;
    assert!(!page.body.contains("<script>alert"), "{}", page.body);
    server.expect_discreet_log(&["<script>alert", "%3Cscript"]).await;
}

#[tokio::test]
async fn an_organization_that_is_none_of_ones_own_cannot_be_selected() {
    let server = TestServer::start().await;
    server.database().make_sign_in_cheap().await;
    let visitor = server.visitor();
    visitor.sign_in_as(EMAIL, PASSWORD).await;
    let foreign = server
        .database()
        .count(
            "SELECT min(id)::bigint FROM organizations
             WHERE id NOT IN (SELECT organization_id FROM users_organizations WHERE user_id = 1)",
        )
        .await
        .to_string();
    for (organization, status) in [
        (foreign.as_str(), 404),
        ("2147483647", 404),
        ("", 400),
        ("-1", 400),
        ("1; DROP TABLE users", 400),
        ("99999999999999999999", 400),
    ] {
        let page = visitor.get("/users/select-organization").await;
        let fields = [
            ("_csrf", page.form_token()),
            ("organization_id", organization.to_owned()),
        ];
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let page = visitor.post("/users/select-organization", &fields).await;
        assert_eq!(page.status.as_u16(), status, "{organization:?}");
    }
    let selected = "SELECT count(*) FROM identite_sessions WHERE selected_organization_id IS NOT NULL";
    assert_eq!(server.database().count(selected).await, 0);
    server.expect_discreet_log(&["DROP TABLE"]).await;
}

#[tokio::test]
async fn a_form_that_breaks_off_disturbs_nobody() {
    let server = TestServer::start().await;
    let visitor = server.visitor();
    let token = visitor.get(START).await.form_token();
    let cookies = visitor.cookies_for(START);
    let headers = [("Cookie", cookies.as_str()), ("Content-Type", URLENCODED)];
    let whole = request(
        "POST",
        START,
        &headers,
        format!("_csrf={token}&login={EMAIL}").as_bytes(),
    );
    for kept in [whole.len() - 1, whole.len() - 20] {
        let mut wire = crate::support::wire::Wire::open(&server.base_url).await;
        wire.send(&whole[..kept]).await;
        drop(wire);
    }
    assert_eq!(visitor.start_sign_in(EMAIL).await.url.path(), "/users/sign-in");
    server.expect_discreet_log(&[&token, EMAIL]).await;
}
