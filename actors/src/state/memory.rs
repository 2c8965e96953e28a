//! [`StateStore`] in the memory of the process: one node, nothing to install.

use std::collections::hash_map::{DefaultHasher, HashMap};
use std::collections::{BTreeSet, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::{Counter, Hit, StateError, StateStore, Write};
use crate::clock::{SharedClock, delta};

const SHARDS: usize = 64;

/// A shard that is written to forgets what has expired at most this often.
const SWEEP_EVERY: TimeDelta = TimeDelta::seconds(10);

/// See the module. Expiry follows the clock that it is given.
pub struct MemoryStore {
    clock: SharedClock,
    shards: Vec<Mutex<Shard>>,
}

#[derive(Default)]
struct Shard {
    entries: HashMap<String, Entry>,
    next_sweep: DateTime<Utc>,
}

struct Entry {
    content: Content,
    expires_at: DateTime<Utc>,
}

enum Content {
    Value(Vec<u8>),
    Set(HashSet<String>),
}

impl MemoryStore {
    #[must_use]
    pub fn new(clock: SharedClock) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { clock, shards }
    }

    /// How many keys are held, expired ones that are not swept yet included.
    #[must_use]
    pub fn len(&self) -> usize {
        (0..SHARDS).map(|index| self.lock(index).entries.len()).sum()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets everything, as a Redis that restarts without persistence does.
    pub fn wipe(&self) {
        for index in 0..SHARDS {
            self.lock(index).entries.clear();
        }
    }

    fn lock(&self, index: usize) -> MutexGuard<'_, Shard> {
        // No code panics while it holds a shard half-changed: every step is one map operation.
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shard_of(&self, key: &str) -> (MutexGuard<'_, Shard>, DateTime<Utc>) {
        (self.lock(shard_index(key)), self.clock.now())
    }

    /// The shards of `keys`, locked in ascending order always, so that no two callers can wait for each other.
    fn lock_all<'a>(&self, keys: impl Iterator<Item = &'a str>) -> Vec<(usize, MutexGuard<'_, Shard>)> {
        let touched: BTreeSet<usize> = keys.map(shard_index).collect();
        touched
            .into_iter()
            .map(|index| (index, self.lock(index)))
            .collect()
    }
}

impl Entry {
    fn count(&self) -> Result<u64, StateError> {
        let Content::Value(value) = &self.content else {
            return Err(not_a("counter"));
        };
        std::str::from_utf8(value)
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| not_a("counter"))
    }

    fn set_count(&mut self, count: u64) {
        self.content = Content::Value(count.to_string().into_bytes());
    }

    fn expires_in(&self, now: DateTime<Utc>) -> Duration {
        (self.expires_at - now).to_std().unwrap_or_default()
    }
}

impl Shard {
    fn live(&mut self, key: &str, now: DateTime<Utc>) -> Option<&mut Entry> {
        self.entries.get_mut(key).filter(|entry| entry.expires_at > now)
    }

    fn put(&mut self, key: String, value: Vec<u8>, ttl: Duration, now: DateTime<Utc>) {
        self.sweep(now);
        self.entries.insert(
            key,
            Entry {
                content: Content::Value(value),
                expires_at: now + delta(ttl),
            },
        );
    }

    fn apply(&mut self, write: Write, now: DateTime<Utc>) -> Result<(), StateError> {
        match write {
            Write::Put { key, value, ttl } => self.put(key, value, ttl, now),
            Write::Delete { key } => {
                self.entries.remove(&key);
            }
            Write::AddMember { set, member, ttl } => {
                self.sweep(now);
                let expires_at = now + delta(ttl);
                let Some(entry) = self.live(&set, now) else {
                    let content = Content::Set(HashSet::from([member]));
                    self.entries.insert(set, Entry { content, expires_at });
                    return Ok(());
                };
                let Content::Set(members) = &mut entry.content else {
                    return Err(not_a("set"));
                };
                members.insert(member);
                entry.expires_at = entry.expires_at.max(expires_at);
            }
            Write::RemoveMember { set, member } => {
                let Some(entry) = self.live(&set, now) else {
                    return Ok(());
                };
                let Content::Set(members) = &mut entry.content else {
                    return Err(not_a("set"));
                };
                members.remove(&member);
                if members.is_empty() {
                    self.entries.remove(&set);
                }
            }
        }
        Ok(())
    }

    fn increment(&mut self, key: &str, window: Duration, now: DateTime<Utc>) -> Result<Counter, StateError> {
        let Some(entry) = self.live(key, now) else {
            self.put(key.to_owned(), b"1".to_vec(), window, now);
            return Ok(Counter {
                count: 1,
                resets_in: window,
            });
        };
        let count = entry.count()?.saturating_add(1);
        entry.set_count(count);
        Ok(Counter {
            count,
            resets_in: entry.expires_in(now),
        })
    }

    fn give_back(&mut self, hit: &Hit, now: DateTime<Utc>) -> Result<(), StateError> {
        let Some(entry) = self.live(&hit.key, now) else {
            return Ok(());
        };
        if entry.expires_in(now) > hit.resets_in {
            // A later window.
            return Ok(());
        }
        match entry.count()? {
            0 | 1 => {
                self.entries.remove(&hit.key);
            }
            count => entry.set_count(count - 1),
        }
        Ok(())
    }

    fn sweep(&mut self, now: DateTime<Utc>) {
        if now < self.next_sweep {
            return;
        }
        self.next_sweep = now + SWEEP_EVERY;
        self.entries.retain(|_, entry| entry.expires_at > now);
    }
}

#[async_trait]
impl StateStore for MemoryStore {
    fn for_this_runtime(self: Arc<Self>) -> Arc<dyn StateStore> {
        self
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StateError> {
        let (mut shard, now) = self.shard_of(key);
        match shard.live(key, now) {
            None => Ok(None),
            Some(Entry {
                content: Content::Value(value),
                ..
            }) => Ok(Some(value.clone())),
            Some(_) => Err(not_a("value")),
        }
    }

    async fn take(&self, key: &str) -> Result<Option<Vec<u8>>, StateError> {
        let (mut shard, now) = self.shard_of(key);
        if let Some(Entry {
            content: Content::Set(_),
            ..
        }) = shard.live(key, now)
        {
            return Err(not_a("value"));
        }
        match shard.entries.remove(key) {
            Some(Entry {
                content: Content::Value(value),
                expires_at,
            }) if expires_at > now => Ok(Some(value)),
            _ => Ok(None),
        }
    }

    async fn write(&self, unless_present: &[String], writes: Vec<Write>) -> Result<bool, StateError> {
        let keys = unless_present.iter().map(String::as_str);
        let mut shards = self.lock_all(keys.chain(writes.iter().map(key_of)));
        let now = self.clock.now();
        for key in unless_present {
            if locked(&mut shards, key).live(key, now).is_some() {
                return Ok(false);
            }
        }
        for write in writes {
            locked(&mut shards, key_of(&write)).apply(write, now)?;
        }
        Ok(true)
    }

    async fn swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Vec<u8>,
        ttl: Duration,
    ) -> Result<bool, StateError> {
        let (mut shard, now) = self.shard_of(key);
        let matches = match (shard.live(key, now), expected) {
            (None, None) => true,
            (
                Some(Entry {
                    content: Content::Value(value),
                    ..
                }),
                Some(expected),
            ) => value == expected,
            (
                Some(Entry {
                    content: Content::Set(_),
                    ..
                }),
                _,
            ) => return Err(not_a("value")),
            _ => false,
        };
        if matches {
            shard.put(key.to_owned(), new, ttl, now);
        }
        Ok(matches)
    }

    async fn increment(&self, counters: &[(&str, Duration)]) -> Result<Vec<Counter>, StateError> {
        let mut shards = self.lock_all(counters.iter().map(|(key, _)| *key));
        let now = self.clock.now();
        counters
            .iter()
            .map(|(key, window)| locked(&mut shards, key).increment(key, *window, now))
            .collect()
    }

    async fn give_back(&self, hits: &[Hit]) -> Result<(), StateError> {
        let mut shards = self.lock_all(hits.iter().map(|hit| hit.key.as_str()));
        let now = self.clock.now();
        for hit in hits {
            locked(&mut shards, &hit.key).give_back(hit, now)?;
        }
        Ok(())
    }

    async fn members(&self, set: &str) -> Result<Vec<String>, StateError> {
        let (mut shard, now) = self.shard_of(set);
        match shard.live(set, now) {
            None => Ok(Vec::new()),
            Some(Entry {
                content: Content::Set(members),
                ..
            }) => Ok(members.iter().cloned().collect()),
            Some(_) => Err(not_a("set")),
        }
    }

    async fn ping(&self) -> Result<(), StateError> {
        Ok(())
    }
}

fn shard_index(key: &str) -> usize {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    usize::try_from(hasher.finish() % SHARDS as u64).unwrap_or_default()
}

fn key_of(write: &Write) -> &str {
    match write {
        Write::Put { key, .. } | Write::Delete { key } => key,
        Write::AddMember { set, .. } | Write::RemoveMember { set, .. } => set,
    }
}

fn locked<'a>(shards: &'a mut [(usize, MutexGuard<'_, Shard>)], key: &str) -> &'a mut Shard {
    let index = shard_index(key);
    let (_, shard) = shards
        .iter_mut()
        .find(|(candidate, _)| *candidate == index)
        .expect("the shards of all keys were locked first");
    shard
}

fn not_a(kind: &str) -> StateError {
    StateError::Unavailable(format!("the key does not hold a {kind}"))
}
