//! A tool with files of its own.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{TestDatabase, identite};

/// A database, and a directory in which tools run.
pub struct Workbench {
    pub database: TestDatabase,
    pub directory: TempDir,
}

impl Workbench {
    pub async fn new() -> Self {
        Self {
            database: TestDatabase::create().await,
            directory: tempfile::tempdir().expect("a directory"),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("the file is written");
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("the file is there")
    }

    /// The program with these arguments. Establishments of the mock are played in the process; nobody answers for others.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = identite(arguments, self.directory.path());
        command
            .env("DATABASE_URL", &self.database.url)
            .env("ENTREPRISE_API_URL", "http://127.0.0.1:9/");
        command
    }

    /// Runs an import of `input.csv` into `output.csv`. Gives the status, and the report.
    pub fn import(&self, kind: &str, more: &[&str]) -> (Option<i32>, Value) {
        let mut arguments = vec!["import", kind, "--report", "report.json"];
        arguments.extend(more);
        let output = self.command(&arguments).output().expect("the program runs");
        let text = std::fs::read_to_string(self.path("report.json")).unwrap_or_default();
        std::fs::remove_file(self.path("report.json")).ok();
        let report = serde_json::from_str(&text).unwrap_or_else(|_| panic!("no report: {}", told(&output)));
        (output.status.code(), report)
    }
}

/// The most memory that a process has had so far.
pub fn peak_memory_in_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|text| text.trim().split(' ').next()?.parse().ok())
        .unwrap_or_default()
}

/// Everything that a program wrote.
pub fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
