//! Errors and traces leave where a deployment asks for it, without personal data; nowhere else do they.

use std::time::Duration;

use crate::registers::{API_ENTREPRISE, order, status};
use crate::support::{EMAIL, Options, Receiver, TestServer};

const PATIENCE: Duration = Duration::from_secs(30);

/// What arrives until one holds `text`.
async fn wait_for(receiver: &Receiver, text: &str) -> Vec<String> {
    let mut bodies = Vec::new();
    loop {
        let body = receiver.next(PATIENCE).await;
        let body = body.unwrap_or_else(|| panic!("{text:?} did not arrive, but {bodies:#?}"));
        let is_it = body.contains(text);
        bodies.push(body);
        if is_it {
            return bodies;
        }
    }
}

/// What `SENTRY_DSN` is where reports arrive at `sentry`.
fn dsn(sentry: &Receiver) -> String {
    sentry
        .url()
        .replace("http://", "http://cle@")
        .replace("/here", "/7")
}

#[tokio::test]
async fn an_error_of_the_log_is_reported_with_its_request_and_without_personal_data() {
    let sentry = Receiver::start(&[200]);
    let options = Options::default()
        .with("SENTRY_DSN", &dsn(&sentry))
        .with("DEPLOY_ENV", "localhost");
    let server = TestServer::start_with(options).await;
    // A page that needs this table fails, and says so with what the database says.
    server
        .database()
        .execute("ALTER TABLE users RENAME COLUMN email TO \"camille@exemple.fr\"")
        .await;
    let visitor = server.visitor();
    let page = visitor.get("/users/start-sign-in").await;
    let page = visitor
        .submit(&page, "/users/start-sign-in", &[("login", EMAIL)])
        .await;
    assert_eq!(page.status.as_u16(), 500, "{}", page.body);
    let request_id = page.headers["x-request-id"].to_str().expect("a name").to_owned();

    let reports = wait_for(&sentry, &request_id).await;
    let report = reports.last().expect("it arrived");
    assert!(report.contains("\"environment\":\"localhost\""), "{report}");
    assert!(report.contains("identite@"), "the release: {report}");
    for report in &reports {
        for secret in [
            EMAIL,
            "camille@exemple.fr",
            "127.0.0.1",
            "\"user\"",
            "server_name",
        ] {
            assert!(!report.contains(secret), "{secret} is in {report}");
        }
    }
}

#[tokio::test]
async fn a_system_that_does_not_answer_its_ping_is_reported_by_its_name() {
    let sentry = Receiver::start(&[200]);
    let options = Options::default()
        .with("SENTRY_DSN", &dsn(&sentry))
        .with("FEATURE_PARTIALLY_MOCK_EXTERNAL_API", "False");
    let server = TestServer::start_with(options).await;
    let mocks = server.base_url.join("___testing___/").expect("a path");
    order(&mocks, API_ENTREPRISE, status(500)).await;
    let answer = server.visitor().get("/api/sirene/ping").await;
    assert_eq!(answer.status.as_u16(), 502);
    let reports = wait_for(&sentry, "does not answer its ping").await;
    let report = reports.last().expect("it arrived");
    assert!(report.contains("\"system\":\"sirene\""), "{report}");
}

#[tokio::test]
async fn what_a_request_took_is_told_to_a_collector_by_its_route() {
    let collector = Receiver::start(&[200]);
    let options = Options::default()
        .with("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url())
        .with("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer abc")
        .with("OTEL_SERVICE_NAME", "identite-essai")
        .with("LOG_FORMAT", "json");
    let mut server = TestServer::start_with(options).await;
    let visitor = server.visitor();
    let secret_path = "/users/sign-in-with-magic-link?magic_link_token=un-secret";
    visitor.get(secret_path).await;
    visitor.get("/api/sirene/ping").await;

    // What waits for its batch leaves at the latest when the process ends.
    server.stop().await;
    let batches = wait_for(&collector, "GET /users/sign-in-with-magic-link").await;
    let all = batches.join("\n");
    for text in [
        "identite-essai",
        "http.response.status_code",
        "request_id",
        "localhost",
    ] {
        assert!(all.contains(text), "{text} is not in {all}");
    }
    assert!(!all.contains("un-secret"), "{all}");
    let heads = collector.heads().join("\n").to_ascii_lowercase();
    assert!(heads.contains("post /here/v1/traces"), "{heads}");
    assert!(heads.contains("authorization: bearer abc"), "{heads}");
    // The log stays what it was.
    let log = server.process_output();
    assert!(!log.contains("otel.name"), "{log}");
}

#[tokio::test]
async fn a_collector_that_is_away_holds_nobody_up() {
    let options = Options::default()
        .with("SENTRY_DSN", "http://cle@127.0.0.1:9/1")
        .with("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9");
    let mut server = TestServer::start_with(options).await;
    let visitor = server.visitor();
    for _ in 0..20 {
        assert_eq!(visitor.get("/users/start-sign-in").await.status.as_u16(), 200);
    }
    server.stop().await;
}

#[tokio::test]
async fn an_address_that_leads_nowhere_is_told_at_the_start() {
    let server = TestServer::start().await;
    let directory = tempfile::tempdir().expect("a directory");
    let output = crate::support::identite(&["serve"], directory.path())
        .env("DATABASE_URL", &server.database().url)
        .env("PORT", "0")
        .env("OPERATOR_LISTEN", "127.0.0.1:0")
        .env("SENTRY_DSN", "http://sentry.example/without-key")
        .output()
        .expect("the program runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("SENTRY_DSN"), "{text}");
}
