//! `identite statistics copy`.

use serde_json::Value;

use super::tool::{Workbench, told};
use crate::support::TestDatabase;

const TABLES: [&str; 9] = [
    "users",
    "organizations",
    "email_domains",
    "franceconnect_userinfo",
    "authenticators",
    "moderations",
    "oidc_clients",
    "users_oidc_clients",
    "users_organizations",
];

fn copy(bench: &Workbench, destination: &TestDatabase, more: &[&str]) -> std::process::Output {
    let mut arguments = vec!["statistics", "copy"];
    arguments.extend(more);
    let mut command = bench.command(&arguments);
    command
        .env("APP", "proconnect-identite")
        .env("METABASE_DB_URL", &destination.url);
    command.output().expect("the program runs")
}

async fn counts(database: &TestDatabase) -> Vec<i64> {
    let mut counts = Vec::new();
    for table in TABLES {
        counts.push(database.count(&format!("SELECT count(*) FROM {table}")).await);
    }
    counts
}

#[tokio::test]
async fn the_copy_has_every_row_and_no_person() {
    let bench = Workbench::new().await;
    bench
        .database
        .execute(
            "UPDATE users SET phone_number = '0102030405', given_name = 'Camille';
             INSERT INTO moderations (user_id, organization_id, type, moderated_by, comment, ticket_id, sp_name)
             VALUES (1, 1, 'organization_join_block', 'moderatrice@exemple.fr', 'un commentaire', 'session_x', 'Un service')",
        )
        .await;
    let destination = TestDatabase::create_empty().await;
    let output = copy(&bench, &destination, &["--report", "report.json"]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert_eq!(counts(&destination).await, counts(&bench.database).await);
    let report: Value = serde_json::from_str(&bench.read("report.json")).expect("JSON");
    assert_eq!(report["tables"].as_array().map(Vec::len), Some(9));

    let client = destination.pool().get().await.expect("a connection");
    let mut everything = String::new();
    for table in TABLES {
        let row = client
            .query_one(
                &format!("SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} AS t"),
                &[],
            )
            .await
            .expect("a text");
        everything.push_str(row.get(0));
    }
    for secret in [
        "user@",
        "Camille",
        "0102030405",
        "moderatrice",
        "un commentaire",
        "session_x",
        "client_secret",
    ] {
        assert!(!everything.contains(secret), "{secret} has left");
    }
    for kept in ["anonymous@yopmail.com", "mode******"] {
        assert!(everything.contains(kept), "{kept}");
    }

    let trail = "SELECT count(*) FROM identite_audit
                 WHERE action = 'statistics.copy' AND actor LIKE 'command line of %' AND subject_id = 'statistics'
                   AND (detail->>'step' = 'began' OR (detail->'rows'->>'users')::bigint > 0)";
    assert_eq!(bench.database.count(trail).await, 2, "its beginning and its end");
    let output = copy(&bench, &destination, &["--dry-run"]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert_eq!(bench.database.count(trail).await, 2);

    // The next night.
    bench
        .database
        .execute("INSERT INTO users (email, created_at, updated_at) VALUES ('n@exemple.fr', now(), now())")
        .await;
    let output = copy(&bench, &destination, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert_eq!(counts(&destination).await, counts(&bench.database).await);
    let left_over = "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'identite_copy_%'";
    assert_eq!(destination.count(left_over).await, 0);
}

#[tokio::test]
async fn a_column_that_nobody_decided_about_does_not_leave() {
    let bench = Workbench::new().await;
    bench
        .database
        .execute("ALTER TABLE users ADD COLUMN shoe_size integer")
        .await;
    let destination = TestDatabase::create_empty().await;
    let output = copy(&bench, &destination, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output).contains("users.shoe_size"), "{}", told(&output));
    assert_eq!(
        destination
            .count("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
            .await,
        0
    );
}

#[tokio::test]
async fn an_application_is_never_written_over_and_other_applications_do_nothing() {
    let bench = Workbench::new().await;
    let another = TestDatabase::create().await;
    let output = copy(&bench, &another, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        told(&output).contains("holds an application"),
        "{}",
        told(&output)
    );
    assert!(another.count("SELECT count(*) FROM users").await > 0);
    assert!(
        !told(&output).contains("postgres://"),
        "no connection string is told"
    );

    let empty = TestDatabase::create_empty().await;
    let output = bench
        .command(&["statistics", "copy"])
        .env("METABASE_DB_URL", &empty.url)
        .output()
        .expect("the program runs");
    assert_eq!(output.status.code(), Some(0));
    let dry = copy(&bench, &empty, &["--dry-run"]);
    assert_eq!(dry.status.code(), Some(0), "{}", told(&dry));
    assert_eq!(
        empty
            .count("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
            .await,
        0
    );
}

#[tokio::test]
async fn an_interrupted_copy_leaves_the_one_of_before_in_place() {
    let bench = Workbench::new().await;
    let destination = TestDatabase::create_empty().await;
    assert_eq!(copy(&bench, &destination, &[]).status.code(), Some(0));
    let before = counts(&destination).await;
    bench.database.execute("DELETE FROM users_oidc_clients; INSERT INTO users (email, created_at, updated_at) VALUES ('n@exemple.fr', now(), now())").await;
    // The copy halts at a table that somebody holds: it is killed there.
    let mut holder = bench.database.pool().get().await.expect("a connection");
    let lock = holder.transaction().await.expect("a transaction");
    lock.batch_execute("LOCK TABLE users_organizations IN ACCESS EXCLUSIVE MODE")
        .await
        .expect("locked");
    let mut command = bench.command(&["statistics", "copy"]);
    command
        .env("APP", "proconnect-identite")
        .env("METABASE_DB_URL", &destination.url);
    let mut running = crate::support::Process::start("the copy", &mut command);
    let halted =
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'users_organizations'::regclass";
    let started = std::time::Instant::now();
    while bench.database.count(halted).await == 0 {
        assert!(started.elapsed() < std::time::Duration::from_mins(1) && running.is_running());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    running.kill();
    lock.rollback().await.expect("rolled back");
    assert_eq!(counts(&destination).await, before);
    assert_eq!(copy(&bench, &destination, &[]).status.code(), Some(0));
    assert_eq!(counts(&destination).await, counts(&bench.database).await);
    let steps = "SELECT count(*) FROM identite_audit WHERE action = 'statistics.copy' AND detail->>'step' = ";
    assert_eq!(bench.database.count(&format!("{steps}'began'")).await, 3);
    assert_eq!(bench.database.count(&format!("{steps}'finished'")).await, 2);
}
