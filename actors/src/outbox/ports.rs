//! What the outbox needs from the outside: where items wait, and who carries them.

use std::error::Error;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

/// One thing that waits to leave.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    pub id: i64,
    /// Tells the carrier what the payload is, e.g. `mail`.
    pub kind: String,
    pub payload: serde_json::Value,
    /// Attempts so far, the one that begins included.
    pub attempts: u32,
    pub created_at: DateTime<Utc>,
}

/// What is claimed, by whom, for how long.
#[derive(Debug, Clone)]
pub struct Claim<'a> {
    pub worker: &'a str,
    /// At most this many items.
    pub limit: usize,
    pub now: DateTime<Utc>,
    /// Until then no other worker may claim them.
    pub lease_until: DateTime<Utc>,
}

/// The state of the outbox, over all nodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Items neither delivered nor dead.
    pub waiting: u64,
    /// Creation of the oldest of them.
    pub oldest_waiting_since: Option<DateTime<Utc>>,
    /// Dead letters that are kept.
    pub dead: u64,
}

pub type StoreError = Box<dyn Error + Send + Sync>;

/// Where items wait, usually a database table. Every method is one transaction with a deadline of its own.
#[async_trait]
pub trait OutboxStore: Send + Sync + 'static {
    /// Claims the items that are due first: neither delivered nor dead, `next_attempt_at` reached, and not under a lease.
    /// Counts the attempt that begins. Two workers never get the same item at the same time (`SKIP LOCKED`).
    async fn claim(&self, claim: Claim<'_>) -> Result<Vec<Item>, StoreError>;

    /// It was accepted by its carrier; recorded whoever holds the lease now.
    async fn delivered(&self, id: i64, at: DateTime<Utc>) -> Result<(), StoreError>;

    /// Ends the lease of `worker`; the next attempt begins at the given instant. Nothing when the lease is not its own.
    async fn retry(
        &self,
        id: i64,
        worker: &str,
        next_attempt_at: DateTime<Utc>,
        error: &str,
    ) -> Result<(), StoreError>;

    /// Ends the lease of `worker`; the item is never attempted again. Nothing when the lease is not its own.
    async fn dead(&self, id: i64, worker: &str, at: DateTime<Utc>, error: &str) -> Result<(), StoreError>;

    async fn backlog(&self) -> Result<Backlog, StoreError>;
}

/// Why an item was not accepted. The texts are stored and shown to operators: they hold no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// Worth another attempt: no connection, a temporary refusal.
    #[error("{0}")]
    Transient(String),
    /// Never worth another attempt: an address that does not exist, a payload that cannot be read.
    #[error("{0}")]
    Permanent(String),
}

/// Who brings items to where they go.
#[async_trait]
pub trait Carrier: Send + Sync + 'static {
    /// Delivers one item. `Ok` means that the other side has taken responsibility for it.
    async fn deliver(&self, item: &Item) -> Result<(), DeliveryError>;
}
