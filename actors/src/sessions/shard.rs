//! The actor: one shard of the sessions.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::LocalBoxFuture;

use super::seen::SeenBook;
use super::storage::Storage;
use super::turns::Turns;
use super::{DEADLINE, SessionData, SessionError, SessionRecords, index_of};
use crate::clock::SharedClock;
use crate::supervision::{Answer, Answers, Behaviour, Request};

/// How often a shard looks whether the store is back.
const TICK_EVERY: Duration = Duration::from_secs(1);

/// Changes that are brought to the store in one tick.
const BROUGHT_PER_TICK: usize = 500;

/// Uses of sessions that are written by one call of the port.
const BATCH: usize = 500;

/// A batch that takes longer is given up and tried again.
const BATCH_DEADLINE: Duration = Duration::from_secs(10);

pub(super) struct Shard<D, R> {
    desk: Desk<R>,
    flush_every: Duration,
    flushed_at: Instant,
    data: PhantomData<fn() -> D>,
}

/// What the work of a shard needs, apart from its data type.
struct Desk<R> {
    index: usize,
    storages: Arc<[Storage]>,
    seen: Arc<[SeenBook]>,
    records: Arc<R>,
    clock: SharedClock,
    turns: Turns,
}

impl<R> Clone for Desk<R> {
    fn clone(&self) -> Self {
        Self {
            index: self.index,
            storages: self.storages.clone(),
            seen: self.seen.clone(),
            records: self.records.clone(),
            clock: self.clock.clone(),
            turns: self.turns.clone(),
        }
    }
}

impl<D: SessionData, R: SessionRecords> Shard<D, R> {
    pub(super) fn new(
        index: usize,
        storages: Arc<[Storage]>,
        seen: Arc<[SeenBook]>,
        records: Arc<R>,
        clock: SharedClock,
        flush_every: Duration,
    ) -> Self {
        let desk = Desk {
            index,
            storages,
            seen,
            records,
            clock,
            turns: Turns::default(),
        };
        Self {
            desk,
            flush_every,
            flushed_at: Instant::now(),
            data: PhantomData,
        }
    }
}

impl<R: SessionRecords> Desk<R> {
    fn own_storage(&self) -> &Storage {
        &self.storages[self.index]
    }

    fn storage_of(&self, key: &str) -> &Storage {
        &self.storages[index_of(key, self.storages.len())]
    }

    async fn bring_all_to_store(&self) {
        let storage = self.own_storage();
        let keys = storage.unsent_keys(BROUGHT_PER_TICK);
        if keys.is_empty() || !storage.store_answers(Instant::now() + DEADLINE).await {
            return;
        }
        for key in keys {
            let _turn = self.turns.wait_for(&key).await;
            storage.bring_to_store(&key, Instant::now() + DEADLINE).await;
        }
    }

    async fn write_seen(&self) {
        let book = &self.seen[self.index];
        let mut waiting = book.take_batch(self.clock.now());
        while !waiting.is_empty() {
            let rest = waiting.split_off(waiting.len().min(BATCH));
            let written = tokio::time::timeout(BATCH_DEADLINE, self.records.seen(&waiting)).await;
            if !matches!(written, Ok(Ok(()))) {
                tracing::warn!(
                    sessions = waiting.len(),
                    "uses of sessions could not be recorded, will try again"
                );
                book.put_back(waiting);
                book.put_back(rest);
                return;
            }
            waiting = rest;
        }
    }
}

impl<D: SessionData, R: SessionRecords> Behaviour for Shard<D, R> {
    const MESSAGES: &'static [&'static str] = &["load", "update", "rotate", "sign_out", "flush"];

    fn tick_every(&self) -> Option<Duration> {
        Some(TICK_EVERY.min(self.flush_every))
    }

    fn tick(&mut self) -> Option<LocalBoxFuture<'static, ()>> {
        let flush = self.flushed_at.elapsed() >= self.flush_every;
        if flush {
            self.flushed_at = Instant::now();
        }
        let desk = self.desk.clone();
        Some(Box::pin(async move {
            desk.bring_all_to_store().await;
            if flush {
                desk.write_seen().await;
            }
        }))
    }
}

pub(super) struct Load<D> {
    pub(super) key: String,
    pub(super) deadline: Instant,
    pub(super) data: PhantomData<fn() -> D>,
}

impl<D: SessionData> Request for Load<D> {
    type Response = Option<D>;
    const NAME: &'static str = "load";
}

impl<D: SessionData, R: SessionRecords> Answers<Load<D>> for Shard<D, R> {
    fn answer(&mut self, Load { key, deadline, .. }: Load<D>) -> Answer<Option<D>> {
        let desk = self.desk.clone();
        Answer::Later(Box::pin(async move {
            let _turn = desk.turns.wait_for(&key).await;
            let storage = desk.own_storage();
            storage.bring_to_store(&key, deadline).await;
            storage.load(&key, deadline).await
        }))
    }
}

pub(super) struct Update<D, F> {
    pub(super) key: String,
    pub(super) deadline: Instant,
    pub(super) change: F,
    pub(super) data: PhantomData<fn() -> D>,
}

impl<D, F, T> Request for Update<D, F>
where
    D: SessionData,
    T: Send + 'static,
    F: FnMut(&mut D) -> T + Send + 'static,
{
    type Response = Result<T, SessionError>;
    const NAME: &'static str = "update";

    fn failed(response: &Self::Response) -> bool {
        response.is_err()
    }
}

impl<D, F, T, R> Answers<Update<D, F>> for Shard<D, R>
where
    D: SessionData,
    R: SessionRecords,
    T: Send + 'static,
    F: FnMut(&mut D) -> T + Send + 'static,
{
    fn answer(&mut self, update: Update<D, F>) -> Answer<Result<T, SessionError>> {
        let desk = self.desk.clone();
        let Update {
            key,
            deadline,
            mut change,
            ..
        } = update;
        Answer::Later(Box::pin(async move {
            let _turn = desk.turns.wait_for(&key).await;
            desk.own_storage().update(&key, deadline, &mut change).await
        }))
    }
}

pub(super) struct Rotate<D, F> {
    pub(super) old: String,
    pub(super) new: String,
    pub(super) deadline: Instant,
    pub(super) carry: F,
    pub(super) data: PhantomData<fn() -> D>,
}

impl<D: SessionData, F: FnOnce(D) -> D + Send + 'static> Request for Rotate<D, F> {
    type Response = D;
    const NAME: &'static str = "rotate";
}

impl<D, F, R> Answers<Rotate<D, F>> for Shard<D, R>
where
    D: SessionData,
    R: SessionRecords,
    F: FnOnce(D) -> D + Send + 'static,
{
    fn answer(&mut self, rotate: Rotate<D, F>) -> Answer<D> {
        let desk = self.desk.clone();
        let Rotate {
            old,
            new,
            deadline,
            carry,
            ..
        } = rotate;
        Answer::Later(Box::pin(async move {
            let _turn = desk.turns.wait_for(&old).await;
            let before: D = desk.own_storage().take(&old, deadline).await.unwrap_or_default();
            let after = carry(before);
            desk.storage_of(&new).put(&new, &after, deadline).await;
            after
        }))
    }
}

pub(super) struct SignOut<R: SessionRecords> {
    pub(super) key: String,
    pub(super) reason: R::Reason,
}

impl<R: SessionRecords> Request for SignOut<R> {
    type Response = Result<(), R::Error>;
    const NAME: &'static str = "sign_out";

    fn failed(response: &Self::Response) -> bool {
        response.is_err()
    }
}

impl<D: SessionData, R: SessionRecords> Answers<SignOut<R>> for Shard<D, R> {
    fn answer(&mut self, SignOut { key, reason }: SignOut<R>) -> Answer<Result<(), R::Error>> {
        let desk = self.desk.clone();
        Answer::Later(Box::pin(async move {
            let _turn = desk.turns.wait_for(&key).await;
            desk.records.end(&key, reason, desk.clock.now()).await?;
            desk.own_storage().discard(&key, Instant::now() + DEADLINE).await;
            Ok(())
        }))
    }
}

pub(super) struct Flush;

impl Request for Flush {
    type Response = ();
    const NAME: &'static str = "flush";
}

impl<D: SessionData, R: SessionRecords> Answers<Flush> for Shard<D, R> {
    fn answer(&mut self, _: Flush) -> Answer<()> {
        let desk = self.desk.clone();
        Answer::Later(Box::pin(async move {
            desk.bring_all_to_store().await;
            desk.write_seen().await;
        }))
    }
}
