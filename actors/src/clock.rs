//! Time as a value that is passed in, so that every expiry is tested without sleeping.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// `duration`, to be added to an instant. What no calendar holds becomes a hundred years.
pub(crate) fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::days(36_500))
}

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
