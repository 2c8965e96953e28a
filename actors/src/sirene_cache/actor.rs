//! The actor: what is in memory, and who is on the way to the register.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::{LocalBoxFuture, Shared};
use lru::LruCache;

use super::bucket::{Bucket, Urgency};
use super::metrics::CacheMeter;
use super::ports::{Finding, Known, Shelf, Shelved, Source};
use super::{SireneCacheSettings, Unavailable};
use crate::clock::{SharedClock, delta};
use crate::supervision::{Answer, Answers, Behaviour, Request};

type Outcome<V, N> = Result<Known<V, N>, Unavailable>;
type Flight<V, N> = Shared<LocalBoxFuture<'static, Outcome<V, N>>>;

/// What a cache stands on; survives its restarts.
pub(super) struct Floor<V, N> {
    pub(super) source: Arc<dyn Source<V, N>>,
    pub(super) shelf: Option<Arc<dyn Shelf<V>>>,
    pub(super) clock: SharedClock,
    pub(super) meter: CacheMeter,
    pub(super) settings: SireneCacheSettings,
}

pub struct CacheActor<V: 'static, N: 'static>(Rc<Inner<V, N>>);

struct Inner<V, N> {
    floor: Arc<Floor<V, N>>,
    memory: RefCell<LruCache<String, Known<V, N>>>,
    flights: RefCell<HashMap<String, Departure<V, N>>>,
    bucket: RefCell<Option<Bucket>>,
}

/// A flight in progress.
struct Departure<V, N> {
    flight: Flight<V, N>,
    /// Of the most urgent of those who wait for it.
    urgency: Rc<Cell<Urgency>>,
}

/// What a caller saw on the shelf.
pub(super) enum Memo<V> {
    /// The caller did not look.
    Unread,
    Read(Option<Shelved<V>>),
}

/// How good a finding is by its age.
enum Age {
    Fresh,
    /// Handed out while it is fetched anew.
    Stale,
    /// Handed out only while the register is away.
    Expired,
}

impl<V: Send + Sync + 'static, N: Clone + Send + Sync + 'static> CacheActor<V, N> {
    pub(super) fn new(floor: Arc<Floor<V, N>>) -> Self {
        let now = floor.clock.now();
        let bucket = floor.settings.quota.map(|quota| Bucket::full(quota, now));
        if let Some(bucket) = &bucket {
            floor.meter.quota_left.set(bucket.left());
        }
        let memory = LruCache::new(floor.settings.capacity);
        Self(Rc::new(Inner {
            memory: RefCell::new(memory),
            flights: RefCell::default(),
            bucket: RefCell::new(bucket),
            floor,
        }))
    }
}

impl<V: Send + Sync + 'static, N: Clone + Send + Sync + 'static> Inner<V, N> {
    /// What memory holds of `key`, and how good it is.
    fn remembered(&self, key: &str) -> Option<(Known<V, N>, Age)> {
        let known = self.memory.borrow_mut().get(key)?.clone();
        let age = self.age_of(&known);
        Some((known, age))
    }

    fn age_of(&self, known: &Known<V, N>) -> Age {
        let settings = &self.floor.settings;
        let age = self.floor.clock.now() - known.as_of;
        let (fresh_for, stale_for) = match &known.finding {
            Finding::Present(_) => (settings.fresh_for, settings.stale_for),
            Finding::Absent(_) => (settings.absent_for, Duration::ZERO),
        };
        if age < delta(fresh_for) {
            Age::Fresh
        } else if age < delta(fresh_for.saturating_add(stale_for)) {
            Age::Stale
        } else {
            Age::Expired
        }
    }

    fn remember(&self, key: &str, known: Known<V, N>) {
        let mut memory = self.memory.borrow_mut();
        memory.put(key.to_owned(), known);
        let entries = i64::try_from(memory.len()).unwrap_or(i64::MAX);
        self.floor.meter.entries.set(entries);
    }

    /// The flight for `key`: the one in progress, which becomes as urgent as whoever joins it, or a new one.
    fn flight(self: &Rc<Self>, key: String, urgency: Urgency, memo: Memo<V>) -> Flight<V, N> {
        if let Some(departure) = self.flights.borrow().get(&key) {
            departure.urgency.set(departure.urgency.get().max(urgency));
            if urgency.is_awaited() {
                self.floor.meter.flights_joined.inc();
            }
            return departure.flight.clone();
        }
        let urgency = Rc::new(Cell::new(urgency));
        let highest = urgency.clone();
        let landing = Landing {
            inner: self.clone(),
            key: key.clone(),
            has_landed: Cell::new(false),
        };
        let inner = self.clone();
        let work = async move {
            let outcome = inner.fly(&landing.key, &highest, memo).await;
            landing.land();
            outcome
        };
        let flight = work.boxed_local().shared();
        let departure = Departure {
            flight: flight.clone(),
            urgency,
        };
        self.flights.borrow_mut().insert(key, departure);
        self.floor.meter.flights.inc();
        flight
    }

    /// Fetches `key` anew without anybody waiting.
    fn refresh(self: &Rc<Self>, key: String) {
        let inner = self.clone();
        actix::spawn(async move {
            // Begins when the flight that found the old finding has landed.
            let _ = inner.flight(key, Urgency::Refresh, Memo::Read(None)).await;
        });
    }

    async fn fly(self: &Rc<Self>, key: &str, urgency: &Cell<Urgency>, memo: Memo<V>) -> Outcome<V, N> {
        let mut fallback = self.remembered(key).map(|(known, _)| known);
        if fallback.is_none() {
            let seen = match memo {
                Memo::Unread => self.read_shelf(key).await,
                Memo::Read(seen) => seen,
            };
            if let Some(Shelved { value, as_of }) = seen {
                let finding = Finding::Present(value);
                let known = Known { finding, as_of };
                self.remember(key, known.clone());
                match self.age_of(&known) {
                    Age::Fresh => return Ok(known),
                    Age::Stale => {
                        self.floor.meter.stale_served.inc();
                        self.refresh(key.to_owned());
                        return Ok(known);
                    }
                    Age::Expired => fallback = Some(known),
                }
            }
        }
        match self.ask_register(key, urgency).await {
            Ok(known) => Ok(known),
            Err(unavailable) => {
                let known = fallback
                    .filter(|known| matches!(known.finding, Finding::Present(_)))
                    .ok_or(unavailable)?;
                if urgency.get().is_awaited() {
                    self.floor.meter.stale_served.inc();
                }
                Ok(known)
            }
        }
    }

    async fn read_shelf(&self, key: &str) -> Option<Shelved<V>> {
        let keeper = self.floor.shelf.as_ref()?;
        keeper
            .load(key)
            .await
            .inspect_err(|error| tracing::warn!(%error, "what was found earlier cannot be read"))
            .ok()
            .flatten()
    }

    async fn ask_register(self: &Rc<Self>, key: &str, urgency: &Cell<Urgency>) -> Outcome<V, N> {
        self.wait_for_quota(urgency).await?;
        let floor = &self.floor;
        let started = Instant::now();
        let answer = floor.source.fetch(key).await;
        floor
            .meter
            .upstream_duration
            .observe(started.elapsed().as_secs_f64());
        let finding = match answer {
            Ok(finding) => finding,
            Err(error) => {
                floor.meter.upstream_errors.inc();
                tracing::warn!(%error, "a register gave no usable answer");
                if let (Some(pause), Some(bucket)) = (error.pause, self.bucket.borrow_mut().as_mut()) {
                    bucket.pause(floor.clock.now(), pause);
                }
                return Err(Unavailable::Upstream);
            }
        };
        let as_of = floor.clock.now();
        let known = Known { finding, as_of };
        self.remember(key, known.clone());
        if let (Finding::Present(value), Some(keeper)) = (&known.finding, &floor.shelf) {
            let (key, value, keeper) = (key.to_owned(), value.clone(), keeper.clone());
            actix::spawn(async move {
                if let Err(error) = keeper.save(&key, &value, as_of).await {
                    tracing::warn!(%error, "what was found cannot be kept");
                }
            });
        }
        Ok(known)
    }

    async fn wait_for_quota(&self, urgency: &Cell<Urgency>) -> Result<(), Unavailable> {
        let give_up_at = Instant::now() + self.floor.settings.patience;
        loop {
            let asks = urgency.get();
            let wait = {
                let mut bucket = self.bucket.borrow_mut();
                let Some(bucket) = bucket.as_mut() else {
                    return Ok(());
                };
                let taken = bucket.take(self.floor.clock.now(), asks);
                self.floor.meter.quota_left.set(bucket.left());
                match taken {
                    Ok(()) => return Ok(()),
                    Err(wait) => wait,
                }
            };
            let is_too_long = Instant::now() + wait > give_up_at;
            if !asks.is_patient() || is_too_long {
                self.floor.meter.quota_refused.by(asks).inc();
                return Err(Unavailable::Quota);
            }
            tokio::time::sleep(wait).await;
        }
    }
}

/// Takes a flight off the list when it ends, even by a panic.
struct Landing<V: Send + Sync + 'static, N: Clone + Send + Sync + 'static> {
    inner: Rc<Inner<V, N>>,
    key: String,
    has_landed: Cell<bool>,
}

impl<V: Send + Sync + 'static, N: Clone + Send + Sync + 'static> Landing<V, N> {
    fn land(&self) {
        if self.has_landed.replace(true) {
            return;
        }
        // Taken out before it is dropped: its drop may come back here.
        let flight = self
            .inner
            .flights
            .try_borrow_mut()
            .ok()
            .and_then(|mut flights| flights.remove(&self.key));
        drop(flight);
        self.inner.floor.meter.flights.dec();
    }
}

impl<V: Send + Sync + 'static, N: Clone + Send + Sync + 'static> Drop for Landing<V, N> {
    fn drop(&mut self) {
        self.land();
    }
}

impl<V: Send + Sync + 'static, N: Clone + Send + Sync + 'static> Behaviour for CacheActor<V, N> {
    const MESSAGES: &'static [&'static str] = &["look_up", "peek"];
}

pub(super) struct LookUp<V, N> {
    pub(super) key: String,
    pub(super) memo: Memo<V>,
    pub(super) urgency: Urgency,
    pub(super) absent: PhantomData<fn() -> N>,
}

impl<V: Send + Sync + 'static, N: Clone + Send + Sync + 'static> Request for LookUp<V, N> {
    type Response = Outcome<V, N>;
    const NAME: &'static str = "look_up";

    fn failed(response: &Self::Response) -> bool {
        response.is_err()
    }
}

impl<V: Send + Sync + 'static, N: Clone + Send + Sync + 'static> Answers<LookUp<V, N>> for CacheActor<V, N> {
    fn answer(&mut self, message: LookUp<V, N>) -> Answer<Outcome<V, N>> {
        let LookUp {
            key, memo, urgency, ..
        } = message;
        let meter = &self.0.floor.meter;
        match self.0.remembered(&key) {
            Some((known, Age::Fresh)) => {
                meter.hits.inc();
                Answer::Now(Ok(known))
            }
            Some((known, Age::Stale)) => {
                meter.stale_served.inc();
                self.0.refresh(key);
                Answer::Now(Ok(known))
            }
            Some((_, Age::Expired)) | None => {
                meter.misses.inc();
                Answer::Later(self.0.flight(key, urgency, memo).boxed_local())
            }
        }
    }
}

pub(super) struct Peek<V, N> {
    key: String,
    kind: PhantomData<fn() -> (V, N)>,
}

impl<V, N> Peek<V, N> {
    pub(super) fn new(key: String) -> Self {
        Self {
            key,
            kind: PhantomData,
        }
    }
}

impl<V: Send + Sync + 'static, N: Clone + Send + Sync + 'static> Request for Peek<V, N> {
    type Response = Option<Known<V, N>>;
    const NAME: &'static str = "peek";
}

impl<V: Send + Sync + 'static, N: Clone + Send + Sync + 'static> Answers<Peek<V, N>> for CacheActor<V, N> {
    fn answer(&mut self, message: Peek<V, N>) -> Answer<Option<Known<V, N>>> {
        let fresh = match self.0.remembered(&message.key) {
            Some((known, Age::Fresh)) => Some(known),
            _ => None,
        };
        if fresh.is_some() {
            self.0.floor.meter.hits.inc();
        }
        Answer::Now(fresh)
    }
}
