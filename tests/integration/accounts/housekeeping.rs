//! What is over is deleted, what is not stays.

use std::time::{Duration, Instant};

use super::insert_user;
use crate::support::{Options, TestServer};

/// A session whose time was over comes back by a use that was noted before: never without what held it.
#[tokio::test]
async fn a_session_that_waited_for_a_proof_ends_with_what_it_waited_for() {
    let server = TestServer::start_with(Options::default().with("HOUSEKEEPING_EVERY_IN_SECONDS", "1")).await;
    let email = "sans@exemple.fr";
    insert_user(server.database(), email, &[("encrypted_password", "NULL")]).await;
    let stranger = server.visitor();
    let page = stranger.start_sign_in(email).await;
    stranger
        .submit(&page, "/users/sign-up", &[("password", super::GOOD_PASSWORD)])
        .await;
    server
        .database()
        .execute("UPDATE identite_sessions SET expires_at = now() - interval '1 second'")
        .await;
    server
        .database()
        .wait_for_count("SELECT count(*) FROM identite_pending_passwords", 0)
        .await;
    // What a note that comes late would do.
    server
        .database()
        .execute("UPDATE identite_sessions SET expires_at = now() + interval '1 hour'")
        .await;
    assert_eq!(stranger.get("/").await.url.path(), "/users/start-sign-in");
}

const PATIENCE: Duration = Duration::from_secs(15);

#[tokio::test]
async fn what_is_over_is_deleted_and_nothing_else() {
    let server = TestServer::start_with(
        Options::default()
            .with("HOUSEKEEPING_EVERY_IN_SECONDS", "1")
            .with("SECURITY_HISTORY_IN_DAYS", "90"),
    )
    .await;
    let user = insert_user(server.database(), "agent@exemple.fr", &[]).await;
    let visitor = server.visitor();
    visitor.sign_in_as("agent@exemple.fr", super::PASSWORD).await;
    server
        .database()
        .execute(&format!(
            "INSERT INTO identite_events (user_id, kind, occurred_at) VALUES
               ({user}, 'sign_in', now() - interval '91 days'),
               ({user}, 'sign_in', now() - interval '89 days');
             INSERT INTO identite_outbox (kind, payload, created_at, next_attempt_at, delivered_at) VALUES
               ('mail', '{{}}', now() - interval '9 days', now(), now() - interval '8 days'),
               ('mail', '{{}}', now() - interval '9 days', now(), now() - interval '6 days')"
        ))
        .await;
    for age in ["31 days", "29 days"] {
        let elsewhere = server.visitor();
        elsewhere.sign_in_as("agent@exemple.fr", super::PASSWORD).await;
        server
            .database()
            .execute(&format!(
                "UPDATE identite_sessions SET ended_at = now() - interval '{age}'
                 WHERE uid = (SELECT uid FROM identite_sessions ORDER BY signed_in_at DESC LIMIT 1)"
            ))
            .await;
    }
    let left = [
        (
            "SELECT count(*) FROM identite_events WHERE occurred_at < now() - interval '1 day'",
            1,
        ),
        (
            "SELECT count(*) FROM identite_outbox WHERE delivered_at < now() - interval '1 day'",
            1,
        ),
        ("SELECT count(*) FROM identite_sessions", 2),
    ];
    for (query, expected) in left {
        let deadline = Instant::now() + PATIENCE;
        while server.database().count(query).await != expected {
            assert!(Instant::now() < deadline, "{query}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    assert_eq!(visitor.get("/").await.url.path(), "/", "still signed in");
    server.expect_discreet_log(&[]).await;
}
