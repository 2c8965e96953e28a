//! Requests that no browser sends: methods, paths, headers.

use crate::support::wire::{Wire, exchange, request};
use crate::support::{EMAIL, PASSWORD, Page, TestServer};

const START: &str = "/users/start-sign-in";
const PAGE_METHODS: &str = "GET,HEAD,POST";

async fn send(server: &TestServer, method: &str, target: &str, headers: &[(&str, &str)]) -> Page {
    exchange(&server.base_url, &request(method, target, headers, b"")).await
}

fn expect_not_found_page(page: &Page, what: &str) {
    assert_eq!(page.status, 404, "{what}");
    assert_eq!(page.title(), "Page introuvable - ProConnect", "{what}");
    assert_eq!(page.attributes("html", "lang"), ["fr"]);
    assert!(page.text().contains("Retour à l’accueil"), "{what}");
}

fn expect_plain_not_found(answer: &Page, what: &str) {
    assert_eq!(answer.status, 404, "{what}");
    assert_eq!(
        answer.header("content-type"),
        "text/plain; charset=utf-8",
        "{what}"
    );
    assert_eq!(answer.body, "Not Found", "{what}");
}

#[tokio::test]
async fn unknown_paths_are_told_in_the_language_of_their_part_of_the_house() {
    let server = TestServer::start().await;
    for target in [
        "/nothing",
        "/users",
        "/users/nothing/at/all",
        "/users/start-sign-in//",
        "//users/start-sign-in",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/api/nothing",
        "/.env",
    ] {
        expect_not_found_page(&send(&server, "GET", target, &[]).await, target);
    }
    for target in [
        "/oauth",
        "/oauth/",
        "/oauth/nothing",
        "/OAUTH/Nothing/?a=b",
        "/oauth/%ff",
        "/oauth/token/revocation",
    ] {
        expect_plain_not_found(&send(&server, "GET", target, &[]).await, target);
    }
    for target in [
        "/dist/nothing.css",
        "/dist/%2e%2e/Cargo.toml",
        "/dist/../Cargo.toml",
        "/dist/%ff",
        "/dist/",
    ] {
        let answer = send(&server, "GET", target, &[]).await;
        assert_eq!(answer.status, 404, "{target}");
        assert!(!answer.body.contains("[package]"));
    }
    for target in [
        "/%",
        "/%4",
        "/%ff",
        "/%00",
        "/users/%ff%fe",
        "/users/start-sign-in%00",
        "/interaction/%ff",
        "/interaction/%ff/x",
    ] {
        let page = send(&server, "GET", target, &[]).await;
        page.expect_error(400, "Cette adresse ne peut pas être lue.");
    }
    server.expect_discreet_log(&[]).await;
}

#[tokio::test]
async fn methods_that_a_path_does_not_know_are_not_found() {
    let server = TestServer::start().await;
    for (method, target) in [
        ("DELETE", START),
        ("PUT", "/users/sign-in"),
        ("PATCH", "/"),
        ("POST", "/"),
        ("TRACE", "/"),
        ("BREW", START),
        ("POST", "/interaction/abc"),
        ("DELETE", "/nothing"),
    ] {
        let page = send(&server, method, target, &[]).await;
        expect_not_found_page(&page, &format!("{method} {target}"));
    }
    for (method, target) in [
        ("GET", "/oauth/token"),
        ("DELETE", "/oauth/userinfo"),
        ("PUT", "/oauth/jwks"),
        ("POST", "/oauth/.well-known/openid-configuration"),
        ("GET", "/oauth/logout/confirm"),
        ("OPTIONS", "/oauth/token"),
    ] {
        let answer = send(&server, method, target, &[]).await;
        expect_plain_not_found(&answer, &format!("{method} {target}"));
    }
    server.expect_discreet_log(&[]).await;
}

#[tokio::test]
async fn head_and_options_are_answered_without_looking_further() {
    let server = TestServer::start().await;
    for target in [
        "/",
        START,
        "/users/sign-in",
        "/users/select-organization",
        "/oauth/authorize",
        "/interaction/abc/login",
    ] {
        let answer = send(&server, "HEAD", target, &[]).await;
        assert_eq!(answer.status, 200, "HEAD {target}");
        assert_eq!(answer.body, "", "HEAD {target}");
        assert_eq!(answer.header("set-cookie"), "", "HEAD {target}");
    }
    for (target, allow) in [
        ("/", "GET,HEAD"),
        (START, PAGE_METHODS),
        ("/users/sign-in", PAGE_METHODS),
        ("/interaction/abc", "GET,HEAD"),
        ("/oauth/authorize", PAGE_METHODS),
        ("/oauth/logout", PAGE_METHODS),
    ] {
        let answer = send(&server, "OPTIONS", target, &[]).await;
        assert_eq!(answer.status, 200, "OPTIONS {target}");
        assert_eq!(answer.header("allow"), allow, "OPTIONS {target}");
        assert_eq!(answer.body, "", "OPTIONS {target}");
    }
    for target in [
        "/oauth/jwks",
        "/oauth/.well-known/openid-configuration",
        "/.well-known/openid-configuration",
    ] {
        let answer = send(&server, "HEAD", target, &[]).await;
        assert_eq!(
            (answer.status.as_u16(), answer.body.as_str()),
            (200, ""),
            "HEAD {target}"
        );
    }
    for target in [
        "/api/webauthn/generate-registration-options",
        "/api/webauthn/generate-authentication-options-for-first-factor",
        "/api/webauthn/generate-authentication-options-for-second-factor",
        "/api/webauthn/generate-authentication-options-for-discoverable",
    ] {
        let answer = send(&server, "HEAD", target, &[]).await;
        assert_eq!(answer.status, 200, "HEAD {target}");
        assert_eq!(answer.header("content-type"), "application/json", "HEAD {target}");
        assert_eq!(answer.body, "", "HEAD {target}");
        assert_eq!(answer.header("set-cookie"), "", "HEAD {target}");
        expect_read_only(&server, target).await;
    }
    for (method, target) in [
        ("HEAD", "/nothing"),
        ("OPTIONS", "/nothing"),
        ("HEAD", "/oauth/nothing"),
    ] {
        assert_eq!(
            send(&server, method, target, &[]).await.status,
            404,
            "{method} {target}"
        );
    }
    server.expect_discreet_log(&[]).await;
}

/// `OPTIONS` tells that the path is only read.
async fn expect_read_only(server: &TestServer, target: &str) {
    let answer = send(server, "OPTIONS", target, &[]).await;
    assert_eq!(answer.status, 200, "OPTIONS {target}");
    assert_eq!(answer.header("allow"), "GET,HEAD", "OPTIONS {target}");
    assert_eq!(answer.body, "", "OPTIONS {target}");
}

#[tokio::test]
async fn head_is_get_without_the_body_where_nothing_is_written() {
    let server = TestServer::start().await;
    for target in [
        "/api/sirene/organization-info/21370261600011",
        "/api/sirene/organization-info/1234",
        "/api/sirene/search?q=clamart",
        "/api/sirene/search?q=a",
        "/api/sirene/ping",
        "/api/nobody/ping",
        "/favicon.ico",
        "/dist/mail-proconnect.png",
        "/dist/nothing.css",
    ] {
        let read = send(&server, "GET", target, &[]).await;
        let looked_at = send(&server, "HEAD", target, &[]).await;
        assert_eq!(looked_at.status, read.status, "HEAD {target}");
        assert_eq!(looked_at.body, "", "HEAD {target}");
        for name in ["content-type", "content-length", "cache-control", "etag"] {
            assert_eq!(looked_at.header(name), read.header(name), "HEAD {target}: {name}");
        }
        expect_read_only(&server, target).await;
    }
    for target in ["/favicon.ico", "/dist/mail-proconnect.png"] {
        expect_not_found_page(&send(&server, "POST", target, &[]).await, target);
    }
    server.expect_discreet_log(&[]).await;
}

#[tokio::test]
async fn capitals_and_a_slash_at_the_end_do_not_matter() {
    let server = TestServer::start().await;
    for target in [
        "/USERS/Start-Sign-In/",
        "/users/start-sign-in/?notification=logout_success",
        "/.Well-Known/OpenID-Configuration/?x=1",
        "/OAuth/.well-known/oauth-authorization-server/",
        "/OAUTH/JWKS/",
        "http://elsewhere.example/users/start-sign-in",
    ] {
        assert_eq!(send(&server, "GET", target, &[]).await.status, 200, "{target}");
    }
    let answer = send(&server, "GET", "/USERS/Sign-In/", &[]).await;
    assert_eq!(answer.location().path(), START);
}

#[tokio::test]
async fn links_are_built_on_the_configured_origin_whatever_a_request_claims() {
    let server = TestServer::start().await;
    let headers = [
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Proto", "https"),
        ("Forwarded", "host=evil.example;proto=https"),
    ];
    let answer = send(&server, "GET", "/.well-known/openid-configuration", &headers).await;
    assert!(!answer.body.contains("evil"), "{}", answer.body);
    let mut wire = Wire::open(&server.base_url).await;
    wire.send(b"GET /oauth/.well-known/openid-configuration HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
        .await;
    let answer = wire.answer().await;
    assert!(!answer.body.contains("evil"), "{}", answer.body);
    assert!(answer.body.contains(server.issuer()));
}

#[tokio::test]
async fn a_page_is_not_for_programs_with_an_authorization_header() {
    let server = TestServer::start().await;
    server.database().make_sign_in_cheap().await;
    let visitor = server.visitor();
    visitor.sign_in_as(EMAIL, PASSWORD).await;
    let cookies = visitor.cookies_for("/");
    let headers = [("Authorization", "Bearer x"), ("Cookie", cookies.as_str())];
    for target in ["/", START, "/users/sign-in", "/users/select-organization"] {
        let page = send(&server, "GET", target, &headers).await;
        page.expect_error(403, "Authorization");
        assert_eq!(
            page.header("set-cookie"),
            "",
            "{target}: the session of the browser stays"
        );
    }
    // Texts for everybody need no session: there the header is passed over, and so it is on the way from and to a relying party.
    for target in [
        "/conditions-generales-d-utilisation",
        "/politique-de-confidentialite",
        "/accessibilite",
    ] {
        let page = send(&server, "GET", target, &headers).await;
        assert_eq!(page.status, 200, "{target}");
        let unreadable = format!("{target}?a=%ff");
        let page = send(&server, "GET", &unreadable, &headers).await;
        page.expect_error(400, "n’a pas le bon format");
    }
    let client = crate::support::RelyingParty::default();
    client.register(server.database()).await;
    let url = client.authorization_url(&server, &[("prompt", "none")]);
    let target = format!("{}?{}", url.path(), url.query().unwrap_or_default());
    let answer = send(&server, "GET", &target, &headers).await;
    let error = crate::support::parameter(&answer.location(), "error");
    assert_eq!(
        error.as_deref(),
        Some("interaction_required"),
        "the session counts"
    );
    assert_eq!(visitor.get("/").await.url.path(), "/", "still signed in");
    server.expect_discreet_log(&[EMAIL]).await;
}

#[tokio::test]
async fn what_is_no_request_is_refused_and_what_is_too_large_too() {
    let server = TestServer::start().await;
    let long = "x".repeat(200_000);
    let many = "X-Header: 1\r\n".repeat(300);
    for (what, bytes) in [
        ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec()),
        ("a header without colon", b"GET / HTTP/1.1\r\nHost localhost\r\n\r\n".to_vec()),
        ("a NUL in a header", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n".to_vec()),
        ("a space in a name", b"GET / HTTP/1.1\r\nHost: localhost\r\nX : a\r\n\r\n".to_vec()),
        (
            "two lengths",
            b"POST /oauth/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab".to_vec(),
        ),
        (
            "a length and chunks",
            b"POST /oauth/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                .to_vec(),
        ),
        (
            "a negative length",
            b"POST /oauth/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n".to_vec(),
        ),
        ("a long target", format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()),
        ("a long header", format!("GET / HTTP/1.1\r\nHost: localhost\r\nCookie: session={long}\r\n\r\n").into_bytes()),
        ("many headers", format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n").into_bytes()),
    ] {
        let answer = exchange(&server.base_url, &bytes).await;
        let status = answer.status.as_u16();
        assert!(matches!(status, 400 | 413 | 414 | 431), "{what}: {status}");
        assert!(!answer.body.contains("panicked"));
    }
    for target in ["*", "localhost:80", ""] {
        let mut wire = Wire::open(&server.base_url).await;
        for method in ["OPTIONS", "CONNECT", "GET"] {
            wire.send(&request(method, target, &[], b"")).await;
        }
        wire.read_to_end().await;
    }
    assert_eq!(
        send(&server, "GET", START, &[]).await.status,
        200,
        "the server goes on"
    );
    // Large, but within what is read.
    let cookies = format!("a={}", "x".repeat(30_000));
    assert_eq!(
        send(&server, "GET", START, &[("Cookie", &cookies)]).await.status,
        200
    );
    server.expect_discreet_log(&[]).await;
}
