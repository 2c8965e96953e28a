//! What the operators' page sees of the database, and what it may do there.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::TimeDelta;
use identite_actors::clock::SharedClock;
use identite_actors::outbox::Outbox;
use serde_json::json;
use tokio::sync::Mutex;

use crate::config::LogLevel;
use crate::db::{self, Pool, audit};
use crate::web::operator::{DeadLetter, Figures, Insight, Letters, Minute, OutboxFigures, Statement};

/// Pages that look more often than this, together, are shown the same figures.
const FIGURES_LAST: Duration = Duration::from_secs(4);
/// Who watches the page waits no longer.
const FIGURES_TIMEOUT: Duration = Duration::from_secs(2);
/// Dead letters that are listed.
const LISTED_LETTERS: i64 = 50;
/// How far back sign-ins are told.
const SIGN_INS_SINCE: TimeDelta = TimeDelta::minutes(60);

/// See the module.
pub(super) struct DatabaseInsight {
    pool: Pool,
    clock: SharedClock,
    outbox: Outbox,
    latest: Mutex<Option<(Instant, Figures)>>,
}

impl DatabaseInsight {
    pub(super) fn new(pool: Pool, clock: SharedClock, outbox: Outbox) -> Self {
        Self {
            pool,
            clock,
            outbox,
            latest: Mutex::new(None),
        }
    }

    async fn look(&self) -> Result<Figures, db::Error> {
        let client = self.pool.get().await?;
        let now = self.clock.now();
        let counts = db::outbox::counts(&client, now).await?;
        let letters = db::outbox::dead_letters(&client, LISTED_LETTERS).await?;
        let sign_ins = db::insight::sign_ins(&client, now - SIGN_INS_SINCE).await?;
        let slowest = db::insight::slowest_statements(&client).await?;
        let running = db::insight::running_statements(&client).await?;
        Ok(Figures {
            at: now,
            sessions: db::insight::sessions_alive(&client, now).await?,
            sign_ins: sign_ins
                .into_iter()
                .map(|row| Minute {
                    minute: row.minute,
                    count: row.count,
                })
                .collect(),
            outbox: OutboxFigures {
                waiting: counts.waiting,
                in_delivery: counts.claimed,
                dead: counts.dead,
                oldest_waiting_since: counts.oldest_waiting_since,
            },
            dead_letters: letters.into_iter().map(shown).collect(),
            slowest_statements: slowest.map(|rows| rows.into_iter().map(statement).collect()),
            running_statements: running.into_iter().map(statement).collect(),
        })
    }

    async fn revive(&self, letters: Letters, actor: &str) -> Result<u64, db::Error> {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        let now = self.clock.now();
        let revived = match letters {
            Letters::One(id) => u64::from(db::outbox::revive(&transaction, id, now).await?),
            Letters::All => db::outbox::revive_all(&transaction, now).await?,
        };
        if revived == 0 {
            return Ok(0);
        }
        let id = match letters {
            Letters::One(id) => id.to_string(),
            Letters::All => "all".to_owned(),
        };
        let entry = audit::NewEntry {
            actor,
            action: "outbox.retry",
            subject: Some(("mail", &id)),
            detail: json!({ "revived": revived }),
        };
        audit::record(&transaction, &entry, now).await?;
        transaction.commit().await?;
        self.outbox.poke();
        Ok(revived)
    }
}

#[async_trait]
impl Insight for DatabaseInsight {
    async fn figures(&self) -> Result<Figures, String> {
        let figures = async {
            let mut latest = self.latest.lock().await;
            if let Some((at, figures)) = latest.as_ref()
                && at.elapsed() < FIGURES_LAST
            {
                return Ok(figures.clone());
            }
            let figures = self.look().await.map_err(|error| error.to_string())?;
            *latest = Some((Instant::now(), figures.clone()));
            Ok(figures)
        };
        // Whoever waits behind somebody who waits in vain waits no longer than they do.
        let looked = tokio::time::timeout(FIGURES_TIMEOUT, figures).await;
        looked.unwrap_or_else(|_| Err("no answer in time".to_owned()))
    }

    async fn retry(&self, letters: Letters, actor: &str) -> Result<u64, String> {
        let revived = self
            .revive(letters, actor)
            .await
            .map_err(|error| error.to_string())?;
        *self.latest.lock().await = None;
        Ok(revived)
    }

    async fn note_log_level(&self, level: LogLevel, actor: &str) -> Result<(), String> {
        let entry = audit::NewEntry {
            actor,
            action: "log.level",
            subject: None,
            detail: json!({ "level": level.as_str() }),
        };
        let noting = async {
            let client = self.pool.get().await?;
            audit::record(&client, &entry, self.clock.now()).await
        };
        noting.await.map_err(|error: db::Error| error.to_string())
    }
}

fn shown(letter: db::outbox::DeadLetter) -> DeadLetter {
    DeadLetter {
        id: letter.id,
        kind: letter.kind,
        created_at: letter.created_at,
        dead_at: letter.dead_at,
        attempts: letter.attempts,
        last_error: letter.last_error,
    }
}

fn statement(row: db::insight::SlowStatement) -> Statement {
    Statement {
        statement: row.statement,
        calls: row.calls,
        milliseconds: row.milliseconds,
        longest_milliseconds: row.longest_milliseconds,
    }
}
