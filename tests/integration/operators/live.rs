//! The live page, what it reads, and what may be done from it.

use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::support::{EMAIL, Options, PASSWORD, TestDatabase, TestServer, identite};

const LETTERS: &str = "
    INSERT INTO identite_outbox (kind, payload, created_at, attempts, dead_at, last_error)
    SELECT
      'mail',
      jsonb_build_object(
        'to', 'agent' || number || '@exemple.test',
        'subject', 'Objet ' || number,
        'html', '<p>x</p>',
        'text', 'x',
        'tag', 'test'
      ),
      now() - interval '1 day', 30, now(), 'no such mailbox'
    FROM generate_series(1, 3) AS number";

async fn json(server: &TestServer, page: &str) -> Value {
    let url = server.operator_url.join(page).expect("a path");
    let answer = crate::support::http_get(url).await.expect("an answer");
    assert_eq!(answer.status(), 200, "{page}");
    assert_eq!(answer.headers()["cache-control"], "no-store", "{page}");
    answer.json().await.expect("JSON")
}

async fn act(server: &TestServer, page: &str, body: Option<&str>, says_so: bool) -> (u16, Value) {
    let url = server.operator_url.join(page).expect("a path");
    let mut request = crate::support::http_client().post(url);
    if says_so {
        request = request.header("x-operator-action", "1");
    }
    if let Some(body) = body {
        request = request
            .header("content-type", "application/json")
            .body(body.to_owned());
    }
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or_default())
}

#[tokio::test]
async fn figures_tell_sessions_sign_ins_and_what_waits() {
    let database = TestDatabase::create().await;
    database.make_sign_in_cheap().await;
    database.execute(LETTERS).await;
    let server = TestServer::start_on(database, Options::default()).await;
    for _ in 0..2 {
        server.visitor().sign_in_as(EMAIL, PASSWORD).await;
    }
    let figures = json(&server, "figures").await;
    assert_eq!(figures["sessions"], 2);
    let sign_ins = figures["sign_ins"].as_array().expect("an array");
    assert_eq!(
        sign_ins
            .iter()
            .map(|row| row["count"].as_i64().expect("a count"))
            .sum::<i64>(),
        2
    );
    assert_eq!(figures["outbox"]["dead"], 3);
    assert_eq!(figures["dead_letters"].as_array().map(Vec::len), Some(3));
    assert_eq!(figures["dead_letters"][0]["last_error"], "no such mailbox");
    assert!(
        !figures.to_string().contains("exemple.test"),
        "recipients are not shown"
    );
    assert!(figures["slowest_statements"].is_null() || figures["slowest_statements"].is_array());

    let gauges = json(&server, "gauges").await;
    assert!(gauges["answers"]["2xx"].as_f64().expect("a count") > 0.0);
    let circuits = gauges["circuits"].as_array().expect("an array");
    assert!(
        circuits
            .iter()
            .any(|circuit| circuit["connector"] == "pwned_passwords" && circuit["open"] == false)
    );
}

#[tokio::test]
async fn dead_letters_are_tried_again_and_the_trail_says_who_asked() {
    let database = TestDatabase::create().await;
    database.execute(LETTERS).await;
    let server = TestServer::start_on(database, Options::default()).await;
    let id = json(&server, "figures").await["dead_letters"][0]["id"]
        .as_i64()
        .expect("an id");

    let (status, _) = act(&server, &format!("outbox/{id}/retry"), None, false).await;
    assert_eq!(status, 403, "another site could make a browser send this");
    assert_eq!(act(&server, "outbox/999999/retry", None, true).await.0, 404);
    let (status, answer) = act(&server, &format!("outbox/{id}/retry"), None, true).await;
    assert_eq!((status, &answer["revived"]), (200, &Value::from(1)));
    server.mailbox.wait_for_count(1).await;
    assert_eq!(
        act(&server, &format!("outbox/{id}/retry"), None, true).await.0,
        404,
        "once"
    );

    let (status, answer) = act(&server, "outbox/retry", None, true).await;
    assert_eq!((status, &answer["revived"]), (200, &Value::from(2)));
    server.mailbox.wait_for_count(3).await;
    let (status, answer) = act(&server, "outbox/retry", None, true).await;
    assert_eq!((status, &answer["revived"]), (200, &Value::from(0)));

    let directory = tempfile::tempdir().expect("a directory");
    let output = identite(&["audit", "export"], directory.path())
        .env("DATABASE_URL", &server.database().url)
        .output()
        .expect("the program runs");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    let trail: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(trail.len(), 2, "{text}");
    assert_eq!(trail[0]["actor"], "operator page from 127.0.0.1");
    assert_eq!(trail[0]["action"], "outbox.retry");
    assert_eq!(trail[0]["subject"]["id"], id.to_string());
    assert_eq!(trail[1]["detail"]["revived"], 2);
}

#[tokio::test]
async fn the_trail_of_accounts_is_exported_as_csv_and_by_days() {
    let database = TestDatabase::create().await;
    database
        .execute(
            "INSERT INTO identite_events (user_id, kind, occurred_at, ip_address, method)
             VALUES
               (1, 'sign_in', '2026-01-01T10:00:00Z', '192.0.2.1', 'pwd'),
               (1, 'password_changed', '2026-01-02T10:00:00Z', NULL, NULL)",
        )
        .await;
    let directory = tempfile::tempdir().expect("a directory");
    let export = |arguments: &[&str]| {
        let mut all = vec!["audit", "export", "--of", "accounts", "--format", "csv"];
        all.extend(arguments);
        identite(&all, directory.path())
            .env("DATABASE_URL", &database.url)
            .output()
            .expect("the program runs")
    };
    let output = export(&["--since", "2026-01-01", "--until", "2026-01-02"]);
    assert_eq!(
        String::from_utf8(output.stdout).expect("text"),
        "at,actor,action,subject_kind,subject_id,detail\n\
         2026-01-01T10:00:00.000Z,account 1,account.sign_in,user,1,\"{\"\"method\"\":\"\"pwd\"\",\"\"ip_address\"\":\"\"192.0.2.1\"\"}\"\n"
    );
    let file = directory.path().join("trail.csv");
    assert!(
        export(&["--output", file.to_str().expect("a path")])
            .status
            .success()
    );
    assert_eq!(std::fs::read_to_string(file).expect("a file").lines().count(), 3);
    let refused = export(&["--since", "yesterday"]);
    assert_eq!(refused.status.code(), Some(2));
}

#[tokio::test]
async fn the_threshold_of_the_log_changes_while_the_server_runs() {
    let server = TestServer::start_with(Options::default().with("LOG_LEVEL", "error")).await;
    assert_eq!(json(&server, "problems").await["log_level"], "error");
    assert_eq!(
        act(&server, "log-level", Some(r#"{"level":"debug"}"#), false)
            .await
            .0,
        403
    );
    assert_eq!(
        act(&server, "log-level", Some(r#"{"level":"loud"}"#), true)
            .await
            .0,
        400
    );
    let (status, answer) = act(&server, "log-level", Some(r#"{"level":"debug"}"#), true).await;
    assert_eq!((status, answer["log_level"].as_str()), (200, Some("debug")));
    server.expect_discreet_log(&[]).await;
    let log = server.process_output();
    assert!(log.contains("the threshold of the log was changed"), "{log}");
    let noted =
        "SELECT count(*) FROM identite_audit WHERE action = 'log.level' AND detail ->> 'level' = 'debug'";
    assert_eq!(server.database().count(noted).await, 1);
}

#[tokio::test]
async fn a_problem_is_found_by_the_name_of_its_request() {
    let database = TestDatabase::create().await;
    let server = TestServer::start_on(database, Options::default()).await;
    server
        .database()
        .execute("ALTER TABLE users RENAME COLUMN email TO address")
        .await;
    let page = server.visitor().start_sign_in(EMAIL).await;
    assert_eq!(page.status, 500);
    let reference = page.headers["x-request-id"].to_str().expect("ASCII").to_owned();
    let recent = json(&server, "problems").await;
    let problems = recent["problems"].as_array().expect("an array");
    let problem = problems
        .iter()
        .find(|problem| problem["request_id"] == reference.as_str());
    let problem = problem.unwrap_or_else(|| panic!("{reference} is not in {recent}"));
    assert_eq!(problem["level"], "error");
    assert!(!recent.to_string().contains(EMAIL));
}

#[tokio::test]
async fn the_page_asks_nobody_else_and_a_browser_can_give_the_token() {
    let server = TestServer::start_with(Options::default().with("OPERATOR_TOKEN", "a token")).await;
    let client = crate::support::http_client();
    let answer = client
        .get(server.operator_url.clone())
        .basic_auth("anybody", Some("a token"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 200);
    let policy = answer.headers()["content-security-policy"]
        .to_str()
        .expect("ASCII");
    assert_eq!(
        policy,
        "default-src 'none';script-src 'self';style-src 'self';connect-src 'self'"
    );
    let page = answer.text().await.expect("text");
    assert!(!page.contains("http://") && !page.contains("https://"), "{page}");
    for (user, password) in [("a token", ""), ("a token", "wrong"), ("", "")] {
        let answer = client
            .get(server.operator_url.clone())
            .basic_auth(user, Some(password))
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), 401);
        let asked = challenges(answer.headers());
        assert!(
            asked.iter().any(|challenge| challenge.starts_with("Basic ")),
            "{asked:?}"
        );
    }
}

#[tokio::test]
async fn a_page_of_somebody_else_reads_nothing_under_its_own_name() {
    let token = Options::default().with("OPERATOR_TOKEN", "a token");
    for (options, refusal) in [(Options::default(), 403), (token, 401)] {
        let server = TestServer::start_with(options).await;
        for (page, expected) in [
            ("", refusal),
            ("figures", refusal),
            ("healthz", 200),
            ("readyz", 200),
        ] {
            let answer = crate::support::http_client()
                .get(server.operator_url.join(page).expect("a path"))
                .header("host", "attacker.example")
                .send()
                .await
                .expect("an answer");
            assert_eq!(answer.status().as_u16(), expected, "{page}");
        }
    }
    let server = TestServer::start().await;
    let answer = crate::support::http_client()
        .get(server.operator_url.join("metrics").expect("a path"))
        .header("host", "identite.internal:9464")
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 200);
}

fn challenges(headers: &HeaderMap) -> Vec<String> {
    let challenges = headers.get_all("www-authenticate").iter();
    challenges
        .map(|value| value.to_str().expect("ASCII").to_owned())
        .collect()
}
