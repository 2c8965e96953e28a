//! The CPU for password hashing.
//!
//! A fixed number of threads (an actix `SyncArbiter`) hash and verify; each keeps its argon2 memory block from one
//! password to the next. What waits for them is bounded: a sign-in that finds the mailbox full is refused at once,
//! with a hint when to try again, so that a flood of sign-ins never starves the rest. Work whose caller has gone
//! away (its future was dropped) is skipped.
//!
//! The threads run at a lower priority than the rest of the process: what costs microseconds goes before what costs
//! milliseconds.
//!
//! Upgrades of old hashes wait in a lane of their own: they are done when no sign-in waits, and never on the last
//! free thread when there is more than one.
//!
//! One hash with the default cost takes about 13 ms of one core, and 19 MiB that each thread takes with its first
//! password and keeps. Only optimised builds are that fast. The argon2 crate uses AVX2 where the CPU has it;
//! `RUSTFLAGS="-C target-cpu=native"` lets the compiler use whatever else the machine knows, which brought a hash to
//! 7–8 ms on the machines of the budget. `benches/costs.rs` gives the figures of the machine at hand.

mod formats;
mod lanes;
mod places;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use actix::{Addr, SyncArbiter};
use secrecy::SecretString;
use tokio::sync::oneshot;

use self::lanes::{Job, Lane, Lanes, Work};
pub use self::places::Place;
use self::places::Places;
use self::worker::{Next, Worker};
use crate::instrumentation::{ActorMeter, Instruments};

/// Cost of new argon2id hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argon2Cost {
    /// Memory in KiB.
    pub memory: u32,
    /// Passes over the memory.
    pub iterations: u32,
    pub parallelism: u32,
}

impl Default for Argon2Cost {
    /// OWASP's recommendation: 19 MiB, two passes.
    fn default() -> Self {
        Self {
            memory: 19_456,
            iterations: 2,
            parallelism: 1,
        }
    }
}

/// How new hashes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewHashes {
    /// argon2id with the configured cost; older hashes are worth an upgrade.
    Argon2id,
    /// `$2b$` with this cost, for as long as somebody reads the hashes who knows bcrypt only. Nothing needs an upgrade.
    Bcrypt { cost: u32 },
}

/// The kind of work that is done for an account without a usable hash, so that answers take the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decoy {
    /// As for a hash of the configured cost: right once most accounts have been upgraded.
    Argon2id,
    /// As for a legacy hash of this cost: right while most accounts have one.
    Bcrypt { cost: u32 },
}

#[derive(Debug, Clone)]
pub struct PasswordHasherSettings {
    pub threads: usize,
    /// Sign-ins that may wait or be in progress.
    pub mailbox_capacity: usize,
    /// Upgrades that may wait or be in progress.
    pub upgrades_capacity: usize,
    pub cost: Argon2Cost,
    pub new_hashes: NewHashes,
    pub decoy: Decoy,
}

impl Default for PasswordHasherSettings {
    /// As many threads as there are cores; sign-ins wait for about half a second at most.
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(2, std::num::NonZeroUsize::get);
        Self {
            threads,
            mailbox_capacity: threads * 32,
            upgrades_capacity: 1_000,
            cost: Argon2Cost::default(),
            new_hashes: NewHashes::Argon2id,
            decoy: Decoy::Argon2id,
        }
    }
}

/// What the check of a password gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// `needs_upgrade` when the stored hash is not argon2id with the configured cost, and new ones are.
    Match {
        needs_upgrade: bool,
    },
    Mismatch,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashingError {
    /// Too many passwords wait already. Known at once.
    #[error("too many passwords are being hashed")]
    Overloaded {
        /// An estimate of when there will be room, in whole seconds, at least one.
        retry_after: Duration,
    },
    /// The hashing panicked or the memory could not be had.
    #[error("the password could not be hashed")]
    Failed,
}

/// The configured cost cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("not a usable argon2id cost: {0}")]
pub struct InvalidCost(argon2::Error);

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct PasswordHasher {
    workers: Addr<Worker>,
    lanes: Arc<Lanes>,
    places: Arc<Places>,
    sign_ins: Arc<ActorMeter>,
    upgrades: Arc<ActorMeter>,
    pace: Arc<Pace>,
}

/// How long one password takes, of late.
pub(crate) struct Pace {
    threads: u64,
    microseconds: AtomicU64,
}

impl Pace {
    pub(crate) fn note(&self, duration: Duration) {
        let latest = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let before = self.microseconds.load(Ordering::Relaxed);
        self.microseconds
            .store(before - before / 8 + latest / 8, Ordering::Relaxed);
    }

    fn until_done(&self, jobs: usize) -> Duration {
        let each = self.microseconds.load(Ordering::Relaxed);
        let total = each.saturating_mul(jobs as u64) / self.threads;
        Duration::from_secs(total.div_ceil(1_000_000).max(1))
    }
}

impl PasswordHasher {
    /// Starts the threads; must be called where an actix `System` runs.
    ///
    /// # Errors
    /// When the configured cost cannot be used.
    pub fn start(instruments: &Instruments, settings: &PasswordHasherSettings) -> Result<Self, InvalidCost> {
        let threads = settings.threads.max(1);
        formats::parameters(settings.cost).map_err(InvalidCost)?;
        let lanes = Arc::new(Lanes::new(threads));
        let pace = Arc::new(Pace {
            threads: threads as u64,
            microseconds: AtomicU64::new(15_000),
        });
        let sign_ins = instruments.meter("password_hasher", settings.mailbox_capacity, &["hash", "verify"]);
        let upgrades = instruments.meter("password_upgrades", settings.upgrades_capacity, &["upgrade"]);
        let observed = lanes.clone();
        sign_ins.describe_with(move || observed.describe());
        let (worker_lanes, worker_pace, worker_meter) = (lanes.clone(), pace.clone(), sign_ins.clone());
        let (cost, new_hashes, decoy) = (settings.cost, settings.new_hashes, settings.decoy);
        let mut number = 0;
        let name_thread = move || {
            number += 1;
            std::thread::Builder::new().name(format!("password-{number}"))
        };
        let workers = SyncArbiter::start_with_thread_builder(threads, name_thread, move || {
            Worker::new(
                worker_lanes.clone(),
                worker_pace.clone(),
                worker_meter.clone(),
                cost,
                new_hashes,
                decoy,
            )
        });
        Ok(Self {
            workers,
            lanes,
            places: Arc::default(),
            sign_ins,
            upgrades,
            pace,
        })
    }

    /// A new hash of `password`: an argon2id PHC string, or bcrypt where [`NewHashes`] says so.
    ///
    /// # Errors
    /// See [`HashingError`].
    pub async fn hash(&self, password: SecretString) -> Result<String, HashingError> {
        let (reply, answer) = oneshot::channel();
        self.send(Lane::SignIns, "hash", Work::Hash { password, reply })?;
        answer.await.unwrap_or(Err(HashingError::Failed))
    }

    /// Keeps a place for a password that is on its way: who is to be refused need not be worked for before, and what is let in
    /// is not refused after that work.
    ///
    /// # Errors
    /// [`HashingError::Overloaded`]
    pub fn admit(&self) -> Result<Place, HashingError> {
        self.places
            .keep_one_of(self.sign_ins.room(), Instant::now())
            .ok_or_else(|| {
                self.sign_ins.refuse();
                self.overloaded()
            })
    }

    /// Checks `password` against what is stored for the account: an argon2id PHC string, or bcrypt (`$2a$`, `$2b$`,
    /// `$2y$`, 60 characters; the first 72 bytes of the password count). Anything else, and `None` for an account that
    /// is unknown or has no password, is a mismatch that takes the time of a real check.
    ///
    /// # Errors
    /// See [`HashingError`].
    pub async fn verify(
        &self,
        password: SecretString,
        stored: Option<String>,
    ) -> Result<Verification, HashingError> {
        let (reply, answer) = oneshot::channel();
        self.send(
            Lane::SignIns,
            "verify",
            Work::Verify {
                password,
                stored,
                reply,
            },
        )?;
        answer.await.unwrap_or(Err(HashingError::Failed))
    }

    /// Like [`PasswordHasher::hash`], when nobody waits: for the upgrade of an old hash after the sign-in was answered.
    /// Dropping the future gives the upgrade up.
    ///
    /// # Errors
    /// See [`HashingError`].
    pub async fn upgrade(&self, password: SecretString) -> Result<String, HashingError> {
        let (reply, answer) = oneshot::channel();
        self.send(Lane::Upgrades, "upgrade", Work::Hash { password, reply })?;
        answer.await.unwrap_or(Err(HashingError::Failed))
    }

    fn send(&self, lane: Lane, message: &'static str, work: Work) -> Result<(), HashingError> {
        let meter = match lane {
            Lane::SignIns => &self.sign_ins,
            Lane::Upgrades => &self.upgrades,
        };
        let Some(measure) = meter.accept(message) else {
            return Err(self.overloaded());
        };
        self.lanes.push(lane, Job { work, measure });
        self.workers.do_send(Next);
        Ok(())
    }

    fn overloaded(&self) -> HashingError {
        HashingError::Overloaded {
            retry_after: self.pace.until_done(self.sign_ins.depth()),
        }
    }
}
