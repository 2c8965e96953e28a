//! `identite audit export`

use std::fs::File;
use std::io::{self, BufWriter, Write, stdout};
use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use clap::{Args, Subcommand, ValueEnum};
use futures::{Stream, TryStreamExt};
use identite_actors::clock::{Clock, SystemClock};
use serde_json::json;

use super::database::pool;
use super::{CommandError, load_config, shared_runtime, streams};
use crate::db;
use crate::db::audit::{self, TrailRow};

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Print who did what to whom when, in the order of time.
    Export(Export),
}

#[derive(Debug, Args)]
pub(super) struct Export {
    /// The first day, or the first instant (RFC 3339), in UTC.
    #[arg(long, value_name = "WHEN", value_parser = instant)]
    since: Option<DateTime<Utc>>,
    /// The day, or the instant (RFC 3339), before which it ends, in UTC; now if absent.
    #[arg(long, value_name = "WHEN", value_parser = instant)]
    until: Option<DateTime<Utc>>,
    /// Whose deeds: of operators, or what happened to accounts.
    #[arg(long, value_enum, default_value_t = Whose::Operators)]
    of: Whose,
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    /// Where to; the standard output if absent.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Whose {
    Operators,
    Accounts,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// A JSON object a line.
    Jsonl,
    Csv,
}

/// A day is its first instant.
fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Ok(instant.to_utc());
    }
    let day: NaiveDate = text
        .parse()
        .map_err(|_| "expected a day, as 2026-11-22, or an instant, as 2026-11-22T10:00:00Z".to_owned())?;
    Ok(day.and_time(chrono::NaiveTime::MIN).and_utc())
}

pub(super) fn run(command: AuditCommand) -> Result<(), CommandError> {
    let AuditCommand::Export(export) = command;
    let config = load_config()?;
    let runtime = shared_runtime()?;
    let pool = pool(&config, runtime.handle())?;
    let since = export.since.unwrap_or(DateTime::UNIX_EPOCH);
    let until = export.until.unwrap_or_else(|| SystemClock.now());
    let destination: Box<dyn Write> = match &export.output {
        Some(path) => {
            let file = File::create(path).map_err(|error| CommandError::in_file(path, error))?;
            Box::new(BufWriter::new(file))
        }
        None => Box::new(BufWriter::new(stdout().lock())),
    };
    let outcome = runtime.block_on(async {
        let client = pool.get().await?;
        db::take_the_time(&client).await?;
        match export.of {
            Whose::Operators => {
                let rows = audit::of_operators(&client, since, until).await?;
                write(rows, export.format, destination).await
            }
            Whose::Accounts => {
                let rows = audit::of_accounts(&client, since, until).await?;
                write(rows, export.format, destination).await
            }
        }
    });
    match (outcome, &export.output) {
        (Err(CommandError::Io(error)), Some(path)) => Err(CommandError::in_file(path, error)),
        (Err(CommandError::Io(error)), None) => streams::settle(Err(error)),
        (outcome, _) => outcome,
    }
}

/// Writes rows as they come: however many there are, few are in memory.
async fn write(
    rows: impl Stream<Item = Result<TrailRow, db::Error>>,
    format: Format,
    mut destination: Box<dyn Write>,
) -> Result<(), CommandError> {
    let mut rows = std::pin::pin!(rows);
    match format {
        Format::Jsonl => {
            while let Some(row) = rows.try_next().await? {
                let line = json!({
                    "at": row.occurred_at.to_rfc3339_opts(SecondsFormat::Millis, true),
                    "actor": row.actor,
                    "action": row.action,
                    "subject": { "kind": row.subject_kind, "id": row.subject_id },
                    "detail": row.detail,
                });
                writeln!(destination, "{line}")?;
            }
        }
        Format::Csv => {
            let mut csv = csv::Writer::from_writer(&mut destination);
            csv.write_record(["at", "actor", "action", "subject_kind", "subject_id", "detail"])
                .map_err(of_csv)?;
            while let Some(row) = rows.try_next().await? {
                csv.write_record([
                    row.occurred_at.to_rfc3339_opts(SecondsFormat::Millis, true),
                    row.actor,
                    row.action,
                    row.subject_kind.unwrap_or_default(),
                    row.subject_id.unwrap_or_default(),
                    row.detail.to_string(),
                ])
                .map_err(of_csv)?;
            }
            csv.flush()?;
        }
    }
    destination.flush()?;
    Ok(())
}

/// The error beneath, which tells whether somebody still reads.
fn of_csv(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        kind => io::Error::other(format!("{kind:?}")),
    }
}
