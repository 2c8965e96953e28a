//! Time as a value that is passed in, so that every expiry is tested without sleeping.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};

/// Where "now" comes from.
pub trait Clock: Send + Sync {
    fn now(&self) -> DateTime<Utc>;
}

/// The clock that everyone takes by value and clones.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// The machine's clock shifted by an offset that a test sets: it runs, and it can be moved.
#[derive(Debug, Default)]
pub struct ShiftedClock {
    offset_milliseconds: AtomicI64,
}

impl ShiftedClock {
    /// Moves this clock forward (or back) by `step`.
    pub fn advance(&self, step: TimeDelta) {
        self.offset_milliseconds
            .fetch_add(step.num_milliseconds(), Ordering::SeqCst);
    }
}

impl Clock for ShiftedClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now() + TimeDelta::milliseconds(self.offset_milliseconds.load(Ordering::SeqCst))
    }
}
