//! `identite organizations refresh`: to its end, stopped and started again, while the register is down.

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use super::{API_ENTREPRISE, mend, order, status};
use crate::support::{TestDatabase, TestServer, identite};

const FETCHED: &str = "SELECT count(*) FROM organizations WHERE organization_info_fetched_at IS NOT NULL";

/// The command on the database of `server`, with the mocks of `server` for the register.
fn refresh(server: &TestServer, arguments: &[&str]) -> (Command, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let arguments = [&["organizations", "refresh"], arguments].concat();
    let origin = server.issuer();
    let mut command = identite(&arguments, directory.path());
    command
        .env("DEPLOY_ENV", "localhost")
        .env("HOST", origin)
        .env("DATABASE_URL", &server.database().url)
        .env("REDIS_URL", "memory:")
        .env("SMTP_URL", "console:")
        .env("FEATURE_PARTIALLY_MOCK_EXTERNAL_API", "False")
        .env("ENTREPRISE_API_QUOTA_PER_MINUTE", "60000")
        .env(
            "ENTREPRISE_API_URL",
            format!("{origin}/___testing___/{API_ENTREPRISE}"),
        )
        .env(
            "FRANCECONNECT_ISSUER",
            format!("{origin}/___testing___/oidc.franceconnect.gouv.fr/api/v2"),
        )
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    (command, directory)
}

async fn run(server: &TestServer, arguments: &[&str]) -> Output {
    let (mut command, _directory) = refresh(server, arguments);
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Leaves the establishments of the played register, `count` of them, never fetched.
async fn forget_all(database: &TestDatabase, count: usize) {
    let records: serde_json::Value = serde_json::from_str(include_str!(
        "../../../fixtures/api/api-entreprise-etablissements.json"
    ))
    .unwrap();
    let rows: Vec<String> = records
        .as_object()
        .unwrap()
        .keys()
        .take(count)
        .map(|siret| format!("('{siret}')"))
        .collect();
    let statements = format!(
        "DELETE FROM users_organizations; DELETE FROM organizations;
         INSERT INTO organizations (siret) VALUES {}",
        rows.join(", ")
    );
    database.execute(&statements).await;
}

#[tokio::test]
async fn organizations_are_fetched_once() {
    let server = TestServer::start().await;
    forget_all(server.database(), 60).await;
    server
        .database()
        .execute("INSERT INTO organizations (siret) VALUES ('99999999999999'), ('not a siret')")
        .await;

    let dry = run(&server, &["--mock", "--dry-run"]).await;
    assert!(dry.status.success(), "{dry:?}");
    assert!(
        told(&dry)
            .contains("62 of 62 due: 60 would be refreshed, 1 unknown to the register, 1 without a SIRET")
    );
    assert_eq!(server.database().count(FETCHED).await, 0);

    let all = run(&server, &["--mock", "--rate", "0"]).await;
    assert!(all.status.success(), "{all:?}");
    assert!(
        told(&all).contains("62 of 62 due: 60 refreshed"),
        "{}",
        told(&all)
    );
    assert!(told(&all).contains("\"99999999999999\": unknown to the register"));
    assert_eq!(server.database().count(FETCHED).await, 60);
    let labels =
        "SELECT count(*) FROM organizations WHERE cached_libelle <> '' AND cached_siege_social IS NOT NULL";
    assert_eq!(server.database().count(labels).await, 60);

    let again = run(&server, &["--mock"]).await;
    assert!(
        told(&again).contains("2 of 2 due: 0 refreshed"),
        "{}",
        told(&again)
    );

    server
        .database()
        .execute(
            "UPDATE organizations SET organization_info_fetched_at = now() - interval '8 days'
                  WHERE siret = (SELECT max(siret) FROM organizations WHERE siret < '9')",
        )
        .await;
    let old = run(&server, &["--older-than", "7"]).await;
    assert!(told(&old).contains("3 of 3 due: 1 refreshed"), "{}", told(&old));
}

#[tokio::test]
async fn whoever_stops_it_loses_nothing_and_goes_on_later() {
    let server = TestServer::start().await;
    forget_all(server.database(), 80).await;
    let mocks = server.base_url.join("___testing___/").unwrap();
    order(
        &mocks,
        API_ENTREPRISE,
        json!({ "fault": "slow", "milliseconds": 100 }),
    )
    .await;

    let (mut command, _directory) = refresh(&server, &["--rate", "40"]);
    let child = command.spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while server.database().count(FETCHED).await < 5 {
        assert!(Instant::now() < deadline, "it does not begin");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    let stopped = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap())
        .await
        .unwrap();
    assert_eq!(stopped.status.code(), Some(130), "{stopped:?}");
    let before = server.database().count(FETCHED).await;
    assert!((5..80).contains(&before), "{before}");
    assert!(
        told(&stopped).contains(&format!("{before} of 80 due: {before} refreshed")),
        "{}",
        told(&stopped)
    );

    mend(&mocks).await;
    let rest = run(&server, &[]).await;
    assert!(rest.status.success(), "{rest:?}");
    let left = 80 - before;
    assert!(
        told(&rest).contains(&format!("{left} of {left} due: {left} refreshed")),
        "{}",
        told(&rest)
    );
}

#[tokio::test]
async fn a_register_that_is_down_is_not_asked_about_everybody() {
    let server = TestServer::start().await;
    forget_all(server.database(), 100).await;
    let mocks = server.base_url.join("___testing___/").unwrap();
    order(&mocks, API_ENTREPRISE, status(401)).await;
    let output = run(&server, &[]).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("the register does not answer"));
    assert!(
        told(&output).contains("20 of 100 due: 0 refreshed"),
        "{}",
        told(&output)
    );
    assert_eq!(server.database().count(FETCHED).await, 0);
}

#[tokio::test]
async fn the_pace_is_kept() {
    let server = TestServer::start().await;
    forget_all(server.database(), 21).await;
    let started = Instant::now();
    let output = run(&server, &["--mock", "--rate", "20"]).await;
    assert!(output.status.success(), "{output:?}");
    assert!(
        started.elapsed() >= Duration::from_secs(1),
        "{:?}",
        started.elapsed()
    );
    let refused = run(&server, &["--rate", "-1"]).await;
    assert_eq!(refused.status.code(), Some(2));
}
