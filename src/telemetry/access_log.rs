//! Where access log lines go: a file that is appended to, or the standard output. A thread of its own writes, so that a
//! slow disk never holds up an answer.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use prometheus::{IntCounter, Registry};

use super::access_entry::AccessEntry;
use crate::config::{LogFormat, LogsConfig};

/// Lines that may wait for the disk; beyond, lines are dropped and counted.
const WAITING_LINES: usize = 16_384;

/// How long a line may wait for others before it is written.
const GATHERING: Duration = Duration::from_millis(20);

enum Order {
    Write(Box<AccessEntry>),
    Reopen,
    /// Answers once all orders before it are carried out.
    Flush(SyncSender<()>),
}

/// The access log. Cheap to clone; what was written is on its way to the disk at the latest when the last clone is gone.
#[derive(Clone)]
pub struct AccessLog {
    shared: Arc<Shared>,
}

struct Shared {
    orders: Option<SyncSender<Order>>,
    writer: Option<JoinHandle<()>>,
    dropped: IntCounter,
}

impl AccessLog {
    /// Opens the log as the configuration says. A file that cannot be opened is told in the application log and replaced
    /// by the standard output.
    ///
    /// # Errors
    /// No thread could be started.
    pub fn open(logs: &LogsConfig) -> io::Result<Self> {
        let (orders, waiting) = sync_channel(WAITING_LINES);
        let mut destination = Destination::new(logs.access_log_path.clone());
        let format = logs.format;
        let writer = std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || write_all(&waiting, &mut destination, format))?;
        let shared = Shared {
            orders: Some(orders),
            writer: Some(writer),
            dropped: dropped_lines().map_err(io::Error::other)?,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Registers `identite_access_log_dropped_total`.
    ///
    /// # Errors
    /// When `registry` already holds a metric of this name.
    pub fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        registry.register(Box::new(self.shared.dropped.clone()))
    }

    /// Logs a request. Never waits: a line that finds no place is dropped and counted.
    pub fn write(&self, entry: AccessEntry) {
        let Some(orders) = &self.shared.orders else { return };
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
            orders.try_send(Order::Write(Box::new(entry)))
        {
            self.shared.dropped.inc();
        }
    }

    /// Lines dropped so far.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.get()
    }

    /// Opens the file anew, after another program has moved it away.
    pub fn reopen(&self) {
        if let Some(orders) = &self.shared.orders {
            let _ = orders.try_send(Order::Reopen);
        }
    }

    /// Waits until everything logged so far is written. Blocks; for the end of the process and for tests.
    pub fn flush(&self) {
        let (done, finished) = sync_channel(1);
        let sent = self
            .shared
            .orders
            .as_ref()
            .is_some_and(|orders| orders.send(Order::Flush(done)).is_ok());
        if sent {
            let _ = finished.recv();
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

fn dropped_lines() -> Result<IntCounter, prometheus::Error> {
    IntCounter::new(
        "identite_access_log_dropped_total",
        "Lines of the access log that found no place among those that wait for the disk",
    )
}

fn write_all(waiting: &Receiver<Order>, destination: &mut Destination, format: LogFormat) {
    while let Ok(first) = waiting.recv() {
        let mut answers = Vec::new();
        // One waking up and one system call for all lines of a moment.
        if matches!(first, Order::Write(_)) {
            std::thread::sleep(GATHERING);
        }
        for order in std::iter::once(first).chain(waiting.try_iter().take(WAITING_LINES)) {
            match order {
                Order::Write(entry) => destination.line(&entry.line(format)),
                Order::Reopen => destination.reopen(),
                Order::Flush(done) => answers.push(done),
            }
        }
        destination.flush();
        for done in answers {
            let _ = done.send(());
        }
    }
}

/// The file, or the standard output while there is none.
struct Destination {
    path: Option<PathBuf>,
    file: Option<BufWriter<File>>,
}

impl Destination {
    fn new(path: Option<PathBuf>) -> Self {
        let mut destination = Self { path, file: None };
        destination.reopen();
        destination
    }

    fn reopen(&mut self) {
        self.flush();
        let Some(path) = &self.path else { return };
        self.file = match open_for_appending(path) {
            Ok(file) => Some(BufWriter::new(file)),
            Err(error) => {
                tracing::error!(%error, path = %path.display(), "the access log goes to the standard output");
                None
            }
        };
    }

    fn line(&mut self, line: &str) {
        let outcome = match &mut self.file {
            Some(file) => writeln!(file, "{line}"),
            None => writeln!(io::stdout(), "{line}"),
        };
        self.degrade_on_error(outcome);
    }

    fn flush(&mut self) {
        let outcome = match &mut self.file {
            Some(file) => file.flush(),
            None => io::stdout().flush(),
        };
        self.degrade_on_error(outcome);
    }

    fn degrade_on_error(&mut self, outcome: io::Result<()>) {
        let Err(error) = outcome else { return };
        let Some(broken) = self.file.take() else { return };
        // Its buffer cannot be written: dropping it unwritten is better than trying again and again.
        drop(broken.into_parts());
        tracing::error!(%error, "the access log cannot be written and goes to the standard output until reopened");
    }
}

fn open_for_appending(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use chrono::DateTime;

    use super::*;
    use crate::config::LogLevel;

    fn log_to(path: &Path) -> AccessLog {
        let logs = LogsConfig {
            level: LogLevel::Info,
            format: LogFormat::Human,
            access_log_path: Some(path.to_owned()),
        };
        AccessLog::open(&logs).expect("a thread")
    }

    fn request(target: &str) -> AccessEntry {
        AccessEntry {
            at: DateTime::UNIX_EPOCH,
            client_ip: None,
            user: None,
            method: "GET".to_owned(),
            target: target.to_owned(),
            http_version: "1.1",
            status: 200,
            length: None,
            referrer: None,
            user_agent: None,
            request_id: String::new(),
            duration: Duration::ZERO,
        }
    }

    fn targets(path: &Path) -> Vec<String> {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines()
            .filter_map(|line| line.split(' ').nth(6))
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn lines_are_appended_in_order() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("access.log");
        for batch in [["/1", "/2"], ["/3", "/4"]] {
            let log = log_to(&path);
            for target in batch {
                log.write(request(target));
            }
        }
        assert_eq!(targets(&path), ["/1", "/2", "/3", "/4"]);
    }

    #[test]
    fn a_moved_file_is_left_alone_once_reopened() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (path, moved) = (
            directory.path().join("access.log"),
            directory.path().join("access.log.1"),
        );
        let log = log_to(&path);
        log.write(request("/before"));
        log.flush();
        fs::rename(&path, &moved).expect("moved");
        log.write(request("/between"));
        log.reopen();
        log.write(request("/after"));
        log.flush();
        assert_eq!(targets(&moved), ["/before", "/between"]);
        assert_eq!(targets(&path), ["/after"]);
    }

    #[test]
    fn a_line_that_finds_no_place_is_counted() {
        let (orders, _waiting) = sync_channel(1);
        let shared = Shared {
            orders: Some(orders),
            writer: None,
            dropped: dropped_lines().expect("a counter"),
        };
        let log = AccessLog {
            shared: Arc::new(shared),
        };
        let registry = Registry::new();
        log.register(&registry).expect("registered");
        for target in ["/1", "/2", "/3"] {
            log.write(request(target));
        }
        assert_eq!(log.dropped(), 2);
        let families = registry.gather();
        let counted = families[0].get_metric()[0].get_counter().get_value();
        assert_eq!(
            (families[0].name(), counted.to_string().as_str()),
            ("identite_access_log_dropped_total", "2")
        );
    }

    #[test]
    fn a_file_that_cannot_be_written_stops_nothing() {
        for path in ["/dev/full", "/nowhere/access.log"] {
            let log = log_to(Path::new(path));
            log.write(request("/1"));
            log.flush();
            log.write(request("/2"));
            log.flush();
            assert_eq!(log.dropped(), 0);
        }
    }
}
