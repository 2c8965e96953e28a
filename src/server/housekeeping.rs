//! What the house throws away, and when: the chores of the housekeeping actor over the tables.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use identite_actors::clock::SharedClock;
use identite_actors::housekeeping::{Batch, ChoreError, Chores, Housekeeping, HousekeepingSettings, Round};
use identite_actors::instrumentation::Instruments;
use tokio::runtime::Handle;

use super::ServeError;
use super::house::delta;
use crate::config::{Config, HousekeepingConfig};
use crate::db::{self, Pool};

const SESSIONS: &str = "sessions";
const PENDING_PASSWORDS: &str = "pending_passwords";
const TOTP_ENROLMENTS: &str = "totp_enrolments";
const EVENTS: &str = "events";
const BROWSERS: &str = "browsers";
const DELIVERED_MAILS: &str = "delivered_mails";
const DEAD_LETTERS: &str = "dead_letters";
const IMPORTS: &str = "imports";
const AUDIT: &str = "audit";
const CONNECTION_ADDRESSES: &str = "connection_addresses";

/// Starts the actor over the tables of `pool`.
pub(super) fn start(
    config: &Config,
    pool: &Pool,
    clock: &SharedClock,
    instruments: &Instruments,
    io: &Handle,
) -> Result<Housekeeping, ServeError> {
    let tables = Tables {
        // One connection besides those of the other actors, opened for a round and closed after it.
        pool: pool.for_worker(1, io),
        clock: clock.clone(),
        config: config.housekeeping.clone(),
    };
    let settings = HousekeepingSettings {
        every: config.housekeeping.interval,
        ..HousekeepingSettings::default()
    };
    Ok(Housekeeping::start(
        Arc::new(tables),
        clock.clone(),
        instruments,
        settings,
        io.clone(),
    )?)
}

struct Tables {
    pool: Pool,
    clock: SharedClock,
    config: HousekeepingConfig,
}

#[async_trait]
impl Chores for Tables {
    fn names(&self) -> Vec<&'static str> {
        let mut names = vec![
            PENDING_PASSWORDS,
            TOTP_ENROLMENTS,
            SESSIONS,
            EVENTS,
            BROWSERS,
            DELIVERED_MAILS,
            DEAD_LETTERS,
            IMPORTS,
            AUDIT,
        ];
        if self.config.connection_addresses.is_some() {
            names.push(CONNECTION_ADDRESSES);
        }
        names
    }

    async fn begin(&self) -> Result<Option<Box<dyn Round>>, ChoreError> {
        let lock = db::housekeeping::lock(&self.pool).await?;
        Ok(lock.map(|lock| -> Box<dyn Round> {
            Box::new(TablesRound {
                lock,
                now: self.clock.now(),
                config: self.config.clone(),
            })
        }))
    }
}

/// A round of the node that holds the lock.
struct TablesRound {
    lock: db::advisory_lock::AdvisoryLock,
    now: DateTime<Utc>,
    config: HousekeepingConfig,
}

#[async_trait]
impl Round for TablesRound {
    async fn batch(&mut self, chore: &'static str) -> Result<Batch, ChoreError> {
        let (client, config, now) = (self.lock.client(), &self.config, self.now);
        let limit = config.batch_size;
        let removed = match chore {
            PENDING_PASSWORDS => db::housekeeping::purge_pending_passwords(client, now, limit).await?,
            TOTP_ENROLMENTS => db::housekeeping::purge_totp_enrolments(client, now, limit).await?,
            SESSIONS => db::sessions::purge(client, now - delta(config.sessions), limit).await?,
            EVENTS => db::events::purge(client, now - delta(config.events), limit).await?,
            BROWSERS => db::housekeeping::purge_browsers(client, now - delta(config.browsers), limit).await?,
            DELIVERED_MAILS => db::outbox::purge(client, now - delta(config.delivered_mails), limit).await?,
            DEAD_LETTERS => db::outbox::purge_dead(client, now - delta(config.dead_letters), limit).await?,
            IMPORTS => db::housekeeping::purge_imports(client, now - delta(config.imports), limit).await?,
            AUDIT => db::audit::purge(client, now - delta(config.audit), limit).await?,
            CONNECTION_ADDRESSES => return self.anonymise_connections().await,
            unknown => return Err(format!("no such chore: {unknown}").into()),
        };
        Ok(Batch {
            removed,
            is_last: i64::try_from(removed).is_ok_and(|removed| removed < limit),
        })
    }
}

impl TablesRound {
    async fn anonymise_connections(&self) -> Result<Batch, ChoreError> {
        let Some(retention) = self.config.connection_addresses else {
            return Ok(Batch {
                removed: 0,
                is_last: true,
            });
        };
        let before = self.now - delta(retention);
        let walk =
            db::housekeeping::anonymise_connections(self.lock.client(), before, self.config.batch_size)
                .await?;
        Ok(Batch {
            removed: walk.emptied,
            is_last: !walk.goes_on,
        })
    }
}
