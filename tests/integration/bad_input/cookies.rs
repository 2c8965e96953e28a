//! Cookies and tokens that were changed on the way, or that belong to somebody else.

use url::Url;

use crate::support::wire::{exchange, request};
use crate::support::{
    EMAIL, ORGANIZATION, Options, PASSWORD, Page, RelyingParty, TestServer, Visitor, parameter,
};

const START: &str = "/users/start-sign-in";
const EXPIRED: &str = "Demande de connexion expirée";

/// Opens a path with exactly these cookies; redirects are not followed.
async fn get_with(server: &TestServer, path: &str, cookies: &str) -> Page {
    exchange(
        &server.base_url,
        &request("GET", path, &[("Cookie", cookies)], b""),
    )
    .await
}

/// `text` with another character at `position`.
fn changed(text: &str, position: usize) -> String {
    let mut bytes = text.as_bytes().to_vec();
    bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
    String::from_utf8(bytes).expect("ASCII")
}

/// An authorization request of a browser without cookies, whose answer is not followed.
async fn ask_for_sign_in(server: &TestServer, client: &RelyingParty) -> Page {
    let url = client.authorization_url(server, &[]);
    let target = format!("{}?{}", url.path(), url.query().unwrap_or_default());
    exchange(&server.base_url, &request("GET", &target, &[], b"")).await
}

/// Names and values of the cookies that an answer sets.
fn cookies_of(page: &Page) -> Vec<(String, String)> {
    let set = page.headers.get_all("set-cookie").iter();
    set.filter_map(|cookie| {
        let pair = cookie.to_str().ok()?.split(';').next()?;
        let (name, value) = pair.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    })
    .collect()
}

fn header_of(cookies: &[(String, String)]) -> String {
    let pairs: Vec<String> = cookies
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("; ")
}

#[tokio::test]
async fn a_changed_session_cookie_is_no_session() {
    let server = TestServer::start().await;
    server.database().make_sign_in_cheap().await;
    let visitor = server.visitor();
    visitor.sign_in_as(EMAIL, PASSWORD).await;
    let cookie = visitor.cookie("/", "session").expect("a session");
    let good = get_with(&server, "/", &format!("session={cookie}")).await;
    assert_eq!(good.status, 200);

    let (signed, signature) = cookie.split_once('.').expect("a signed value");
    let long = "x".repeat(10_000);
    for value in [
        String::new(),
        "s%3A".to_owned(),
        "s%3A.".to_owned(),
        "%".to_owned(),
        "%00".to_owned(),
        "%ff%fe".to_owned(),
        long,
        changed(&cookie, 10),
        changed(&cookie, cookie.len() - 10),
        signed.to_owned(),
        format!("{signed}."),
        format!("{signed}.%00"),
        signed.trim_start_matches("s%3A").to_owned(),
        format!("{signature}.{signature}"),
        format!("{cookie}x"),
        format!("{{\"sid\":\"{cookie}\"}}"),
    ] {
        let page = get_with(&server, "/", &format!("session={value}")).await;
        assert_eq!(page.status, 302, "{value:?}: {}", page.text());
        assert_eq!(page.location().path(), START, "{value:?}");
        let page = get_with(&server, START, &format!("a; =b; session={value};;")).await;
        assert_eq!(page.status, 200, "{value:?}: {}", page.text());
    }
    server.expect_discreet_log(&[&cookie, EMAIL, PASSWORD]).await;
}

#[tokio::test]
async fn a_session_that_nobody_opened_is_not_adopted() {
    let secret = "a secret of the tests that is long enough to be one";
    let options = Options::default().with("SESSION_COOKIE_SECRET", secret);
    let server = TestServer::start_with(options).await;
    let rules = identite::web::cookies::CookieJarRules::new(vec![secret.into()], false);
    let chosen = rules.session(&identite::web::cookies::Sid::draw(), chrono::DateTime::UNIX_EPOCH);

    let page = get_with(&server, START, &format!("session={}", chosen.value())).await;
    assert_eq!(page.status, 200);
    let set = cookies_of(&page);
    assert_eq!(set.len(), 1);
    assert_eq!(set[0].0, "session");
    assert_ne!(set[0].1, chosen.value());
    server.expect_discreet_log(&[secret]).await;
}

#[tokio::test]
async fn an_interaction_belongs_to_the_browser_in_which_it_began() {
    let server = TestServer::start().await;
    server.database().make_sign_in_cheap().await;
    let client = RelyingParty::default();
    client.register(server.database()).await;

    // Without any cookie, and with those of another interaction.
    let stranger = server.visitor();
    let path = ask_for_sign_in(&server, &client)
        .await
        .location()
        .path()
        .to_owned();
    let page = stranger
        .get(client.authorization_url(&server, &[]).as_str())
        .await;
    assert_eq!(page.url.path(), START);
    for path in [
        path.clone(),
        format!("{path}/login"),
        format!("{path}/error?error=access_denied"),
    ] {
        let page = get_with(&server, &path, "").await;
        if path.ends_with("/login") {
            // Who is not signed in is asked to first, whatever the interaction.
            assert_eq!(page.location().path(), START);
            continue;
        }
        assert_eq!(page.status, 400, "{path}");
        assert_eq!(page.title(), format!("{EXPIRED} - ProConnect"));
        assert_eq!(stranger.get(&path).await.status, 400, "{path}");
    }
    stranger.sign_in_as(EMAIL, PASSWORD).await;
    stranger.select_organization(ORGANIZATION).await;
    let page = stranger.get(&format!("{path}/login")).await;
    assert_eq!(page.status, 400);
    let resume = path.replace("/interaction/", "/oauth/authorize/");
    stranger.get(&resume).await.expect_error(
        400,
        "invalid_request: this request has expired or was already answered",
    );
    server.expect_discreet_log(&[EMAIL]).await;
}

#[tokio::test]
async fn changed_interaction_cookies_bind_nothing() {
    let server = TestServer::start().await;
    let client = RelyingParty::default();
    client.register(server.database()).await;
    let answer = ask_for_sign_in(&server, &client).await;
    let uid = answer
        .location()
        .path()
        .trim_start_matches("/interaction/")
        .to_owned();
    let cookies = cookies_of(&answer);
    let names: Vec<&str> = cookies.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "oidc.interaction",
            "oidc.interaction.sig",
            "oidc.interaction_resume",
            "oidc.interaction_resume.sig"
        ]
    );
    let start = format!("/interaction/{uid}");
    assert_eq!(get_with(&server, &start, &header_of(&cookies)).await.status, 302);

    for index in 0..2 {
        let mut without = cookies.clone();
        without.remove(index);
        let mut flipped = cookies.clone();
        flipped[index].1 = changed(&flipped[index].1, 3);
        let mut garbled = cookies.clone();
        garbled[index].1 = "%ff".to_owned();
        for cookies in [without, flipped, garbled] {
            let page = get_with(&server, &start, &header_of(&cookies)).await;
            assert_eq!(page.status, 400, "{cookies:?}");
            assert_eq!(page.title(), format!("{EXPIRED} - ProConnect"));
        }
    }
    // The signature is about the name, too: one cookie does not stand for the other.
    let swapped = format!(
        "oidc.interaction_resume={uid}; oidc.interaction_resume.sig={}",
        cookies[1].1
    );
    let page = get_with(&server, &format!("/oauth/authorize/{uid}"), &swapped).await;
    page.expect_error(400, "invalid_request");
    server.expect_discreet_log(&[&cookies[1].1]).await;
}

#[tokio::test]
async fn an_access_token_that_was_changed_opens_nothing() {
    let server = TestServer::start().await;
    server.database().make_sign_in_cheap().await;
    let client = RelyingParty::default();
    client.register(server.database()).await;
    let visitor = server.visitor();
    visitor.sign_in_as(EMAIL, PASSWORD).await;
    visitor.select_organization(ORGANIZATION).await;
    let code = client.code(&server, &visitor, &[]).await;
    let (status, answer) = client.redeem(&server, &code, &[]).await;
    assert_eq!(status, 200, "{answer}");
    let token = answer["access_token"].as_str().expect("a token").to_owned();
    let id_token = answer["id_token"].as_str().expect("an ID token").to_owned();

    let good = userinfo(&server.base_url, &format!("Bearer {token}")).await;
    assert_eq!(good.status, 200);
    assert!(good.body.contains(EMAIL));
    for authorization in [
        format!("Bearer {}", changed(&token, 0)),
        format!("Bearer {}", changed(&token, token.len() - 1)),
        format!("Bearer {token}x"),
        format!("Bearer {id_token}"),
        format!("Bearer {}", "x".repeat(5_000)),
    ] {
        let refused = userinfo(&server.base_url, &authorization).await;
        assert_eq!(refused.status, 401, "{authorization}");
        assert!(refused.body.contains("\"invalid_token\""), "{}", refused.body);
        assert!(refused.header("www-authenticate").starts_with("Bearer realm="));
        assert!(!refused.body.contains(EMAIL));
    }
    for authorization in ["Bearer", "Bearer ", "Basic eDp5", "bearer\u{7f}", "Bearer a b"] {
        let refused = userinfo(&server.base_url, authorization).await;
        assert!(
            matches!(refused.status.as_u16(), 400 | 401),
            "{authorization}: {}",
            refused.status
        );
    }
    // Signed out, the token dies with the session.
    visitor.sign_out().await;
    assert_eq!(
        userinfo(&server.base_url, &format!("Bearer {token}"))
            .await
            .status,
        401
    );
    server
        .expect_discreet_log(&[&token, &id_token, &code, EMAIL, &client.client_secret])
        .await;
}

async fn userinfo(base_url: &Url, authorization: &str) -> Page {
    let headers = [("Authorization", authorization)];
    exchange(base_url, &request("GET", "/oauth/userinfo", &headers, b"")).await
}

/// Opens a path as the browser of somebody does who reads HTML; redirects are not followed.
async fn open_as_person(server: &TestServer, visitor: &Visitor, path: &str) -> Page {
    let cookies = visitor.cookies_for("/");
    let headers = [("Accept", "text/html,*/*;q=0.8"), ("Cookie", cookies.as_str())];
    exchange(&server.base_url, &request("GET", path, &headers, b"")).await
}

#[tokio::test]
async fn a_changed_logout_hint_ends_no_session() {
    let server = TestServer::start().await;
    server.database().make_sign_in_cheap().await;
    let client = RelyingParty::default();
    client.register(server.database()).await;
    let visitor = server.visitor();
    visitor.sign_in_as(EMAIL, PASSWORD).await;
    visitor.select_organization(ORGANIZATION).await;
    let code = client.code(&server, &visitor, &[]).await;
    let (_, answer) = client.redeem(&server, &code, &[]).await;
    let hint = answer["id_token"].as_str().expect("an ID token");

    for wrong in [
        changed(hint, hint.len() - 5),
        changed(hint, 60),
        "e30.e30.".to_owned(),
        "x".to_owned(),
    ] {
        let page = open_as_person(&server, &visitor, &format!("/oauth/logout?id_token_hint={wrong}")).await;
        page.expect_error(400, "invalid_request");
        assert_eq!(visitor.get("/").await.url.path(), "/", "still signed in");
    }
    let elsewhere =
        format!("/oauth/logout?id_token_hint={hint}&post_logout_redirect_uri=http://evil.example/");
    open_as_person(&server, &visitor, &elsewhere)
        .await
        .expect_error(400, "invalid_request");

    let mut target = server.base_url.join("/oauth/logout").expect("a path");
    target
        .query_pairs_mut()
        .append_pair("id_token_hint", hint)
        .append_pair("post_logout_redirect_uri", &client.post_logout_redirect_uri)
        .append_pair("state", "back");
    let mut page = visitor.get(target.as_str()).await;
    if page.status == 200 {
        page = visitor.submit(&page, "/oauth/logout/confirm", &[]).await;
    }
    assert_eq!(parameter(&page.location(), "state").as_deref(), Some("back"));
    assert_eq!(visitor.get("/").await.url.path(), START);
    server.expect_discreet_log(&[hint, &code]).await;
}
