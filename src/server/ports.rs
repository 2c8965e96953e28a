//! Adapters between the actors' ports and the database.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use identite_actors::clock::SharedClock;
use identite_actors::outbox::{Backlog, Claim, Item, OutboxStore};

use crate::db::{self, Pool};

type StoreError = Box<dyn std::error::Error + Send + Sync>;

/// The outbox table, as the outbox actor wants it.
pub(super) struct OutboxTable {
    pub(super) pool: Pool,
    pub(super) clock: SharedClock,
}

#[async_trait]
impl OutboxStore for OutboxTable {
    async fn claim(&self, claim: Claim<'_>) -> Result<Vec<Item>, StoreError> {
        let client = self.pool.get().await?;
        let limit = i64::try_from(claim.limit).unwrap_or(i64::MAX);
        let rows = db::outbox::claim(&client, claim.worker, claim.now, claim.lease_until, limit).await?;
        let item = |row: db::outbox::OutboxRow| Item {
            id: row.id,
            kind: row.kind,
            payload: row.payload,
            attempts: u32::try_from(row.attempts).unwrap_or_default(),
            created_at: row.created_at,
        };
        Ok(rows.into_iter().map(item).collect())
    }

    /// Of what was delivered nothing remains but the row: neither address nor content.
    async fn delivered(&self, id: i64, at: DateTime<Utc>) -> Result<(), StoreError> {
        let client = self.pool.get().await?;
        db::outbox::delivered(&client, id, at).await?;
        Ok(())
    }

    async fn retry(
        &self,
        id: i64,
        worker: &str,
        next_attempt_at: DateTime<Utc>,
        error: &str,
    ) -> Result<(), StoreError> {
        let client = self.pool.get().await?;
        db::outbox::retry(&client, id, worker, next_attempt_at, error).await?;
        Ok(())
    }

    async fn dead(&self, id: i64, worker: &str, at: DateTime<Utc>, error: &str) -> Result<(), StoreError> {
        let client = self.pool.get().await?;
        db::outbox::dead(&client, id, worker, at, error).await?;
        Ok(())
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        let client = self.pool.get().await?;
        let counts = db::outbox::counts(&client, self.clock.now()).await?;
        Ok(Backlog {
            waiting: u64::try_from(counts.waiting).unwrap_or_default(),
            oldest_waiting_since: counts.oldest_waiting_since,
            dead: u64::try_from(counts.dead).unwrap_or_default(),
        })
    }
}
