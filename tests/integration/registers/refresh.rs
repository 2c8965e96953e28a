//! `identite organizations refresh`: to its end, stopped and started again, while the register is down.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use actix_web::web::{Data, Path, get};
use actix_web::{App, HttpResponse, HttpServer};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{API_ENTREPRISE, mend, order, status};
use crate::support::{Options, TestDatabase, TestServer, http_get, identite, number_from_environment};

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

/// What the trail says of refreshes, by their steps.
async fn trail(server: &TestServer) -> Vec<String> {
    let client = server.database().pool().get().await.unwrap();
    let rows = client
        .query(
            "SELECT detail->>'step' FROM identite_audit WHERE action = 'organizations.refresh' ORDER BY id",
            &[],
        )
        .await
        .unwrap();
    rows.iter().map(|row| row.get(0)).collect()
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

    assert_eq!(trail(&server).await, [] as [String; 0], "nothing was done");

    let all = run(&server, &["--mock", "--rate", "0", "--report", "-"]).await;
    assert!(all.status.success(), "{all:?}");
    let for_people = String::from_utf8_lossy(&all.stderr).into_owned();
    assert!(for_people.contains("62 of 62 due: 60 refreshed"), "{for_people}");
    assert!(for_people.contains("\"99999999999999\": unknown to the register"));
    let report: serde_json::Value = serde_json::from_slice(&all.stdout).unwrap();
    assert_eq!(
        (&report["finished"], &report["refreshed"]),
        (&true.into(), &60.into())
    );
    assert_eq!(report["problems"].as_array().unwrap().len(), 2);
    assert_eq!(trail(&server).await, ["began", "finished"]);
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

/// Of a thousand establishments one line tells how far the work has come.
#[tokio::test]
async fn a_report_has_the_standard_output_for_itself() {
    let server = TestServer::start().await;
    forget_all(server.database(), 1).await;
    let nonsense = "INSERT INTO organizations (siret)
                    SELECT 'not a siret ' || rank FROM generate_series(1, 999) AS rank";
    server.database().execute(nonsense).await;
    let output = run(&server, &["--mock", "--dry-run", "--report", "-"]).await;
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("\n1000 of 1000\n"));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["due"], &report["refreshed"]), (&1_000.into(), &1.into()));
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

/// People are answered after eight seconds whatever `HTTP_CLIENT_TIMEOUT` allows; a command takes the time that it gives.
#[tokio::test]
async fn a_command_waits_for_longer_than_people() {
    let options = Options::default().with("FEATURE_PARTIALLY_MOCK_EXTERNAL_API", "False");
    let server = TestServer::start_with(options).await;
    forget_all(server.database(), 1).await;
    let mocks = server.base_url.join("___testing___/").unwrap();
    let slow = json!({ "fault": "slow", "milliseconds": 9_000 });
    order(&mocks, API_ENTREPRISE, slow).await;
    let path = format!("api/sirene/organization-info/{}", super::TOWN_HALL);
    let look_up = http_get(server.base_url.join(&path).unwrap());
    let (answer, output) = tokio::join!(look_up, run(&server, &[]));
    assert_eq!(answer.unwrap().status().as_u16(), 504);
    assert!(
        told(&output).contains("1 of 1 due: 1 refreshed"),
        "{}",
        told(&output)
    );
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

/// A register that knows every number, and how many calls each second of its life brought.
#[derive(Clone)]
struct Register {
    started: Instant,
    record: Arc<Value>,
    calls: Arc<Mutex<BTreeMap<u64, u64>>>,
}

impl Register {
    /// Serves it, and gives it with its base URL.
    fn serve() -> (Self, String) {
        let records: Value = serde_json::from_str(include_str!(
            "../../../fixtures/api/api-entreprise-etablissements.json"
        ))
        .unwrap();
        let register = Self {
            started: Instant::now(),
            record: Arc::new(records[super::TOWN_HALL].clone()),
            calls: Arc::default(),
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = register.clone();
        std::thread::spawn(move || {
            let server = HttpServer::new(move || {
                App::new().app_data(Data::new(shared.clone())).route(
                    "/v3/insee/sirene/etablissements/{siret}",
                    get().to(async |register: Data<Self>, siret: Path<String>| register.answer(&siret)),
                )
            })
            .workers(1)
            .listen(listener);
            actix_web::rt::System::new().block_on(server.unwrap().run())
        });
        (register, url)
    }

    fn answer(&self, siret: &str) -> HttpResponse {
        let second = self.started.elapsed().as_secs();
        *self.calls.lock().unwrap().entry(second).or_default() += 1;
        let mut record = Value::clone(&self.record);
        record["data"]["siret"] = siret.into();
        HttpResponse::Ok().json(record)
    }

    /// The calls of the busiest second, and of all.
    fn calls(&self) -> (u64, u64) {
        let calls = self.calls.lock().unwrap();
        (
            calls.values().copied().max().unwrap_or_default(),
            calls.values().sum(),
        )
    }
}

/// `ORGANIZATIONS=100000 cargo test --test integration many_organizations -- --nocapture` for the figures of docs/PERFORMANCE.md.
#[tokio::test]
async fn many_organizations_are_refreshed_within_the_quota_stopped_and_gone_on_with() {
    let count = number_from_environment("ORGANIZATIONS", 3_000);
    let per_second = number_from_environment("PER_SECOND", 500);
    let server = TestServer::start().await;
    let database = server.database();
    database
        .execute(&format!(
            "DELETE FROM users_organizations; DELETE FROM organizations;
             INSERT INTO organizations (siret)
             SELECT to_char(10000000000000 + rank, 'FM00000000000000') FROM generate_series(1, {count}) AS rank"
        ))
        .await;
    let (register, url) = Register::serve();
    let start = || {
        let (mut command, directory) = refresh(&server, &[]);
        command
            .env("ENTREPRISE_API_URL", &url)
            .env("ENTREPRISE_API_QUOTA_PER_MINUTE", (per_second * 60).to_string());
        (command.spawn().unwrap(), directory)
    };
    let began = Instant::now();
    let (child, _directory) = start();
    while database.count(FETCHED).await < i64::try_from(count / 3).unwrap() {
        assert!(began.elapsed() < Duration::from_mins(10), "it does not come on");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let stop = Instant::now();
    let interrupted = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(interrupted.unwrap().success());
    let first = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap())
        .await
        .unwrap();
    assert_eq!(first.status.code(), Some(130));
    println!(
        "stopped within {:?}: {}",
        stop.elapsed(),
        told(&first).lines().last().unwrap()
    );

    let (child, _directory) = start();
    let second = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap())
        .await
        .unwrap();
    let elapsed = began.elapsed();
    assert!(second.status.success(), "{second:?}");
    assert!(told(&second).contains("1000 of "), "it tells how far it has come");
    println!("gone on with: {}", told(&second).lines().last().unwrap());
    assert_eq!(database.count(FETCHED).await, i64::try_from(count).unwrap());
    let (busiest, calls) = register.calls();
    println!(
        "{count} organizations in {elapsed:?}, {calls} calls, {busiest} in the busiest second, {per_second} granted"
    );
    assert_eq!(calls, count, "nothing is asked twice");
    assert!(busiest <= per_second + per_second / 10, "{busiest}");
}
