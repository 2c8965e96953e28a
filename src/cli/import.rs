//! `identite import …`

use std::path::PathBuf;
use std::sync::Arc;

use chrono::TimeDelta;
use clap::{Args, Subcommand};
use identite_actors::clock::{SharedClock, SystemClock};
use indicatif::ProgressBar;

use super::database::pool;
use super::tool::{ReportTo, bar, operator, refuse_one_file_twice, stop_signal};
use super::{CommandError, load_config, shared_runtime, streams};
use crate::config::Config;
use crate::domain::email_domain::FreeMailRules;
use crate::imports::{Importer, Job, Kind, Progress, Report};
use crate::server;

/// Errors that are shown one by one on the terminal.
const SHOWN_ERRORS: usize = 20;

#[derive(Debug, Subcommand)]
pub(super) enum ImportCommand {
    /// Accounts of Inclusion Connect: `last_name,first_name,email,sub,siret`.
    Accounts(Import),
    /// Accounts of the médiation numérique, in a file separated by semicolons.
    CoopAccounts(Import),
    /// E-mail domains of organizations, to be verified: `domain,sirets`.
    Domains(Import),
}

/// An import that was interrupted goes on when the same command is given again with the same file.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// The file to read; `INPUT_FILE`, or input.csv, if absent.
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// The CSV file to write, over what is there; `OUTPUT_FILE`, or output.csv, if absent.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write the report as JSON, to a file or (-) to the standard output.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Read, look up and tell, but write nothing to the database.
    #[arg(long)]
    dry_run: bool,
    /// Begin anew, even if an import of this file was interrupted.
    #[arg(long)]
    restart: bool,
    /// Look-ups a second in the register of establishments, at most.
    #[arg(long, value_name = "NUMBER", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rate: u32,
    /// An establishment fetched within so many days is not looked up again.
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(0..=3650))]
    max_age: u32,
}

pub(super) fn run(command: ImportCommand) -> Result<(), CommandError> {
    let config = load_config()?;
    let (kind, import) = match command {
        ImportCommand::Accounts(import) => (Kind::Accounts, import),
        ImportCommand::CoopAccounts(import) => (Kind::CoopAccounts, import),
        ImportCommand::Domains(import) => (Kind::Domains(free_mail_rules(&config)), import),
    };
    let runtime = shared_runtime()?;
    let clock: SharedClock = Arc::new(SystemClock);
    let register = server::register(&config, &clock, runtime.handle())?;
    let job = Job {
        kind,
        input: import.input.unwrap_or_else(|| config.tools.input_file.clone()),
        output: import.output.unwrap_or_else(|| config.tools.output_file.clone()),
        dry_run: import.dry_run,
        restart: import.restart,
        rate: import.rate,
        freshness: TimeDelta::days(i64::from(import.max_age)),
        operator: operator(),
    };
    refuse_one_file_twice(&[
        ("--input", Some(job.input.as_path())),
        ("--output", Some(job.output.as_path())),
        ("--report", import.report.as_deref()),
    ])?;
    let report_to = ReportTo::open(import.report.as_deref())?;
    let pool = pool(&config, runtime.handle())?;
    let report = runtime.block_on(async {
        let importer = Importer {
            pool,
            clock,
            register: register.as_ref(),
            stop: stop_signal()?,
        };
        let bar = Bar(bar(0, "{binary_bytes_per_sec}"));
        let outcome = importer.run(&job, &bar).await;
        bar.0.finish_and_clear();
        outcome.map_err(|error| CommandError::Refused(error.to_string()))
    })?;
    summarise(&report);
    report_to.write(&report)?;
    if !report.finished {
        return Err(CommandError::Interrupted(format!(
            "interrupted after {} records; the same command goes on",
            report.records
        )));
    }
    if report.is_clean() {
        Ok(())
    } else {
        Err(CommandError::Incomplete("some records were not taken".to_owned()))
    }
}

fn free_mail_rules(config: &Config) -> FreeMailRules {
    FreeMailRules {
        all_are_free: config.organizations.consider_all_email_domains_as_free,
        none_is_free: config.organizations.consider_all_email_domains_as_non_free,
    }
}

/// For people: on the standard error, so that a report on the standard output stays JSON.
fn summarise(report: &Report) {
    for error in report.errors.iter().take(SHOWN_ERRORS) {
        let column = error
            .column
            .map_or_else(String::new, |column| format!(" ({column})"));
        streams::remark(format_args!("line {}: {}{column}", error.line, error.reason));
    }
    let more = report.errors.len().saturating_sub(SHOWN_ERRORS) as u64 + report.errors_not_listed;
    if more > 0 {
        streams::remark(format_args!("… and {more} more"));
    }
    if report.resumed_after > 0 {
        streams::remark(format_args!("gone on after {} records", report.resumed_after));
    }
    for (outcome, count) in &report.counts {
        streams::remark(format_args!("{outcome}: {count}"));
    }
    let written = if report.dry_run {
        ", nothing written to the database"
    } else {
        ""
    };
    streams::remark(format_args!(
        "records: {} in {:.1} s{written}",
        report.records, report.seconds
    ));
}

struct Bar(ProgressBar);

impl Progress for Bar {
    fn begin(&self, bytes: u64, settled: u64) {
        self.0.set_length(bytes);
        self.0.set_position(settled);
        // What an earlier run has settled says nothing about the speed of this one.
        self.0.reset_eta();
    }

    fn advance(&self, bytes: u64, records: u64) {
        self.0.set_position(bytes);
        self.0.set_message(format!("{records} records"));
    }
}
