//! `/healthz`, `/readyz`, and who may see the other pages.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Detour, EMAIL, Options, PASSWORD, TestDatabase, TestServer};

const PATIENCE: Duration = Duration::from_secs(15);

async fn get(server: &TestServer, page: &str) -> (u16, Value) {
    let url = server.operator_url.join(page).expect("a path");
    let answer = crate::support::http_get(url).await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    let checks = report["checks"].as_array().expect("checks");
    let check = checks.iter().find(|check| check["name"] == name);
    check.unwrap_or_else(|| panic!("no check {name} in {report}"))
}

async fn wait_until_ready(server: &TestServer, ready: bool) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (status, report) = get(server, "readyz").await;
        assert_eq!(status, if report["ready"] == true { 200 } else { 503 });
        if report["ready"] == ready {
            return report;
        }
        assert!(Instant::now() < deadline, "{report}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_server_is_not_ready_while_migrations_are_pending() {
    let server = TestServer::start_unready_on(TestDatabase::create_empty().await, Options::default()).await;
    assert_eq!(get(&server, "healthz").await, (200, json!({"status": "ok"})));
    let (status, report) = get(&server, "readyz").await;
    assert_eq!((status, &report["ready"]), (503, &json!(false)));
    let why = check(&report, "postgresql")["why"].as_str().expect("a reason");
    assert!(
        why.contains("V1__reference_schema") && why.contains("V2__"),
        "{why}"
    );
    let page = server.visitor().get("/users/start-sign-in").await;
    assert!(
        page.status == 200 || page.status == 503 || page.status == 500,
        "{}",
        page.status
    );

    identite::db::migrate::migrate(server.database().pool())
        .await
        .expect("migrated");
    let report = wait_until_ready(&server, true).await;
    assert_eq!(check(&report, "postgresql")["ok"], true);
    server.expect_discreet_log(&[]).await;
}

#[tokio::test]
async fn a_server_says_that_postgresql_is_away_and_recovers_by_itself() {
    let database = TestDatabase::create().await;
    database.make_sign_in_cheap().await;
    let detour = Detour::to(&database.url);
    let options = Options::default().with("DATABASE_URL", &detour.by_this_way(&database.url));
    let server = TestServer::start_on(database, options).await;
    let visitor = server.visitor();
    visitor.sign_in_as(EMAIL, PASSWORD).await;

    detour.close();
    let report = wait_until_ready(&server, false).await;
    assert_eq!(check(&report, "postgresql")["ok"], false);
    assert!(
        !check(&report, "postgresql")["why"]
            .as_str()
            .expect("a reason")
            .is_empty()
    );
    assert_eq!(check(&report, "state")["ok"], true);
    assert_eq!(get(&server, "healthz").await.0, 200);
    let began = Instant::now();
    let page = visitor.get("/").await;
    page.expect_error(503, "momentanément indisponible");
    assert!(page.header("retry-after").parse::<u32>().expect("seconds") >= 1);
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    let answer = crate::support::http_client()
        .post(server.base_url.join("oauth/token").expect("a path"))
        .form(&[
            ("client_id", "x"),
            ("client_secret", "y"),
            ("grant_type", "authorization_code"),
            ("code", "z"),
        ])
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));

    detour.open();
    wait_until_ready(&server, true).await;
    assert_eq!(visitor.get("/").await.url.path(), "/", "still signed in");
    server.expect_discreet_log(&[EMAIL, PASSWORD]).await;
}

#[tokio::test]
async fn a_server_starts_while_postgresql_is_away() {
    let database = TestDatabase::create().await;
    let detour = Detour::to(&database.url);
    detour.close();
    let options = Options::default().with("DATABASE_URL", &detour.by_this_way(&database.url));
    let server = TestServer::start_unready_on(database, options).await;
    wait_until_ready(&server, false).await;
    detour.open();
    wait_until_ready(&server, true).await;
}

/// The command by which the image looks after the server.
fn health_check_of_the_image() -> Vec<String> {
    let image = include_str!("../../../Dockerfile");
    let (_, check) = image.split_once("\nHEALTHCHECK ").expect("a health check");
    let (_, command) = check.split_once(" CMD ").expect("a command");
    let (command, _) = command.split_once("\nENTRYPOINT").expect("its end");
    serde_json::from_str(&command.replace("\\\n", "")).expect("a list of words")
}

#[tokio::test]
async fn the_health_check_of_the_image_sees_whether_the_server_answers() {
    let words = health_check_of_the_image();
    let mut server = TestServer::start().await;
    let port = server.operator_url.port().expect("a port");
    let looks_well = || {
        let mut check = Command::new(&words[0]);
        check
            .args(&words[1..])
            .env("OPERATOR_LISTEN", format!("127.0.0.1:{port}"));
        check.output().expect("it runs").status.success()
    };
    assert!(looks_well());
    server.stop().await;
    assert!(!looks_well());
}

#[tokio::test]
async fn a_token_protects_what_operators_see_but_not_the_health() {
    let token = "a token of the operators";
    let server = TestServer::start_with(Options::default().with("OPERATOR_TOKEN", token)).await;
    let client = crate::support::http_client();
    let bearer = format!("Bearer {token}");
    for page in ["metrics", "actors", "", "live.js", "live.css"] {
        let url = server.operator_url.join(page).expect("a path");
        for wrong in [
            None,
            Some("Bearer x"),
            Some("Bearer "),
            Some(token),
            Some("Basic eDp5"),
        ] {
            let mut request = client.get(url.clone());
            if let Some(wrong) = wrong {
                request = request.header("authorization", wrong);
            }
            let answer = request.send().await.expect("an answer");
            assert_eq!(answer.status(), 401, "/{page} with {wrong:?}");
            assert_eq!(answer.headers()["www-authenticate"], "Bearer");
            assert_eq!(answer.text().await.expect("text"), "");
        }
        let request = client.get(url).header("authorization", &bearer);
        assert_eq!(request.send().await.expect("an answer").status(), 200, "/{page}");
    }
    for page in ["healthz", "readyz"] {
        assert_eq!(get(&server, page).await.0, 200);
    }
    // The pages of operators are not among those of people.
    for path in ["/metrics", "/actors", "/healthz", "/readyz"] {
        assert_eq!(server.visitor().get(path).await.status, 404, "{path}");
    }
    server.expect_discreet_log(&[token]).await;
}
