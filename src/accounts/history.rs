//! What happened to an account.

use chrono::{DateTime, Utc};

use super::{Accounts, AccountsError};
use crate::db;
use crate::domain::{Amr, SecurityEvent, UserId};

/// How many events are shown at once.
const PAGE_LENGTH: i64 = 50;

/// Something that happened, as the owner of the account sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// To read on from here.
    pub id: i64,
    pub event: SecurityEvent,
    pub occurred_at: DateTime<Utc>,
    pub user_agent: Option<String>,
    pub ip_address: Option<String>,
    /// Of a sign-in.
    pub method: Option<Amr>,
}

impl Accounts {
    /// The latest events of `user` before the event `before`, the latest first, and whether there may be more.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn history(
        &self,
        user: UserId,
        before: Option<i64>,
    ) -> Result<(Vec<HistoryEntry>, bool), AccountsError> {
        let client = self.services.pool.get().await?;
        let rows = db::events::of_user(&client, user, before, PAGE_LENGTH).await?;
        let has_more = i64::try_from(rows.len()).is_ok_and(|length| length == PAGE_LENGTH);
        let entries = rows.into_iter().filter_map(|row| {
            Some(HistoryEntry {
                id: row.id,
                // A kind that a later version of us wrote is left out.
                event: row.kind.parse().ok()?,
                occurred_at: row.occurred_at,
                user_agent: row.user_agent,
                ip_address: row.ip_address,
                method: row.method.and_then(|method| method.parse().ok()),
            })
        });
        Ok((entries.collect(), has_more))
    }
}
