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
    /// Authorization codes that worked a second time.
    pub codes_doubled: AtomicU64,
    /// Requests to join an organization that an answer told of.
    pub moderations: AtomicU64,
    /// Of these, those that are not on record.
    pub moderations_lost: AtomicU64,
    /// People for whom more than one is on record.
    pub moderations_doubled: AtomicU64,
    /// Mails on record.
    pub mails: AtomicU64,
    /// Mails that were promised, or on record, and did not come.
    pub mails_lost: AtomicU64,
    /// Mails that came under more than one name: nobody could tell that they are the same.
    pub mails_doubled: AtomicU64,
    /// Further copies, under the name of the first: deliveries that were cut between the acceptance and its record.
    pub mails_repeated: AtomicU64,
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
        let get = |counter: fn(&Self) -> &AtomicU64| self.get(counter);
        write!(
            f,
            "requests {}, failures {}, journeys {}, begun anew {}, sessions lost {}, revived {}, codes doubled {}, \
             moderations {}, lost {}, doubled {}, mails {}, lost {}, doubled {}, raw repeats {}, longest wait {} ms",
            get(|figures| &figures.requests),
            get(|figures| &figures.failures),
            get(|figures| &figures.journeys),
            get(|figures| &figures.begun_anew),
            get(|figures| &figures.sessions_lost),
            get(|figures| &figures.sessions_revived),
            get(|figures| &figures.codes_doubled),
            get(|figures| &figures.moderations),
            get(|figures| &figures.moderations_lost),
            get(|figures| &figures.moderations_doubled),
            get(|figures| &figures.mails),
            get(|figures| &figures.mails_lost),
            get(|figures| &figures.mails_doubled),
            get(|figures| &figures.mails_repeated),
            get(|figures| &figures.longest_wait),
        )
    }
}
