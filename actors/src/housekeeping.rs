//! Removes what has had its time: expired rows, old events.
//!
//! Every so often a **round** is tried. One node at a time makes one: the port [`Chores`] takes a lock that ends with the
//! round, or with the process. A round does each chore in small batches, with a pause between two, so that nothing else waits
//! for it; a chore that fails is told and does not keep the next one from being done. What a round does not finish, the next
//! one does.
//!
//! Metrics, besides those of every actor: `identite_actor_housekeeping_removed_total` (counter, rows that this node removed,
//! by `chore`), `identite_actor_housekeeping_rounds_total` (counter, by `outcome`: `done`, `incomplete` when a chore failed,
//! `elsewhere` when another node was at it, `failed`), `identite_actor_housekeeping_last_done_timestamp_seconds` (gauge, Unix
//! time at which this node last completed a round).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::future::LocalBoxFuture;
use prometheus::core::Collector;
use prometheus::{IntCounterVec, IntGauge, Opts, Registry};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::clock::SharedClock;
use crate::instrumentation::Instruments;
use crate::supervision::{ActorError, Answer, Answers, Behaviour, Handle, Request, start};

/// Why a chore was not done; for operators, without secrets.
pub type ChoreError = Box<dyn std::error::Error + Send + Sync>;

/// What there is to do, and who may do it now.
#[async_trait]
pub trait Chores: Send + Sync + 'static {
    /// The names of the chores, in their order. They label the metrics.
    fn names(&self) -> Vec<&'static str>;

    /// Begins a round, unless another node is in one. What comes back holds the lock until it is dropped.
    async fn begin(&self) -> Result<Option<Box<dyn Round>>, ChoreError>;
}

/// A round that this node makes.
#[async_trait]
pub trait Round: Send {
    /// Does one batch of `chore`.
    async fn batch(&mut self, chore: &'static str) -> Result<Batch, ChoreError>;
}

/// What a batch came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// Rows removed, or emptied of what had had its time.
    pub removed: u64,
    /// Whether nothing of this chore is left to do now.
    pub is_last: bool,
}

/// When and how much.
#[derive(Debug, Clone)]
pub struct HousekeepingSettings {
    /// Period of the rounds.
    pub every: Duration,
    /// Batches of one chore in one round, at most.
    pub batches_at_most: u32,
    /// Pause between two batches.
    pub pause: Duration,
    /// A batch is given up after this.
    pub batch_deadline: Duration,
}

impl Default for HousekeepingSettings {
    fn default() -> Self {
        Self {
            every: Duration::from_mins(10),
            batches_at_most: 200,
            pause: Duration::from_millis(50),
            batch_deadline: Duration::from_secs(30),
        }
    }
}

/// How a round ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Every chore was done, or done as far as a round goes. Rows removed, by chore.
    Done(BTreeMap<&'static str, u64>),
    /// The same, but these chores failed.
    Incomplete(BTreeMap<&'static str, u64>, Vec<&'static str>),
    /// Another node is making a round.
    Elsewhere,
    /// No round could begin.
    Failed,
}

impl Outcome {
    const WORDS: [&'static str; 4] = ["done", "incomplete", "elsewhere", "failed"];

    /// The value of the label `outcome`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Done(_) => Self::WORDS[0],
            Self::Incomplete(..) => Self::WORDS[1],
            Self::Elsewhere => Self::WORDS[2],
            Self::Failed => Self::WORDS[3],
        }
    }
}

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Housekeeping {
    actor: Handle<Housekeeper>,
}

impl Housekeeping {
    /// Starts the actor; must be called where an actix `System` runs. Rounds are made on the runtime `io`, which drives the
    /// connections. The first one is tried after one period.
    ///
    /// # Errors
    /// When the metrics are registered already.
    pub fn start(
        chores: Arc<dyn Chores>,
        clock: SharedClock,
        instruments: &Instruments,
        settings: HousekeepingSettings,
        io: tokio::runtime::Handle,
    ) -> Result<Self, prometheus::Error> {
        let metrics = Metrics::register(instruments.registry(), &chores.names())?;
        let house = Arc::new(House {
            chores,
            clock,
            settings,
            metrics,
            last: Mutex::new(None),
        });
        let observed = house.clone();
        let actor = start(instruments, "housekeeping", 16, move || Housekeeper {
            house: house.clone(),
            io: io.clone(),
        });
        actor.meter().describe_with(move || observed.describe());
        Ok(Self { actor })
    }

    /// Makes a round now.
    ///
    /// # Errors
    /// When the actor has stopped, or has too many rounds ahead of it.
    pub async fn sweep(&self) -> Result<Outcome, ActorError> {
        self.actor.ask(Sweep).await
    }
}

struct House {
    chores: Arc<dyn Chores>,
    clock: SharedClock,
    settings: HousekeepingSettings,
    metrics: Metrics,
    last: Mutex<Option<(DateTime<Utc>, Outcome)>>,
}

impl House {
    async fn make_round(&self) -> Outcome {
        let outcome = match self.chores.begin().await {
            Ok(Some(round)) => self.do_chores(round).await,
            Ok(None) => Outcome::Elsewhere,
            Err(error) => {
                tracing::warn!(%error, "housekeeping could not begin");
                Outcome::Failed
            }
        };
        self.metrics.rounds.with_label_values(&[outcome.as_str()]).inc();
        let now = self.clock.now();
        if let Outcome::Done(_) = outcome {
            self.metrics.last_done.set(now.timestamp());
        }
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, outcome.clone()));
        outcome
    }

    async fn do_chores(&self, mut round: Box<dyn Round>) -> Outcome {
        let mut removed = BTreeMap::new();
        let mut failed = Vec::new();
        for chore in self.chores.names() {
            let (rows, outcome) = self.do_one(round.as_mut(), chore).await;
            if rows > 0 {
                tracing::info!(chore, rows, "housekeeping removed what had had its time");
                removed.insert(chore, rows);
            }
            if let Err(error) = outcome {
                tracing::warn!(chore, %error, "a chore of housekeeping failed");
                failed.push(chore);
            }
        }
        if failed.is_empty() {
            Outcome::Done(removed)
        } else {
            Outcome::Incomplete(removed, failed)
        }
    }

    /// The rows of `chore` that were removed, and what ended it before its time.
    async fn do_one(&self, round: &mut dyn Round, chore: &'static str) -> (u64, Result<(), ChoreError>) {
        let mut removed = 0;
        for number in 0..self.settings.batches_at_most {
            if number > 0 {
                tokio::time::sleep(self.settings.pause).await;
            }
            let batch = match tokio::time::timeout(self.settings.batch_deadline, round.batch(chore)).await {
                Ok(Ok(batch)) => batch,
                Ok(Err(error)) => return (removed, Err(error)),
                Err(_) => return (removed, Err("a batch took too long".into())),
            };
            removed += batch.removed;
            self.metrics
                .removed
                .with_label_values(&[chore])
                .inc_by(batch.removed);
            if batch.is_last {
                break;
            }
        }
        (removed, Ok(()))
    }

    fn describe(&self) -> serde_json::Value {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((at, outcome)) = last.as_ref() else {
            return json!({ "every_seconds": self.settings.every.as_secs() });
        };
        let none = BTreeMap::new();
        let (removed, failed) = match outcome {
            Outcome::Done(removed) => (removed, [].as_slice()),
            Outcome::Incomplete(removed, failed) => (removed, failed.as_slice()),
            Outcome::Elsewhere | Outcome::Failed => (&none, [].as_slice()),
        };
        json!({
            "every_seconds": self.settings.every.as_secs(),
            "last_round_at": at,
            "last_round": outcome.as_str(),
            "removed": removed,
            "failed": failed,
        })
    }
}

struct Housekeeper {
    house: Arc<House>,
    io: tokio::runtime::Handle,
}

impl Housekeeper {
    /// A round on the runtime of the connections, given up with whoever waits for it.
    fn round(&self) -> RoundInProgress {
        let house = self.house.clone();
        RoundInProgress(self.io.spawn(async move { house.make_round().await }))
    }
}

struct RoundInProgress(JoinHandle<Outcome>);

impl RoundInProgress {
    async fn outcome(mut self) -> Outcome {
        (&mut self.0).await.unwrap_or(Outcome::Failed)
    }
}

impl Drop for RoundInProgress {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Behaviour for Housekeeper {
    const MESSAGES: &'static [&'static str] = &["sweep"];

    fn tick_every(&self) -> Option<Duration> {
        Some(self.house.settings.every)
    }

    fn tick(&mut self) -> Option<LocalBoxFuture<'static, ()>> {
        let round = self.round();
        Some(Box::pin(async move {
            round.outcome().await;
        }))
    }
}

struct Sweep;

impl Request for Sweep {
    type Response = Outcome;
    const NAME: &'static str = "sweep";

    fn failed(response: &Self::Response) -> bool {
        matches!(response, Outcome::Failed | Outcome::Incomplete(..))
    }
}

impl Answers<Sweep> for Housekeeper {
    fn answer(&mut self, _: Sweep) -> Answer<Outcome> {
        Answer::Later(Box::pin(self.round().outcome()))
    }
}

struct Metrics {
    removed: IntCounterVec,
    rounds: IntCounterVec,
    last_done: IntGauge,
}

impl Metrics {
    fn register(registry: &Registry, chores: &[&'static str]) -> Result<Self, prometheus::Error> {
        let removed = IntCounterVec::new(
            Opts::new(
                "identite_actor_housekeeping_removed_total",
                "Rows that this node removed because they had had their time",
            ),
            &["chore"],
        )?;
        let rounds = IntCounterVec::new(
            Opts::new(
                "identite_actor_housekeeping_rounds_total",
                "Rounds of housekeeping that this node tried",
            ),
            &["outcome"],
        )?;
        let last_done = IntGauge::new(
            "identite_actor_housekeeping_last_done_timestamp_seconds",
            "Unix time at which this node last completed a round of housekeeping",
        )?;
        for metric in [
            Box::new(removed.clone()) as Box<dyn Collector>,
            Box::new(rounds.clone()),
            Box::new(last_done.clone()),
        ] {
            registry.register(metric)?;
        }
        for chore in chores {
            removed.with_label_values(&[*chore]);
        }
        for outcome in Outcome::WORDS {
            rounds.with_label_values(&[outcome]);
        }
        Ok(Self {
            removed,
            rounds,
            last_done,
        })
    }
}
