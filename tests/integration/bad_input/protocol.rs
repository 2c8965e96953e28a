//! What relying parties send.

use serde_json::Value;

use crate::support::wire::{exchange, request};
use crate::support::{
    EMAIL, ORGANIZATION, Options, PASSWORD, Page, RelyingParty, TestServer, Visitor, parameter,
};

const URLENCODED: &str = "application/x-www-form-urlencoded";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const PKCE: [(&str, &str); 2] = [("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];

/// A server, a client of it, and a person who needs to be asked nothing more.
async fn at_the_service(options: Options) -> (TestServer, RelyingParty, Visitor) {
    let server = TestServer::start_with(options).await;
    server.database().make_sign_in_cheap().await;
    let client = RelyingParty::default();
    client.register(server.database()).await;
    let visitor = server.visitor();
    visitor.sign_in_as(EMAIL, PASSWORD).await;
    visitor.select_organization(ORGANIZATION).await;
    (server, client, visitor)
}

#[tokio::test]
async fn a_request_that_cannot_be_answered_to_its_sender_gets_a_page() {
    let (server, client, visitor) = at_the_service(Options::default()).await;
    for (parameters, text) in [
        (vec![("client_id", "nobody")], "invalid_client"),
        (vec![("client_id", "")], "invalid_request"),
        (vec![("redirect_uri", "http://evil.example/")], "redirect_uri"),
        (
            vec![("redirect_uri", "http://localhost:9/login-callback/")],
            "redirect_uri",
        ),
        (
            vec![("redirect_uri", "http://localhost:9/login-callback?x=1")],
            "redirect_uri",
        ),
        (vec![("redirect_uri", "javascript:alert(1)")], "redirect_uri"),
        (
            vec![
                ("client_id", client.client_id.as_str()),
                ("client_id", &client.client_id),
            ],
            "invalid_request",
        ),
    ] {
        let url = client.authorization_url(&server, &parameters);
        let page = visitor.get(url.as_str()).await;
        page.expect_error(400, text);
        assert!(
            !page.body.contains("evil.example/\""),
            "no link there: {}",
            page.body
        );
    }
    for query in ["client_id=%ff", "client_id=a%00b", "%ff=1"] {
        let page = visitor.get(&format!("/oauth/authorize?{query}")).await;
        page.expect_error(400, "n’a pas le bon format");
    }
    let page = visitor.get("/oauth/authorize").await;
    page.expect_error(400, "invalid_request");
    server
        .expect_discreet_log(&[EMAIL, "the-nonce", "the-state"])
        .await;
}

#[tokio::test]
async fn a_request_with_a_known_sender_is_refused_there() {
    let (server, client, visitor) = at_the_service(Options::default()).await;
    for (parameters, error) in [
        (vec![("response_type", "token")], "unsupported_response_type"),
        (vec![("response_type", "")], "invalid_request"),
        (vec![("nonce", "a"), ("nonce", "b")], "invalid_request"),
        (vec![("claims", "{")], "invalid_request"),
        (
            vec![("code_challenge", "short"), ("code_challenge_method", "S256")],
            "invalid_request",
        ),
        (
            vec![("code_challenge", CHALLENGE), ("code_challenge_method", "plain")],
            "invalid_request",
        ),
        (vec![("prompt", "none login")], "invalid_request"),
        (vec![("max_age", "-1")], "invalid_request"),
        (vec![("request", "e30.e30.")], "request_not_supported"),
    ] {
        let url = client.authorization_url(&server, &parameters);
        let answer = visitor.get(url.as_str()).await;
        let mut location = answer.location();
        if let Some(fragment) = location.fragment().map(str::to_owned) {
            // The way in which a request for a token is answered.
            location.set_query(Some(&fragment));
        }
        assert!(location.as_str().starts_with(&client.redirect_uri), "{location}");
        assert_eq!(
            parameter(&location, "error").as_deref(),
            Some(error),
            "{parameters:?}"
        );
        assert_eq!(parameter(&location, "code"), None);
        assert_eq!(parameter(&location, "state").as_deref(), Some("the-state"));
    }
    server.expect_discreet_log(&["the-nonce", "the-state"]).await;
}

#[tokio::test]
async fn a_code_is_worth_nothing_in_wrong_hands() {
    let (server, client, visitor) = at_the_service(Options::default()).await;
    let other = RelyingParty::default();
    other.register(server.database()).await;
    let code = client.code(&server, &visitor, &PKCE).await;
    let right = ("code_verifier", VERIFIER);
    let wrong_verifier = "x".repeat(43);
    for (changes, expected) in [
        (vec![], (400, "invalid_grant")),
        (
            vec![("code_verifier", wrong_verifier.as_str())],
            (400, "invalid_grant"),
        ),
        (vec![("code_verifier", "short")], (400, "invalid_request")),
        (
            vec![right, ("redirect_uri", "http://localhost:9/")],
            (400, "invalid_grant"),
        ),
        (vec![right, ("client_secret", "wrong")], (401, "invalid_client")),
        (vec![right, ("client_secret", "")], (401, "invalid_client")),
        (vec![right, ("client_id", "nobody")], (401, "invalid_client")),
        (
            vec![right, ("grant_type", "password")],
            (400, "unsupported_grant_type"),
        ),
        (vec![right, ("grant_type", "")], (400, "invalid_request")),
        (vec![right, ("code", "")], (400, "invalid_request")),
        (vec![right, ("code", "nonsense")], (400, "invalid_grant")),
    ] {
        let answer = client.redeem(&server, &code, &changes).await;
        assert_eq!(refusal(answer), expected, "{changes:?}");
    }
    assert_eq!(
        refusal(other.redeem(&server, &code, &[right]).await),
        (400, "invalid_grant")
    );

    let (status, answer) = client.redeem(&server, &code, &[right]).await;
    assert_eq!(status, 200, "none of this spoilt the code: {answer}");
    server
        .expect_discreet_log(&[&code, VERIFIER, &client.client_secret, "access_token\":"])
        .await;
}

fn refusal((status, answer): (u16, Value)) -> (u16, &'static str) {
    let error = answer["error"].as_str().unwrap_or_default();
    assert!(answer.get("access_token").is_none());
    let known = [
        "invalid_grant",
        "invalid_request",
        "invalid_client",
        "unsupported_grant_type",
    ];
    let error = known.into_iter().find(|known| *known == error);
    (
        status,
        error.unwrap_or_else(|| panic!("unexpected answer {status} {answer}")),
    )
}

#[tokio::test]
async fn a_code_that_comes_twice_takes_its_tokens_with_it() {
    let (server, client, visitor) = at_the_service(Options::default()).await;
    let code = client.code(&server, &visitor, &[]).await;
    let (_, first) = client.redeem(&server, &code, &[]).await;
    let authorization = format!("Bearer {}", first["access_token"].as_str().expect("a token"));
    let headers = [("Authorization", authorization.as_str())];
    let userinfo = request("GET", "/oauth/userinfo", &headers, b"");
    assert_eq!(exchange(&server.base_url, &userinfo).await.status, 200);

    assert_eq!(
        refusal(client.redeem(&server, &code, &[]).await),
        (400, "invalid_grant")
    );
    assert_eq!(exchange(&server.base_url, &userinfo).await.status, 401);
    let fresh = client.code(&server, &visitor, &[]).await;
    assert_eq!(
        client.redeem(&server, &fresh, &[]).await.0,
        200,
        "the person is not bothered"
    );
    server.expect_discreet_log(&[&code, &fresh, &authorization]).await;
}

#[tokio::test]
async fn of_many_attempts_at_once_on_a_code_at_most_one_succeeds() {
    let (server, client, visitor) = at_the_service(Options::default()).await;
    let code = client.code(&server, &visitor, &[]).await;
    let attempts = (0..10).map(|_| client.redeem(&server, &code, &[]));
    let statuses: Vec<u16> = futures::future::join_all(attempts)
        .await
        .into_iter()
        .map(|(status, _)| status)
        .collect();
    assert!(
        statuses.iter().all(|status| matches!(status, 200 | 400)),
        "{statuses:?}"
    );
    assert_eq!(
        statuses.iter().filter(|status| **status == 200).count(),
        1,
        "{statuses:?}"
    );
    server.expect_discreet_log(&[&code]).await;
}

#[tokio::test]
async fn a_code_expires() {
    let options = Options::default().with("AUTHORIZATION_CODE_TTL_IN_SECONDS", "1");
    let (server, client, visitor) = at_the_service(options).await;
    let code = client.code(&server, &visitor, &[]).await;
    tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
    assert_eq!(
        refusal(client.redeem(&server, &code, &[]).await),
        (400, "invalid_grant")
    );
    server.expect_discreet_log(&[&code]).await;
}

/// Posts a body to an endpoint as it is.
async fn post_raw(server: &TestServer, path: &str, content_type: &str, body: &[u8]) -> Page {
    let headers = [("Content-Type", content_type)];
    exchange(&server.base_url, &request("POST", path, &headers, body)).await
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_refused_as_json() {
    let (server, client, _) = at_the_service(Options::default()).await;
    let credentials = format!(
        "client_id={}&client_secret={}",
        client.client_id,
        client.client_secret.replace(' ', "+")
    );
    let megabyte = format!(
        "{credentials}&grant_type=authorization_code&code={}",
        "x".repeat(1024 * 1024)
    );
    let json = r#"{"grant_type":"authorization_code"}"#;
    let twice = format!("{credentials}&grant_type=authorization_code&code=a&code=b");
    for (content_type, body) in [
        ("application/json", json.as_bytes()),
        ("text/html", json.as_bytes()),
        (URLENCODED, megabyte.as_bytes()),
        (URLENCODED, b"grant_type=%ff"),
        (URLENCODED, b"grant_type=\xff\xfe"),
        (URLENCODED, b"grant_type=a%00b"),
        (URLENCODED, twice.as_bytes()),
    ] {
        for path in ["/oauth/token", "/oauth/token/introspection"] {
            let answer = post_raw(&server, path, content_type, body).await;
            let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
            assert_eq!(
                answer.status, 400,
                "{path} {content_type} {shown}: {}",
                answer.body
            );
            assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
            let answer: Value = serde_json::from_str(&answer.body).expect("JSON");
            assert_eq!(
                answer["error"], "invalid_request",
                "{path} {content_type} {shown}"
            );
        }
    }
    for headers in [
        vec![],
        vec![("Authorization", "Basic %%%")],
        vec![("Authorization", "Basic OnM=")],
    ] {
        let answer = exchange(&server.base_url, &request("POST", "/oauth/token", &headers, b"")).await;
        assert!(
            matches!(answer.status.as_u16(), 400 | 401),
            "{headers:?}: {}",
            answer.status
        );
        let answer: Value = serde_json::from_str(&answer.body).expect("JSON");
        assert!(answer["error"].is_string());
    }
    server.expect_discreet_log(&[&client.client_secret]).await;
}

#[tokio::test]
async fn somebody_who_reads_html_gets_a_page_of_the_same_status() {
    let server = TestServer::start().await;
    let headers = [("Accept", "text/html,*/*;q=0.8"), ("Content-Type", URLENCODED)];
    let body = b"grant_type=authorization_code&client_id=x&client_secret=y";
    let page = exchange(&server.base_url, &request("POST", "/oauth/token", &headers, body)).await;
    page.expect_error(401, "invalid_client: client authentication failed");
    let page = exchange(
        &server.base_url,
        &request("GET", "/oauth/userinfo", &headers[..1], b""),
    )
    .await;
    page.expect_error(401, "invalid_token");
}

#[tokio::test]
async fn a_look_from_afar_issues_no_code_and_ends_no_session() {
    let (server, client, visitor) = at_the_service(Options::default()).await;
    let url = client.authorization_url(&server, &[]);
    let answer = visitor.client().head(url).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().get("set-cookie").is_none());
    assert!(answer.headers().get("location").is_none());
    let answer = visitor
        .client()
        .head(server.base_url.join("/oauth/logout").expect("a path"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(visitor.get("/").await.url.path(), "/", "still signed in");
    let connections = "SELECT count(*) FROM users_oidc_clients";
    assert_eq!(server.database().count(connections).await, 0);
}
