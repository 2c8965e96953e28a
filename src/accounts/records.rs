//! The durable side of sessions, as their owner wants it.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use identite_actors::sessions::{Seen, SessionRecords};

use crate::db;
use crate::db::sessions::{EndReason, SessionDigest, SessionRow, SessionUse};
use crate::domain::UserId;

/// The table of signed-in sessions. Keys are hexadecimal SHA-256 digests of session identifiers.
pub struct SessionTable {
    pub pool: db::Pool,
    /// A session without a request for this long ends.
    pub idle: TimeDelta,
}

#[async_trait]
impl SessionRecords for SessionTable {
    type UserId = UserId;
    type Record = SessionRow;
    type Reason = EndReason;
    type Error = db::Error;

    async fn end(&self, keys: &[String], reason: EndReason, at: DateTime<Utc>) -> Result<(), db::Error> {
        let client = self.pool.get().await?;
        let digests: Vec<SessionDigest> = keys.iter().filter_map(|key| digest(key)).collect();
        db::sessions::end_each(&client, &digests, reason, at).await?;
        Ok(())
    }

    async fn end_all_of_user(
        &self,
        user: UserId,
        except: Option<&str>,
        reason: EndReason,
        at: DateTime<Utc>,
    ) -> Result<Vec<String>, db::Error> {
        let except = except.and_then(digest);
        let client = self.pool.get().await?;
        let ended = db::sessions::end_all_of_user(&client, user, except.as_ref(), reason, at).await?;
        Ok(ended.into_iter().map(hex::encode).collect())
    }

    async fn alive_of_user(&self, user: UserId, at: DateTime<Utc>) -> Result<Vec<SessionRow>, db::Error> {
        let client = self.pool.get().await?;
        db::sessions::alive_of_user(&client, user, at).await
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
