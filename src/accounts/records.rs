//! The durable side of sessions, as their owner wants it.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use identite_actors::sessions::{Seen, SessionRecords};

use crate::db;
use crate::db::sessions::{EndReason, SessionDigest, SessionUse};

/// The table of signed-in sessions. Keys are hexadecimal SHA-256 digests of session identifiers.
pub struct SessionTable {
    pub pool: db::Pool,
    /// A session without a request for this long ends.
    pub idle: TimeDelta,
}

#[async_trait]
impl SessionRecords for SessionTable {
    type Reason = EndReason;
    type Error = db::Error;

    async fn end(&self, key: &str, reason: EndReason, at: DateTime<Utc>) -> Result<(), db::Error> {
        let Some(id) = digest(key) else {
            return Ok(());
        };
        let client = self.pool.get().await?;
        db::sessions::end(&client, &id, reason, at).await?;
        Ok(())
    }

    async fn seen(&self, batch: &[Seen]) -> Result<(), db::Error> {
        let uses: Vec<SessionUse> = batch
            .iter()
            .filter_map(|seen| {
                Some(SessionUse {
                    id: digest(&seen.key)?,
                    at: seen.at,
                    expires_at: seen.at + self.idle,
                })
            })
            .collect();
        let client = self.pool.get().await?;
        db::sessions::seen(&client, &uses).await
    }
}

fn digest(key: &str) -> Option<SessionDigest> {
    hex::decode(key).ok()?.try_into().ok()
}
