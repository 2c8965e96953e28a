//! Clients that take their time.

use std::time::{Duration, Instant};

use crate::support::wire::Wire;
use crate::support::{TestServer, Visitor};

const START: &str = "/users/start-sign-in";
/// A head, and a body, must be complete within these times.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
const MARGIN: Duration = Duration::from_secs(4);

async fn expect_quick_page(visitor: &Visitor) {
    let began = Instant::now();
    assert_eq!(visitor.get(START).await.status, 200);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test]
async fn heads_that_do_not_end_are_dropped_while_others_are_served() {
    let server = TestServer::start().await;
    let began = Instant::now();
    let mut silent = Vec::new();
    for _ in 0..200 {
        let mut wire = Wire::open(&server.base_url).await;
        wire.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ").await;
        silent.push(wire);
    }
    let visitor = server.visitor();
    expect_quick_page(&visitor).await;

    // Who sends a little from time to time is no better.
    let mut dripping = Wire::open(&server.base_url).await;
    let drip = async {
        dripping
            .send(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
            .await;
        while began.elapsed() < HEAD_TIMEOUT + MARGIN {
            dripping.send(b"x").await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        dripping.send(b"\r\n\r\n").await;
        dripping.read_to_end().await
    };
    let all_silent = async {
        for wire in &mut silent {
            wire.read_to_end().await;
        }
        began.elapsed()
    };
    let (answer, dropped_after) = tokio::join!(drip, all_silent);
    assert!(dropped_after < HEAD_TIMEOUT + MARGIN, "{dropped_after:?}");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(
        !answer.starts_with("HTTP/1.1 200") && !answer.starts_with("HTTP/1.1 302"),
        "{answer}"
    );
    expect_quick_page(&visitor).await;
    server.expect_discreet_log(&[]).await;
}

#[tokio::test]
async fn bodies_that_do_not_end_are_given_up_while_others_are_served() {
    let server = TestServer::start().await;
    let visitor = server.visitor();
    visitor.get(START).await;
    let cookies = visitor.cookies_for(START);
    let head = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookies}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\nlogin="
        )
    };
    let began = Instant::now();
    let mut form = Wire::open(&server.base_url).await;
    form.send(head(START).as_bytes()).await;
    let mut token = Wire::open(&server.base_url).await;
    token.send(head("/oauth/token").as_bytes()).await;
    expect_quick_page(&visitor).await;

    let (page, answer) = tokio::join!(form.answer(), token.answer());
    assert!(began.elapsed() < BODY_TIMEOUT + MARGIN, "{:?}", began.elapsed());
    page.expect_error(408, "trop lentement");
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("\"invalid_request\""), "{}", answer.body);
    expect_quick_page(&visitor).await;
    server.expect_discreet_log(&[]).await;
}
