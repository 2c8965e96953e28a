//! The way down.

use std::time::{Duration, Instant};

use crate::support::wire::Wire;
use crate::support::{Behaviour, EMAIL, Options, TestServer};

const START: &str = "/users/start-sign-in";
const PATIENCE: Duration = Duration::from_secs(20);

/// Begins to send a form; gives what is still to be sent.
async fn begin_form(server: &TestServer) -> (Wire, String) {
    let visitor = server.visitor();
    let token = visitor.get(START).await.form_token();
    let body = format!("_csrf={token}&login={EMAIL}");
    let head = format!(
        "POST {START} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        visitor.cookies_for(START),
        body.len()
    );
    let mut wire = Wire::open(&server.base_url).await;
    wire.send(head.as_bytes()).await;
    // The handler is at work when the answer to a later request has come.
    visitor.get(START).await;
    (wire, body)
}

#[tokio::test]
async fn a_graceful_stop_finishes_running_requests_and_takes_no_new_ones() {
    let mut server = TestServer::start().await;
    let (mut wire, body) = begin_form(&server).await;
    server.process().signal("TERM");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(server.process().is_running(), "it waits for the request");

    let readiness = crate::support::http_get(server.operator_url.join("readyz").expect("a path")).await;
    let readiness = readiness.expect("operators are answered to the end");
    assert_eq!(readiness.status(), 503);
    assert!(
        readiness
            .text()
            .await
            .expect("JSON")
            .contains("the process is stopping")
    );
    let refused = crate::support::http_client()
        .get(server.base_url.clone())
        .timeout(Duration::from_secs(2));
    assert!(refused.send().await.is_err(), "nobody is let in any more");

    wire.send(body.as_bytes()).await;
    let answer = wire.answer().await;
    assert_eq!(
        (answer.status.as_u16(), answer.location().path()),
        (302, "/users/sign-in")
    );
    let status = server.process().wait(PATIENCE).await;
    assert!(status.success(), "{status}");
    server.expect_discreet_log(&[EMAIL]).await;
}

#[tokio::test]
async fn a_stop_ends_within_its_deadline_whatever_still_runs() {
    let options = Options::default().with("SHUTDOWN_DEADLINE_IN_SECONDS", "2");
    let mut server = TestServer::start_with(options).await;
    server.mailbox.set(Behaviour::StallAfterMessage);
    server
        .database()
        .execute(
            "INSERT INTO identite_outbox (kind, payload) VALUES ('mail', json_build_object(
               'to', 'a@exemple.test', 'subject', 's', 'html', 'h', 'text', 't', 'tag', 't'))",
        )
        .await;
    server.mailbox.wait_until_somebody_is_stalled().await;
    let (_wire, _) = begin_form(&server).await;

    let began = Instant::now();
    let status = server.process().stop(PATIENCE).await;
    assert!(status.success(), "{status}");
    assert!(
        began.elapsed() < Duration::from_millis(3_500),
        "{:?}",
        began.elapsed()
    );
    let kept = "SELECT count(*) FROM identite_outbox WHERE delivered_at IS NULL AND dead_at IS NULL";
    assert_eq!(
        server.database().count(kept).await,
        1,
        "the mail is left to another node"
    );
}

#[tokio::test]
async fn idle_connections_do_not_delay_a_stop() {
    let mut server = TestServer::start().await;
    let visitor = server.visitor();
    for _ in 0..3 {
        visitor.get(START).await;
    }
    let _silent = Wire::open(&server.base_url).await;
    let began = Instant::now();
    server.stop().await;
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[tokio::test]
async fn an_interrupt_stops_as_well() {
    let mut server = TestServer::start().await;
    server.process().signal("INT");
    assert!(server.process().wait(PATIENCE).await.success());
}

#[tokio::test]
async fn a_port_that_is_taken_ends_the_start_with_a_reason() {
    let server = TestServer::start().await;
    let port = server.base_url.port().expect("a port").to_string();
    let directory = tempfile::tempdir().expect("a directory");
    let output = crate::support::identite(&["serve"], directory.path())
        .env("DEPLOY_ENV", "localhost")
        .env("DATABASE_URL", &server.database().url)
        .env("SMTP_URL", "console:")
        .env("PORT", &port)
        .env("OPERATOR_LISTEN", "127.0.0.1:0")
        .output()
        .expect("the program runs");
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("cannot listen on") && told.contains(&port),
        "{told}"
    );
    assert!(!told.contains("panicked"));
}
