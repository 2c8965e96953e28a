//! `identite organizations refresh`

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use clap::{Args, Subcommand};
use identite_actors::clock::{SharedClock, SystemClock};
use serde::Serialize;
use serde_json::json;

use super::tool::{ReportTo, STDOUT, bar, record, stop_signal};
use super::{CommandError, database, load_config, shared_runtime, streams};
use crate::config::Config;
use crate::organizations::refresh::{Refresh, RefreshRules, RefreshSummary, Refreshed};
use crate::server;

/// How long the register is left alone when it asks for it.
const PAUSE: Duration = Duration::from_secs(15);
/// What the trail calls it.
const ACTION: &str = "organizations.refresh";
/// Of what.
const REGISTER: (&str, &str) = ("register", "establishments");
/// Organizations without success that a report names; the rest is counted.
const REPORTED_PROBLEMS: usize = 1_000;
/// Without a terminal, a line follows each of so many establishments.
const TOLD_EVERY: u64 = 1_000;

#[derive(Debug, Subcommand)]
pub(super) enum OrganizationsCommand {
    /// Fetch organizations from the register: those never fetched, or also old ones. Ends with 0 when all were looked at, 1
    /// when the register or the database is down, 130 when stopped (SIGINT, SIGTERM); started again, it goes on.
    Refresh(RefreshArguments),
}

#[derive(Debug, Args)]
pub(super) struct RefreshArguments {
    /// Ask the records of the development data instead of API Entreprise.
    #[arg(long)]
    mock: bool,
    /// Calls per second at most; 0 for what `ENTREPRISE_API_QUOTA_PER_MINUTE` grants, which is the limit in any case (none with --mock).
    #[arg(long, value_name = "N", default_value_t = 0.0, value_parser = rate)]
    rate: f64,
    /// Also fetch organizations again that were fetched longer ago than this.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(..=36_500))]
    older_than: Option<u32>,
    /// Ask, but write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Write the report as JSON, to a file or (-) to the standard output, where it then is alone.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate >= 0.0 => Ok(rate),
        _ => Err("expected a number, 0 or more".to_owned()),
    }
}

impl RefreshArguments {
    /// Calls per second at most; `None` for no limit.
    fn per_second(&self, config: &Config) -> Option<f64> {
        let asked = (self.rate > 0.0).then_some(self.rate);
        if self.mock {
            return asked;
        }
        let granted = f64::from(config.connectors.api_entreprise.quota_per_minute) / 60.0;
        Some(asked.map_or(granted, |asked| asked.min(granted)))
    }
}

/// What was done, for programs.
#[derive(Serialize)]
struct Report {
    dry_run: bool,
    /// Whether all that were due were looked at.
    finished: bool,
    due: u64,
    refreshed: u64,
    unknown_to_the_register: u64,
    without_a_siret: u64,
    without_an_answer: u64,
    /// The first organizations without success.
    problems: Vec<Problem>,
    seconds: f64,
}

#[derive(Serialize)]
struct Problem {
    organization_id: i32,
    reason: String,
}

pub(super) fn refresh(arguments: &RefreshArguments) -> Result<(), CommandError> {
    let config = load_config()?;
    let runtime = shared_runtime()?;
    let clock: SharedClock = Arc::new(SystemClock);
    let pool = database::pool(&config, runtime.handle())?;
    let register = server::register_for_refresh(&config, runtime.handle(), &clock, arguments.mock)?;
    let rules = RefreshRules {
        per_second: arguments.per_second(&config),
        older_than: arguments.older_than.map(|days| TimeDelta::days(i64::from(days))),
        is_dry_run: arguments.dry_run,
        pause: PAUSE,
    };
    let report_to = ReportTo::open(arguments.report.as_deref())?;
    let people_read_stdout = arguments.report.as_deref() != Some(Path::new(STDOUT));
    let started = Instant::now();
    let mut problems = Vec::new();
    let mut told = Ok(());
    let summary = runtime.block_on(async {
        if !arguments.dry_run {
            let detail =
                json!({ "step": "began", "older_than_days": arguments.older_than, "mock": arguments.mock });
            record(&pool.get().await?, ACTION, REGISTER, detail, clock.now()).await?;
        }
        let refresh = Refresh {
            pool: pool.clone(),
            clock: clock.clone(),
            register,
            rules,
            stop: stop_signal()?,
        };
        let bar = bar(0, "{pos} of {len}, {per_sec}");
        let summary = refresh
            .run(|organization, outcome, summary| {
                bar.set_length(summary.due);
                bar.set_position(summary.done());
                if let Some(reason) = reason(outcome) {
                    let line = format!(
                        "organization {}, {:?}: {reason}",
                        organization.id, organization.siret
                    );
                    if told.is_ok() {
                        told = bar.suspend(|| tell(&line, people_read_stdout));
                    }
                    if problems.len() < REPORTED_PROBLEMS {
                        problems.push(Problem {
                            organization_id: organization.id.0,
                            reason,
                        });
                    }
                }
                if told.is_ok() && bar.is_hidden() && summary.done().is_multiple_of(TOLD_EVERY) {
                    let line = format!("{} of {}", summary.done(), summary.due);
                    told = tell(&line, people_read_stdout);
                }
            })
            .await?;
        bar.finish_and_clear();
        if !arguments.dry_run {
            let is_finished = !summary.gave_up && !summary.was_stopped;
            let detail = json!({
                "step": if is_finished { "finished" } else { "stopped" },
                "due": summary.due,
                "refreshed": summary.fetched,
                "unknown_to_the_register": summary.unknown,
                "without_a_siret": summary.invalid,
                "without_an_answer": summary.outages,
            });
            record(&pool.get().await?, ACTION, REGISTER, detail, clock.now()).await?;
        }
        Ok::<_, CommandError>(summary)
    })?;
    // An output that cannot be written stops no work; it is told after what matters more.
    let told = told.and_then(|()| summarise(&summary, arguments.dry_run, people_read_stdout));
    report_to.write(&Report {
        dry_run: arguments.dry_run,
        finished: !summary.gave_up && !summary.was_stopped,
        due: summary.due,
        refreshed: summary.fetched,
        unknown_to_the_register: summary.unknown,
        without_a_siret: summary.invalid,
        without_an_answer: summary.outages,
        problems,
        seconds: started.elapsed().as_secs_f64(),
    })?;
    conclude(&summary)?;
    told
}

/// Tells people, on the standard error where the standard output is a report.
fn tell(line: &str, on_stdout: bool) -> Result<(), CommandError> {
    if on_stdout {
        return streams::say(format_args!("{line}"));
    }
    streams::remark(format_args!("{line}"));
    Ok(())
}

fn summarise(
    summary: &RefreshSummary,
    is_dry_run: bool,
    people_read_stdout: bool,
) -> Result<(), CommandError> {
    let fetched = if is_dry_run {
        "would be refreshed"
    } else {
        "refreshed"
    };
    let line = format!(
        "{} of {} due: {} {fetched}, {} unknown to the register, {} without a SIRET, {} without an answer",
        summary.done(),
        summary.due,
        summary.fetched,
        summary.unknown,
        summary.invalid,
        summary.outages
    );
    tell(&line, people_read_stdout)
}

fn conclude(summary: &RefreshSummary) -> Result<(), CommandError> {
    if summary.gave_up {
        return Err(CommandError::Refused(
            "the register does not answer: start again later to go on".to_owned(),
        ));
    }
    if summary.was_stopped {
        return Err(CommandError::Interrupted(
            "stopped: start again to go on".to_owned(),
        ));
    }
    Ok(())
}

fn reason(outcome: &Refreshed) -> Option<String> {
    match outcome {
        Refreshed::Fetched | Refreshed::Stopped => None,
        Refreshed::Unknown => Some("unknown to the register".to_owned()),
        Refreshed::NoSiret => Some("not a SIRET".to_owned()),
        Refreshed::Outage(error) => Some(error.to_string()),
    }
}
