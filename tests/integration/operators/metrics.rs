//! `/metrics` and `/actors`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::support::{EMAIL, PASSWORD, TestServer};

const DOCUMENTATION: &str = include_str!("../../../docs/OPERATIONS.md");

/// A family of the exposition format, with its samples.
#[derive(Default)]
struct Family {
    help: String,
    kind: String,
    /// Counts and gauges of this server are whole numbers; what is not counts as none here.
    samples: Vec<(String, BTreeMap<String, String>, i64)>,
}

/// Reads the Prometheus text format, and is strict about it.
fn parse(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').expect("a help text");
            help.clone_into(&mut families.entry(name.to_owned()).or_default().help);
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a type");
            kind.clone_into(&mut families.entry(name.to_owned()).or_default().kind);
        } else {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            let (name, labels) = match series.split_once('{') {
                Some((name, labels)) => (name, labels.strip_suffix('}').expect("the end of the labels")),
                None => (series, ""),
            };
            let labels = labels.split(',').filter(|label| !label.is_empty()).map(|label| {
                let (name, value) = label.split_once('=').expect("a label");
                (name.to_owned(), value.trim_matches('"').to_owned())
            });
            let family = ["_bucket", "_sum", "_count"]
                .into_iter()
                .filter_map(|suffix| name.strip_suffix(suffix))
                .find(|family| {
                    families
                        .get(*family)
                        .is_some_and(|family| family.kind == "histogram")
                })
                .unwrap_or(name);
            let family = families
                .get_mut(family)
                .unwrap_or_else(|| panic!("{name} has no type"));
            assert!(value.parse::<f64>().is_ok(), "{line}");
            let value = value.parse().unwrap_or_default();
            family.samples.push((name.to_owned(), labels.collect(), value));
        }
    }
    families
}

async fn get(server: &TestServer, page: &str) -> reqwest::Response {
    let url = server.operator_url.join(page).expect("a path");
    let answer = crate::support::http_get(url).await.expect("an answer");
    assert_eq!(answer.status(), 200);
    answer
}

#[tokio::test]
async fn metrics_are_prometheus_text_and_each_is_documented() {
    let server = TestServer::start().await;
    server.database().make_sign_in_cheap().await;
    let visitor = server.visitor();
    visitor.sign_in_as(EMAIL, "a wrong password").await;
    visitor.sign_in(PASSWORD).await;
    visitor.get("/nothing").await;
    visitor.get("/oauth/authorize?client_id=nobody").await;
    let lenient = "client_id=standard_client_id&redirect_uri=HTTP://localhost:4000/login-callback";
    visitor
        .get(&format!(
            "/oauth/authorize?{lenient}&response_type=code&scope=openid"
        ))
        .await;

    let answer = get(&server, "metrics").await;
    let content_type = answer.headers()["content-type"]
        .to_str()
        .expect("ASCII")
        .to_owned();
    assert!(
        content_type.starts_with("text/plain; version=0.0.4"),
        "{content_type}"
    );
    let text = answer.text().await.expect("text");
    let families = parse(&text);
    for (name, family) in &families {
        assert!(name.starts_with("identite_"), "{name}");
        assert!(!family.help.is_empty(), "{name}");
        assert!(
            ["counter", "gauge", "histogram"].contains(&family.kind.as_str()),
            "{name}"
        );
        assert_eq!(
            family.kind == "counter",
            name.ends_with("_total"),
            "{name} is a {}",
            family.kind
        );
        assert_eq!(
            family.kind == "histogram",
            name.ends_with("_seconds") && !name.contains("oldest") && !name.ends_with("_timestamp_seconds"),
            "{name}"
        );
        let documented = format!("`{name}");
        assert!(
            DOCUMENTATION.contains(&documented),
            "{name} is not in docs/OPERATIONS.md"
        );
    }
    for documented in DOCUMENTATION
        .split('`')
        .filter(|code| code.starts_with("identite_"))
    {
        let name = documented.split('{').next().unwrap_or_default();
        let table = format!("SELECT count(*) FROM pg_tables WHERE tablename = '{name}'");
        assert!(
            families.contains_key(name) || server.database().count(&table).await == 1,
            "{name} is documented and not there"
        );
    }

    let value = |name: &str, label: (&str, &str)| -> i64 {
        let samples = families[name].samples.iter();
        samples
            .filter(|(_, labels, _)| labels.get(label.0).is_some_and(|value| value == label.1))
            .map(|(.., value)| value)
            .sum()
    };
    assert!(value("identite_http_answers_total", ("class", "2xx")) >= 4);
    assert!(value("identite_http_answers_total", ("class", "3xx")) >= 3);
    assert_eq!(value("identite_http_answers_total", ("class", "4xx")), 2);
    assert_eq!(value("identite_oidc_answers_total", ("client", "unknown")), 1);
    assert_eq!(
        value("identite_actor_messages_handled_total", ("message", "verify")),
        2
    );
    assert_eq!(value("identite_actor_restarts_total", ("actor", "outbox")), 0);
    assert!(value("identite_actor_mailbox_capacity", ("actor", "password_hasher")) > 0);
    assert!(!text.contains("yopmail"));
}

#[tokio::test]
async fn every_actor_can_be_looked_at() {
    let server = TestServer::start().await;
    let answer = get(&server, "actors").await;
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let actors: Vec<Value> = answer.json().await.expect("a list");
    let names: BTreeSet<&str> = actors.iter().filter_map(|actor| actor["name"].as_str()).collect();
    for expected in [
        "sessions-0",
        "sessions-1",
        "rate_limiter",
        "password_hasher",
        "outbox",
        "keys",
    ] {
        assert!(names.contains(expected), "{expected} in {names:?}");
    }
    for actor in &actors {
        assert_eq!(actor["state"], "running", "{actor}");
        for number in [
            "mailbox_depth",
            "mailbox_capacity",
            "handled",
            "failed",
            "refused",
            "restarts",
        ] {
            assert!(actor[number].is_u64(), "{number} of {actor}");
        }
    }

    let page = get(&server, "").await;
    let policy = page.headers()["content-security-policy"]
        .to_str()
        .expect("ASCII")
        .to_owned();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let page = page.text().await.expect("HTML");
    for file in ["live.js", "live.css"] {
        assert!(page.contains(file));
        assert!(!get(&server, file).await.text().await.expect("text").is_empty());
    }
}
