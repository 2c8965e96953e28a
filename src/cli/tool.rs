//! What the tools have in common: who runs them, how far they are, how they end.

use std::path::Path;

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::CommandError;
use crate::db::audit::{self, NewEntry};

/// Who runs this command, for the trail.
pub(super) fn operator() -> String {
    let user = ["SUDO_USER", "LOGNAME", "USER"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .unwrap_or_else(|| "somebody".to_owned());
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("command line of {user}@{}", machine.trim())
}

/// Adds what an operator did to the trail, in the transaction of what was done where there is one. `subject`: a kind and an
/// identifier.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn record(
    client: &impl GenericClient,
    action: &str,
    subject: (&str, &str),
    detail: Value,
    now: DateTime<Utc>,
) -> Result<(), CommandError> {
    let entry = NewEntry {
        actor: &operator(),
        action,
        subject: Some(subject),
        detail,
    };
    Ok(audit::record(client, &entry, now).await?)
}

/// A bar on the terminal, with `rate` (a template of indicatif, as `{per_sec} rows`) and remaining time; nothing where no terminal is.
pub(super) fn bar(total: u64, rate: &str) -> ProgressBar {
    let bar = ProgressBar::new(total);
    let template =
        format!("{{bar:30}} {{percent:>3}} %  {{msg}}  {rate}, {{elapsed_precise}}, {{eta_precise}} left");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style);
    }
    bar
}

/// Becomes true with the first `SIGINT` or `SIGTERM`: what runs ends after its current step.
pub(super) fn stop_signal() -> Result<watch::Receiver<bool>, CommandError> {
    let (stop, stopped) = watch::channel(false);
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        let mut signals = signal(kind)?;
        let stop = stop.clone();
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                stop.send_replace(true);
            }
        });
    }
    Ok(stopped)
}

/// Writes a report for programs: JSON, to a file or (`-`) to the standard output.
#[expect(clippy::print_stdout, reason = "a report is what the command is asked for")]
pub(super) fn write_report(destination: &Path, report: &impl Serialize) -> Result<(), CommandError> {
    let text = serde_json::to_string_pretty(report).map_err(std::io::Error::other)?;
    if destination == Path::new("-") {
        println!("{text}");
    } else {
        std::fs::write(destination, text + "\n")?;
    }
    Ok(())
}
