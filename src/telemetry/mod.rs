//! Logs: the application log and the access log, neither with secrets nor more personal data than an address.

mod access_entry;
mod access_log;
mod error_reports;
mod human;
mod problems;
mod redaction;
mod scrubbing;
mod traces;

use std::io::{self, IsTerminal};
use std::sync::{Arc, Mutex, PoisonError};

use identite_actors::clock::SharedClock;
use tokio::runtime::Handle;
use tracing::Level;
use tracing_subscriber::fmt::writer::MakeWriterExt;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, reload};

pub use access_entry::AccessEntry;
pub use access_log::AccessLog;
pub use problems::{Problem, Problems};
pub use redaction::{redact_addresses, redact_query};
pub use traces::name_trace;

use crate::config::{Config, LogFormat, LogLevel, TRACES};
use error_reports::ErrorReports;
use human::HumanFormat;
use problems::ProblemLayer;
use traces::Traces;

/// The application log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// This process already has one.
    #[error("the application log is already set up")]
    Twice,
    /// Errors or traces cannot go where they should.
    #[error(transparent)]
    Export(#[from] ExportError),
}

/// Errors or traces cannot go where a variable says.
#[derive(Debug, thiserror::Error)]
#[error("{variable}: {problem}")]
pub struct ExportError {
    pub(super) variable: &'static str,
    pub(super) problem: String,
}

/// The application log of this process, once set up. Cheap to clone.
#[derive(Clone)]
pub struct Telemetry {
    threshold: reload::Handle<EnvFilter, Registry>,
    level: Arc<Mutex<LogLevel>>,
    problems: Problems,
    reports: Option<ErrorReports>,
    traces: Option<Traces>,
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
        if let Err(error) = self.threshold.reload(filter(level, self.traces.is_some())) {
            tracing::error!(%error, "the threshold of the log could not be changed");
        }
    }

    /// The warnings and errors of late.
    #[must_use]
    pub fn problems(&self) -> &Problems {
        &self.problems
    }

    /// Gives what is on its way to others a moment to leave; nothing leaves from then on. It blocks.
    pub fn end(&self) {
        if let Some(traces) = &self.traces {
            traces.end();
        }
        if let Some(reports) = &self.reports {
            reports.end();
        }
    }
}

/// Sets up the application log of this process: warnings and errors go to the standard error, the rest to the standard
/// output. `LOG_LEVEL` holds for this project's own crates; the crates underneath only tell warnings and errors. Errors and
/// traces also go to others where the configuration says so; the runtime `io` drives the connections to a collector.
///
/// # Errors
/// When called twice, or when what the configuration says of exports cannot be used.
pub fn init(config: &Config, clock: SharedClock, io: &Handle) -> Result<Telemetry, SetUpError> {
    let (logs, exports) = (&config.logs, &config.exports);
    let environment = config.deploy_env.as_str();
    let any_certificate = !config.connectors.verify_tls_certificates;
    let reports = exports
        .sentry_dsn
        .as_ref()
        .map(|dsn| ErrorReports::to(dsn, environment, any_certificate))
        .transpose()?;
    let traces = exports
        .otlp
        .as_ref()
        .map(|collector| Traces::to(collector, environment, any_certificate, io.clone()))
        .transpose()?;

    let (threshold, handle) = reload::Layer::new(filter(logs.level, traces.is_some()));
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
    // A filter of its own costs something at each event: only where there are spans to keep out.
    let lines = if traces.is_some() {
        lines.with_filter(traces::all_but_traces()).boxed()
    } else {
        lines
    };
    tracing_subscriber::registry()
        .with(threshold)
        .with(lines)
        .with(remembering)
        .with(reports.as_ref().map(ErrorReports::layer))
        .with(traces.as_ref().map(Traces::layer))
        .try_init()
        .map_err(|_| SetUpError::Twice)?;
    log_panics();
    Ok(Telemetry {
        threshold: handle,
        level: Arc::new(Mutex::new(logs.level)),
        problems,
        reports,
        traces,
    })
}

/// Where actix-http tells of requests that it cannot read.
const MALFORMED_REQUESTS: &str = "actix_http";

/// A panic is an error of the log, too, with its place: its text may hold anything and goes to the standard error only.
fn log_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a thread panicked");
        usual(panic);
    }));
}

/// `fatal` tells what `error` tells: nothing here is worse than an error and survives to be logged. What a stranger sends that is no HTTP
/// is an error for actix-http; it was answered, and is none of ours.
fn filter(level: LogLevel, traces_leave: bool) -> EnvFilter {
    let (own, others) = match level {
        LogLevel::Trace => ("trace", "info"),
        LogLevel::Debug => ("debug", "warn"),
        LogLevel::Info => ("info", "warn"),
        LogLevel::Warn => ("warn", "warn"),
        LogLevel::Error | LogLevel::Fatal => ("error", "error"),
    };
    let traces = if traces_leave { "trace" } else { "off" };
    EnvFilter::new(format!(
        "{others},identite={own},identite_actors={own},{TRACES}={traces},{MALFORMED_REQUESTS}=off"
    ))
}

#[cfg(test)]
mod tests {
    use super::filter;
    use crate::config::LogLevel;

    #[test]
    fn levels_hold_for_this_projects_crates() {
        for (level, own, others) in [
            (LogLevel::Trace, "trace", "info"),
            (LogLevel::Info, "info", "warn"),
            (LogLevel::Fatal, "error", "error"),
        ] {
            let shown = filter(level, false).to_string();
            let mut directives: Vec<&str> = shown.split(',').collect();
            directives.sort_unstable();
            let mut expected = [
                format!("identite={own}"),
                format!("identite_actors={own}"),
                "identite_traces=off".to_owned(),
                "actix_http=off".to_owned(),
                others.to_owned(),
            ];
            expected.sort_unstable();
            assert_eq!(directives, expected);
        }
        assert!(
            filter(LogLevel::Error, true)
                .to_string()
                .contains("identite_traces=trace")
        );
    }
}
