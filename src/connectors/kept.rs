//! Something fetched from a remote system and kept for a while: a discovery document, a set of keys, a token.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use identite_actors::clock::SharedClock;
use tokio::sync::Mutex;

use super::call::CallError;

/// A value with one flight however many wait for it: the others take what it brings, be it the failure.
pub(super) struct Kept<T> {
    clock: SharedClock,
    /// How long a value that is not fresh any more still serves when no other can be had.
    stale_for: TimeDelta,
    state: Mutex<State<T>>,
}

struct State<T> {
    held: Option<Held<T>>,
    failure: Option<(DateTime<Utc>, CallError)>,
}

struct Held<T> {
    value: Arc<T>,
    fetched_at: DateTime<Utc>,
    fresh_until: DateTime<Utc>,
}

/// A value and how long it is fresh.
pub(super) struct Fetched<T> {
    pub(super) value: T,
    pub(super) fresh_for: TimeDelta,
}

impl<T> Kept<T> {
    pub(super) fn new(clock: SharedClock, stale_for: TimeDelta) -> Self {
        Self {
            clock,
            stale_for,
            state: Mutex::new(State {
                held: None,
                failure: None,
            }),
        }
    }

    /// The value; `fetch` brings it when there is none or it is not fresh any more.
    ///
    /// # Errors
    /// When it had to be fetched and could not be, by this caller or by the one that this one waited for.
    pub(super) async fn get(
        &self,
        fetch: impl AsyncFnOnce() -> Result<Fetched<T>, CallError>,
    ) -> Result<Arc<T>, CallError> {
        let asked_at = self.clock.now();
        let mut state = self.state.lock().await;
        let now = self.clock.now();
        if let Some(held) = state.held.as_ref().filter(|held| now < held.fresh_until) {
            return Ok(Arc::clone(&held.value));
        }
        let failed_meanwhile = state.failure.as_ref().filter(|(at, _)| *at > asked_at);
        let outcome = match failed_meanwhile {
            Some((_, error)) => Err(error.clone()),
            None => fetch().await,
        };
        let fetched_at = self.clock.now();
        match outcome {
            Ok(Fetched { value, fresh_for }) => {
                let value = Arc::new(value);
                *state = State {
                    held: Some(Held {
                        value: Arc::clone(&value),
                        fetched_at,
                        fresh_until: fetched_at + fresh_for,
                    }),
                    failure: None,
                };
                Ok(value)
            }
            Err(error) => {
                state.failure = Some((fetched_at, error.clone()));
                state.serve_stale(self.stale_for, fetched_at).ok_or(error)
            }
        }
    }

    /// Forgets `value`, which turned out to be of no use. One that somebody fetched meanwhile stays.
    pub(super) async fn discard(&self, value: &Arc<T>) {
        let mut state = self.state.lock().await;
        if state
            .held
            .as_ref()
            .is_some_and(|held| Arc::ptr_eq(&held.value, value))
        {
            state.held = None;
        }
    }

    /// Fetches another value in place of `value`, unless somebody has done so meanwhile or `value` is younger than
    /// `spacing`: who sends nonsense must not make us fetch all the time.
    ///
    /// # Errors
    /// When it could not be fetched.
    pub(super) async fn replace(
        &self,
        value: &Arc<T>,
        spacing: TimeDelta,
        fetch: impl AsyncFnOnce() -> Result<Fetched<T>, CallError>,
    ) -> Result<Arc<T>, CallError> {
        {
            let mut state = self.state.lock().await;
            let now = self.clock.now();
            if let Some(held) = &mut state.held
                && Arc::ptr_eq(&held.value, value)
                && now - held.fetched_at >= spacing
            {
                held.fresh_until = now;
            }
        }
        self.get(fetch).await
    }
}

impl<T> State<T> {
    fn serve_stale(&self, grace: TimeDelta, now: DateTime<Utc>) -> Option<Arc<T>> {
        let held = self.held.as_ref()?;
        (now < held.fresh_until + grace).then(|| Arc::clone(&held.value))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use identite_actors::clock::ShiftedClock;

    use super::*;

    fn kept(stale_for: TimeDelta) -> (Kept<u32>, Arc<ShiftedClock>, AtomicU32) {
        let clock = Arc::new(ShiftedClock::default());
        (Kept::new(clock.clone(), stale_for), clock, AtomicU32::new(0))
    }

    async fn ask(kept: &Kept<u32>, flights: &AtomicU32, works: bool) -> Result<u32, CallError> {
        let value = kept.get(async || fetch(flights, works).await).await?;
        Ok(*value)
    }

    async fn fetch(flights: &AtomicU32, works: bool) -> Result<Fetched<u32>, CallError> {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        let value = flights.fetch_add(1, Ordering::SeqCst) + 1;
        works
            .then_some(Fetched {
                value,
                fresh_for: TimeDelta::minutes(1),
            })
            .ok_or(CallError::Timeout)
    }

    #[tokio::test]
    async fn one_flight_serves_all_who_wait() {
        let (kept, clock, flights) = kept(TimeDelta::zero());
        let all = futures::future::join_all((0..50).map(|_| ask(&kept, &flights, true))).await;
        assert!(all.iter().all(|value| *value == Ok(1)));
        clock.advance(TimeDelta::seconds(61));
        assert_eq!(ask(&kept, &flights, true).await, Ok(2));
    }

    #[tokio::test]
    async fn a_failure_serves_all_who_wait_and_nobody_after() {
        let (kept, clock, flights) = kept(TimeDelta::zero());
        let all = futures::future::join_all((0..50).map(|_| ask(&kept, &flights, false))).await;
        assert!(all.iter().all(|value| *value == Err(CallError::Timeout)));
        assert_eq!(flights.load(Ordering::SeqCst), 1);
        clock.advance(TimeDelta::seconds(1));
        assert_eq!(ask(&kept, &flights, true).await, Ok(2));
    }

    #[tokio::test]
    async fn what_is_stale_serves_only_where_it_may_and_while_nothing_better_can_be_had() {
        let (lasting, clock, flights) = kept(TimeDelta::hours(1));
        assert_eq!(ask(&lasting, &flights, true).await, Ok(1));
        clock.advance(TimeDelta::minutes(5));
        assert_eq!(ask(&lasting, &flights, false).await, Ok(1));
        clock.advance(TimeDelta::minutes(60));
        assert_eq!(ask(&lasting, &flights, false).await, Err(CallError::Timeout));

        let (strict, clock, flights) = kept(TimeDelta::zero());
        assert_eq!(ask(&strict, &flights, true).await, Ok(1));
        clock.advance(TimeDelta::minutes(5));
        assert_eq!(ask(&strict, &flights, false).await, Err(CallError::Timeout));
    }

    #[tokio::test]
    async fn a_value_of_no_use_is_replaced_once_and_not_too_often() {
        let (kept, clock, flights) = kept(TimeDelta::zero());
        let first = kept.get(async || fetch(&flights, true).await).await.unwrap();
        let spacing = TimeDelta::seconds(30);
        let replace = async || {
            kept.replace(&first, spacing, async || fetch(&flights, true).await)
                .await
        };
        assert_eq!(*replace().await.unwrap(), 1, "it is too young");
        clock.advance(spacing);
        let (one, other) = futures::join!(replace(), replace());
        assert_eq!((*one.unwrap(), *other.unwrap()), (2, 2));

        kept.discard(&first).await;
        assert_eq!(ask(&kept, &flights, true).await, Ok(2), "another value is kept");
    }
}
