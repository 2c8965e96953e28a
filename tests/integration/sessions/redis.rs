//! Redis goes away, freezes, comes back, is wiped: who is signed in stays so, and nobody waits.

use std::time::{Duration, Instant};

use crate::support::{
    EMAIL, ORGANIZATION, Options, PASSWORD, Page, RelyingParty, TestRedis, TestServer, Visitor, parameter,
};

const START: &str = "/users/start-sign-in";
/// What a request may wait for volatile state, and what the machine may take besides.
const LONGEST_WAIT: Duration = Duration::from_secs(1 + 1);

async fn start() -> (TestRedis, TestServer) {
    let redis = TestRedis::start().await;
    let options = Options::default().with("REDIS_URL", &redis.url());
    let server = TestServer::start_with(options).await;
    server.database().make_sign_in_cheap().await;
    (redis, server)
}

async fn signed_in(server: &TestServer) -> Visitor {
    let visitor = server.visitor();
    visitor.sign_in_as(EMAIL, PASSWORD).await;
    visitor
}

/// Opens a page, which must not take long.
async fn get_soon(visitor: &Visitor, path: &str) -> Page {
    let began = Instant::now();
    let page = visitor.get(path).await;
    assert!(
        began.elapsed() < LONGEST_WAIT,
        "{path} took {:?}",
        began.elapsed()
    );
    page
}

async fn expect_signed_in(visitor: &Visitor) {
    let page = get_soon(visitor, "/").await;
    assert_eq!((page.status.as_u16(), page.url.path()), (200, "/"), "signed in");
}

/// Pages and forms work for somebody who is signed in.
async fn expect_all_well(visitor: &Visitor) {
    expect_signed_in(visitor).await;
    let page = get_soon(visitor, "/users/select-organization").await;
    assert_eq!(page.url.path(), "/users/select-organization");
    let organization = ORGANIZATION.to_string();
    let fields = [("organization_id", organization.as_str())];
    let began = Instant::now();
    let page = visitor.submit(&page, "/users/select-organization", &fields).await;
    assert_eq!((page.status.as_u16(), page.url.path()), (200, "/"));
    // A form and the page it leads to.
    assert!(began.elapsed() < LONGEST_WAIT * 2, "{:?}", began.elapsed());
}

#[tokio::test]
async fn nobody_is_signed_out_by_a_redis_that_dies_and_comes_back() {
    let (mut redis, server) = start().await;
    let visitor = signed_in(&server).await;
    let other = server.visitor();
    let typing = other.start_sign_in(EMAIL).await;
    redis.kill();

    expect_all_well(&visitor).await;
    // Who was about to type the password goes on; who comes now can sign in.
    let page = other
        .submit(&typing, "/users/sign-in", &[("password", PASSWORD)])
        .await;
    assert_eq!(page.url.path(), "/");
    expect_all_well(&other).await;
    let newcomer = signed_in(&server).await;
    expect_all_well(&newcomer).await;
    let gone = signed_in(&server).await;
    gone.sign_out().await;
    assert_eq!(get_soon(&gone, "/").await.url.path(), START);

    redis.start_again().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    for visitor in [&visitor, &other, &newcomer] {
        expect_all_well(visitor).await;
    }
    assert_eq!(get_soon(&gone, "/").await.url.path(), START);
    assert!(redis.size().await > 0, "the new Redis is in use");
    server.expect_discreet_log(&[EMAIL, PASSWORD]).await;
}

#[tokio::test]
async fn nobody_waits_for_a_redis_that_does_not_answer() {
    let (redis, server) = start().await;
    let visitor = signed_in(&server).await;
    redis.freeze();
    for _ in 0..3 {
        expect_all_well(&visitor).await;
    }
    let page = get_soon(&server.visitor(), START).await;
    assert_eq!(page.status, 200);
    redis.thaw();
    tokio::time::sleep(Duration::from_secs(2)).await;
    expect_all_well(&visitor).await;
    server.expect_discreet_log(&[EMAIL, PASSWORD]).await;
}

#[tokio::test]
async fn a_wiped_redis_signs_nobody_out() {
    let (redis, server) = start().await;
    let visitor = signed_in(&server).await;
    let form = visitor.get("/users/select-organization").await;
    redis.wipe().await;
    expect_signed_in(&visitor).await;
    // The token of the form is lost: the page says so, and a fresh one works.
    let organization = ORGANIZATION.to_string();
    let fields = [("organization_id", organization.as_str())];
    redis.wipe().await;
    let page = visitor.submit(&form, "/users/select-organization", &fields).await;
    page.expect_error(403, "invalid csrf token");
    expect_all_well(&visitor).await;
    server.expect_discreet_log(&[EMAIL, PASSWORD]).await;
}

#[tokio::test]
async fn relying_parties_are_told_to_come_back_while_redis_is_away() {
    let (mut redis, server) = start().await;
    let client = RelyingParty::default();
    client.register(server.database()).await;
    let visitor = signed_in(&server).await;
    visitor.select_organization(ORGANIZATION).await;
    let code = client.code(&server, &visitor, &[]).await;
    redis.kill();

    let answer = get_soon(&visitor, client.authorization_url(&server, &[]).as_str()).await;
    let error = parameter(&answer.location(), "error");
    assert_eq!(error.as_deref(), Some("temporarily_unavailable"));
    let began = Instant::now();
    let (status, answer) = client.redeem(&server, &code, &[]).await;
    assert_eq!(
        (status, answer["error"].as_str()),
        (503, Some("temporarily_unavailable"))
    );
    assert!(began.elapsed() < LONGEST_WAIT, "{:?}", began.elapsed());
    let readiness = crate::support::http_get(server.operator_url.join("readyz").expect("a path"))
        .await
        .expect("an answer");
    assert_eq!(readiness.status(), 200, "signed-in people are served");
    let readiness = readiness.text().await.expect("a report");
    assert!(readiness.contains(r#""name":"state","ok":false"#), "{readiness}");

    redis.start_again().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let code = client.code(&server, &visitor, &[]).await;
    assert_eq!(client.redeem(&server, &code, &[]).await.0, 200);
    server.expect_discreet_log(&[EMAIL, &code]).await;
}

#[tokio::test]
async fn a_server_starts_without_its_redis_and_finds_it_later() {
    let mut redis = TestRedis::start().await;
    redis.kill();
    let options = Options::default().with("REDIS_URL", &redis.url());
    let server = TestServer::start_with(options).await;
    server.database().make_sign_in_cheap().await;
    let visitor = signed_in(&server).await;
    expect_all_well(&visitor).await;
    redis.start_again().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    expect_all_well(&visitor).await;
    assert!(redis.size().await > 0);
}
