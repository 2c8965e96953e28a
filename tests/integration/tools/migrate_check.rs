//! `identite migrate --check`: what would happen, without anything happening.

use super::tool::told;
use crate::support::{TestDatabase, identite};

fn check(database: &TestDatabase) -> (Option<i32>, String) {
    let directory = tempfile::tempdir().expect("a directory");
    let output = identite(&["migrate", "--check"], directory.path())
        .env("DATABASE_URL", &database.url)
        .output()
        .expect("the program runs");
    (output.status.code(), told(&output))
}

#[tokio::test]
async fn a_check_tells_what_would_run_and_runs_nothing() {
    let database = TestDatabase::create_empty().await;
    for _ in 0..2 {
        let (status, text) = check(&database);
        assert_eq!(status, Some(0), "{text}");
        assert!(
            text.contains("would apply V1__reference_schema") && text.contains("nothing is in the way"),
            "{text}"
        );
    }
    let (status, text) = check(&TestDatabase::create().await);
    assert_eq!((status, text.trim()), (Some(0), "the database is up to date"));
}

#[tokio::test]
async fn a_database_of_the_reference_is_judged_before_it_is_touched() {
    let database = TestDatabase::create_empty().await;
    database
        .execute(include_str!("../../../migrations/V1__reference_schema.sql"))
        .await;
    let (status, text) = check(&database);
    assert_eq!(status, Some(0), "{text}");
    assert!(
        text.contains("a database of the reference") && !text.contains("would apply V1__"),
        "{text}"
    );

    database.execute("ALTER TABLE users DROP COLUMN force_2fa").await;
    let (status, text) = check(&database);
    assert_eq!(status, Some(1));
    assert!(
        text.contains("in the way") && text.contains("users.force_2fa is missing"),
        "{text}"
    );

    let another = TestDatabase::create_empty().await;
    let holder = another.pool().get().await.expect("a connection");
    holder
        .execute("SELECT pg_advisory_lock(7241865325823964)", &[])
        .await
        .expect("the lock of a migration");
    let (status, text) = check(&another);
    assert_eq!(status, Some(1));
    assert!(text.contains("another migration is running"), "{text}");
}
