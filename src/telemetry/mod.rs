//! Logs: the application log and the access log, neither with secrets nor more personal data than an address.

mod access_entry;
mod access_log;
mod human;
mod problems;
mod redaction;

use std::io::{self, IsTerminal};
use std::sync::{Arc, Mutex, PoisonError};

use identite_actors::clock::SharedClock;
use tracing::Level;
use tracing_subscriber::fmt::writer::MakeWriterExt;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, reload};

pub use access_entry::AccessEntry;
pub use access_log::AccessLog;
pub use problems::{Problem, Problems};
pub use redaction::redact_query;

use crate::config::{LogFormat, LogLevel, LogsConfig};
use human::HumanFormat;
use problems::ProblemLayer;

/// The application log could not be set up, since this process already has one.
#[derive(Debug, thiserror::Error)]
#[error("the application log is already set up")]
pub struct AlreadySetUp;

/// The application log of this process, once set up. Cheap to clone.
#[derive(Clone)]
pub struct Telemetry {
    threshold: reload::Handle<EnvFilter, Registry>,
    level: Arc<Mutex<LogLevel>>,
    problems: Problems,
}

impl Telemetry {
    /// The threshold of the log now.
    #[must_use]
    pub fn level(&self) -> LogLevel {
        *self.level.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on this is the threshold of the log.
    pub fn set_level(&self, level: LogLevel) {
        *self.level.lock().unwrap_or_else(PoisonError::into_inner) = level;
        if let Err(error) = self.threshold.reload(filter(level)) {
            tracing::error!(%error, "the threshold of the log could not be changed");
        }
    }

    /// The warnings and errors of late.
    #[must_use]
    pub fn problems(&self) -> &Problems {
        &self.problems
    }
}

/// Sets up the application log of this process: warnings and errors go to the standard error, the rest to the standard
/// output. `level` holds for this project's own crates; the crates underneath only tell warnings and errors.
///
/// # Errors
/// [`AlreadySetUp`] when called twice.
pub fn init(logs: &LogsConfig, clock: SharedClock) -> Result<Telemetry, AlreadySetUp> {
    let (threshold, handle) = reload::Layer::new(filter(logs.level));
    let problems = Problems::default();
    let remembering = ProblemLayer {
        problems: problems.clone(),
        clock: clock.clone(),
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr.with_max_level(Level::WARN).or_else(io::stdout))
        .with_ansi(io::stdout().is_terminal() && io::stderr().is_terminal());
    let lines = match logs.format {
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(true).boxed(),
        LogFormat::Human => lines.event_format(HumanFormat::new(clock)).boxed(),
    };
    tracing_subscriber::registry()
        .with(threshold)
        .with(lines)
        .with(remembering)
        .try_init()
        .map_err(|_| AlreadySetUp)?;
    Ok(Telemetry {
        threshold: handle,
        level: Arc::new(Mutex::new(logs.level)),
        problems,
    })
}

/// `fatal` tells what `error` tells: nothing here is worse than an error and survives to be logged.
fn filter(level: LogLevel) -> EnvFilter {
    let (own, others) = match level {
        LogLevel::Trace => ("trace", "info"),
        LogLevel::Debug => ("debug", "warn"),
        LogLevel::Info => ("info", "warn"),
        LogLevel::Warn => ("warn", "warn"),
        LogLevel::Error | LogLevel::Fatal => ("error", "error"),
    };
    EnvFilter::new(format!("{others},identite={own},identite_actors={own}"))
}

#[cfg(test)]
mod tests {
    use super::filter;
    use crate::config::LogLevel;

    #[test]
    fn levels_hold_for_this_projects_crates() {
        for (level, expected) in [
            (LogLevel::Trace, "identite_actors=trace,identite=trace,info"),
            (LogLevel::Info, "identite_actors=info,identite=info,warn"),
            (LogLevel::Fatal, "identite_actors=error,identite=error,error"),
        ] {
            assert_eq!(filter(level).to_string(), expected);
        }
    }
}
