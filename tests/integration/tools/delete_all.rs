//! `identite delete-all`.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::tool::{Workbench, told};
use crate::support::Process;

const PATIENCE: Duration = Duration::from_secs(30);

const USERS: &str = "SELECT count(*) FROM users";

#[tokio::test]
async fn nothing_is_deleted_by_accident() {
    let bench = Workbench::new().await;
    let before = bench.database.count(USERS).await;
    assert!(before > 0);
    let allowed = ("ENABLE_DATABASE_DELETION", "True");
    for (arguments, variables, status) in [
        (vec!["delete-all"], vec![], Some(0)),
        (
            vec!["delete-all"],
            vec![("ENABLE_DATABASE_DELETION", "true")],
            Some(0),
        ),
        (vec!["delete-all", "--dry-run"], vec![allowed], Some(0)),
        (
            vec!["delete-all", "--database", "another"],
            vec![allowed],
            Some(1),
        ),
    ] {
        let mut command = bench.command(&arguments);
        command.envs(variables);
        let output = command.output().expect("the program runs");
        assert_eq!(output.status.code(), status, "{}", told(&output));
        assert_eq!(bench.database.count(USERS).await, before, "{arguments:?}");
    }
}

#[tokio::test]
async fn an_interruption_deletes_nothing_and_a_report_tells_what_was_there() {
    let bench = Workbench::new().await;
    let before = bench.database.count(USERS).await;
    let mut holder = bench.database.pool().get().await.expect("a connection");
    let lock = holder.transaction().await.expect("a transaction");
    lock.batch_execute("LOCK TABLE users_organizations IN ACCESS SHARE MODE")
        .await
        .expect("locked");
    let mut command = bench.command(&["delete-all"]);
    command.env("ENABLE_DATABASE_DELETION", "True");
    let mut running = Process::start("the deletion", &mut command);
    let halted =
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'users_organizations'::regclass";
    let started = Instant::now();
    while bench.database.count(halted).await == 0 {
        assert!(started.elapsed() < PATIENCE && running.is_running());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    running.kill();
    lock.rollback().await.expect("rolled back");
    assert_eq!(bench.database.count(USERS).await, before);
    let trail = "SELECT count(*) FROM identite_audit";
    assert_eq!(bench.database.count(trail).await, 0);

    let mut command = bench.command(&["delete-all", "--report", "-"]);
    command.env("ENABLE_DATABASE_DELETION", "True");
    let output = command.output().expect("the program runs");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (&report["deleted"], &report["rows"]["users"]),
        (&true.into(), &before.into())
    );
    assert_eq!(bench.database.count(USERS).await, 0);
}

#[tokio::test]
async fn everything_goes_but_the_trail_and_identifiers_begin_at_a_thousand() {
    let bench = Workbench::new().await;
    bench
        .database
        .execute(
            "INSERT INTO identite_audit (occurred_at, actor, action) VALUES (now(), 'a test', 'something')",
        )
        .await;
    for _ in 0..2 {
        let mut command = bench.command(&["delete-all"]);
        let output = command
            .env("ENABLE_DATABASE_DELETION", "True")
            .output()
            .expect("the program runs");
        assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    }
    for table in [
        "users",
        "organizations",
        "oidc_clients",
        "users_organizations",
        "email_domains",
        "identite_sessions",
    ] {
        assert_eq!(
            bench
                .database
                .count(&format!("SELECT count(*) FROM {table}"))
                .await,
            0,
            "{table}"
        );
    }
    assert_eq!(
        bench.database.count("SELECT count(*) FROM identite_audit").await,
        3
    );
    let first = "INSERT INTO users (email, created_at, updated_at) VALUES ('a@exemple.fr', now(), now()) RETURNING id::bigint";
    assert_eq!(bench.database.count(first).await, 1000);
}
