//! The appendix of spec/oidc.md: a sign-in on the wire (§15.1) and the outcome table (§15.4).

use reqwest::redirect::Policy;

use super::Stage;
use crate::support::wire::{exchange, request};
use crate::support::{EMAIL, PASSWORD, Page, RelyingParty, TestServer, parameter};

/// One request without following anything, with the browser's cookies.
pub(super) async fn step(stage: &Stage, path: &str) -> Page {
    let cookies = stage.visitor.cookies_for(path);
    let answer = exchange(
        &stage.server.base_url,
        &request("GET", path, &[("Cookie", &cookies)], b""),
    )
    .await;
    for cookie in answer.headers.get_all("set-cookie") {
        stage.visitor.add_cookie(cookie.to_str().unwrap());
    }
    answer
}

fn cookie<'a>(page: &'a Page, name: &str) -> &'a str {
    page.headers
        .get_all("set-cookie")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .find(|value| value.starts_with(&format!("{name}=")))
        .unwrap_or_else(|| panic!("no cookie {name} in {:?}", page.headers))
}

fn target(page: &Page) -> String {
    page.header("location").to_owned()
}

#[tokio::test]
async fn a_complete_sign_in_looks_on_the_wire_as_it_always_did() {
    let stage = Stage::set().await;
    let url = stage.client.authorization_url(&stage.server, &[]);
    let start = step(&stage, &format!("/oauth/authorize?{}", url.query().unwrap())).await;
    assert_eq!(start.status, 303);
    assert_eq!(start.header("cache-control"), "no-store");
    let interaction = target(&start);
    let uid = interaction
        .strip_prefix("/interaction/")
        .expect("a relative path")
        .to_owned();
    assert_eq!(uid.len(), 43);
    for (name, path) in [
        ("oidc.interaction", format!("/interaction/{uid}")),
        ("oidc.interaction_resume", format!("/oauth/authorize/{uid}")),
    ] {
        let written = cookie(&start, name);
        assert!(written.starts_with(&format!("{name}={uid};")), "{written}");
        for attribute in [
            format!("Path={path}"),
            "HttpOnly".into(),
            "SameSite=Lax".into(),
            "Expires=".into(),
        ] {
            assert!(written.contains(&attribute), "{attribute} in {written}");
        }
        cookie(&start, &format!("{name}.sig"));
    }

    // The jar of the visitor knows paths by name only: the cookies of the interaction go along by hand.
    let jar = |page: &Page| -> String {
        let pairs: Vec<&str> = page
            .headers
            .get_all("set-cookie")
            .iter()
            .filter_map(|value| value.to_str().ok()?.split(';').next())
            .collect();
        pairs.join("; ")
    };
    let bound = jar(&start);
    let with = |path: String, cookies: String| {
        let base = stage.server.base_url.clone();
        async move { exchange(&base, &request("GET", &path, &[("Cookie", &cookies)], b"")).await }
    };
    let first = with(interaction.clone(), bound.clone()).await;
    assert_eq!(
        (first.status.as_u16(), target(&first)),
        (302, format!("/interaction/{uid}/login"))
    );
    assert!(cookie(&first, "session").contains("Path=/"));
    let session = jar(&first);
    let second = with(format!("/interaction/{uid}/login"), format!("{bound}; {session}")).await;
    assert_eq!(
        (second.status.as_u16(), target(&second)),
        (302, "/users/start-sign-in".into())
    );

    // The pages between are another matter: a browser goes through them and on to the end.
    let page = stage.send(&[]).await;
    let answer = stage.sign_in(page).await;
    let names: Vec<String> = answer.query_pairs().map(|(name, _)| name.into_owned()).collect();
    assert_eq!(names, ["code", "state", "iss"]);
    let tokens = stage.tokens(&parameter(&answer, "code").unwrap()).await;
    let mut members: Vec<&String> = tokens.as_object().unwrap().keys().collect();
    members.sort_unstable();
    assert_eq!(
        members,
        ["access_token", "expires_in", "id_token", "scope", "token_type"]
    );
    assert_eq!(tokens["expires_in"], 3600);
}

#[tokio::test]
async fn the_resumption_clears_its_cookie_and_works_once() {
    let stage = Stage::set_signed_in().await;
    let client = crate::support::http_client_builder()
        .redirect(Policy::none())
        .build()
        .unwrap();
    let cookies = stage.visitor.cookies_for("/");
    let get = |url: String, cookies: String| {
        let client = client.clone();
        async move { client.get(url).header("Cookie", cookies).send().await.unwrap() }
    };
    let url = stage
        .client
        .authorization_url(&stage.server, &[("prompt", "consent")]);
    let start = get(url.into(), cookies.clone()).await;
    let bound: Vec<String> = start
        .headers()
        .get_all("set-cookie")
        .iter()
        .map(|value| value.to_str().unwrap().split(';').next().unwrap().to_owned())
        .collect();
    let all = format!("{cookies}; {}", bound.join("; "));
    let base = stage.server.issuer();
    let interaction = start.headers()["location"].to_str().unwrap().to_owned();
    let first = get(format!("{base}{interaction}"), all.clone()).await;
    assert_eq!(
        first.headers()["location"],
        format!("{interaction}/login").as_str()
    );
    let end = get(format!("{base}{interaction}/login"), all.clone()).await;
    assert_eq!(end.status(), 303);
    let resume = end.headers()["location"].to_str().unwrap().to_owned();
    assert!(
        resume.starts_with(&format!("{base}/oauth/authorize/")),
        "absolute: {resume}"
    );
    let answer = get(resume.clone(), all.clone()).await;
    assert_eq!(answer.status(), 303);
    let cleared = answer
        .headers()
        .get_all("set-cookie")
        .iter()
        .filter(|value| value.to_str().unwrap().contains("1970"))
        .count();
    assert_eq!(cleared, 2, "the cookie and its signature");
    assert_eq!(get(resume, all).await.status(), 400, "one-shot");
}

/// What the table expects.
enum Expected {
    /// HTML with this status 400 and this error.
    Page(&'static str),
    /// 303 with this error in the query.
    Query(&'static str),
    /// 303 with this error in the fragment.
    Fragment(&'static str),
    /// 303 to an interaction.
    Interaction,
}

async fn check(server: &TestServer, client: &RelyingParty, changes: &[(&str, &str)], expected: Expected) {
    let url = client.authorization_url(server, changes);
    let http = crate::support::http_client_builder()
        .redirect(Policy::none())
        .build()
        .unwrap();
    let answer = http.get(url).send().await.unwrap();
    let status = answer.status().as_u16();
    let location = answer
        .headers()
        .get("location")
        .map(|value| value.to_str().unwrap().to_owned())
        .unwrap_or_default();
    let body = answer.text().await.unwrap();
    let error_in = |text: &str| {
        url::form_urlencoded::parse(text.as_bytes())
            .find(|(name, _)| name == "error")
            .map(|(_, value)| value.into_owned())
    };
    match expected {
        Expected::Page(error) => assert!(status == 400 && body.contains(error), "{changes:?}: {status}"),
        Expected::Query(error) => {
            let query = location
                .split_once('?')
                .map(|(_, query)| query)
                .unwrap_or_default();
            assert_eq!(
                (status, error_in(query).as_deref()),
                (303, Some(error)),
                "{changes:?}"
            );
        }
        Expected::Fragment(error) => {
            let fragment = location.split_once('#').map(|(_, part)| part).unwrap_or_default();
            assert_eq!(
                (status, error_in(fragment).as_deref()),
                (303, Some(error)),
                "{changes:?}"
            );
        }
        Expected::Interaction => {
            assert!(
                status == 303 && location.starts_with("/interaction/"),
                "{changes:?}: {location}"
            );
        }
    }
}

#[expect(clippy::too_many_lines, reason = "a table")]
#[tokio::test]
async fn the_outcome_table_without_a_session() {
    use Expected::{Fragment, Interaction, Page, Query};
    let stage = Stage::set().await;
    let long = "a".repeat(129);
    let s256 = ("code_challenge_method", "S256");
    let rows: Vec<(Vec<(&str, &str)>, Expected)> = vec![
        (
            vec![("client_id", ""), ("redirect_uri", ""), ("response_type", "")],
            Page("invalid_request"),
        ),
        (vec![("client_id", "nobody")], Page("invalid_client")),
        (
            vec![("client_id", "nobody"), ("redirect_uri", "")],
            Page("invalid_client"),
        ),
        (
            vec![("redirect_uri", "https://evil.example/")],
            Page("invalid_redirect_uri"),
        ),
        (
            vec![("redirect_uri", "https://evil.example/"), ("response_type", "")],
            Page("invalid_redirect_uri"),
        ),
        (vec![("response_type", "")], Query("invalid_request")),
        (
            vec![("response_type", "token")],
            Fragment("unsupported_response_type"),
        ),
        (
            vec![("response_type", "id_token")],
            Fragment("unsupported_response_type"),
        ),
        (
            vec![("response_type", "code id_token")],
            Fragment("unsupported_response_type"),
        ),
        (
            vec![("response_type", "none")],
            Query("unsupported_response_type"),
        ),
        (vec![("response_mode", "bad")], Query("unsupported_response_mode")),
        (
            vec![("response_mode", "query.jwt")],
            Query("unsupported_response_mode"),
        ),
        (
            vec![("response_mode", "form_post"), ("scope", "openid phone")],
            Page("invalid_scope"),
        ),
        (vec![("scope", "openid phone")], Query("invalid_scope")),
        (vec![("scope", "email")], Query("invalid_request")),
        (vec![("scope", "openid foo offline_access")], Interaction),
        (vec![("prompt", "none")], Query("login_required")),
        (vec![("prompt", "select_account")], Query("invalid_request")),
        (vec![("prompt", "create")], Query("invalid_request")),
        (vec![("prompt", "none login")], Query("invalid_request")),
        (vec![("max_age", "abc")], Query("invalid_request")),
        (vec![("max_age", "-1")], Query("invalid_request")),
        (vec![("max_age", "1.5")], Query("invalid_request")),
        (vec![("claims", "{")], Query("invalid_request")),
        (vec![("claims", "[]")], Query("invalid_request")),
        (vec![("claims", "{}")], Query("invalid_request")),
        (vec![("claims", r#"{"id_token":null}"#)], Query("invalid_request")),
        (vec![("claims", r#"{"userinfo":"x"}"#)], Query("invalid_request")),
        (vec![("id_token_hint", "abc")], Query("invalid_request")),
        (vec![("request", "x")], Query("request_not_supported")),
        (
            vec![("request_uri", "https://x/")],
            Query("request_uri_not_supported"),
        ),
        (
            vec![("request_uri", "urn:ietf:params:oauth:request_uri:unknown")],
            Query("invalid_request_uri"),
        ),
        (vec![("registration", "{}")], Query("registration_not_supported")),
        (vec![("resource", "https://a")], Query("invalid_target")),
        (
            vec![
                ("code_challenge", &long[..43]),
                ("code_challenge_method", "plain"),
            ],
            Query("invalid_request"),
        ),
        (vec![("code_challenge", &long[..43])], Query("invalid_request")),
        (vec![s256], Query("invalid_request")),
        (
            vec![("code_challenge", &long[..42]), s256],
            Query("invalid_request"),
        ),
        (vec![("code_challenge", &long), s256], Query("invalid_request")),
        (
            vec![
                (
                    "code_challenge",
                    "+aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                ),
                s256,
            ],
            Query("invalid_request"),
        ),
        (vec![("state", "a"), ("state", "b")], Query("invalid_request")),
        (vec![("unknown", "a"), ("unknown", "b")], Interaction),
    ];
    for (changes, expected) in rows {
        check(&stage.server, &stage.client, &changes, expected).await;
    }
}

#[tokio::test]
async fn the_outcome_table_with_a_session() {
    let stage = Stage::set().await;
    stage.visitor.sign_in_as(EMAIL, PASSWORD).await;
    let none = ("prompt", "none");
    let error = |page: &Page| super::sent(page, "error");
    let unselected = stage.send(&[none]).await;
    assert_eq!(error(&unselected).as_deref(), Some("interaction_required"));
    stage
        .visitor
        .select_organization(crate::support::ORGANIZATION)
        .await;
    assert!(super::sent(&stage.send(&[none]).await, "code").is_some());
    let acr = r#"{"id_token":{"acr":{"essential":true,"values":["eidas2"]}}}"#;
    let subject = r#"{"id_token":{"sub":{"value":"999"}}}"#;
    for (parameter, expected) in [
        (("claims", acr), "login_required"),
        (("claims", subject), "login_required"),
        (("max_age", "0"), "login_required"),
        (("siret_hint", "13002526500013"), "interaction_required"),
    ] {
        let page = stage.send(&[none, parameter]).await;
        assert_eq!(error(&page).as_deref(), Some(expected), "{parameter:?}");
    }
}

#[tokio::test]
async fn the_rows_that_need_more_than_a_request() {
    let stage = Stage::set_signed_in().await;
    let other = RelyingParty::default();
    other.register(stage.server.database()).await;
    let code = other.code(&stage.server, &stage.visitor, &[]).await;
    let (_, tokens) = other.redeem(&stage.server, &code, &[]).await;
    let foreign = tokens["id_token"].as_str().unwrap();
    let page = stage.send(&[("id_token_hint", foreign)]).await;
    assert_eq!(super::sent(&page, "error").as_deref(), Some("invalid_request"));
    let page = stage.send(&[("state", "a"), ("state", "b")]).await;
    assert_eq!(super::sent(&page, "error").as_deref(), Some("invalid_request"));
    assert_eq!(super::sent(&page, "state"), None);
    let bare = stage.visitor.get("/oauth/authorize").await;
    bare.expect_error(400, "invalid_request");
}
