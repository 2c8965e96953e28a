//! Cookies are what they were made for: none opens what another one opens.

use reqwest::header::{COOKIE, SET_COOKIE};

use super::{PASSWORD, authenticating_browsers, insert_user};
use crate::support::{RelyingParty, TestServer};

const EMAIL: &str = "agent@exemple.fr";

/// Every cookie that a browser gets on its way through a service, a sign-in and a proof of the address.
async fn collected(server: &TestServer) -> Vec<(String, String)> {
    let party = RelyingParty::default();
    party.register(server.database()).await;
    let request = patient().get(party.authorization_url(server, &[]));
    let answer = request.send().await.expect("an answer");
    let set = answer.headers().get_all(SET_COOKIE).iter();
    let mut cookies: Vec<(String, String)> = set
        .filter_map(|cookie| jar(cookie.to_str().ok()?.split(';').next()?).pop())
        .collect();
    let visitor = server.visitor();
    let page = visitor.sign_in_as(EMAIL, PASSWORD).await;
    assert_eq!(page.url.path(), "/users/verify-email");
    super::enter_code(server, &visitor, EMAIL, 1).await;
    cookies.extend(jar(&visitor.cookies_for("/")));
    cookies.sort();
    cookies.dedup();
    cookies
}

/// A client that stays where it is sent.
fn patient() -> reqwest::Client {
    let client = crate::support::http_client_builder().redirect(reqwest::redirect::Policy::none());
    client.build().expect("a client")
}

fn jar(header: &str) -> Vec<(String, String)> {
    let pairs = header.split("; ").filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[tokio::test]
async fn none_can_be_taken_for_another() {
    let server = TestServer::start_with(authenticating_browsers()).await;
    insert_user(server.database(), EMAIL, &[]).await;
    let cookies = collected(&server).await;
    let value_of = |name: &str| {
        let found = cookies.iter().rev().find(|(found, _)| found == name);
        found.unwrap_or_else(|| panic!("{name} in {cookies:?}")).1.clone()
    };
    let names: Vec<&str> = cookies.iter().map(|(name, _)| name.as_str()).collect();
    for name in ["session", "trusted-browser", "browser"] {
        assert!(names.contains(&name), "{names:?}");
    }
    assert!(names.iter().any(|name| name.contains("interaction")), "{names:?}");

    let open = async |header: String| {
        let request = patient().get(server.base_url.clone()).header(COOKIE, header);
        request.send().await.expect("an answer")
    };
    let (session, trusted) = (value_of("session"), value_of("trusted-browser"));
    let whole = format!("session={session}; trusted-browser={trusted}");
    assert_eq!(open(whole).await.status(), 200, "as it should be");

    for (name, value) in &cookies {
        if name != "session" {
            let answer = open(format!("session={value}; trusted-browser={trusted}")).await;
            assert_eq!(answer.status(), 302, "{name} as session");
            let adopted = answer.headers().get_all(SET_COOKIE).iter().any(|cookie| {
                cookie
                    .to_str()
                    .is_ok_and(|cookie| cookie.starts_with(&format!("session={value}")))
            });
            assert!(!adopted, "{name} as session");
        }
        if name != "trusted-browser" {
            let answer = open(format!("session={session}; trusted-browser={value}")).await;
            assert_eq!(answer.status(), 302, "{name} as trusted-browser");
            let target = answer.headers()["location"].to_str().expect("ASCII").to_owned();
            assert_eq!(target, "/users/verify-email?notification=browser_not_trusted");
        }
    }
    server.expect_discreet_log(&[&session, &trusted]).await;
}

#[tokio::test]
async fn the_trust_in_a_browser_is_of_one_person() {
    let server = TestServer::start_with(authenticating_browsers()).await;
    for email in [EMAIL, "autre@exemple.fr"] {
        insert_user(server.database(), email, &[]).await;
    }
    let visitor = server.visitor();
    visitor.sign_in_as(EMAIL, PASSWORD).await;
    super::enter_code(&server, &visitor, EMAIL, 1).await;
    let page = visitor.sign_in_as("autre@exemple.fr", PASSWORD).await;
    assert_eq!(
        page.url.path(),
        "/users/verify-email",
        "trusted for somebody else"
    );
    super::enter_code(&server, &visitor, "autre@exemple.fr", 1).await;
    let page = visitor.sign_in_as(EMAIL, PASSWORD).await;
    assert_eq!(
        page.url.path(),
        "/users/verify-email",
        "the last one who proved it"
    );
}
