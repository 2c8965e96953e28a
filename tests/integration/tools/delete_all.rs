//! `identite delete-all`.

use super::tool::{Workbench, told};

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
