//! Uses of signed-in sessions that wait for their batch.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use super::{Seen, SessionsSettings};

/// Uses that wait, at most: more cannot be written anyway when the records have been away for long.
const WAITING_AT_MOST: usize = 100_000;

/// Notes the use of sessions, each at most once per period. Locks are held for one map operation, never across an await.
pub(super) struct SeenBook {
    every: TimeDelta,
    pages: Mutex<Pages>,
}

#[derive(Default)]
struct Pages {
    noted_at: HashMap<String, DateTime<Utc>>,
    waiting: Vec<Seen>,
}

impl SeenBook {
    pub(super) fn new(settings: &SessionsSettings) -> Self {
        let every = TimeDelta::from_std(settings.seen_every).unwrap_or(TimeDelta::minutes(1));
        Self {
            every,
            pages: Mutex::default(),
        }
    }

    pub(super) fn note(&self, key: &str, now: DateTime<Utc>) -> bool {
        let mut pages = self.pages();
        if pages
            .noted_at
            .get(key)
            .is_some_and(|noted_at| now - *noted_at < self.every)
        {
            return false;
        }
        if pages.waiting.len() >= WAITING_AT_MOST {
            return false;
        }
        pages.noted_at.insert(key.to_owned(), now);
        pages.waiting.push(Seen {
            key: key.to_owned(),
            at: now,
        });
        true
    }

    /// Takes what waits, the latest use of each session, and forgets what was noted longer ago than the period.
    pub(super) fn take_batch(&self, now: DateTime<Utc>) -> Vec<Seen> {
        let mut pages = self.pages();
        pages.noted_at.retain(|_, noted_at| now - *noted_at < self.every);
        let mut latest: HashMap<String, DateTime<Utc>> = HashMap::new();
        for seen in pages.waiting.drain(..) {
            let at = latest.entry(seen.key).or_insert(seen.at);
            *at = seen.at.max(*at);
        }
        pages.waiting.shrink_to(1_024);
        latest.into_iter().map(|(key, at)| Seen { key, at }).collect()
    }

    /// Puts back a batch that could not be written.
    pub(super) fn put_back(&self, batch: Vec<Seen>) {
        let mut pages = self.pages();
        let room = WAITING_AT_MOST.saturating_sub(pages.waiting.len());
        pages.waiting.extend(batch.into_iter().take(room));
    }

    pub(super) fn waiting(&self) -> usize {
        self.pages().waiting.len()
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
