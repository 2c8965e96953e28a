//! What the tools have in common: who runs them, how far they are, how they end.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::{CommandError, streams};
use crate::db::audit::{self, NewEntry};

/// What stands for the standard output where a file is expected.
pub(super) const STDOUT: &str = "-";

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

/// Where a report for programs goes, as JSON. Opened before the work begins: nothing is done whose report has no place.
pub(super) enum ReportTo {
    Nowhere,
    Stdout,
    File(PathBuf, File),
}

impl ReportTo {
    /// Opens a file, or (`-`) the standard output. What an earlier run has told stays until there is something to tell.
    pub(super) fn open(destination: Option<&Path>) -> Result<Self, CommandError> {
        let Some(path) = destination else {
            return Ok(Self::Nowhere);
        };
        if path == Path::new(STDOUT) {
            return Ok(Self::Stdout);
        }
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|error| CommandError::in_file(path, error))?;
        Ok(Self::File(path.to_owned(), file))
    }

    /// Writes the report, over what is there.
    pub(super) fn write(self, report: &impl Serialize) -> Result<(), CommandError> {
        let text = serde_json::to_string_pretty(report).map_err(io::Error::other)? + "\n";
        match self {
            Self::Nowhere => Ok(()),
            Self::Stdout => streams::print(|out| out.write_all(text.as_bytes())),
            Self::File(path, mut file) => {
                replace(&mut file, &text).map_err(|error| CommandError::in_file(&path, error))
            }
        }
    }
}

fn replace(file: &mut File, text: &str) -> io::Result<()> {
    // Pipes and devices have no length.
    if file.metadata()?.is_file() {
        file.set_len(0)?;
    }
    file.write_all(text.as_bytes())
}

/// Refuses options that name one regular file twice, by whatever paths and links: what one reads or writes, the other would write
/// over. `-` is no file.
pub(super) fn refuse_one_file_twice(options: &[(&str, Option<&Path>)]) -> Result<(), CommandError> {
    let named: Vec<(&str, &Path)> = options
        .iter()
        .filter_map(|(option, path)| Some((*option, (*path)?)))
        .filter(|(_, path)| *path != Path::new(STDOUT))
        .collect();
    for (index, (option, path)) in named.iter().enumerate() {
        for (earlier, other) in &named[..index] {
            if are_one_file(other, path) {
                return Err(CommandError::Usage(format!(
                    "{earlier} and {option} are the same file: {}",
                    path.display()
                )));
            }
        }
    }
    Ok(())
}

fn are_one_file(one: &Path, other: &Path) -> bool {
    match (std::fs::metadata(one), std::fs::metadata(other)) {
        (Ok(one), Ok(other)) => one.is_file() && (one.dev(), one.ino()) == (other.dev(), other.ino()),
        (Err(_), Err(_)) => place(one).is_some_and(|place_of_one| place(other) == Some(place_of_one)),
        _ => false,
    }
}

/// Where a file would be that is not there yet, behind a link that leads to nothing, too.
fn place(path: &Path) -> Option<PathBuf> {
    if let Ok(target) = std::fs::read_link(path) {
        return place(&path.parent()?.join(target));
    }
    let directory = path
        .parent()
        .filter(|directory| !directory.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    Some(directory.canonicalize().ok()?.join(path.file_name()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_is_recognised_by_every_name_that_it_has() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        for name in ["one", "two"] {
            std::fs::write(path(name), "the same text").unwrap();
        }
        std::os::unix::fs::symlink(path("one"), path("symbolic")).unwrap();
        std::fs::hard_link(path("one"), path("hard")).unwrap();
        for name in ["one", "./one", "symbolic", "hard"] {
            assert!(are_one_file(&path("one"), &path(name)), "{name}");
            assert!(!are_one_file(&path("two"), &path(name)), "{name}");
        }
        assert!(are_one_file(&path("new"), &path("./new")));
        assert!(!are_one_file(&path("new"), &path("newer")));
        std::os::unix::fs::symlink("new", path("dangling")).unwrap();
        assert!(are_one_file(&path("new"), &path("dangling")));
        assert!(!are_one_file(&path("new"), &path("one")));
        let null = Path::new("/dev/null");
        assert!(!are_one_file(null, null), "nothing is lost there");
    }

    #[test]
    fn a_report_replaces_a_longer_one_and_not_before_it_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("report.json");
        std::fs::write(&path, "a longer report than the next one").unwrap();
        let report_to = ReportTo::open(Some(path.as_path())).unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().starts_with("a longer"));
        report_to.write(&1).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1\n");
    }
}
