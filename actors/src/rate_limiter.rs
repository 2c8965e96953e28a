//! Budgets of attempts by subject: an address, an e-mail.
//!
//! Windows are fixed: the first hit opens one, later hits do not move its end, refused hits count too. The counter in
//! the state store, under `<limiter>:<subject>`, is the authority, so that the budget is the same over all nodes. Its
//! increment is one atomic round trip which does not pass through the mailbox. While the store is away, an actor
//! counts locally with the same budget: the limits loosen at most by the number of nodes, and never open.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::clock::SharedClock;
use crate::instrumentation::{ActorMeter, Instruments};
use crate::state::{Counter, StateError, StateStore};
use crate::supervision::{Answer, Answers, Behaviour, Handle, Request, start};

/// Hits that may be in progress in one process.
const MAILBOX_CAPACITY: usize = 10_000;

/// The store gets this long, whatever its implementation promises.
const STORE_DEADLINE: Duration = Duration::from_millis(800);

/// Told to a caller who is refused because the limiter itself is overloaded.
const RETRY_WHEN_OVERLOADED: Duration = Duration::from_secs(1);

/// How many hits a subject may make in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    pub points: u32,
    pub window: Duration,
}

/// The answer to a hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    pub allowed: bool,
    /// Until the window ends. Of interest when the hit is refused.
    pub retry_after: Duration,
}

/// Size of the local fallback.
#[derive(Debug, Clone, Copy)]
pub struct RateLimiterSettings {
    /// Subjects that are counted one by one while the store is away; beyond, they share a fixed number of counters,
    /// which refuses too much rather than too little.
    pub local_subjects: usize,
}

impl Default for RateLimiterSettings {
    fn default() -> Self {
        Self {
            local_subjects: 100_000,
        }
    }
}

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct RateLimiter {
    store: Arc<dyn StateStore>,
    meter: Arc<ActorMeter>,
    local: Handle<LocalCounters>,
}

impl RateLimiter {
    /// Starts the actor; must be called where an actix `System` runs.
    pub fn start(
        store: Arc<dyn StateStore>,
        clock: SharedClock,
        instruments: &Instruments,
        settings: RateLimiterSettings,
    ) -> Self {
        let meter = instruments.meter("rate_limiter", MAILBOX_CAPACITY, &["hit"]);
        let subjects = Arc::new(AtomicUsize::new(0));
        let observed = subjects.clone();
        let local = start(instruments, "rate_limiter_local", MAILBOX_CAPACITY, move || {
            subjects.store(0, Ordering::Relaxed);
            LocalCounters {
                clock: clock.clone(),
                windows: HashMap::new(),
                capacity: settings.local_subjects,
                subjects: subjects.clone(),
            }
        });
        local
            .meter()
            .describe_with(move || json!({ "subjects": observed.load(Ordering::Relaxed) }));
        Self { store, meter, local }
    }

    /// The same limiter over another connection to the same store.
    #[must_use]
    pub fn with_store(&self, store: Arc<dyn StateStore>) -> Self {
        Self {
            store,
            ..self.clone()
        }
    }

    /// Counts one attempt of `subject` against `budget`. Never fails and never waits longer than a second: see the
    /// module for what happens while the store is away.
    pub async fn hit(&self, limiter: &'static str, subject: &str, budget: Budget) -> Verdict {
        let Some(measure) = self.meter.accept("hit") else {
            return Verdict {
                allowed: false,
                retry_after: RETRY_WHEN_OVERLOADED,
            };
        };
        let key = format!("{limiter}:{subject}");
        let shared = tokio::time::timeout(STORE_DEADLINE, self.store.increment(&key, budget.window)).await;
        let counter = match shared {
            Ok(Ok(counter)) => Some(counter),
            Ok(Err(StateError::Unavailable(_))) | Err(_) => self
                .local
                .ask(LocalHit {
                    key,
                    window: budget.window,
                })
                .await
                .ok(),
        };
        measure.answered(counter.is_none());
        counter.map_or(
            Verdict {
                allowed: false,
                retry_after: RETRY_WHEN_OVERLOADED,
            },
            |counter| judge(counter, budget),
        )
    }
}

fn judge(counter: Counter, budget: Budget) -> Verdict {
    Verdict {
        allowed: counter.count <= u64::from(budget.points),
        retry_after: counter.resets_in,
    }
}

/// Counters that are shared by all subjects beyond the capacity.
const OVERFLOW_COUNTERS: u64 = 1_024;

struct LocalCounters {
    clock: SharedClock,
    windows: HashMap<String, Window>,
    capacity: usize,
    subjects: Arc<AtomicUsize>,
}

struct Window {
    count: u64,
    ends_at: DateTime<Utc>,
}

struct LocalHit {
    key: String,
    window: Duration,
}

impl Request for LocalHit {
    type Response = Counter;
    const NAME: &'static str = "local_hit";
}

impl Behaviour for LocalCounters {
    const MESSAGES: &'static [&'static str] = &["local_hit"];

    fn tick_every(&self) -> Option<Duration> {
        Some(Duration::from_secs(10))
    }

    fn tick(&mut self) -> Option<futures::future::LocalBoxFuture<'static, ()>> {
        self.forget_ended();
        None
    }
}

impl LocalCounters {
    fn forget_ended(&mut self) {
        let now = self.clock.now();
        self.windows.retain(|_, window| window.ends_at > now);
        self.subjects.store(self.windows.len(), Ordering::Relaxed);
    }
}

impl Answers<LocalHit> for LocalCounters {
    fn answer(&mut self, hit: LocalHit) -> Answer<Counter> {
        let now = self.clock.now();
        let LocalHit { mut key, window } = hit;
        if self.windows.len() >= self.capacity && !self.windows.contains_key(&key) {
            let mut hasher = DefaultHasher::new();
            key.hash(&mut hasher);
            let limiter = key.split(':').next().unwrap_or_default();
            key = format!("overflow:{limiter}:{}", hasher.finish() % OVERFLOW_COUNTERS);
        }
        let counter = self.windows.entry(key).or_insert(Window {
            count: 0,
            ends_at: now,
        });
        if counter.ends_at <= now {
            *counter = Window {
                count: 0,
                ends_at: now + window,
            };
        }
        counter.count += 1;
        let resets_in = (counter.ends_at - now).to_std().unwrap_or_default();
        let answer = Counter {
            count: counter.count,
            resets_in,
        };
        self.subjects.store(self.windows.len(), Ordering::Relaxed);
        Answer::Now(answer)
    }
}
