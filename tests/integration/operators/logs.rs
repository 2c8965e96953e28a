//! The two logs.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{EMAIL, ORGANIZATION, Options, PASSWORD, RelyingParty, TestServer};

const START: &str = "/users/start-sign-in";
const PATIENCE: Duration = Duration::from_secs(10);

/// What a file holds, once `text` is in it.
async fn contents(path: &Path, text: &str) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let contents = std::fs::read_to_string(path).unwrap_or_default();
        if contents.contains(text) {
            return contents;
        }
        assert!(
            Instant::now() < deadline,
            "no {text:?} in {}: {contents}",
            path.display()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Client address, target, status and length of a line in the combined format.
fn combined(line: &str) -> Option<(&str, &str, u16, &str)> {
    let (client, rest) = line.split_once(" - ")?;
    let (user, rest) = rest.split_once(" [")?;
    let (date, rest) = rest.split_once("] \"")?;
    let (request, rest) = rest.split_once("\" ")?;
    let (status, rest) = rest.split_once(' ')?;
    let (length, rest) = rest.split_once(" \"")?;
    let (_referrer, agent) = rest.split_once("\" \"")?;
    chrono::DateTime::parse_from_str(date, "%d/%b/%Y:%H:%M:%S %z").ok()?;
    let mut words = request.split(' ');
    let (_method, target, version) = (words.next()?, words.next()?, words.next()?);
    let is_whole = version.starts_with("HTTP/") && agent.ends_with('"') && !user.is_empty();
    is_whole.then_some((client, target, status.parse().ok()?, length))
}

#[tokio::test]
async fn the_access_log_has_the_combined_format_without_secrets() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("access.log");
    let options = Options::default().with("ACCESS_LOG_PATH", &path.display().to_string());
    let server = TestServer::start_with(options).await;
    server.database().make_sign_in_cheap().await;
    let client = RelyingParty::default();
    client.register(server.database()).await;
    let visitor = server.visitor();
    let login_hint = [
        ("login_hint", EMAIL),
        ("state", "SECRET-STATE"),
        ("nonce", "SECRET-NONCE"),
    ];
    visitor
        .get(client.authorization_url(&server, &login_hint).as_str())
        .await;
    visitor.sign_in(PASSWORD).await;
    let page = visitor.select_organization(ORGANIZATION).await;
    let code = crate::support::parameter(&page.location(), "code").expect("a code");
    let (_, answer) = client.redeem(&server, &code, &[]).await;
    let hint = answer["id_token"].as_str().expect("an ID token");
    visitor.get(&format!("/oauth/logout?id_token_hint={hint}")).await;
    visitor.get(&format!("/last?code={code}&x=\"forged\"%0a")).await;
    let token = visitor.cookie("/", "session").expect("a session");

    let log = contents(&path, "/last").await;
    for line in log.lines() {
        let (client, target, status, length) = combined(line).unwrap_or_else(|| panic!("{line}"));
        // The server asks its own mocks by whichever family of addresses `localhost` has first.
        assert!(["127.0.0.1", "::1"].contains(&client), "{line}");
        assert!((200..500).contains(&status), "{line}");
        assert!(length == "-" || length.parse::<u64>().is_ok(), "{line}");
        assert!(target.starts_with('/'));
    }
    assert!(log.contains("login_hint=***"), "{log}");
    assert!(log.contains("id_token_hint=***"), "{log}");
    assert!(log.contains("\"POST /oauth/token HTTP/1.1\" 200 "), "{log}");
    let application_log = server.process_output();
    for secret in [
        &code,
        hint,
        &token,
        "SECRET-STATE",
        "SECRET-NONCE",
        EMAIL,
        "user%40yopmail",
        PASSWORD,
        &client.client_secret,
    ] {
        assert!(!log.contains(secret), "{secret} in {log}");
        assert!(!application_log.contains(secret), "{secret} in {application_log}");
    }
    assert!(
        !application_log.contains("\"GET "),
        "the access log has its own file"
    );
}

#[tokio::test]
async fn requests_for_assets_are_not_in_the_access_log() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("access.log");
    let options = Options::default().with("ACCESS_LOG_PATH", &path.display().to_string());
    let server = TestServer::start_with(options).await;
    let visitor = server.visitor();
    let page = visitor.get(START).await;
    let mut quoted = page.body.split('"');
    let asset = quoted.find(|text| text.starts_with("/dist/")).expect("an asset");
    assert_eq!(visitor.get(asset).await.status, 200, "{asset}");
    visitor.get("/last").await;
    let log = contents(&path, "/last").await;
    assert!(log.contains(START) && !log.contains("/dist/"), "{log}");
}

#[tokio::test]
async fn a_hangup_reopens_the_access_log() {
    let directory = tempfile::tempdir().expect("a directory");
    let (path, moved) = (
        directory.path().join("access.log"),
        directory.path().join("access.log.1"),
    );
    let options = Options::default().with("ACCESS_LOG_PATH", &path.display().to_string());
    let mut server = TestServer::start_with(options).await;
    let visitor = server.visitor();
    visitor.get("/before").await;
    contents(&path, "/before").await;
    std::fs::rename(&path, &moved).expect("moved");
    visitor.get("/between").await;
    contents(&moved, "/between").await;

    server.process().signal("HUP");
    let deadline = Instant::now() + PATIENCE;
    while !path.exists() {
        assert!(Instant::now() < deadline, "the file is not there again");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    visitor.get("/after").await;
    let log = contents(&path, "/after").await;
    assert!(!log.contains("/before") && !log.contains("/between"), "{log}");
    assert!(!contents(&moved, "/between").await.contains("/after"));
    assert!(server.process().is_running());
}

#[tokio::test]
async fn logs_in_json_are_json_and_tell_which_request_they_are_about() {
    let server = TestServer::start_with(Options::default().with("LOG_FORMAT", "json")).await;
    let visitor = server.visitor();
    let refused = visitor.post(START, &[("login", EMAIL)]).await;
    let id = refused.header("x-request-id").to_owned();
    let log = server.expect_discreet_log(&[EMAIL]).await;
    let entries: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    assert!(
        entries.iter().all(|entry| entry["timestamp"].is_string()),
        "{log}"
    );

    let access = entries
        .iter()
        .find(|entry| entry["kind"] == "access" && entry["request_id"] == *id);
    let access = access.unwrap_or_else(|| panic!("no access entry of {id}: {log}"));
    assert_eq!(
        (&access["method"], &access["target"], &access["status"]),
        (&"POST".into(), &START.into(), &403.into())
    );
    assert!(access["duration_ms"].as_f64().expect("a duration") > 0.0);
    let told = entries.iter().filter(|entry| entry["kind"] != "access");
    let about_it = told.filter(|entry| entry.to_string().contains(&id)).count();
    assert!(about_it >= 1, "the application log names the request: {log}");
}

#[tokio::test]
async fn a_fault_is_told_to_the_operator_by_the_reference_on_the_page() {
    let server = TestServer::start().await;
    server.database().make_sign_in_cheap().await;
    let visitor = server.visitor();
    visitor.sign_in_as(EMAIL, PASSWORD).await;
    server
        .database()
        .execute("ALTER TABLE users RENAME COLUMN given_name TO renamed")
        .await;
    let page = visitor.get("/").await;
    page.expect_error(500, "Une erreur inattendue s’est produite de notre côté.");
    let id = page.header("x-request-id").to_owned();
    assert!(page.text().contains(&id), "{}", page.text());
    assert!(
        !page.body.contains("given_name") && !page.body.contains("column"),
        "{}",
        page.body
    );
    let log = server.expect_discreet_log(&[EMAIL]).await;
    let told = log
        .lines()
        .find(|line| line.contains("ERROR") && line.contains(&id));
    assert!(told.is_some(), "{log}");
}
