//! What an import came to, for people and for programs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Errors that a report lists one by one; the rest is counted.
const LISTED_ERRORS: usize = 1_000;

/// Numbers by outcome, as `success` or `rejected_invalid_siret`.
pub type Counts = BTreeMap<String, u64>;

/// A record that was not taken, or not in full. Values are left out: they are personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowError {
    /// Line of the file at which the record begins, from 1.
    pub line: u64,
    /// The reason, one of the names that are counted.
    pub reason: &'static str,
    /// The column that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<&'static str>,
}

/// The outcome of an import.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// `accounts`, `coop-accounts` or `domains`.
    pub kind: &'static str,
    /// Whether nothing was to be written.
    pub dry_run: bool,
    /// Whether the file was read to its end; otherwise the same command goes on.
    pub finished: bool,
    /// SHA-256 of the file.
    pub source: String,
    /// Records that an interrupted run had settled before this one.
    pub resumed_after: u64,
    /// Records settled in all, those of interrupted runs included.
    pub records: u64,
    /// Outcomes of records in all, those of interrupted runs included.
    pub counts: Counts,
    /// Records of this run that were not taken, the first thousand.
    pub errors: Vec<RowError>,
    /// Errors of this run that are not listed.
    pub errors_not_listed: u64,
    /// Duration of this run.
    pub seconds: f64,
}

impl Report {
    /// Whether every record was taken in full.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.counts
            .keys()
            .all(|outcome| !outcome.starts_with("rejected") && outcome != "unexpected_error")
    }
}

/// Outcomes as they come in.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub counts: Tallied,
    pub errors: Vec<RowError>,
    pub errors_not_listed: u64,
}

/// The part of a tally that is noted with the progress.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Tallied(pub Counts);

impl Tally {
    pub fn count(&mut self, outcome: &str) {
        self.add(outcome, 1);
    }

    pub fn add(&mut self, outcome: &str, number: u64) {
        if number > 0 {
            *self.counts.0.entry(outcome.to_owned()).or_default() += number;
        }
    }

    /// Tells an error; it is counted by [`Tally::count`].
    pub fn tell(&mut self, error: RowError) {
        if self.errors.len() < LISTED_ERRORS {
            self.errors.push(error);
        } else {
            self.errors_not_listed += 1;
        }
    }
}
