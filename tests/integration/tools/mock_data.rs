//! `identite mock-data`: records are fetched from a service, here the one that a server plays, and kept in the data set.

use std::time::Duration;

use serde_json::Value;

use super::tool::{Workbench, told};
use crate::support::{Process, Receiver, TestServer};

const ESTABLISHMENTS: &str = "fixtures/api/api-entreprise-etablissements.json";
const TOWN_HALLS: &str = "fixtures/api/annuaire-service-public-records.json";
const PATIENCE: Duration = Duration::from_secs(30);
const PAPILLON: &str = "39234600300198";

/// A data set without the record `key` of `file`.
async fn data_set(file: &str, key: &str) -> (Workbench, String) {
    let bench = Workbench::new().await;
    std::fs::create_dir_all(bench.path("fixtures/api")).expect("a folder");
    let whole =
        std::fs::read_to_string(format!("{}/{file}", env!("CARGO_MANIFEST_DIR"))).expect("the data set");
    let mut records: Value = serde_json::from_str(&whole).expect("JSON");
    assert!(records.as_object_mut().expect("an object").remove(key).is_some());
    bench.write(file, &records.to_string());
    (bench, whole)
}

fn mock(server: &TestServer, service: &str) -> String {
    format!("{}___testing___/{service}", server.base_url)
}

#[tokio::test]
async fn an_establishment_is_fetched_and_kept_as_the_others() {
    let server = TestServer::start().await;
    let (bench, whole) = data_set(ESTABLISHMENTS, PAPILLON).await;
    let url = mock(&server, "entreprise.api.gouv.fr");
    let add = |siret: &str, more: &[&str]| {
        let mut arguments = vec!["mock-data", "establishment", siret, "--url", &url];
        arguments.extend(more);
        bench.command(&arguments).output().expect("the program runs")
    };
    let before = bench.read(ESTABLISHMENTS);
    for (siret, more) in [
        (PAPILLON, vec!["--dry-run"]),
        ("123", vec![]),
        ("99999999999999", vec![]),
    ] {
        let output = add(siret, &more);
        assert_eq!(
            output.status.code(),
            Some(i32::from(siret != PAPILLON)),
            "{}",
            told(&output)
        );
        assert_eq!(bench.read(ESTABLISHMENTS), before, "{siret}");
    }
    let output = add(PAPILLON, &["--report", "-"]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (&report["key"], &report["dry_run"]),
        (&PAPILLON.into(), &false.into())
    );
    assert_eq!(bench.read(ESTABLISHMENTS), whole);
}

#[tokio::test]
async fn an_interrupted_or_broken_answer_leaves_the_data_set_as_it_was() {
    let (bench, _) = data_set(ESTABLISHMENTS, PAPILLON).await;
    let before = bench.read(ESTABLISHMENTS);
    // Somebody who takes the call and says nothing.
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let url = format!("http://{}/", silent.local_addr().expect("an address"));
    let mut command = bench.command(&["mock-data", "establishment", PAPILLON, "--url", &url]);
    let mut running = Process::start("the tool", &mut command);
    let call = tokio::task::spawn_blocking(move || silent.accept());
    tokio::time::timeout(PATIENCE, call)
        .await
        .expect("it calls in time")
        .expect("no panic")
        .expect("a call");
    running.kill();
    assert_eq!(bench.read(ESTABLISHMENTS), before);

    let broken = Receiver::serving("<html>".to_owned());
    let output = bench
        .command(&["mock-data", "establishment", PAPILLON, "--url", &broken.url()])
        .output()
        .expect("the program runs");
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert_eq!(bench.read(ESTABLISHMENTS), before);
}

#[tokio::test]
async fn town_halls_are_fetched_and_kept_as_the_others() {
    let server = TestServer::start().await;
    let (bench, whole) = data_set(TOWN_HALLS, "34126").await;
    let url = mock(&server, "api-lannuaire.service-public.fr");
    let add = |code: &str| {
        bench
            .command(&["mock-data", "town-halls", code, "--url", &url])
            .output()
            .expect("the program runs")
    };
    let before = bench.read(TOWN_HALLS);
    let output = add("99999");
    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output).contains("no town hall"), "{}", told(&output));
    assert_eq!(bench.read(TOWN_HALLS), before);
    let output = add("34126");
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert_eq!(bench.read(TOWN_HALLS), whole);
}
