//! The actor on each hashing thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use actix::{Actor, Handler, Message, SyncContext};

use super::formats::Hashing;
use super::lanes::{Job, Lane, Lanes, Work};
use super::{Argon2Cost, Decoy, HashingError, NewHashes, Pace};
use crate::instrumentation::ActorMeter;
use crate::supervision::panic_text;

/// How much nicer than the rest of the process a hashing thread is (Linux counts per thread). When all cores are busy, it gets a
/// tenth of what a worker of the web gets: pages, tokens and refusals do not wait behind passwords.
const NICENESS: i32 = 10;

/// "There is something in the lanes." The lanes decide what comes first.
pub struct Next;

impl Message for Next {
    type Result = ();
}

pub struct Worker {
    lanes: Arc<Lanes>,
    pace: Arc<Pace>,
    meter: Arc<ActorMeter>,
    cost: Argon2Cost,
    new_hashes: NewHashes,
    decoy: Decoy,
    hashing: Hashing,
}

impl Worker {
    pub(super) fn new(
        lanes: Arc<Lanes>,
        pace: Arc<Pace>,
        meter: Arc<ActorMeter>,
        cost: Argon2Cost,
        new_hashes: NewHashes,
        decoy: Decoy,
    ) -> Self {
        Self {
            lanes,
            pace,
            meter,
            cost,
            new_hashes,
            decoy,
            hashing: Hashing::new(cost, new_hashes, decoy),
        }
    }

    fn run(&mut self, lane: Lane, job: Job) {
        let started = Instant::now();
        let Job { work, measure } = job;
        // The reply is sent outside of what may panic only when it succeeds: a panic drops it, which the caller sees.
        let outcome = catch_unwind(AssertUnwindSafe(|| match work {
            Work::Hash { password, reply } => {
                let answer = self.hashing.hash(&password).map_err(|_| HashingError::Failed);
                let failed = answer.is_err();
                let _ = reply.send(answer);
                failed
            }
            Work::Verify {
                password,
                stored,
                reply,
            } => {
                let answer = self
                    .hashing
                    .verify(&password, stored.as_deref())
                    .map_err(|_| HashingError::Failed);
                let failed = answer.is_err();
                let _ = reply.send(answer);
                failed
            }
        }));
        self.lanes.ended(lane);
        match outcome {
            Ok(failed) => {
                self.pace.note(started.elapsed());
                measure.answered(failed);
            }
            Err(panic) => {
                tracing::error!(
                    panic = panic_text(&*panic),
                    "password hashing panicked, its thread starts afresh"
                );
                measure.lost();
                self.hashing = Hashing::new(self.cost, self.new_hashes, self.decoy);
                self.meter.restarted();
            }
        }
    }
}

impl Actor for Worker {
    type Context = SyncContext<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        // Where the priority stays, hashing competes with the rest at eye level; that is no reason not to hash.
        if let Err(error) = rustix::process::nice(NICENESS) {
            tracing::warn!(%error, "the hashing thread keeps its priority");
        }
    }
}

impl Handler<Next> for Worker {
    type Result = ();

    fn handle(&mut self, _: Next, _: &mut Self::Context) {
        while let Some((lane, job)) = self.lanes.next() {
            self.run(lane, job);
        }
    }
}
