//! What has had its time goes, what has not stays, and one node at a time is at it.

use std::time::Duration;

use crate::support::{Options, TestDatabase, TestServer};

const PATIENCE: Duration = Duration::from_secs(20);

/// Rows of every kind: one that has had its time and one that has not.
const ROWS: &str = "
    INSERT INTO identite_sessions (id, uid, user_id, amr, signed_in_at, last_seen_at, expires_at, absolute_expires_at, ended_at)
    VALUES
      ('\\x01', 'long over', 1, '{pwd}', now() - interval '80 days', now() - interval '80 days', now() - interval '79 days', now() - interval '50 days', NULL),
      ('\\x02', 'long ended', 1, '{pwd}', now() - interval '40 days', now() - interval '40 days', now() + interval '1 day', now() + interval '9 days', now() - interval '31 days'),
      ('\\x03', 'just over', 1, '{pwd}', now() - interval '2 days', now() - interval '2 days', now() - interval '1 day', now() + interval '9 days', NULL),
      ('\\x04', 'alive', 1, '{pwd}', now(), now(), now() + interval '1 day', now() + interval '9 days', NULL);
    INSERT INTO identite_pending_passwords (session_uid, user_id, encrypted_password, leak_check_pending, created_at)
    VALUES ('just over', 1, 'x', false, now()), ('alive', 1, 'x', false, now());
    INSERT INTO identite_totp_enrolments (session_uid, user_id, encrypted_key, created_at)
    VALUES ('just over', 1, 'x', now()), ('alive', 1, 'x', now());
    INSERT INTO identite_events (user_id, kind, occurred_at)
    VALUES (1, 'sign_in', now() - interval '366 days'), (1, 'sign_in', now() - interval '364 days');
    INSERT INTO identite_browsers (user_id, browser, first_seen_at, last_seen_at)
    VALUES (1, '\\x01', now(), now() - interval '401 days'), (1, '\\x02', now(), now());
    INSERT INTO identite_outbox (kind, payload, delivered_at)
    VALUES ('mail', '{}', now() - interval '8 days'), ('mail', '{}', now() - interval '6 days');
    INSERT INTO identite_outbox (kind, payload, dead_at)
    VALUES ('mail', '{}', now() - interval '91 days'), ('mail', '{}', now() - interval '89 days');
    INSERT INTO identite_imports (kind, source, started_at, updated_at, records, line, input_offset, output_length, counts)
    VALUES
      ('domains', 'a', now(), now() - interval '91 days', 0, 1, 0, 0, '{}'),
      ('domains', 'b', now(), now(), 0, 1, 0, 0, '{}');
    INSERT INTO identite_audit (occurred_at, actor, action)
    VALUES (now() - interval '1097 days', 'a test', 'old'), (now() - interval '1095 days', 'a test', 'young');
    INSERT INTO users_oidc_clients (user_id, oidc_client_id, created_at, updated_at, user_ip_address)
    SELECT 1, id, now() - interval '11 days', now(), '192.0.2.1' FROM oidc_clients ORDER BY id LIMIT 1;
    INSERT INTO users_oidc_clients (user_id, oidc_client_id, created_at, updated_at, user_ip_address)
    SELECT 1, id, now() - interval '9 days', now(), '192.0.2.2' FROM oidc_clients ORDER BY id LIMIT 1;
";

async fn texts(database: &TestDatabase, query: &str) -> Vec<String> {
    let client = database.pool().get().await.expect("a connection");
    let rows = client.query(query, &[]).await.expect(query);
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn housekeeping_removes_what_has_had_its_time_and_nothing_else() {
    let database = TestDatabase::create().await;
    database.execute(ROWS).await;
    let options = Options::default()
        .with("HOUSEKEEPING_EVERY_IN_SECONDS", "1")
        .with("RETENTION_CONNECTION_ADDRESSES_IN_DAYS", "10");
    let server = TestServer::start_on(database, options).await;
    let database = server.database();

    // The last chore in the order of a round.
    let with_address = "SELECT count(*) FROM users_oidc_clients WHERE user_ip_address IS NOT NULL";
    database.wait_for_count(with_address, 1).await;
    assert_eq!(
        texts(database, "SELECT uid FROM identite_sessions ORDER BY id").await,
        ["just over", "alive"]
    );
    for table in ["identite_pending_passwords", "identite_totp_enrolments"] {
        let query = format!("SELECT session_uid FROM {table}");
        assert_eq!(texts(database, &query).await, ["alive"], "{table}");
    }
    for (query, left) in [
        ("SELECT count(*) FROM identite_events", 1),
        ("SELECT count(*) FROM identite_browsers", 1),
        (
            "SELECT count(*) FROM identite_outbox WHERE delivered_at IS NOT NULL",
            1,
        ),
        (
            "SELECT count(*) FROM identite_outbox WHERE dead_at IS NOT NULL",
            1,
        ),
        ("SELECT count(*) FROM identite_imports", 1),
        ("SELECT count(*) FROM identite_audit", 1),
    ] {
        assert_eq!(database.count(query).await, left, "{query}");
    }
    assert_eq!(
        texts(
            database,
            "SELECT user_ip_address FROM users_oidc_clients WHERE user_ip_address IS NOT NULL"
        )
        .await,
        ["192.0.2.2"]
    );
    let metrics = server.operator_url.join("metrics").expect("a path");
    let metrics = crate::support::http_get(metrics)
        .await
        .expect("an answer")
        .text()
        .await
        .expect("text");
    assert!(
        metrics.contains("identite_actor_housekeeping_removed_total{chore=\"sessions\"} 2"),
        "{metrics}"
    );
}

#[tokio::test]
async fn one_node_at_a_time_cleans_up() {
    let database = TestDatabase::create().await;
    let client = database.pool().get().await.expect("a connection");
    client
        .execute("SELECT pg_advisory_lock(501681182)", &[])
        .await
        .expect("the lock of another node");
    database.execute(ROWS).await;
    let options = Options::default().with("HOUSEKEEPING_EVERY_IN_SECONDS", "1");
    let server = TestServer::start_on(database, options).await;
    let elsewhere = async {
        loop {
            let metrics = server.operator_url.join("metrics").expect("a path");
            let text = crate::support::http_get(metrics)
                .await
                .expect("an answer")
                .text()
                .await
                .expect("text");
            let skipped = "identite_actor_housekeeping_rounds_total{outcome=\"elsewhere\"} ";
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(skipped))
                .expect("the metric");
            if line != "0" {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, elsewhere)
        .await
        .expect("a round is tried");
    let events = "SELECT count(*) FROM identite_events";
    assert_eq!(server.database().count(events).await, 2);

    client
        .execute("SELECT pg_advisory_unlock_all()", &[])
        .await
        .expect("unlocked");
    server.database().wait_for_count(events, 1).await;
}

#[tokio::test]
async fn the_trail_of_operators_refuses_changes() {
    let database = TestDatabase::create().await;
    database
        .execute(
            "INSERT INTO identite_audit (occurred_at, actor, action) VALUES (now(), 'a test', 'something')",
        )
        .await;
    let client = database.pool().get().await.expect("a connection");
    for statement in [
        "UPDATE identite_audit SET actor = 'somebody else'",
        "DELETE FROM identite_audit",
        "TRUNCATE identite_audit",
    ] {
        let refusal = client.execute(statement, &[]).await.expect_err(statement);
        let text = refusal.as_db_error().expect("a refusal of the server").message();
        assert_eq!(text, "identite_audit is append-only", "{statement}");
    }
    assert_eq!(database.count("SELECT count(*) FROM identite_audit").await, 1);
}
