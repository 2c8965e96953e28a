//! The port to shared, short-lived state: sessions, interactions, authorization codes, tokens, counters.
//!
//! Two implementations with one behaviour: [`RedisStore`] for several nodes and [`MemoryStore`] for one.
//! Both pass the same suite (`tests/suite/state.rs`).
//!
//! A key holds either a value or a set, for life: callers name them apart.

mod memory;
mod redis;

pub use memory::MemoryStore;
pub use redis::{InvalidRedisUrl, RedisStore};

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

/// One effect of an atomic [`StateStore::write`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Store `value` under `key` for `ttl`, replacing what is there.
    Put {
        key: String,
        value: Vec<u8>,
        ttl: Duration,
    },
    /// Forget `key`, be it a value or a set.
    Delete { key: String },
    /// Add `member` to the set `set`, whose life becomes at least `ttl`.
    AddMember {
        set: String,
        member: String,
        ttl: Duration,
    },
    /// Take `member` out of the set `set`.
    RemoveMember { set: String, member: String },
}

/// A fixed-window counter after a hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter {
    /// Hits in this window, this one included.
    pub count: u64,
    /// Until the window ends and the counter starts again at zero.
    pub resets_in: Duration,
}

/// A hit as a counter counted it: what is needed to give it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    pub key: String,
    /// Until the window ended, when the hit was counted.
    pub resets_in: Duration,
}

/// The store did not answer. The caller decides what that means for its promise.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StateError {
    #[error("the state store is unavailable: {0}")]
    Unavailable(String),
}

/// Shared, short-lived state. Every operation is atomic; none waits longer than a second.
#[async_trait]
pub trait StateStore: Send + Sync {
    /// The same store over a connection that the calling runtime drives itself, where there are connections: no operation wakes another
    /// thread. To be called on the single-threaded runtime that will use it.
    fn for_this_runtime(self: Arc<Self>) -> Arc<dyn StateStore>;

    /// The value under `key`, unless it has expired.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StateError>;

    /// The value under `key`, which is forgotten in the same step: of many takers one gets it.
    async fn take(&self, key: &str) -> Result<Option<Vec<u8>>, StateError>;

    /// Applies all of `writes` in one step, unless one of the keys `unless_present` exists.
    /// Gives whether the writes were applied.
    async fn write(&self, unless_present: &[String], writes: Vec<Write>) -> Result<bool, StateError>;

    /// Replaces the value under `key` by `new` for `ttl` if it still is `expected` (`None`: absent).
    /// Gives whether it was replaced.
    async fn swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Vec<u8>,
        ttl: Duration,
    ) -> Result<bool, StateError>;

    /// Adds one to each of `counters`, keys with their windows, in one step: the first hit of a counter opens its window, which later
    /// hits do not move. Gives them in the same order.
    async fn increment(&self, counters: &[(&str, Duration)]) -> Result<Vec<Counter>, StateError>;

    /// Takes each of `hits` back, unless its window has ended since, in one step. A counter without hits is forgotten.
    async fn give_back(&self, hits: &[Hit]) -> Result<(), StateError>;

    /// The members of a set, in no particular order; none when it does not exist.
    async fn members(&self, set: &str) -> Result<Vec<String>, StateError>;

    /// Whether the store answers now.
    async fn ping(&self) -> Result<(), StateError>;
}
