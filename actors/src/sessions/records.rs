//! The port to the durable side of sessions.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

/// A use of a signed-in session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub key: String,
    pub at: DateTime<Utc>,
}

/// What signed-in sessions are: the authority, usually a database table. Keys are those of [`super::Sessions`].
/// Every method has a deadline of its own; when it gives `Ok`, the change is committed.
#[async_trait]
pub trait SessionRecords: Send + Sync + 'static {
    /// Why a session ended.
    type Reason: Copy + Send + Sync + 'static;
    type Error: std::error::Error + Send + Sync + 'static;

    /// Ends a session. One that has ended, or never was, is passed over.
    async fn end(&self, key: &str, reason: Self::Reason, at: DateTime<Utc>) -> Result<(), Self::Error>;

    /// Records uses, of different sessions. Sessions that have ended are passed over.
    async fn seen(&self, batch: &[Seen]) -> Result<(), Self::Error>;
}
