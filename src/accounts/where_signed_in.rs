//! Where an account is open, and closing it there.

use chrono::{DateTime, Utc};

use super::{Accounts, AccountsError};
use crate::db;
use crate::db::sessions::EndReason;
use crate::domain::Device;
use crate::domain::{Amr, SecurityEvent, UserId};

/// A session as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSession {
    /// Public name.
    pub uid: String,
    pub user_agent: Option<String>,
    pub ip_address: Option<String>,
    pub signed_in_at: DateTime<Utc>,
    pub last_seen_at: DateTime<Utc>,
    /// How the person signed in, in the order of use.
    pub methods: Vec<Amr>,
}

impl Accounts {
    /// The sessions of `user` that are alive, the one used last first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn open_sessions(&self, user: UserId) -> Result<Vec<OpenSession>, AccountsError> {
        let client = self.services.pool.get().await?;
        let rows = db::sessions::alive_of_user(&client, user, self.services.clock.now()).await?;
        let sessions = rows.into_iter().map(|row| OpenSession {
            uid: row.uid,
            user_agent: row.user_agent,
            ip_address: row.ip_address,
            signed_in_at: row.signed_in_at,
            last_seen_at: row.last_seen_at,
            methods: row.amr,
        });
        Ok(sessions.collect())
    }

    /// Ends the session of `user` named `uid`. Gives `false` when it is none of theirs or has ended.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn end_session(&self, user: UserId, uid: &str, device: &Device) -> Result<bool, AccountsError> {
        let now = self.services.clock.now();
        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        let alive = db::sessions::alive_of_user(&transaction, user, now).await?;
        let Some(session) = alive.iter().find(|session| session.uid == uid) else {
            return Ok(false);
        };
        if !db::sessions::end(&transaction, &session.id, EndReason::Elsewhere, now).await? {
            return Ok(false);
        }
        let event = device.event(user, SecurityEvent::SessionEndedElsewhere);
        db::events::record(&transaction, &event, now).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Ends every session of `user` but `kept`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn end_other_sessions(
        &self,
        user: UserId,
        kept: Option<[u8; 32]>,
        device: &Device,
    ) -> Result<(), AccountsError> {
        let now = self.services.clock.now();
        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        let reason = EndReason::Elsewhere;
        let ended = db::sessions::end_all_of_user(&transaction, user, kept.as_ref(), reason, now).await?;
        if !ended.is_empty() {
            let event = device.event(user, SecurityEvent::OtherSessionsEnded);
            db::events::record(&transaction, &event, now).await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}
