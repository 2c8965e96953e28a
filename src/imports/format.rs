//! What distinguishes one import from another.

use std::collections::HashMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use csv::StringRecord;

use super::report::{RowError, Tally};
use crate::db::{self, Transaction};
use crate::domain::Siret;

/// The outcome of a record that cannot be read as CSV, or has another number of fields than the header.
pub(super) const MALFORMED: &str = "rejected_malformed";
pub(super) const INVALID_EMAIL: &str = "rejected_invalid_email_address";
pub(super) const INVALID_NAMES: &str = "rejected_invalid_names";
pub(super) const INVALID_SIRET: &str = "rejected_invalid_siret";
/// The outcome of what the register gave no answer about.
pub(super) const UNEXPECTED_ERROR: &str = "unexpected_error";

/// What a SIRET turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Open; the identifier of its row.
    Open(i32),
    /// Closed; it has a row, too.
    Closed,
    /// The register does not know it.
    Unknown,
    /// The register gave no answer.
    Unanswered,
}

/// The establishments of a portion of rows.
#[derive(Debug, Default)]
pub(super) struct Organizations(pub HashMap<Siret, Found>);

impl Organizations {
    pub fn get(&self, siret: &Siret) -> Found {
        self.0.get(siret).copied().unwrap_or(Found::Unanswered)
    }
}

/// A record on its way: where it begins, its fields, and what was read from them.
pub(super) struct Record<R> {
    pub line: u64,
    pub fields: StringRecord,
    pub row: R,
}

/// Why a record is rejected before anything is looked up: the outcome that is counted, and the column.
pub(super) type Rejection = (&'static str, Option<&'static str>);

/// One kind of file.
#[async_trait]
pub(super) trait Format: Send + Sync {
    /// Names this import: in reports, in the trail, in the note of its progress.
    const KIND: &'static str;
    const DELIMITER: u8;
    /// The columns that are read, by name.
    const COLUMNS: &'static [&'static str];
    /// The header of the output.
    const OUTPUT: &'static [&'static str];

    /// What is read from a record.
    type Row: Send + Sync;

    /// Reads the fields, in the order of [`Format::COLUMNS`].
    ///
    /// # Errors
    /// When the record cannot be taken, whatever else is known.
    fn read(&self, fields: &StringRecord) -> Result<Self::Row, Rejection>;

    /// The line of the output that tells of a record rejected by [`Format::read`]; `None` when the output has none.
    fn rejected(&self, fields: &StringRecord, reason: &str) -> Option<Vec<String>>;

    /// The establishments that a row names.
    fn sirets<'r>(&self, row: &'r Self::Row) -> &'r [Siret];

    /// Brings the rows in, in as many statements as there are tables. Tallies the outcome of each, and gives the lines of
    /// the output.
    async fn settle(
        &self,
        transaction: &Transaction<'_>,
        records: &[Record<Self::Row>],
        organizations: &Organizations,
        tally: &mut Tally,
        now: DateTime<Utc>,
    ) -> Result<Vec<Vec<String>>, db::Error>;
}

/// Tallies a record that was not taken.
pub(super) fn reject(tally: &mut Tally, line: u64, reason: &'static str, column: Option<&'static str>) {
    tally.count(reason);
    tally.tell(RowError { line, reason, column });
}

/// The fields of a record as texts.
pub(super) fn texts(fields: &StringRecord) -> Vec<String> {
    fields.iter().map(str::to_owned).collect()
}
