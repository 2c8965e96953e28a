//! What waits for the hashing threads, in two lanes.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use secrecy::SecretString;
use serde_json::json;
use tokio::sync::oneshot;

use super::{HashingError, Verification};
use crate::instrumentation::Measure;

pub(super) enum Work {
    Hash {
        password: SecretString,
        reply: oneshot::Sender<Result<String, HashingError>>,
    },
    Verify {
        password: SecretString,
        stored: Option<String>,
        reply: oneshot::Sender<Result<Verification, HashingError>>,
    },
}

impl Work {
    /// Whether nobody waits for the answer any more.
    fn is_abandoned(&self) -> bool {
        match self {
            Self::Hash { reply, .. } => reply.is_closed(),
            Self::Verify { reply, .. } => reply.is_closed(),
        }
    }
}

pub(super) struct Job {
    pub(super) work: Work,
    pub(super) measure: Measure,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    SignIns,
    Upgrades,
}

pub(super) struct Lanes {
    /// Upgrades that may run at the same time: one thread is left to sign-ins, if there is more than one.
    upgrades_at_once: usize,
    queues: Mutex<Queues>,
}

#[derive(Default)]
struct Queues {
    sign_ins: VecDeque<Job>,
    upgrades: VecDeque<Job>,
    upgrades_running: usize,
    abandoned: u64,
}

impl Lanes {
    pub(super) fn new(threads: usize) -> Self {
        Self {
            upgrades_at_once: threads.saturating_sub(1).max(1),
            queues: Mutex::default(),
        }
    }

    pub(super) fn push(&self, lane: Lane, job: Job) {
        let mut queues = self.queues();
        match lane {
            Lane::SignIns => queues.sign_ins.push_back(job),
            Lane::Upgrades => queues.upgrades.push_back(job),
        }
    }

    /// The next job that somebody waits for and that may start now.
    pub(super) fn next(&self) -> Option<(Lane, Job)> {
        let mut queues = self.queues();
        loop {
            let (lane, job) = if let Some(job) = queues.sign_ins.pop_front() {
                (Lane::SignIns, job)
            } else if queues.upgrades_running < self.upgrades_at_once {
                (Lane::Upgrades, queues.upgrades.pop_front()?)
            } else {
                return None;
            };
            if job.work.is_abandoned() {
                queues.abandoned += 1;
                continue;
            }
            if lane == Lane::Upgrades {
                queues.upgrades_running += 1;
            }
            return Some((lane, job));
        }
    }

    /// A job of this lane has ended, however. Its thread looks for the next one.
    pub(super) fn ended(&self, lane: Lane) {
        if lane == Lane::Upgrades {
            self.queues().upgrades_running -= 1;
        }
    }

    pub(super) fn describe(&self) -> serde_json::Value {
        let queues = self.queues();
        json!({
            "sign_ins_waiting": queues.sign_ins.len(),
            "upgrades_waiting": queues.upgrades.len(),
            "upgrades_running": queues.upgrades_running,
            "skipped_because_the_caller_left": queues.abandoned,
        })
    }

    fn queues(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
