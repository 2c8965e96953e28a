//! What can go wrong while measuring. Whatever is not the expected answer is a failure and is counted as one: a fast wrong
//! answer must not look like speed.

use std::io;

/// A failure of an operation, or of the measurement as a whole.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("connection failed: {0}")]
    Connection(#[from] io::Error),
    #[error("the server closed the connection before it answered")]
    ClosedEarly,
    #[error("no complete answer within {0} s")]
    Deadline(u64),
    #[error("malformed answer: {0}")]
    Malformed(&'static str),
    #[error("{step}: expected {expected}, got {got}")]
    Unexpected {
        step: &'static str,
        expected: &'static str,
        got: String,
    },
    #[error("database: {0}")]
    Postgres(#[from] tokio_postgres::Error),
    #[error("redis: {0}")]
    Redis(&'static str),
    #[error("{0}")]
    Setup(String),
}

impl LoadError {
    /// The same for all failures of one kind, to count them by.
    pub fn label(&self) -> String {
        let mut label = self.to_string();
        label.truncate(label.floor_char_boundary(160));
        label
    }
}
