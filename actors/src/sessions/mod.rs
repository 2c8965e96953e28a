//! Browser sessions.
//!
//! What a session is *doing* (`D`: form token, pending interaction…) is volatile and lives in the state store, under a
//! prefix and the key that the caller derives from the secret of the cookie. What a signed-in session *is* (who,
//! since when) is durable and lives behind the port [`SessionRecords`].
//!
//! * Updates of one session are serial: within a process they wait in line (sharded by key over arbiters), across
//!   nodes a lost race is seen and the change is made again on what the winner left.
//! * While the store is away, a bounded number of sessions lives on in the memory of the process, from what was last
//!   seen of them. When the store comes back, what was changed meanwhile is brought to it, unless another node changed
//!   the same session: then the store is right. A store that comes back empty is filled again as sessions are used.
//! * No call that only concerns volatile data waits longer than a second.
//! * A sign-out is acknowledged after its durable end is committed. Once accepted it goes on to its end even when the
//!   caller goes away.

mod records;
mod seen;
mod shard;
mod storage;
mod turns;

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

pub use self::records::{Seen, SessionRecords};
use self::seen::SeenBook;
use self::shard::{Flush, Load, Rotate, Shard, SignOut, Update};
use self::storage::Storage;
use crate::clock::SharedClock;
use crate::instrumentation::Instruments;
use crate::state::StateStore;
use crate::supervision::{ActorError, Handle, start};

/// What a request waits for volatile data, in all.
const DEADLINE: Duration = Duration::from_millis(900);

/// What is kept in a session. A blanket implementation covers every type that qualifies.
pub trait SessionData: Serialize + DeserializeOwned + Default + Clone + Send + 'static {}

impl<T: Serialize + DeserializeOwned + Default + Clone + Send + 'static> SessionData for T {}

#[derive(Debug, Clone)]
pub struct SessionsSettings {
    /// Put before every key in the store.
    pub key_prefix: String,
    /// Life of volatile data after the last use of the session (sliding).
    pub time_to_live: Duration,
    /// Arbiters (threads) over which keys are spread.
    pub shards: usize,
    /// Messages that may wait or be in progress in each shard.
    pub mailbox_capacity: usize,
    /// Sessions that live on in this process while the store is away.
    pub local_sessions: usize,
    /// A session is recorded as seen at most this often.
    pub seen_every: Duration,
    /// Period of the batches that record sessions as seen.
    pub flush_every: Duration,
}

impl Default for SessionsSettings {
    fn default() -> Self {
        Self {
            key_prefix: "mcp:session:".to_owned(),
            time_to_live: Duration::from_hours(24),
            shards: 2,
            mailbox_capacity: 10_000,
            local_sessions: 10_000,
            seen_every: Duration::from_mins(1),
            flush_every: Duration::from_secs(5),
        }
    }
}

/// Why a session could not be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    #[error(transparent)]
    Actor(#[from] ActorError),
    /// Other nodes kept changing the same session for almost a second.
    #[error("the session is being changed from elsewhere all the time")]
    Contended,
}

/// Why a sign-out was not acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError<E> {
    #[error(transparent)]
    Actor(#[from] ActorError),
    /// The port failed: nothing is acknowledged.
    #[error("the session records are unavailable")]
    Records(#[source] E),
}

/// See the module. Cheap to clone.
pub struct Sessions<D: SessionData, R: SessionRecords> {
    inner: Arc<Inner<D, R>>,
    /// Of each shard, over the connection that reads.
    storages: Arc<[Storage]>,
}

struct Inner<D: SessionData, R: SessionRecords> {
    shards: Vec<Handle<Shard<D, R>>>,
    seen: Arc<[SeenBook]>,
    clock: SharedClock,
    data: PhantomData<fn() -> D>,
}

impl<D: SessionData, R: SessionRecords> Clone for Sessions<D, R> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            storages: self.storages.clone(),
        }
    }
}

impl<D: SessionData, R: SessionRecords> Sessions<D, R> {
    /// Starts the shards; must be called where an actix `System` runs. Each has a connection of its own to `store`.
    pub fn start(
        store: &Arc<dyn StateStore>,
        records: &Arc<R>,
        clock: &SharedClock,
        instruments: &Instruments,
        settings: &SessionsSettings,
    ) -> Self {
        let shard_count = settings.shards.max(1);
        let storages: Arc<[Storage]> = (0..shard_count)
            .map(|_| Storage::new(store.clone(), clock.clone(), settings))
            .collect();
        let seen: Arc<[SeenBook]> = (0..shard_count).map(|_| SeenBook::new(settings)).collect();
        let shards = (0..shard_count)
            .map(|index| {
                let (store, storages, seen, records) =
                    (store.clone(), storages.clone(), seen.clone(), records.clone());
                let (observed_storages, observed_seen) = (storages.clone(), seen.clone());
                let (clock, flush_every) = (clock.clone(), settings.flush_every);
                let name = format!("sessions-{index}");
                let handle = start(instruments, name, settings.mailbox_capacity, move || {
                    let store = store.clone().for_this_runtime();
                    Shard::new(
                        index,
                        over(&storages, &store),
                        seen.clone(),
                        records.clone(),
                        clock.clone(),
                        flush_every,
                    )
                });
                handle.meter().describe_with(move || {
                    let (copies, unsent) = observed_storages[index].sizes();
                    json!({
                        "local_copies": copies,
                        "changes_kept_for_the_store": unsent,
                        "seen_waiting": observed_seen[index].waiting(),
                    })
                });
                handle
            })
            .collect();
        let inner = Inner {
            shards,
            seen,
            clock: clock.clone(),
            data: PhantomData,
        };
        Self {
            inner: Arc::new(inner),
            storages,
        }
    }

    /// The same sessions, read over another connection to the same store.
    #[must_use]
    pub fn with_store(&self, store: &Arc<dyn StateStore>) -> Self {
        Self {
            inner: self.inner.clone(),
            storages: over(&self.storages, store),
        }
    }

    /// The volatile data of a session, unless there is none. Re-arms its expiry, coarsely.
    pub async fn load(&self, key: &str) -> Option<D> {
        let deadline = Instant::now() + DEADLINE;
        let index = self.index(key);
        let storage = &self.storages[index];
        if storage.has_unsent(key) {
            // Bringing it to the store is the business of the shard.
            let message = Load {
                key: key.to_owned(),
                deadline,
                data: PhantomData,
            };
            return self.inner.shards[index].ask(message).await.ok().flatten();
        }
        let Some(measure) = self.inner.shards[index].meter().accept("load") else {
            return storage.copy_of(key);
        };
        let data = storage.load(key, deadline).await;
        measure.answered(false);
        data
    }

    /// Changes the volatile data of a session, and creates it when it is absent. `change` may run several times, each
    /// time on fresh data, when another node changes the same session at that moment; its last run counts.
    ///
    /// # Errors
    /// See [`SessionError`]. A store that is away is no error.
    pub async fn update<T, F>(&self, key: &str, change: F) -> Result<T, SessionError>
    where
        T: Send + 'static,
        F: FnMut(&mut D) -> T + Send + 'static,
    {
        let deadline = Instant::now() + DEADLINE;
        let message = Update {
            key: key.to_owned(),
            deadline,
            change,
            data: PhantomData,
        };
        self.shard(key).ask(message).await?
    }

    /// Moves a session to a new key, as a sign-in does: `carry` makes the new data from the old (the default when
    /// there is none). The old key is worthless from then on.
    ///
    /// # Errors
    /// See [`ActorError`]. A store that is away is no error.
    pub async fn rotate<F>(&self, old: &str, new: &str, carry: F) -> Result<D, ActorError>
    where
        F: FnOnce(D) -> D + Send + 'static,
    {
        let deadline = Instant::now() + DEADLINE;
        let message = Rotate {
            old: old.to_owned(),
            new: new.to_owned(),
            deadline,
            carry,
            data: PhantomData,
        };
        self.shard(old).ask(message).await
    }

    /// Ends a signed-in session: first its record, then its volatile data. After `Ok`, no node accepts it. A store that is away is told when
    /// it comes back.
    ///
    /// # Errors
    /// When the end could not be recorded; then nothing is acknowledged.
    pub async fn sign_out(&self, key: &str, reason: R::Reason) -> Result<(), RecordsError<R::Error>> {
        self.shard(key)
            .ask(SignOut::<R> {
                key: key.to_owned(),
                reason,
            })
            .await?
            .map_err(RecordsError::Records)
    }

    /// Notes that a signed-in session was used now. Returns at once; the record is written in a batch, at most once
    /// per session and [`SessionsSettings::seen_every`]. Gives whether it will be written.
    #[expect(clippy::must_use_candidate, reason = "most callers only note")]
    pub fn seen(&self, key: &str) -> bool {
        let now: DateTime<Utc> = self.inner.clock.now();
        self.inner.seen[self.index(key)].note(key, now)
    }

    /// Writes what [`Sessions::seen`] noted and brings to the store what was kept for it. Call it before stopping.
    ///
    /// # Errors
    /// When a shard does not answer.
    pub async fn flush(&self) -> Result<(), ActorError> {
        for shard in &self.inner.shards {
            shard.ask(Flush).await?;
        }
        Ok(())
    }

    fn shard(&self, key: &str) -> &Handle<Shard<D, R>> {
        &self.inner.shards[self.index(key)]
    }

    fn index(&self, key: &str) -> usize {
        index_of(key, self.inner.shards.len())
    }
}

fn over(storages: &[Storage], store: &Arc<dyn StateStore>) -> Arc<[Storage]> {
    storages
        .iter()
        .map(|storage| storage.over(store.clone()))
        .collect()
}

/// The shard of a key, of `count`.
fn index_of(key: &str, count: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    usize::try_from(hasher.finish() % count as u64).unwrap_or_default()
}
