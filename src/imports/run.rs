//! The run of an import: portions read, looked up, settled, noted.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use csv::StringRecord;
use identite_actors::clock::SharedClock;
use serde_json::json;
use tokio::sync::watch;

use super::accounts::Accounts;
use super::coop_accounts::CoopAccounts;
use super::domains::Domains;
use super::format::{self, Format, Found, MALFORMED, Organizations, Record};
use super::lookups::{Establishments, Finding, Lookups};
use super::output::Output;
use super::report::{Report, Tallied, Tally};
use super::source::{Source, fingerprint};
use crate::db::advisory_lock::AdvisoryLock;
use crate::db::imports::Position;
use crate::db::{self, Client, Pool, audit, organization_info};
use crate::domain::email_domain::FreeMailRules;
use crate::domain::{OrganizationId, Siret, organization::OrganizationInfo};

/// Records settled in one transaction.
const PORTION: usize = 500;

/// Why an import ended before the end of the file. What was settled before stays settled.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The input or the output.
    #[error("{}: {error}", .path.display())]
    File { path: PathBuf, error: std::io::Error },
    #[error("{}: the file cannot be read: {problem}", .path.display())]
    Unreadable { path: PathBuf, problem: String },
    #[error("{}: the header lacks: {missing}", .path.display())]
    Header { path: PathBuf, missing: String },
    #[error("another import of this kind is running")]
    Locked,
    #[error(
        "this file was imported in part, and {0}, which tells of that part, is gone or cut: put it back, or begin again with --restart"
    )]
    OutputLost(String),
    #[error("the register of establishments gives no answer ({0}); the same command goes on later")]
    RegisterAway(String),
    #[error(transparent)]
    Database(#[from] db::Error),
}

impl ImportError {
    /// What went wrong with the file at `path`.
    pub(super) fn in_file(path: &Path, error: std::io::Error) -> Self {
        Self::File {
            path: path.to_owned(),
            error,
        }
    }
}

/// What kind of file it is.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Inclusion Connect: `last_name, first_name, email, sub, siret`.
    Accounts,
    /// Médiation numérique, separated by semicolons.
    CoopAccounts,
    /// `domain, sirets`.
    Domains(FreeMailRules),
}

/// What to import, and how.
#[derive(Debug, Clone)]
pub struct Job {
    pub kind: Kind,
    pub input: PathBuf,
    pub output: PathBuf,
    /// Nothing is written to the database; the output is, and tells what would happen.
    pub dry_run: bool,
    /// An interrupted import of the same file is forgotten rather than gone on with.
    pub restart: bool,
    /// Look-ups per second in the register, at most.
    pub rate: u32,
    /// An establishment that was fetched within this time is not looked up again.
    pub freshness: TimeDelta,
    /// Who imports, for the trail.
    pub operator: String,
}

/// Somebody who watches.
pub trait Progress {
    /// The run begins: bytes of the file, and how many of them an interrupted run has settled.
    fn begin(&self, bytes: u64, settled: u64);
    /// So many bytes and records are settled now.
    fn advance(&self, bytes: u64, records: u64);
}

/// Runs imports.
pub struct Importer<'a> {
    pub pool: Pool,
    pub clock: SharedClock,
    pub register: &'a dyn Establishments,
    /// Becomes true to end the run after the portion in progress.
    pub stop: watch::Receiver<bool>,
}

impl Importer<'_> {
    /// Imports a file, or goes on with it.
    ///
    /// # Errors
    /// When the file or the database cannot be read or written, or the register stays away: the same job goes on later.
    pub async fn run(&self, job: &Job, progress: &dyn Progress) -> Result<Report, ImportError> {
        match job.kind {
            Kind::Accounts => self.run_format(&Accounts, job, progress).await,
            Kind::CoopAccounts => self.run_format(&CoopAccounts, job, progress).await,
            Kind::Domains(rules) => self.run_format(&Domains { rules }, job, progress).await,
        }
    }

    async fn run_format<F: Format>(
        &self,
        format: &F,
        job: &Job,
        progress: &dyn Progress,
    ) -> Result<Report, ImportError> {
        let started = Instant::now();
        let (fingerprint, bytes) =
            fingerprint(&job.input).map_err(|error| ImportError::in_file(&job.input, error))?;
        let mut source = Source::open(&job.input, F::DELIMITER, F::COLUMNS)?;
        let mut lock = db::imports::lock(&self.pool, F::KIND)
            .await?
            .ok_or(ImportError::Locked)?;
        let now = self.clock.now();
        if job.restart && !job.dry_run {
            db::imports::forget(lock.client(), F::KIND, &fingerprint).await?;
        }
        let unfinished = if job.dry_run || job.restart {
            None
        } else {
            db::imports::find_unfinished(lock.client(), F::KIND, &fingerprint).await?
        };
        let mut tally = Tally::default();
        let (import, mut records, mut output) = if let Some((id, position)) = unfinished {
            source.resume(position.byte, position.line)?;
            let counts: Tallied = serde_json::from_value(position.counts).unwrap_or_default();
            tally.counts = counts;
            let output = Output::resume(&job.output, F::DELIMITER, position.output_length)?;
            (Some(id), position.records, output)
        } else {
            let output = Output::begin(&job.output, F::DELIMITER, F::OUTPUT)?;
            let (byte, line) = source.position();
            let position = Position {
                records: 0,
                byte,
                line,
                output_length: output.length(),
                counts: json!({}),
            };
            let id = if job.dry_run {
                None
            } else {
                Some(begin::<F>(&mut lock, job, &fingerprint, &position, now).await?)
            };
            (id, 0, output)
        };
        let resumed_after = records;
        progress.begin(bytes, source.position().0);

        let mut lookups = Lookups::new(self.register, job.rate);
        let mut is_over = false;
        while !is_over && !*self.stop.borrow() {
            let portion = read_portion(format, &mut source, &mut tally)?;
            is_over = portion.is_last;
            records += portion.read;
            let fresh_since = self.clock.now() - job.freshness;
            let known = self
                .known(&mut lookups, lock.client(), format, &portion.records, fresh_since)
                .await?;

            let now = self.clock.now();
            let transaction = lock.transaction().await?;
            let organizations = bring_establishments(&transaction, known, now).await?;
            let mut lines = portion.rejected;
            lines.extend(
                format
                    .settle(&transaction, &portion.records, &organizations, &mut tally, now)
                    .await?,
            );
            output.append(&lines)?;
            let (byte, line) = source.position();
            if let Some(id) = import {
                let position = Position {
                    records,
                    byte,
                    line,
                    output_length: output.length(),
                    counts: json!(tally.counts),
                };
                db::imports::note(&transaction, id, &position, is_over, now).await?;
                if is_over {
                    record_end::<F>(&transaction, job, &fingerprint, &tally, now).await?;
                }
                transaction.commit().await.map_err(db::Error::from)?;
            } else {
                transaction.rollback().await.map_err(db::Error::from)?;
            }
            progress.advance(byte, records);
        }
        Ok(Report {
            kind: F::KIND,
            dry_run: job.dry_run,
            finished: is_over,
            source: fingerprint,
            resumed_after,
            records,
            counts: tally.counts.0,
            errors: tally.errors,
            errors_not_listed: tally.errors_not_listed,
            seconds: started.elapsed().as_secs_f64(),
        })
    }

    /// What is known of the establishments of a portion: from the database if that is fresh, else from the register.
    async fn known<F: Format>(
        &self,
        lookups: &mut Lookups<'_>,
        client: &Client,
        format: &F,
        records: &[Record<F::Row>],
        fresh_since: DateTime<Utc>,
    ) -> Result<Known, ImportError> {
        let named: BTreeSet<&str> = records
            .iter()
            .flat_map(|record| format.sirets(&record.row))
            .map(Siret::as_str)
            .collect();
        let named: Vec<&str> = named.into_iter().collect();
        let fresh = db::imports::fresh_organizations(client, &named, fresh_since).await?;
        let missing = named
            .iter()
            .filter(|siret| !fresh.contains_key(**siret))
            .filter_map(|siret| siret.parse().ok())
            .collect();
        let found = lookups.all(missing).await?;
        Ok(Known { fresh, found })
    }
}

/// What is known of the establishments of a portion.
struct Known {
    /// Identifier and whether it is open, by SIRET.
    fresh: HashMap<String, (OrganizationId, bool)>,
    found: HashMap<Siret, Option<Finding>>,
}

/// Writes the establishments that were looked up, and gives what each turned out to be.
async fn bring_establishments(
    transaction: &db::Transaction<'_>,
    known: Known,
    now: DateTime<Utc>,
) -> Result<Organizations, db::Error> {
    let infos: Vec<&OrganizationInfo> = known
        .found
        .values()
        .filter_map(|finding| match finding {
            Some(Finding::Found(info)) => Some(info.as_ref()),
            _ => None,
        })
        .collect();
    let written = organization_info::upsert_all(transaction, &infos, now, now).await?;
    let mut organizations = Organizations::default();
    let of_row = |(OrganizationId(id), is_open)| if is_open { Found::Open(id) } else { Found::Closed };
    for (siret, row) in known.fresh {
        if let Ok(siret) = siret.parse() {
            organizations.0.insert(siret, of_row(row));
        }
    }
    for (siret, finding) in known.found {
        let found = match finding {
            None => Found::Unanswered,
            Some(Finding::Unknown) => Found::Unknown,
            Some(Finding::Found(_)) => written
                .get(siret.as_str())
                .copied()
                .map_or(Found::Unanswered, of_row),
        };
        organizations.0.insert(siret, found);
    }
    Ok(organizations)
}

/// Records read one after the other.
struct Portion<R> {
    records: Vec<Record<R>>,
    /// Lines of the output for those that were rejected at once.
    rejected: Vec<Vec<String>>,
    read: u64,
    is_last: bool,
}

fn read_portion<F: Format>(
    format: &F,
    source: &mut Source,
    tally: &mut Tally,
) -> Result<Portion<F::Row>, ImportError> {
    let mut portion = Portion {
        records: Vec::with_capacity(PORTION),
        rejected: Vec::new(),
        read: 0,
        is_last: false,
    };
    while portion.read < PORTION as u64 {
        let Some(line) = source.next()? else {
            portion.is_last = true;
            break;
        };
        portion.read += 1;
        let Some(fields) = line.fields else {
            format::reject(tally, line.number, MALFORMED, None);
            let nothing: StringRecord = F::COLUMNS.iter().map(|_| "").collect();
            portion.rejected.extend(format.rejected(&nothing, MALFORMED));
            continue;
        };
        match format.read(&fields) {
            Ok(row) => portion.records.push(Record {
                line: line.number,
                fields,
                row,
            }),
            Err((reason, column)) => {
                portion.rejected.extend(format.rejected(&fields, reason));
                format::reject(tally, line.number, reason, column);
            }
        }
    }
    Ok(portion)
}

/// Notes the beginning, in one transaction with its entry in the trail.
async fn begin<F: Format>(
    lock: &mut AdvisoryLock,
    job: &Job,
    source: &str,
    position: &Position,
    now: DateTime<Utc>,
) -> Result<i64, ImportError> {
    let transaction = lock.transaction().await?;
    let id = db::imports::begin(&transaction, F::KIND, source, position, now).await?;
    let action = format!("import.{}", F::KIND);
    let entry = audit::NewEntry {
        actor: &job.operator,
        action: &action,
        subject: Some(("file", source)),
        detail: json!({ "step": "began" }),
    };
    audit::record(&transaction, &entry, now).await?;
    transaction.commit().await.map_err(db::Error::from)?;
    Ok(id)
}

async fn record_end<F: Format>(
    transaction: &db::Transaction<'_>,
    job: &Job,
    source: &str,
    tally: &Tally,
    now: DateTime<Utc>,
) -> Result<(), db::Error> {
    let action = format!("import.{}", F::KIND);
    let entry = audit::NewEntry {
        actor: &job.operator,
        action: &action,
        subject: Some(("file", source)),
        detail: json!({ "step": "finished", "counts": tally.counts }),
    };
    audit::record(transaction, &entry, now).await
}
