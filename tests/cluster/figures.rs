//! What is counted while things fail.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counters of a run; shared by everybody in it.
#[derive(Debug, Default)]
pub struct Figures {
    /// Requests sent.
    pub requests: AtomicU64,
    /// Answers of 500 and above: somebody had to try again.
    pub failures: AtomicU64,
    /// Journeys to a relying party that came to their end.
    pub journeys: AtomicU64,
    /// Journeys that had to begin anew.
    pub begun_anew: AtomicU64,
    /// Sessions that were gone although nobody had ended them.
    pub sessions_lost: AtomicU64,
    /// Sessions that were alive although their owner had ended them.
    pub sessions_revived: AtomicU64,
    /// Mails that were promised and did not come.
    pub mails_lost: AtomicU64,
    /// Mails that came more than once.
    pub mails_doubled: AtomicU64,
    pub mails: AtomicU64,
    /// The longest time that somebody had to insist, in milliseconds.
    pub longest_wait: AtomicU64,
}

impl Figures {
    pub fn count(&self, counter: fn(&Self) -> &AtomicU64) {
        counter(self).fetch_add(1, Ordering::Relaxed);
    }

    pub fn get(&self, counter: fn(&Self) -> &AtomicU64) -> u64 {
        counter(self).load(Ordering::Relaxed)
    }

    pub fn waited(&self, waited: Duration) {
        let milliseconds = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        self.longest_wait.fetch_max(milliseconds, Ordering::Relaxed);
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "requests {}, failures {}, journeys {}, begun anew {}, sessions lost {}, sessions revived {}, mails {}, lost {}, \
             doubled {}, longest wait {} ms",
            self.get(|figures| &figures.requests),
            self.get(|figures| &figures.failures),
            self.get(|figures| &figures.journeys),
            self.get(|figures| &figures.begun_anew),
            self.get(|figures| &figures.sessions_lost),
            self.get(|figures| &figures.sessions_revived),
            self.get(|figures| &figures.mails),
            self.get(|figures| &figures.mails_lost),
            self.get(|figures| &figures.mails_doubled),
            self.get(|figures| &figures.longest_wait),
        )
    }
}
