//! Volatile data in the state store, and in local copies while the store is away.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use lru::LruCache;
use serde::{Deserialize, Serialize};

use super::{SessionData, SessionError, SessionsSettings};
use crate::clock::SharedClock;
use crate::state::{StateError, StateStore, Write};

/// The sessions of one shard, seen over one connection to the store. Every method but [`Storage::load`] and the synchronous ones must be
/// called by whoever has the turn of the key.
#[derive(Clone)]
pub(super) struct Storage {
    store: Arc<dyn StateStore>,
    clock: SharedClock,
    key_prefix: String,
    /// Expiry is re-armed when the last time was longer ago than this.
    rearm_every: Duration,
    /// Life of the stored value: a session that is used just before a re-arming is due must still live for the
    /// promised time.
    stored_for: Duration,
    kept: Arc<Kept>,
}

/// What this process keeps of the sessions of a shard, whatever connection they are seen over.
struct Kept {
    copies: Mutex<Copies>,
    /// How many copies wait for the store, to be read without the lock.
    unsent_count: AtomicUsize,
}

struct Copies {
    by_key: LruCache<String, LocalCopy>,
    unsent: HashSet<String>,
}

struct LocalCopy {
    /// What the store was last seen to hold.
    seen: Option<Vec<u8>>,
    /// What was decided while the store was away.
    unsent: Option<Unsent>,
}

#[derive(Clone)]
enum Unsent {
    Value(Vec<u8>),
    Gone,
}

/// The stored value: JSON.
#[derive(Serialize, Deserialize)]
struct Stored<D> {
    /// Unix time in seconds of the last re-arming of the expiry.
    touched_at: i64,
    data: D,
}

/// What was found under a key.
struct Found {
    raw: Option<Vec<u8>>,
    store_is_away: bool,
}

impl Storage {
    pub(super) fn new(store: Arc<dyn StateStore>, clock: SharedClock, settings: &SessionsSettings) -> Self {
        let rearm_every = settings.time_to_live / 20;
        let capacity =
            NonZeroUsize::new(settings.local_sessions / settings.shards.max(1)).unwrap_or(NonZeroUsize::MIN);
        Self {
            store,
            clock,
            key_prefix: settings.key_prefix.clone(),
            rearm_every,
            stored_for: settings.time_to_live + rearm_every,
            kept: Arc::new(Kept {
                // Grows with use: room for all copies is not taken in advance.
                copies: Mutex::new(Copies {
                    by_key: bounded_cache(capacity),
                    unsent: HashSet::new(),
                }),
                unsent_count: AtomicUsize::new(0),
            }),
        }
    }

    /// The same sessions over another connection to the same store.
    pub(super) fn over(&self, store: Arc<dyn StateStore>) -> Self {
        Self {
            store,
            ..self.clone()
        }
    }

    /// Whether a change of this session waits for the store to come back.
    pub(super) fn has_unsent(&self, key: &str) -> bool {
        self.kept.unsent_count.load(Ordering::Acquire) > 0 && self.copies().unsent.contains(key)
    }

    /// The sessions whose changes wait for the store, up to `limit`.
    pub(super) fn unsent_keys(&self, limit: usize) -> Vec<String> {
        if self.kept.unsent_count.load(Ordering::Acquire) == 0 {
            return Vec::new();
        }
        self.copies().unsent.iter().take(limit).cloned().collect()
    }

    /// Local copies, and how many of them wait for the store.
    pub(super) fn sizes(&self) -> (usize, usize) {
        let copies = self.copies();
        (copies.by_key.len(), copies.unsent.len())
    }

    pub(super) async fn load<D: SessionData>(&self, key: &str, deadline: Instant) -> Option<D> {
        let Found { raw, store_is_away } = self.find(key, deadline).await;
        let raw = raw?;
        let stored: Stored<D> = decode(&raw)?;
        let now = self.clock.now();
        if !store_is_away && self.rearming_is_due(stored.touched_at, now) {
            let rearmed = encode(&stored.data, now.timestamp());
            let swapped = self.swap(key, Some(&raw), &rearmed, deadline).await;
            if matches!(swapped, Ok(true)) {
                self.note(key, Some(rearmed));
            }
        }
        Some(stored.data)
    }

    /// What the local copy says, for when the store cannot be asked.
    pub(super) fn copy_of<D: SessionData>(&self, key: &str) -> Option<D> {
        decode(&self.copied(key)?).map(|stored| stored.data)
    }

    pub(super) async fn update<D: SessionData, T>(
        &self,
        key: &str,
        deadline: Instant,
        change: &mut impl FnMut(&mut D) -> T,
    ) -> Result<T, SessionError> {
        self.bring_to_store(key, deadline).await;
        // Who changes a session has mostly just loaded it: what was seen then is tried first, and asked for when it no longer holds.
        let mut remembered = (!self.has_unsent(key)).then(|| self.copied(key));
        let mut was_refused = false;
        loop {
            let is_remembered = remembered.is_some();
            let Found { raw, store_is_away } = match remembered.take() {
                Some(raw) => Found {
                    raw,
                    store_is_away: false,
                },
                None => self.find(key, deadline).await,
            };
            if store_is_away && was_refused {
                // What is kept here is known to be out of date.
                return Err(SessionError::Contended);
            }
            let stored: Option<Stored<D>> = raw.as_deref().and_then(decode);
            let touched_at = stored.as_ref().map(|stored| stored.touched_at);
            let mut data = stored.map(|stored| stored.data).unwrap_or_default();
            let answer = change(&mut data);

            let now = self.clock.now();
            if let (Some(raw), Some(touched_at)) = (&raw, touched_at)
                && !self.rearming_is_due(touched_at, now)
                && encode(&data, touched_at) == *raw
            {
                if is_remembered {
                    continue;
                }
                return Ok(answer);
            }
            let new = encode(&data, now.timestamp());
            if store_is_away {
                self.keep_for_store(key, Unsent::Value(new));
                return Ok(answer);
            }
            match self.swap(key, raw.as_deref(), &new, deadline).await {
                Ok(true) => {
                    self.settle(key, Some(new));
                    return Ok(answer);
                }
                Ok(false) if !is_remembered && Instant::now() >= deadline => {
                    return Err(SessionError::Contended);
                }
                Ok(false) => was_refused = true,
                Err(_) => {
                    self.keep_for_store(key, Unsent::Value(new));
                    return Ok(answer);
                }
            }
        }
    }

    /// Takes the data of a session away for good: of many takers, one gets it.
    pub(super) async fn take<D: SessionData>(&self, key: &str, deadline: Instant) -> Option<D> {
        self.bring_to_store(key, deadline).await;
        let raw = if let Ok(raw) = self.limited(deadline, self.store.take(&self.full_key(key))).await {
            self.forget(key);
            raw
        } else {
            let raw = self.copied(key);
            self.keep_for_store(key, Unsent::Gone);
            raw
        };
        decode(&raw?).map(|stored| stored.data)
    }

    /// Stores the data of a session whose key nobody else knows yet.
    pub(super) async fn put<D: SessionData>(&self, key: &str, data: &D, deadline: Instant) {
        let value = encode(data, self.clock.now().timestamp());
        let write = Write::Put {
            key: self.full_key(key),
            value: value.clone(),
            ttl: self.stored_for,
        };
        match self.limited(deadline, self.store.write(&[], vec![write])).await {
            Ok(_) => self.settle(key, Some(value)),
            Err(_) => self.keep_for_store(key, Unsent::Value(value)),
        }
    }

    pub(super) async fn discard(&self, key: &str, deadline: Instant) {
        let write = Write::Delete {
            key: self.full_key(key),
        };
        match self.limited(deadline, self.store.write(&[], vec![write])).await {
            Ok(_) => self.forget(key),
            Err(_) => self.keep_for_store(key, Unsent::Gone),
        }
    }

    pub(super) async fn store_answers(&self, deadline: Instant) -> bool {
        self.limited(deadline, self.store.ping()).await.is_ok()
    }

    /// Brings to the store what was decided while it was away, if anything.
    pub(super) async fn bring_to_store(&self, key: &str, deadline: Instant) {
        if !self.has_unsent(key) {
            return;
        }
        let Some((seen, unsent)) = self.unsent_of(key) else {
            return;
        };
        let Ok(held) = self.limited(deadline, self.store.get(&self.full_key(key))).await else {
            return;
        };
        let new = match unsent {
            Unsent::Gone => {
                self.discard(key, deadline).await;
                return;
            }
            Unsent::Value(new) => new,
        };
        let changed_elsewhere = held.is_some() && held != seen;
        if changed_elsewhere {
            // Also when the last write was applied although its answer got lost: then both are the same.
            self.settle(key, held);
            return;
        }
        match self.swap(key, held.as_deref(), &new, deadline).await {
            Ok(true) => self.settle(key, Some(new)),
            Ok(false) => self.forget(key),
            Err(_) => {}
        }
    }

    async fn find(&self, key: &str, deadline: Instant) -> Found {
        if self.has_unsent(key) {
            return Found {
                raw: self.copied(key),
                store_is_away: true,
            };
        }
        match self.limited(deadline, self.store.get(&self.full_key(key))).await {
            Ok(raw) => {
                self.note(key, raw.clone());
                Found {
                    raw,
                    store_is_away: false,
                }
            }
            Err(_) => Found {
                raw: self.copied(key),
                store_is_away: true,
            },
        }
    }

    async fn swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: &[u8],
        deadline: Instant,
    ) -> Result<bool, StateError> {
        let full_key = self.full_key(key);
        self.limited(
            deadline,
            self.store
                .swap(&full_key, expected, new.to_vec(), self.stored_for),
        )
        .await
    }

    async fn limited<T>(
        &self,
        deadline: Instant,
        operation: impl Future<Output = Result<T, StateError>>,
    ) -> Result<T, StateError> {
        tokio::time::timeout_at(deadline.into(), operation)
            .await
            .unwrap_or_else(|_| Err(out_of_time()))
    }

    fn full_key(&self, key: &str) -> String {
        format!("{}{key}", self.key_prefix)
    }

    fn rearming_is_due(&self, touched_at: i64, now: DateTime<Utc>) -> bool {
        let age = now.timestamp().saturating_sub(touched_at);
        u64::try_from(age).unwrap_or_default() > self.rearm_every.as_secs()
    }

    /// The value that the local copy stands for, unless it has expired.
    fn copied(&self, key: &str) -> Option<Vec<u8>> {
        let raw = match self.copies().by_key.get(key)? {
            LocalCopy {
                unsent: Some(Unsent::Gone),
                ..
            } => return None,
            LocalCopy {
                unsent: Some(Unsent::Value(value)),
                ..
            } => value.clone(),
            LocalCopy { seen, .. } => seen.clone()?,
        };
        let Stored { touched_at, .. } = decode::<serde::de::IgnoredAny>(&raw)?;
        let age = u64::try_from(self.clock.now().timestamp().saturating_sub(touched_at)).unwrap_or_default();
        (age <= self.stored_for.as_secs()).then_some(raw)
    }

    fn unsent_of(&self, key: &str) -> Option<(Option<Vec<u8>>, Unsent)> {
        let mut copies = self.copies();
        let copy = copies.by_key.get(key)?;
        copy.unsent.clone().map(|unsent| (copy.seen.clone(), unsent))
    }

    /// Remembers what the store was seen to hold, unless something waits to be brought to it.
    fn note(&self, key: &str, seen: Option<Vec<u8>>) {
        let mut copies = self.copies();
        if copies.unsent.contains(key) {
            return;
        }
        match (copies.by_key.get_mut(key), seen) {
            (_, None) => {
                copies.by_key.pop(key);
            }
            (Some(copy), seen) => copy.seen = seen,
            (None, seen) => copies.put(key, LocalCopy { seen, unsent: None }),
        }
    }

    /// The store now holds this, which settles what was kept for it.
    fn settle(&self, key: &str, held: Option<Vec<u8>>) {
        if held.is_none() {
            self.forget(key);
            return;
        }
        let mut copies = self.copies();
        copies.put(
            key,
            LocalCopy {
                seen: held,
                unsent: None,
            },
        );
        self.kept
            .unsent_count
            .store(copies.unsent.len(), Ordering::Release);
    }

    fn forget(&self, key: &str) {
        let mut copies = self.copies();
        copies.by_key.pop(key);
        copies.unsent.remove(key);
        self.kept
            .unsent_count
            .store(copies.unsent.len(), Ordering::Release);
    }

    fn keep_for_store(&self, key: &str, unsent: Unsent) {
        let mut copies = self.copies();
        let seen = copies.by_key.get_mut(key).and_then(|copy| copy.seen.take());
        copies.put(
            key,
            LocalCopy {
                seen,
                unsent: Some(unsent),
            },
        );
        self.kept
            .unsent_count
            .store(copies.unsent.len(), Ordering::Release);
    }

    fn copies(&self) -> MutexGuard<'_, Copies> {
        self.kept.copies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Copies {
    fn put(&mut self, key: &str, copy: LocalCopy) {
        if copy.unsent.is_some() {
            self.unsent.insert(key.to_owned());
        } else {
            self.unsent.remove(key);
        }
        if let Some((evicted, _)) = self.by_key.push(key.to_owned(), copy)
            && evicted != key
        {
            self.unsent.remove(&evicted);
        }
    }
}

/// An empty cache of at most `capacity` entries that has not reserved room for them.
fn bounded_cache(capacity: NonZeroUsize) -> LruCache<String, LocalCopy> {
    let mut cache = LruCache::new(NonZeroUsize::MIN);
    cache.resize(capacity);
    cache
}

fn encode<D: Serialize>(data: &D, touched_at: i64) -> Vec<u8> {
    serde_json::to_vec(&Stored { touched_at, data }).unwrap_or_else(|error| {
        tracing::error!(%error, "session data cannot be written as JSON");
        Vec::new()
    })
}

/// A value that cannot be read is no session.
fn decode<D: serde::de::DeserializeOwned>(raw: &[u8]) -> Option<Stored<D>> {
    serde_json::from_slice(raw).ok()
}

fn out_of_time() -> StateError {
    StateError::Unavailable("out of time".to_owned())
}
