//! The register's quota: a token bucket.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// What a register grants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quota {
    /// Calls in a row after a rest.
    pub burst: u32,
    /// Calls per second in the long run.
    pub per_second: f64,
}

impl Quota {
    /// `calls` per minute, of which a tenth may be made in a row: at least two, so that visitors get one and leave one.
    #[must_use]
    pub fn per_minute(calls: u32) -> Self {
        Self {
            burst: (calls / 10).max(2),
            per_second: f64::from(calls) / 60.0,
        }
    }
}

/// On whose behalf a call is made, the least urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    /// Somebody of whom nothing is known asks, who may be one of many. Half of the burst, rounded up, is left to the others.
    Visitor,
    /// Nobody waits. A quarter of the burst, rounded down, is left to people.
    Refresh,
    /// Somebody waits who has shown who they are. May take the last token.
    Person,
}

impl Urgency {
    /// Tokens that are left to whoever is more urgent, where `burst` is the most that there are.
    fn reserve(self, burst: u32) -> u32 {
        match self {
            Self::Visitor => burst.div_ceil(2),
            Self::Refresh => burst / 4,
            Self::Person => 0,
        }
    }

    /// Whether it is worth waiting for a token.
    pub(super) fn is_patient(self) -> bool {
        self == Self::Person
    }

    /// Whether somebody waits for the answer.
    pub(super) fn is_awaited(self) -> bool {
        self != Self::Refresh
    }
}

/// Tokens, of which each call takes one.
#[derive(Debug)]
pub(super) struct Bucket {
    quota: Quota,
    tokens: f64,
    filled_at: DateTime<Utc>,
    paused_until: Option<DateTime<Utc>>,
}

impl Bucket {
    pub(super) fn full(quota: Quota, now: DateTime<Utc>) -> Self {
        Self {
            quota,
            tokens: f64::from(quota.burst),
            filled_at: now,
            paused_until: None,
        }
    }

    /// Takes a token, or tells how long to wait until there may be one.
    pub(super) fn take(&mut self, now: DateTime<Utc>, urgency: Urgency) -> Result<(), Duration> {
        self.fill(now);
        if let Some(until) = self.paused_until.filter(|until| now < *until) {
            return Err((until - now).to_std().unwrap_or_default());
        }
        let missing = f64::from(urgency.reserve(self.quota.burst)) + 1.0 - self.tokens;
        if missing <= 0.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        let wait = missing / self.quota.per_second.max(f64::MIN_POSITIVE);
        Err(Duration::try_from_secs_f64(wait).unwrap_or(Duration::MAX))
    }

    /// Nobody calls for this long.
    pub(super) fn pause(&mut self, now: DateTime<Utc>, pause: Duration) {
        let until = now + TimeDelta::from_std(pause).unwrap_or(TimeDelta::hours(1));
        self.paused_until = self.paused_until.max(Some(until));
    }

    /// Whole tokens that are left.
    #[expect(clippy::cast_possible_truncation, reason = "a burst is a small number")]
    pub(super) fn left(&self) -> i64 {
        self.tokens.floor() as i64
    }

    fn fill(&mut self, now: DateTime<Utc>) {
        let elapsed = (now - self.filled_at).as_seconds_f64().max(0.0);
        self.tokens = (self.tokens + elapsed * self.quota.per_second).min(f64::from(self.quota.burst));
        self.filled_at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_spread_and_refreshes_leave_a_reserve() {
        let start = DateTime::UNIX_EPOCH;
        let mut bucket = Bucket::full(
            Quota {
                burst: 4,
                per_second: 2.0,
            },
            start,
        );
        for _ in 0..3 {
            assert_eq!(bucket.take(start, Urgency::Refresh), Ok(()));
        }
        assert_eq!(
            bucket.take(start, Urgency::Refresh),
            Err(Duration::from_millis(500))
        );
        assert_eq!(bucket.take(start, Urgency::Person), Ok(()));
        assert_eq!(
            bucket.take(start, Urgency::Person),
            Err(Duration::from_millis(500))
        );
        let later = start + TimeDelta::milliseconds(500);
        assert_eq!(bucket.take(later, Urgency::Person), Ok(()));
        let much_later = start + TimeDelta::hours(1);
        assert_eq!(bucket.take(much_later, Urgency::Person), Ok(()));
        assert_eq!(bucket.left(), 3, "no more than a burst is saved");
    }

    #[test]
    fn visitors_leave_half_and_refreshes_a_quarter() {
        let start = DateTime::UNIX_EPOCH;
        let takes = |bucket: &mut Bucket, urgency| {
            let tries = 0..100;
            tries.take_while(|_| bucket.take(start, urgency).is_ok()).count()
        };
        for (burst, visitors, refreshes, people) in [
            (25, 12, 7, 6),
            (4, 2, 1, 1),
            (3, 1, 2, 0),
            (2, 1, 1, 0),
            (1, 0, 1, 0),
        ] {
            let per_second = 1.0;
            let mut bucket = Bucket::full(Quota { burst, per_second }, start);
            let shares = [Urgency::Visitor, Urgency::Refresh, Urgency::Person]
                .map(|urgency| takes(&mut bucket, urgency));
            assert_eq!(shares, [visitors, refreshes, people], "a burst of {burst}");
        }
        assert_eq!(Quota::per_minute(250).burst, 25);
        assert_eq!(Quota::per_minute(1).burst, 2);
    }

    #[test]
    fn what_is_filled_in_goes_to_whoever_is_more_urgent_first() {
        let start = DateTime::UNIX_EPOCH;
        let quota = Quota {
            burst: 4,
            per_second: 1.0,
        };
        let mut bucket = Bucket::full(quota, start);
        for _ in 0..4 {
            assert_eq!(bucket.take(start, Urgency::Person), Ok(()));
        }
        for seconds in 1..=2 {
            let now = start + TimeDelta::seconds(seconds);
            assert!(bucket.take(now, Urgency::Visitor).is_err(), "after {seconds} s");
        }
        let now = start + TimeDelta::seconds(3);
        assert_eq!(bucket.take(now, Urgency::Visitor), Ok(()));
        assert!(bucket.take(now, Urgency::Visitor).is_err());
        assert_eq!(bucket.take(now, Urgency::Person), Ok(()));
    }

    #[test]
    fn a_pause_is_kept() {
        let start = DateTime::UNIX_EPOCH;
        let mut bucket = Bucket::full(Quota::per_minute(600), start);
        bucket.pause(start, Duration::from_secs(30));
        assert_eq!(bucket.take(start, Urgency::Person), Err(Duration::from_secs(30)));
        assert_eq!(
            bucket.take(start + TimeDelta::seconds(30), Urgency::Person),
            Ok(())
        );
    }
}
