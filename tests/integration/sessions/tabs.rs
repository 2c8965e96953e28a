//! Several tabs, and the way back.

use futures::future::join_all;

use crate::support::wire::{exchange, request};
use crate::support::{EMAIL, ORGANIZATION, PASSWORD, Page, RelyingParty, TestServer, Visitor, parameter};

const START: &str = "/users/start-sign-in";
const SIGN_IN: &str = "/users/sign-in";

async fn start() -> TestServer {
    let server = TestServer::start().await;
    server.database().make_sign_in_cheap().await;
    server
}

/// A service whose answers are told apart by their path and state.
async fn service(server: &TestServer, state: &str) -> RelyingParty {
    let client = RelyingParty {
        redirect_uri: format!("http://localhost:9/{state}"),
        ..RelyingParty::default()
    };
    client.register(server.database()).await;
    client
}

/// Asks the provider for `client` in a tab whose redirects are followed by hand, so that the path of its interaction is known. Gives it.
async fn begin(server: &TestServer, visitor: &Visitor, client: &RelyingParty, state: &str) -> String {
    let url = client.authorization_url(server, &[("state", state)]);
    let target = format!("{}?{}", url.path(), url.query().unwrap_or_default());
    let asked = exchange(&server.base_url, &request("GET", &target, &[], b"")).await;
    for cookie in asked.headers.get_all("set-cookie") {
        visitor.add_cookie(cookie.to_str().expect("ASCII"));
    }
    let interaction = asked.location().path().to_owned();
    assert_eq!(visitor.get(&interaction).await.url.path(), START);
    interaction
}

/// Goes to the provider for `client`, in a tab of its own.
async fn open_tab(server: &TestServer, visitor: &Visitor, client: &RelyingParty, state: &str) -> Page {
    let url = client.authorization_url(server, &[("state", state)]);
    visitor.get(url.as_str()).await
}

fn expect_answer(page: &Page, state: &str) -> String {
    let location = page.location();
    assert_eq!(location.path(), format!("/{state}"), "{location}");
    assert_eq!(parameter(&location, "state").as_deref(), Some(state));
    parameter(&location, "code").unwrap_or_else(|| panic!("no code in {location}"))
}

/// From the first sign-in page to the end of the way, wherever that is.
async fn go_all_the_way(visitor: &Visitor, start: &Page) -> Page {
    let page = visitor.submit(start, START, &[("login", EMAIL)]).await;
    let mut page = visitor.submit(&page, SIGN_IN, &[("password", PASSWORD)]).await;
    if page.url.path() == "/users/select-organization" {
        let organization = ORGANIZATION.to_string();
        let fields = [("organization_id", organization.as_str())];
        page = visitor.submit(&page, "/users/select-organization", &fields).await;
    }
    page
}

#[tokio::test]
async fn two_services_in_two_tabs_each_get_their_own_answer() {
    let server = start().await;
    let visitor = server.visitor();
    let (first, second) = (service(&server, "first").await, service(&server, "second").await);
    open_tab(&server, &visitor, &first, "first").await;
    let page = open_tab(&server, &visitor, &second, "second").await;
    let answer = go_all_the_way(&visitor, &page).await;
    let code = expect_answer(&answer, "second");
    assert_eq!(second.redeem(&server, &code, &[]).await.0, 200);

    // The other tab asks its service again, as people do: no question is left.
    let again = open_tab(&server, &visitor, &first, "first").await;
    let code = expect_answer(&again, "first");
    assert_eq!(first.redeem(&server, &code, &[]).await.0, 200);
    server.expect_discreet_log(&[EMAIL, PASSWORD, &code]).await;
}

#[tokio::test]
async fn the_tab_that_waited_can_be_finished_after_the_other() {
    let server = start().await;
    let visitor = server.visitor();
    let client = service(&server, "first").await;
    let first_interaction = begin(&server, &visitor, &client, "first").await;
    let second = service(&server, "second").await;
    let page = open_tab(&server, &visitor, &second, "second").await;
    expect_answer(&go_all_the_way(&visitor, &page).await, "second");
    let answer = visitor.get(&format!("{first_interaction}/login")).await;
    let code = expect_answer(&answer, "first");
    assert_eq!(client.redeem(&server, &code, &[]).await.0, 200);
    // Answered is answered.
    let page = visitor.get(&format!("{first_interaction}/login")).await;
    assert_eq!(page.status, 400);
    assert_eq!(page.title(), "Demande de connexion expirée - ProConnect");
    server.expect_discreet_log(&[EMAIL, &code]).await;
}

#[tokio::test]
async fn who_returns_from_one_service_is_still_on_the_way_to_the_other() {
    let server = start().await;
    let visitor = server.visitor();
    let (first, second) = (service(&server, "first").await, service(&server, "second").await);
    let first_interaction = begin(&server, &visitor, &first, "first").await;
    let page = open_tab(&server, &visitor, &second, "second").await;
    assert_eq!(page.url.path(), START);

    // The link of an error page in the first tab.
    let way_back = format!("{first_interaction}/error?error=access_denied&error_description=Refused");
    let location = visitor.get(&way_back).await.location();
    assert_eq!(location.path(), "/first", "{location}");
    assert_eq!(parameter(&location, "error").as_deref(), Some("access_denied"));
    // Clicked again, it leads nowhere, which does not concern the second tab either.
    assert_eq!(visitor.get(&way_back).await.status, 400);

    let answer = go_all_the_way(&visitor, &page).await;
    let code = expect_answer(&answer, "second");
    assert_eq!(second.redeem(&server, &code, &[]).await.0, 200);
    server.expect_discreet_log(&[EMAIL, PASSWORD, &code]).await;
}

#[tokio::test]
async fn the_form_of_before_the_sign_in_is_refused_after_it() {
    let server = start().await;
    let visitor = server.visitor();
    let before = visitor.get(START).await;
    visitor.sign_in_as(EMAIL, PASSWORD).await;
    // The back button shows the page of before.
    let page = visitor.submit(&before, START, &[("login", EMAIL)]).await;
    page.expect_error(403, "invalid csrf token");
    assert!(page.text().contains("Retour à l’accueil"));
    assert_eq!(visitor.get("/").await.url.path(), "/", "still signed in");

    // The same with a service that waits: the page leads back to it.
    let client = RelyingParty::default();
    client.register(server.database()).await;
    visitor
        .get(client.authorization_url(&server, &[("prompt", "login")]).as_str())
        .await;
    let page = visitor.submit(&before, START, &[("login", EMAIL)]).await;
    page.expect_error(403, "Continuer sur le service");
    let way_back = page.attributes("a[href^='/interaction/']", "href");
    let answer = visitor.get(&way_back[0]).await;
    assert_eq!(
        parameter(&answer.location(), "error").as_deref(),
        Some("server_error")
    );
    server.expect_discreet_log(&[&before.form_token()]).await;
}

#[tokio::test]
async fn the_password_page_is_no_place_to_come_back_to() {
    let server = start().await;
    let visitor = server.visitor();
    assert_eq!(visitor.get(SIGN_IN).await.url.path(), START);
    assert_eq!(visitor.sign_in_as(EMAIL, PASSWORD).await.url.path(), "/");
}

#[tokio::test]
async fn a_second_click_on_the_password_form_does_not_undo_the_sign_in() {
    let server = start().await;
    let visitor = server.visitor();
    let form = visitor.start_sign_in(EMAIL).await;
    // Both requests carry the cookie of before, as the second leaves before the answer to the first has come.
    let cookies = visitor.cookies_for(SIGN_IN);
    let body = format!(
        "_csrf={}&password={}",
        form.form_token(),
        PASSWORD.replace('@', "%40")
    );
    let headers = [
        ("Cookie", cookies.as_str()),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ];
    let click = request("POST", SIGN_IN, &headers, body.as_bytes());
    let first = exchange(&server.base_url, &click).await;
    assert_eq!((first.status.as_u16(), first.location().path()), (302, "/"));
    let second = exchange(&server.base_url, &click).await;
    assert_eq!(second.status, 302, "{}", second.text());
    for answer in [&first, &second] {
        for cookie in answer.headers.get_all("set-cookie") {
            visitor.add_cookie(cookie.to_str().expect("ASCII"));
        }
    }
    assert_eq!(visitor.get("/").await.url.path(), "/", "signed in");
}

#[tokio::test]
async fn a_password_form_submitted_twice_signs_in() {
    let server = start().await;
    // One after the other: the second finds that nothing is left to do here.
    let visitor = server.visitor();
    let form = visitor.start_sign_in(EMAIL).await;
    let first = visitor.submit(&form, SIGN_IN, &[("password", PASSWORD)]).await;
    assert_eq!(first.url.path(), "/");
    let second = visitor.submit(&form, SIGN_IN, &[("password", PASSWORD)]).await;
    assert_eq!((second.status.as_u16(), second.url.path()), (200, START));
    assert_eq!(visitor.get("/").await.url.path(), "/", "still signed in");

    // At the same time: whatever wins, the person is signed in and sees a page.
    for _ in 0..3 {
        let visitor = server.visitor();
        let form = visitor.start_sign_in(EMAIL).await;
        let submissions = (0..4).map(|_| visitor.submit(&form, SIGN_IN, &[("password", PASSWORD)]));
        for page in join_all(submissions).await {
            let status = page.status.as_u16();
            assert!(matches!(status, 200 | 403), "{status}: {}", page.text());
        }
        assert_eq!(visitor.get("/").await.url.path(), "/");
    }
    server.expect_discreet_log(&[EMAIL, PASSWORD]).await;
}
