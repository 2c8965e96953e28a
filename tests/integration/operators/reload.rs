//! `SIGHUP`: what is re-read while the server runs.

use std::time::Duration;

use crate::support::{EMAIL, Options, PASSWORD, Receiver, TestServer};

const PATIENCE: Duration = Duration::from_secs(20);

async fn wait_for_log(server: &TestServer, text: &str, times: usize) {
    let waiting = async {
        while server.process_output().matches(text).count() < times {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let is_there = tokio::time::timeout(PATIENCE, waiting).await.is_ok();
    assert!(
        is_there,
        "{text:?} is not in the log:\n{}",
        server.process_output()
    );
}

fn generated_keys() -> String {
    use secrecy::ExposeSecret as _;
    let keys = identite_actors::keys::generate().expect("keys");
    keys.expose_secret().to_owned()
}

/// The same secrets as the server under test keeps, in a file that the test may change.
fn write_environment(server: &TestServer, variables: &[(&str, &str)]) {
    let path = server.directory().join(".env.development.local");
    std::fs::write(path, lines(variables)).expect("the file is written");
}

/// The text of a file that gives these variables.
fn lines(variables: &[(&str, &str)]) -> String {
    let lines: Vec<String> = variables
        .iter()
        .map(|(name, value)| format!("{name}='{value}'"))
        .collect();
    lines.join("\n")
}

#[tokio::test]
async fn secrets_token_and_log_level_are_re_read_and_nobody_is_signed_out() {
    let keys = generated_keys();
    let mut server = TestServer::start_in_directory(
        Options::default().without("LOG_LEVEL"),
        &format!(
            "SESSION_COOKIE_SECRET=one\nJWKS='{keys}'\nMETABASE_DB_URL=postgres://a:StatisticsOne@b/c\nSMTP_FROM=a@b.fr\n"
        ),
    )
    .await;
    server.database().make_sign_in_cheap().await;
    let visitor = server.visitor();
    visitor.sign_in_as(EMAIL, PASSWORD).await;
    let other = server.visitor();
    other.sign_in_as(EMAIL, PASSWORD).await;

    write_environment(
        &server,
        &[
            ("SESSION_COOKIE_SECRET", "two,one"),
            ("JWKS", &keys),
            ("OPERATOR_TOKEN", "a new token"),
            ("LOG_LEVEL", "debug"),
            ("SECURITY_HISTORY_IN_DAYS", "7"),
            ("METABASE_DB_URL", "postgres://a:StatisticsTwo@b/c"),
            ("SMTP_FROM", "a@b.fr"),
        ],
    );
    server.process().signal("HUP");
    wait_for_log(&server, "the configuration was re-read", 1).await;

    assert_eq!(
        visitor.get("/personal-information").await.status,
        200,
        "still signed in"
    );
    let metrics = crate::support::http_get(server.operator_url.join("metrics").expect("a path"));
    assert_eq!(metrics.await.expect("an answer").status(), 401);
    let log = server.process_output();
    assert!(
        log.contains("wait for a restart") && log.contains("SECURITY_HISTORY_IN_DAYS"),
        "{log}"
    );
    assert!(
        log.contains("METABASE_DB_URL") && !log.contains("SMTP_FROM"),
        "a masked value that changed is told, one that did not is not: {log}"
    );

    // Without the first secret, what it signed proves nothing any more.
    write_environment(&server, &[("SESSION_COOKIE_SECRET", "two"), ("JWKS", &keys)]);
    server.process().signal("HUP");
    wait_for_log(&server, "the configuration was re-read", 2).await;
    let page = other.get("/personal-information").await;
    assert_eq!(page.url.path(), "/users/start-sign-in", "{}", page.text());

    // What makes no sense changes nothing.
    write_environment(&server, &[("LOG_LEVEL", "loud")]);
    server.process().signal("HUP");
    wait_for_log(&server, "the configuration was not re-read", 1).await;
    let health = server.operator_url.join("healthz").expect("a path");
    assert_eq!(
        crate::support::http_get(health)
            .await
            .expect("an answer")
            .status(),
        200
    );
    server
        .expect_discreet_log(&["a new token", "StatisticsOne", "StatisticsTwo"])
        .await;
}

#[tokio::test]
async fn what_could_be_another_deployment_is_not_re_read() {
    let keys = generated_keys();
    let own = [
        ("NODE_ENV", "production"),
        (
            "SYMMETRIC_ENCRYPTION_KEY",
            "aTrueRandom32BytesLongBase64EncodedStringAA=",
        ),
        ("SESSION_COOKIE_SECRET", "one"),
        ("JWKS", keys.as_str()),
        ("OPERATOR_TOKEN", "for operators only"),
    ];
    let mut server = TestServer::start_in_directory(Options::default(), &lines(&own)).await;
    server.database().make_sign_in_cheap().await;
    let visitor = server.visitor();
    visitor.sign_in_as(EMAIL, PASSWORD).await;
    let file = server.directory().join(".env.development.local");

    // Without its file it would be a development machine, with secrets that everybody knows.
    std::fs::remove_file(&file).expect("removed");
    server.process().signal("HUP");
    wait_for_log(&server, "the configuration was not re-read", 1).await;
    std::fs::write(&file, b"SESSION_COOKIE_SECRET=\xff").expect("written");
    server.process().signal("HUP");
    wait_for_log(&server, "the configuration was not re-read", 2).await;

    let log = server.process_output();
    assert!(
        log.contains("as this process runs") && log.contains("cannot be read"),
        "{log}"
    );
    assert_eq!(
        visitor.get("/personal-information").await.status,
        200,
        "still signed in"
    );
    let metrics = crate::support::http_get(server.operator_url.join("metrics").expect("a path"));
    assert_eq!(metrics.await.expect("an answer").status(), 401);
    assert!(!server.directory().join(".dev").exists(), "no secret was made");

    // What is unsafe in what is taken is told as at the start.
    let contradiction = ("FEATURE_CONSIDER_ALL_EMAIL_DOMAINS_AS_FREE", "True");
    write_environment(&server, &[&own[..], &[contradiction]].concat());
    server.process().signal("HUP");
    wait_for_log(&server, "outweighs FEATURE_CONSIDER", 1).await;
    wait_for_log(&server, "the configuration was re-read", 1).await;
    server.expect_discreet_log(&["for operators only"]).await;
}

#[tokio::test]
async fn the_credential_of_a_remote_system_is_replaced_while_people_are_served() {
    let register = Receiver::start(&[503]);
    let options = Options::default()
        .with("ENTREPRISE_API_URL", &register.url())
        .with("FEATURE_PARTIALLY_MOCK_EXTERNAL_API", "False");
    let mut server = TestServer::start_in_directory(options, "ENTREPRISE_API_TOKEN=first\n").await;
    // Numbers that no table holds.
    let path = "/api/sirene/organization-info/";
    server.visitor().get(&format!("{path}11111111100001")).await;
    wait_for_token(&register, "first").await;
    assert!(tokens(&register).iter().all(|token| token == "first"));

    write_environment(&server, &[("ENTREPRISE_API_TOKEN", "second")]);
    server.process().signal("HUP");
    wait_for_log(&server, "the configuration was re-read", 1).await;
    server.visitor().get(&format!("{path}22222222200002")).await;
    wait_for_token(&register, "second").await;
    server.expect_discreet_log(&["Bearer"]).await;
}

/// The bearer tokens that a remote system was shown so far.
fn tokens(register: &Receiver) -> Vec<String> {
    const HEADER: &str = "authorization: bearer ";
    let heads = register.heads();
    let lines = heads.iter().flat_map(|head| head.lines());
    lines
        .map(str::to_ascii_lowercase)
        .filter_map(|line| line.strip_prefix(HEADER).map(str::to_owned))
        .collect()
}

async fn wait_for_token(register: &Receiver, token: &str) {
    let waiting = async {
        while tokens(register).last().is_none_or(|shown| shown != token) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let is_shown = tokio::time::timeout(PATIENCE, waiting).await.is_ok();
    assert!(is_shown, "{:?}", tokens(register));
}
