//! `identite statistics copy`

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, Subcommand};
use identite_actors::clock::{Clock, SystemClock};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::tool::{ReportTo, bar, record};
use super::{CommandError, database, load_config, shared_runtime, streams};
use crate::config::Config;
use crate::db::statistics::{self, TABLES};
use crate::db::{self, Client, Pool, PoolSettings};

/// The application whose nightly job this is.
const APPLICATION: &str = "proconnect-identite";
/// The role that reads statistics.
const READER: &str = "metabase";
/// What the trail calls it.
const ACTION: &str = "statistics.copy";
/// Of what.
const SUBJECT: (&str, &str) = ("copy", "statistics");

#[derive(Debug, Subcommand)]
pub(super) enum StatisticsCommand {
    /// Copy the tables, anonymised, to the database for statistics; what was there is replaced when the copy is complete.
    Copy(Copy),
}

/// From `SCALINGO_POSTGRESQL_URL`, or `DATABASE_URL`, to `METABASE_DB_URL`. An interrupted copy leaves the one of before in place and
/// is begun anew: all tables are of one instant.
#[derive(Debug, Args)]
pub(super) struct Copy {
    /// Check both databases and count, but write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Also when APP names another application, or none.
    #[arg(long)]
    any_app: bool,
    /// Write the report as JSON, to a file or (-) to the standard output.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

#[derive(Serialize)]
struct Report {
    dry_run: bool,
    /// Rows by table, in the order of copying.
    tables: Vec<(&'static str, u64)>,
    bytes: u64,
    seconds: f64,
}

pub(super) fn run(command: StatisticsCommand) -> Result<(), CommandError> {
    let StatisticsCommand::Copy(arguments) = command;
    let config = load_config()?;
    if !arguments.any_app && config.tools.app.as_deref() != Some(APPLICATION) {
        streams::remark(format_args!("nothing copied: APP is not {APPLICATION}"));
        return Ok(());
    }
    let report_to = ReportTo::open(arguments.report.as_deref())?;
    let runtime = shared_runtime()?;
    let source_url = config
        .tools
        .statistics_source_url
        .as_ref()
        .unwrap_or(&config.database.url);
    let destination_url = destination(&config)?;
    let source = pool("SCALINGO_POSTGRESQL_URL", source_url, runtime.handle())?;
    let destination = pool("METABASE_DB_URL", destination_url, runtime.handle())?;
    let trail = database::pool(&config, runtime.handle())?;
    let report = runtime.block_on(async {
        if !arguments.dry_run {
            note(&trail, json!({ "step": "began" })).await?;
        }
        let report = copy(&source, &destination, arguments.dry_run).await?;
        if !arguments.dry_run {
            let rows: BTreeMap<_, _> = report.tables.iter().copied().collect();
            note(
                &trail,
                json!({ "step": "finished", "rows": rows, "bytes": report.bytes }),
            )
            .await?;
        }
        Ok::<_, CommandError>(report)
    })?;
    for (table, rows) in &report.tables {
        streams::remark(format_args!("{table}: {rows}"));
    }
    streams::remark(format_args!("{} bytes in {:.1} s", report.bytes, report.seconds));
    report_to.write(&report)
}

/// Beginning and end go to the trail of the application, which is not always what is copied from.
async fn note(trail: &Pool, detail: Value) -> Result<(), CommandError> {
    record(&trail.get().await?, ACTION, SUBJECT, detail, SystemClock.now()).await
}

fn destination(config: &Config) -> Result<&SecretString, CommandError> {
    let url = config.tools.statistics_destination_url.as_ref();
    url.ok_or_else(|| CommandError::Refused("METABASE_DB_URL is missing".to_owned()))
}

fn pool(variable: &str, url: &SecretString, io: &Handle) -> Result<Pool, CommandError> {
    let settings = PoolSettings {
        size: 1,
        ..PoolSettings::default()
    };
    Pool::new(url.expose_secret(), &settings, io)
        .map_err(|error| CommandError::Refused(format!("{variable}: {error}")))
}

async fn copy(source: &Pool, destination: &Pool, dry_run: bool) -> Result<Report, CommandError> {
    let started = Instant::now();
    let source = source.get().await?;
    let mut destination = destination.get().await?;
    for client in [&source, &destination] {
        db::take_the_time(client).await?;
    }
    statistics::begin_at_one_instant(&source).await?;
    refuse_what_is_not_safe(&source, &destination).await?;

    let bar = bar(statistics::estimated_rows(&source).await?, "{per_sec} rows");
    let mut report = Report {
        dry_run,
        tables: Vec::new(),
        bytes: 0,
        seconds: 0.0,
    };
    let bytes = std::sync::atomic::AtomicU64::new(0);
    for table in &TABLES {
        bar.set_message(table.name);
        let rows = if dry_run {
            statistics::count(&source, table).await?
        } else {
            statistics::make_shadow(&source, &destination, table).await?;
            let advanced = |portion| {
                bytes.fetch_add(portion, std::sync::atomic::Ordering::Relaxed);
            };
            statistics::copy(&source, &destination, table, &advanced).await?
        };
        bar.inc(rows);
        report.tables.push((table.name, rows));
    }
    if !dry_run {
        statistics::swap(&mut destination, READER).await?;
    }
    bar.finish_and_clear();
    report.bytes = bytes.into_inner();
    report.seconds = started.elapsed().as_secs_f64();
    Ok(report)
}

async fn refuse_what_is_not_safe(source: &Client, destination: &Client) -> Result<(), CommandError> {
    if statistics::is_an_application(destination).await? {
        return Err(CommandError::Refused(
            "the destination holds an application, its tables would be dropped".to_owned(),
        ));
    }
    let mut undecided = Vec::new();
    for table in &TABLES {
        for column in statistics::undecided_columns(source, table).await? {
            undecided.push(format!("{}.{column}", table.name));
        }
    }
    if undecided.is_empty() {
        return Ok(());
    }
    Err(CommandError::Refused(format!(
        "nobody has decided whether these columns may leave: {}",
        undecided.join(", ")
    )))
}
