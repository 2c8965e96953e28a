//! `identite secrets reencrypt`; with a server beside it: `mfa::rotation`.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::tool::{Workbench, told};
use crate::support::{Process, TotpApplication};

const OLD: &str = "aTrueRandom32BytesLongBase64EncodedStringAA=";
const NEW: &str = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=";
const OTHER: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const PATIENCE: Duration = Duration::from_mins(1);

fn command(bench: &Workbench, keys: (&str, &str), more: &[&str]) -> Command {
    let mut arguments = vec!["secrets", "reencrypt", "--report", "report.json"];
    arguments.extend(more);
    let mut command = bench.command(&arguments);
    command
        .env("SYMMETRIC_ENCRYPTION_KEY", keys.0)
        .env("SYMMETRIC_ENCRYPTION_KEY_PREVIOUS", keys.1);
    command
}

fn run(bench: &Workbench, keys: (&str, &str), more: &[&str]) -> (Output, Value) {
    let output = command(bench, keys, more).output().expect("the program runs");
    let report = std::fs::read_to_string(bench.path("report.json")).unwrap_or_default();
    std::fs::remove_file(bench.path("report.json")).ok();
    (output, serde_json::from_str(&report).unwrap_or_default())
}

/// A database with so many accounts that have a key of one-time codes, encrypted with the old key of the deployment.
async fn with_keys(accounts: u32) -> Workbench {
    let bench = Workbench::new().await;
    bench
        .database
        .execute(&format!(
            "UPDATE users SET encrypted_totp_key = NULL;
             INSERT INTO users (email, encrypted_totp_key, created_at, updated_at)
             SELECT 'personne' || number || '@exemple.fr', '{}', now(), now()
             FROM generate_series(1, {accounts}) AS number",
            TotpApplication::STORED_KEY
        ))
        .await;
    bench
}

async fn untouched(bench: &Workbench) -> i64 {
    let query = format!(
        "SELECT count(*) FROM users WHERE encrypted_totp_key = '{}'",
        TotpApplication::STORED_KEY
    );
    bench.database.count(&query).await
}

#[tokio::test]
async fn keys_that_nobody_gave_are_told_and_what_they_encrypted_is_left_alone() {
    let bench = with_keys(3).await;
    for previous in ["", OTHER] {
        let (output, report) = run(&bench, (NEW, previous), &[]);
        assert_eq!(output.status.code(), Some(3), "{}", told(&output));
        assert_eq!(report["one_time_codes"]["unreadable"], 3, "{report}");
        assert_eq!(report["unreadable_accounts"].as_array().map(Vec::len), Some(3));
        assert!(
            told(&output).contains("can be read with none of the keys"),
            "{}",
            told(&output)
        );
        assert_eq!(untouched(&bench).await, 3);
    }
    // One of several former keys will do; a value that somebody tampered with keeps no other one out.
    bench
        .database
        .execute("UPDATE users SET encrypted_totp_key = 'AAAA' WHERE email = 'personne2@exemple.fr'")
        .await;
    let (output, report) = run(&bench, (NEW, &format!("{OTHER}, {OLD}")), &[]);
    assert_eq!(output.status.code(), Some(3), "{}", told(&output));
    assert_eq!(report["one_time_codes"]["renewed"], 2, "{report}");
    assert_eq!(report["one_time_codes"]["unreadable"], 1, "{report}");
    assert_eq!(untouched(&bench).await, 0);
    for secret in [OLD, NEW, OTHER, TotpApplication::KEY] {
        assert!(!told(&output).contains(secret) && !report.to_string().contains(secret));
    }
}

#[tokio::test]
async fn a_key_that_is_none_is_refused_before_anything_happens() {
    let bench = with_keys(1).await;
    for (keys, why) in [
        ((NEW, "short"), "SYMMETRIC_ENCRYPTION_KEY_PREVIOUS"),
        (("short", OLD), "SYMMETRIC_ENCRYPTION_KEY"),
    ] {
        let (output, report) = run(&bench, keys, &[]);
        assert_eq!((output.status.code(), report), (Some(1), Value::Null));
        assert!(told(&output).contains(why), "{}", told(&output));
    }
    for nonsense in ["0", "x"] {
        let (output, _) = run(&bench, (NEW, OLD), &["--batch", nonsense]);
        assert_eq!(output.status.code(), Some(2), "{}", told(&output));
    }
    assert_eq!(untouched(&bench).await, 1);
    let trail = "SELECT count(*) FROM identite_audit";
    assert_eq!(bench.database.count(trail).await, 0);
}

#[tokio::test]
async fn whoever_stops_or_kills_it_loses_nothing_and_goes_on() {
    const ACCOUNTS: u32 = 6_000;
    let bench = with_keys(ACCOUNTS).await;
    let all = i64::from(ACCOUNTS);
    let mut left = all;
    for signal in ["TERM", "KILL"] {
        let mut tool = command(&bench, (NEW, OLD), &["--batch", "20"]);
        let mut running = Process::start("the tool", &mut tool);
        let started = Instant::now();
        while untouched(&bench).await == left {
            assert!(started.elapsed() < PATIENCE && running.is_running());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        running.signal(signal);
        let status = running.wait(PATIENCE).await;
        if signal == "TERM" {
            assert_eq!(status.code(), Some(130), "{}", running.output());
        }
        bench.database.wait_until_left_alone().await;
        left = untouched(&bench).await;
        assert!(left > 0, "it was over before it was stopped");
    }
    let (output, report) = run(&bench, (NEW, OLD), &[]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert_eq!(report["one_time_codes"]["renewed"], left);
    assert_eq!(report["one_time_codes"]["current"], all - left);
    assert_eq!(untouched(&bench).await, 0);
    println!("encrypted anew: {left} accounts in {} s", report["seconds"]);
}
