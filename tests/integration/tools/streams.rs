//! What commands do when their output is full, when nobody reads it, and when a report has no place.

use std::fs::File;
use std::process::Stdio;

use super::tool::{Workbench, told};

const ADD: [&str; 7] = [
    "clients",
    "add",
    "Un service",
    "--redirect-uri",
    "http://localhost:9/",
    "--client-id",
    "star",
];

/// A disk without room.
fn full() -> Stdio {
    let full = File::options().write(true).open("/dev/full");
    full.expect("Linux has a disk that is full").into()
}

/// A pipe whose reader has left.
fn abandoned() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

/// The status of a command whose standard output is `stdout`, and what it told on the standard error.
fn run(bench: &Workbench, arguments: &[&str], stdout: Stdio) -> (Option<i32>, String) {
    let mut command = bench.command(arguments);
    command.stdout(stdout).stderr(Stdio::piped());
    let process = command.spawn().expect("the program starts");
    let output = process.wait_with_output().expect("the program ends");
    (output.status.code(), told(&output))
}

#[tokio::test]
async fn a_secret_that_nobody_could_read_is_not_the_one_that_counts() {
    let bench = Workbench::new().await;
    let clients = "SELECT count(*) FROM oidc_clients WHERE client_id = 'star'";
    let rotated = "SELECT count(*) FROM identite_client_settings WHERE previous_secret_hash IS NOT NULL";
    let trail = "SELECT count(*) FROM identite_audit";
    for stdout in [full(), abandoned()] {
        let (status, text) = run(&bench, &ADD, stdout);
        assert_eq!(status, Some(1), "{text}");
        assert!(text.contains("nothing was changed"), "{text}");
        assert_eq!(bench.database.count(clients).await, 0);
    }
    let (status, text) = run(&bench, &ADD, Stdio::null());
    assert_eq!(status, Some(0), "{text}");
    let before = bench.database.count(rotated).await;
    for stdout in [full(), abandoned()] {
        let (status, text) = run(&bench, &["clients", "rotate-secret", "star"], stdout);
        assert_eq!(status, Some(1), "{text}");
        assert!(text.contains("nothing was changed"), "{text}");
    }
    assert_eq!(bench.database.count(rotated).await, before);
    assert_eq!(bench.database.count(trail).await, 1, "one client was added");
    let (status, text) = run(&bench, &["clients", "rotate-secret", "star"], Stdio::null());
    assert_eq!(status, Some(0), "{text}");
    assert_eq!(bench.database.count(rotated).await, before + 1);
}

#[tokio::test]
async fn an_output_that_is_full_fails_and_one_that_nobody_reads_changes_no_status() {
    let bench = Workbench::new().await;
    let (status, text) = run(&bench, &ADD, Stdio::null());
    assert_eq!(status, Some(0), "{text}");
    let commands: [&[&str]; 9] = [
        &["check"],
        &["migrate"],
        &["migrate", "--check"],
        &["clients", "list"],
        &["clients", "check"],
        &["keys", "generate"],
        &["keys", "list"],
        &["audit", "export"],
        &["audit", "export", "--of", "accounts", "--format", "csv"],
    ];
    for command in commands {
        let usual = run(&bench, command, Stdio::null());
        assert_eq!(run(&bench, command, abandoned()), usual, "{command:?}");
        let (status, text) = run(&bench, command, full());
        assert_eq!(status, Some(1), "{command:?}: {text}");
        assert!(text.starts_with("the standard output: "), "{command:?}: {text}");
    }
}

#[tokio::test]
async fn nobody_at_the_standard_error_changes_no_status() {
    let bench = Workbench::new().await;
    for stderr in [full(), abandoned()] {
        let mut command = bench.command(&["clients", "rotate-secret", "nobody"]);
        let status = command.stderr(stderr).status().expect("the program runs");
        assert_eq!(status.code(), Some(1));
    }
}

#[tokio::test]
async fn nothing_is_done_whose_report_has_no_place() {
    let bench = Workbench::new().await;
    bench.write("input.csv", "last_name,first_name,email,sub,siret\n");
    let commands: [&[&str]; 4] = [
        &["import", "accounts"],
        &["organizations", "refresh", "--mock"],
        &["secrets", "reencrypt"],
        &["statistics", "copy", "--any-app"],
    ];
    for command in commands {
        let arguments = [command, &["--report", "nowhere/report.json"]].concat();
        let (status, text) = run(&bench, &arguments, Stdio::null());
        assert_eq!(status, Some(1), "{command:?}: {text}");
        assert!(text.starts_with("nowhere/report.json: "), "{command:?}: {text}");
    }
    let trail = "SELECT count(*) FROM identite_audit";
    assert_eq!(bench.database.count(trail).await, 0);
    assert!(!bench.path("output.csv").exists());
}
