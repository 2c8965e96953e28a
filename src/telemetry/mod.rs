//! Logs: the application log and the access log, neither with secrets nor more personal data than an address.

mod access_entry;
mod access_log;
mod human;
mod redaction;

use std::io::{self, IsTerminal};

use identite_actors::clock::SharedClock;
use tracing::Level;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::MakeWriterExt;

pub use access_entry::AccessEntry;
pub use access_log::AccessLog;
pub use redaction::redact_query;

use crate::config::{LogFormat, LogLevel, LogsConfig};
use human::HumanFormat;

/// The application log could not be set up, since this process already has one.
#[derive(Debug, thiserror::Error)]
#[error("the application log is already set up")]
pub struct AlreadySetUp;

/// Sets up the application log of this process: warnings and errors go to the standard error, the rest to the standard
/// output. `level` holds for this project's own crates; the crates underneath only tell warnings and errors.
///
/// # Errors
/// [`AlreadySetUp`] when called twice.
pub fn init(logs: &LogsConfig, clock: SharedClock) -> Result<(), AlreadySetUp> {
    let writer = io::stderr.with_max_level(Level::WARN).or_else(io::stdout);
    let builder = tracing_subscriber::fmt()
        .with_writer(writer)
        .with_ansi(io::stdout().is_terminal() && io::stderr().is_terminal())
        .with_env_filter(filter(logs.level));
    let outcome = match logs.format {
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .try_init(),
        LogFormat::Human => builder.event_format(HumanFormat::new(clock)).try_init(),
    };
    outcome.map_err(|_| AlreadySetUp)
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
