//! Places for passwords that are on their way: their request is let in, but asks others before it comes here.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// A password that takes longer to arrive may find the mailbox full: who sends slowly keeps nobody out.
const KEPT_FOR: Duration = Duration::from_secs(1);

/// A place in the mailbox that is kept for one password, for a second at most. Clones are the same place; it is free again
/// when all are dropped, or one gives it up.
#[derive(Debug, Clone)]
pub struct Place(Arc<AtomicBool>);

impl Place {
    /// To be said when the password is handed over: from then on it is counted there.
    pub fn give_up(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[derive(Default)]
pub(super) struct Places(Mutex<VecDeque<Kept>>);

struct Kept {
    since: Instant,
    given_up: Weak<AtomicBool>,
}

impl Kept {
    fn is_held(&self, now: Instant) -> bool {
        let in_time = now.duration_since(self.since) < KEPT_FOR;
        let is_wanted = |flag: Arc<AtomicBool>| !flag.load(Ordering::Relaxed);
        in_time && self.given_up.upgrade().is_some_and(is_wanted)
    }
}

impl Places {
    /// One of `room` places, unless all are kept.
    pub(super) fn keep_one_of(&self, room: usize, now: Instant) -> Option<Place> {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        places.retain(|kept| kept.is_held(now));
        if places.len() >= room {
            return None;
        }
        let flag = Arc::new(AtomicBool::new(false));
        places.push_back(Kept {
            since: now,
            given_up: Arc::downgrade(&flag),
        });
        Some(Place(flag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_it_is_given_up_or_dropped_or_kept_too_long() {
        let places = Places::default();
        let start = Instant::now();
        let given_up = places.keep_one_of(2, start).unwrap();
        let dropped = places.keep_one_of(2, start).unwrap();
        assert!(places.keep_one_of(2, start).is_none(), "both are kept");

        given_up.clone().give_up();
        let slow = places.keep_one_of(2, start).unwrap();
        assert!(places.keep_one_of(2, start).is_none(), "both are kept");
        drop(dropped);
        let late = start + KEPT_FOR / 2;
        let _second = places.keep_one_of(2, late).unwrap();
        assert!(places.keep_one_of(2, late).is_none(), "both are kept");

        let later = start + KEPT_FOR;
        let _third = places.keep_one_of(2, later).unwrap();
        assert!(places.keep_one_of(2, later).is_none(), "one was late, not both");
        drop((given_up, slow));
    }

    #[test]
    fn without_room_there_is_no_place() {
        assert!(Places::default().keep_one_of(0, Instant::now()).is_none());
    }
}
