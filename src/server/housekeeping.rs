//! What is deleted when its time is over: the history of accounts, sessions that ended, mails that were delivered. Every node
//! looks now and then; rows that another one is deleting are passed over.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use identite_actors::clock::SharedClock;

use crate::config::HousekeepingConfig;
use crate::db::{self, Pool};

/// Sessions stay on record this long after their end, for whoever asks what happened.
const SESSIONS_KEPT: TimeDelta = TimeDelta::days(30);
/// Delivered mails, whose content is gone already.
const DELIVERED_MAILS_KEPT: TimeDelta = TimeDelta::days(7);
/// Rows that one statement deletes: none holds locks for long.
const BATCH: i64 = 1_000;
/// Statements of one round and table; what is left waits for the next round.
const BATCHES_PER_ROUND: usize = 100;

/// Deletes what is over, round after round. Ends with its task.
pub(super) async fn keep_house(pool: Pool, clock: SharedClock, settings: HousekeepingConfig) {
    loop {
        tokio::time::sleep(settings.every).await;
        if let Err(error) = round(&pool, clock.now(), settings.history_kept).await {
            tracing::warn!(%error, "what is over was not deleted; the next round tries again");
        }
    }
}

async fn round(pool: &Pool, now: DateTime<Utc>, history_kept: Duration) -> Result<(), db::Error> {
    let client = pool.get().await?;
    let history_kept = TimeDelta::from_std(history_kept).unwrap_or(TimeDelta::days(365));
    let mut deleted = 0;
    for _ in 0..BATCHES_PER_ROUND {
        let events = db::events::purge(&client, now - history_kept, BATCH).await?;
        let sessions = db::sessions::purge(&client, now - SESSIONS_KEPT, BATCH).await?;
        let mails = db::outbox::purge(&client, now - DELIVERED_MAILS_KEPT, BATCH).await?;
        deleted += events + sessions + mails;
        if events + sessions + mails == 0 {
            break;
        }
    }
    if deleted > 0 {
        tracing::info!(rows = deleted, "what is over was deleted");
    }
    Ok(())
}
