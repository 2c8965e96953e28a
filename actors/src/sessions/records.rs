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
    type UserId: Copy + Send + Sync + 'static;
    /// What "where am I signed in" shows of one session.
    type Record: Send + 'static;
    /// Why a session ended.
    type Reason: Copy + Send + Sync + 'static;
    type Error: std::error::Error + Send + Sync + 'static;

    /// Ends these sessions. Those that have ended, or never were, are passed over.
    async fn end(&self, keys: &[String], reason: Self::Reason, at: DateTime<Utc>) -> Result<(), Self::Error>;

    /// Ends every live session of `user` but `except`. Gives the keys of those that it ended.
    async fn end_all_of_user(
        &self,
        user: Self::UserId,
        except: Option<&str>,
        reason: Self::Reason,
        at: DateTime<Utc>,
    ) -> Result<Vec<String>, Self::Error>;

    /// The live sessions of `user`.
    async fn alive_of_user(
        &self,
        user: Self::UserId,
        at: DateTime<Utc>,
    ) -> Result<Vec<Self::Record>, Self::Error>;

    /// Records uses, of different sessions. Sessions that have ended are passed over.
    async fn seen(&self, batch: &[Seen]) -> Result<(), Self::Error>;
}
