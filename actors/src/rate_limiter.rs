//! Budgets of attempts by subject: an address, an e-mail.
//!
//! An attempt counts against one budget ([`RateLimiter::hit`]) or several at once ([`RateLimiter::attempt`]) before anything is done
//! for it: of many at the same time no more are allowed than one after the other. What should not have counted is given back
//! ([`RateLimiter::give_back`]).
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
use crate::state::{Counter, Hit, StateError, StateStore};
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

/// A budget that an attempt counts against.
#[derive(Debug, Clone, Copy)]
pub struct Charge<'a> {
    /// Prefix of the counters.
    pub limiter: &'static str,
    /// Whose budget it is.
    pub subject: &'a str,
    pub budget: Budget,
}

/// The answer to a hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    pub allowed: bool,
    /// Hits in this window, this one included. Nobody knows how many when the limiter itself is overloaded: as many as can be.
    pub count: u64,
    /// Until the window ends. Of interest when the hit is refused.
    pub retry_after: Duration,
}

impl Verdict {
    /// Whether the hit could be counted at all: where it could not, it is refused for that reason and no other.
    #[must_use]
    pub const fn was_counted(&self) -> bool {
        self.count != OVERLOADED.count
    }
}

/// To a hit that nobody could count.
const OVERLOADED: Verdict = Verdict {
    allowed: false,
    count: u64::MAX,
    retry_after: RETRY_WHEN_OVERLOADED,
};

/// An attempt that was counted. It stays so unless it is given back.
#[derive(Debug)]
pub struct Attempt<const N: usize> {
    /// One for each charge, in the same order.
    pub verdicts: [Verdict; N],
    hits: Vec<Hit>,
    /// Where the hits are: in the local counters, or in the store.
    is_local: bool,
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
        let meter = instruments.meter("rate_limiter", MAILBOX_CAPACITY, &["hit", "give_back"]);
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
        let charge = Charge {
            limiter,
            subject,
            budget,
        };
        let [verdict] = self.attempt([charge]).await.verdicts;
        verdict
    }

    /// Counts one attempt against all of `charges`, in one step. Like [`RateLimiter::hit`], it never fails.
    pub async fn attempt<const N: usize>(&self, charges: [Charge<'_>; N]) -> Attempt<N> {
        let Some(measure) = self.meter.accept("hit") else {
            return Attempt {
                verdicts: [OVERLOADED; N],
                hits: Vec::new(),
                is_local: false,
            };
        };
        let keys = charges.map(|charge| format!("{}:{}", charge.limiter, charge.subject));
        let asked: [(&str, Duration); N] =
            std::array::from_fn(|index| (keys[index].as_str(), charges[index].budget.window));
        let shared = tokio::time::timeout(STORE_DEADLINE, self.store.increment(&asked)).await;
        let (counters, is_local) = match shared {
            Ok(Ok(counters)) => (Some(counters), false),
            Ok(Err(StateError::Unavailable(_))) | Err(_) => {
                let counters = asked.map(|(key, window)| (key.to_owned(), window)).to_vec();
                (self.local.ask(LocalHits { counters }).await.ok(), true)
            }
        };
        measure.answered(counters.is_none());
        let counters = counters.unwrap_or_default();
        let verdicts = std::array::from_fn(|index| {
            let counter = counters.get(index);
            counter.map_or(OVERLOADED, |counter| judge(*counter, charges[index].budget))
        });
        let hits = keys.into_iter().zip(&counters).map(|(key, counter)| Hit {
            key,
            resets_in: counter.resets_in,
        });
        Attempt {
            verdicts,
            hits: hits.collect(),
            is_local,
        }
    }

    /// Takes `attempt` back where it was counted, as if it had not been made, unless its windows have ended since. It stays counted
    /// when it cannot be taken back. Never waits longer than a second.
    pub async fn give_back<const N: usize>(&self, attempt: Attempt<N>) {
        let Attempt { hits, is_local, .. } = attempt;
        if hits.is_empty() {
            return;
        }
        let Some(measure) = self.meter.accept("give_back") else {
            return;
        };
        let is_back = if is_local {
            self.local.ask(LocalGiveBack { hits }).await.is_ok()
        } else {
            let shared = tokio::time::timeout(STORE_DEADLINE, self.store.give_back(&hits)).await;
            matches!(shared, Ok(Ok(())))
        };
        measure.answered(!is_back);
    }
}

fn judge(counter: Counter, budget: Budget) -> Verdict {
    Verdict {
        allowed: counter.count <= u64::from(budget.points),
        count: counter.count,
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

impl Window {
    fn resets_in(&self, now: DateTime<Utc>) -> Duration {
        (self.ends_at - now).to_std().unwrap_or_default()
    }
}

struct LocalHits {
    /// Keys with their windows.
    counters: Vec<(String, Duration)>,
}

impl Request for LocalHits {
    type Response = Vec<Counter>;
    const NAME: &'static str = "local_hit";
}

struct LocalGiveBack {
    hits: Vec<Hit>,
}

impl Request for LocalGiveBack {
    type Response = ();
    const NAME: &'static str = "local_give_back";
}

impl Behaviour for LocalCounters {
    const MESSAGES: &'static [&'static str] = &["local_hit", "local_give_back"];

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
        self.note_subjects();
    }

    fn note_subjects(&self) {
        self.subjects.store(self.windows.len(), Ordering::Relaxed);
    }

    fn hit(&mut self, mut key: String, window: Duration, now: DateTime<Utc>) -> Counter {
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
        Counter {
            count: counter.count,
            resets_in: counter.resets_in(now),
        }
    }

    /// A counter that is shared gives nothing back: nobody knows whose hits it holds.
    fn give_back(&mut self, hit: &Hit, now: DateTime<Utc>) {
        let Some(counter) = self.windows.get_mut(&hit.key) else {
            return;
        };
        if counter.resets_in(now) > hit.resets_in {
            // A later window.
            return;
        }
        counter.count = counter.count.saturating_sub(1);
        if counter.count == 0 {
            self.windows.remove(&hit.key);
        }
    }
}

impl Answers<LocalHits> for LocalCounters {
    fn answer(&mut self, hits: LocalHits) -> Answer<Vec<Counter>> {
        let now = self.clock.now();
        let counters = hits.counters.into_iter();
        let counted = counters.map(|(key, window)| self.hit(key, window, now)).collect();
        self.note_subjects();
        Answer::Now(counted)
    }
}

impl Answers<LocalGiveBack> for LocalCounters {
    fn answer(&mut self, message: LocalGiveBack) -> Answer<()> {
        let now = self.clock.now();
        for hit in &message.hits {
            self.give_back(hit, now);
        }
        self.note_subjects();
        Answer::Now(())
    }
}
