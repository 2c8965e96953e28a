//! What a remote register said, by key: establishments by SIRET, official contacts by town.
//!
//! * However many ask for a key that is not known, the register is asked once: they join one flight.
//! * A finding is *fresh* for a while; then it is *stale*: still handed out at once while one flight fetches it anew, so that
//!   nobody waits for a refresh. Beyond that the register is waited for.
//! * That a key is unknown to the register is a finding too, kept for a shorter time.
//! * The register's quota is a token bucket. People wait for a token, up to a limit, and may take the last one. Refreshes and visitors, of
//!   whom nothing is known, do not wait and leave a reserve: refreshes a quarter of the burst to people, visitors half of it to both. What
//!   is filled in goes to the reserve first: however many visitors ask, people have the whole quota when they want it. A flight is as urgent
//!   as the most urgent of those who wait for it. A register that asks for a pause gets it.
//! * While the register is away, what was known is handed out, however old. Leaving a failing register alone is the business of the
//!   port ([`Source`]), which knows its protocol.
//!
//! What was found can outlive the process on a [`Shelf`]. Memory holds a bounded number of findings, the most recently used.
//!
//! Metrics, besides those of every actor: see [`SireneCacheMetrics`].

mod actor;
mod bucket;
mod metrics;
mod ports;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use self::actor::{CacheActor, Floor, LookUp, Memo, Peek};
pub use self::bucket::Quota;
use self::bucket::Urgency;
pub use self::metrics::SireneCacheMetrics;
pub use self::ports::{Finding, Known, Shelf, Shelved, Source, SourceError};
use crate::clock::SharedClock;
use crate::instrumentation::Instruments;
use crate::supervision::{ActorError, Handle, start};

/// Look-ups in progress at the same time.
const MAILBOX_CAPACITY: usize = 10_000;

/// How long findings are good for, and what the register grants.
#[derive(Debug, Clone)]
pub struct SireneCacheSettings {
    /// How long a finding is handed out without a second thought.
    pub fresh_for: Duration,
    /// How long after that it is handed out while it is fetched anew.
    pub stale_for: Duration,
    /// How long a key that the register does not know is not asked about again.
    pub absent_for: Duration,
    /// What the register grants this process; `None` when it sets no limit.
    pub quota: Option<Quota>,
    /// How long people wait for the quota. Visitors do not.
    pub patience: Duration,
    /// Findings in memory.
    pub capacity: NonZeroUsize,
}

impl Default for SireneCacheSettings {
    fn default() -> Self {
        Self {
            fresh_for: Duration::from_mins(10),
            stale_for: Duration::from_hours(24),
            absent_for: Duration::from_mins(5),
            quota: None,
            patience: Duration::from_secs(2),
            capacity: NonZeroUsize::new(20_000).unwrap_or(NonZeroUsize::MIN),
        }
    }
}

/// Why nothing is known of a key. It may be there or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// The register gave no usable answer.
    #[error("the register does not answer")]
    Upstream,
    /// The register's quota, or the visitors' share of it, is used up.
    #[error("the quota of the register is used up")]
    Quota,
    /// The cache itself gave no answer.
    #[error(transparent)]
    Cache(#[from] ActorError),
}

/// See the module. `V` is what is known of a key, `N` why there is nothing. Cheap to clone.
pub struct SireneCache<V: Send + Sync + 'static, N: Clone + Send + Sync + 'static> {
    actor: Handle<CacheActor<V, N>>,
}

impl<V: Send + Sync + 'static, N: Clone + Send + Sync + 'static> Clone for SireneCache<V, N> {
    fn clone(&self) -> Self {
        Self {
            actor: self.actor.clone(),
        }
    }
}

impl<V: Send + Sync + 'static, N: Clone + Send + Sync + 'static> SireneCache<V, N> {
    /// Starts the actor `name`, which is also the label of its metrics; must be called where an actix `System` runs.
    pub fn start(
        name: &'static str,
        source: Arc<dyn Source<V, N>>,
        shelf: Option<Arc<dyn Shelf<V>>>,
        clock: SharedClock,
        instruments: &Instruments,
        metrics: &SireneCacheMetrics,
        settings: SireneCacheSettings,
    ) -> Self {
        let floor = Arc::new(Floor {
            source,
            shelf,
            clock,
            meter: metrics.of(name),
            settings,
        });
        let observed = floor.clone();
        let actor = start(instruments, name, MAILBOX_CAPACITY, move || {
            CacheActor::new(floor.clone())
        });
        actor.meter().describe_with(move || {
            let meter = &observed.meter;
            json!({
                "entries": meter.entries.get(),
                "flights": meter.flights.get(),
                "hits": meter.hits.get(),
                "misses": meter.misses.get(),
                "stale_served": meter.stale_served.get(),
                "flights_joined": meter.flights_joined.get(),
                "quota_left": meter.quota_left.get(),
            })
        });
        Self { actor }
    }

    /// What is known of `key`: from memory, from the shelf, or from the register.
    ///
    /// # Errors
    /// When nothing is known and the register cannot be asked now.
    pub async fn look_up(&self, key: &str) -> Result<Known<V, N>, Unavailable> {
        self.ask(key, Memo::Unread, Urgency::Person).await
    }

    /// The same on behalf of somebody of whom nothing is known: half of the register's quota is left to the others, and nobody waits for
    /// it.
    ///
    /// # Errors
    /// When nothing is known and the register cannot be asked now; [`Unavailable::Quota`] at once when the visitors' share is used up.
    pub async fn look_up_for_visitor(&self, key: &str) -> Result<Known<V, N>, Unavailable> {
        self.ask(key, Memo::Unread, Urgency::Visitor).await
    }

    /// As [`Self::look_up`], for a caller who has looked at the shelf already, and saw `shelved`.
    ///
    /// # Errors
    /// When nothing is known and the register cannot be asked now.
    pub async fn look_up_beyond(
        &self,
        key: &str,
        shelved: Option<Shelved<V>>,
    ) -> Result<Known<V, N>, Unavailable> {
        self.ask(key, Memo::Read(shelved), Urgency::Person).await
    }

    /// What memory holds of `key` that is fresh. Asks nobody.
    pub async fn peek(&self, key: &str) -> Option<Known<V, N>> {
        let key = key.to_owned();
        self.actor.ask(Peek::new(key)).await.ok().flatten()
    }

    async fn ask(&self, key: &str, memo: Memo<V>, urgency: Urgency) -> Result<Known<V, N>, Unavailable> {
        let key = key.to_owned();
        self.actor
            .ask(LookUp {
                key,
                memo,
                urgency,
                absent: std::marker::PhantomData,
            })
            .await?
    }
}
