//! Accounts and e-mail domains from CSV files, millions of rows if need be.
//!
//! A file is read once, from its beginning to its end, in portions. Each portion is settled in one transaction with the note
//! of how far the file is read: an import that is interrupted, however rudely, goes on where it was, and nothing is
//! brought twice. What is held in memory does not grow with the file. A row that cannot be taken is told, with its line, and
//! stops nothing.

mod accounts;
mod coop_accounts;
mod domains;
mod format;
mod lookups;
mod output;
mod report;
mod run;
mod source;

pub use lookups::{Establishments, Finding, Unreachable};
pub use report::{Counts, Report, RowError};
pub use run::{ImportError, Importer, Job, Kind, Progress};
