//! A circuit breaker: a remote system that keeps failing is left alone for a while, and people do not wait for it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use identite_actors::clock::SharedClock;

/// When a circuit opens and how long it stays open.
#[derive(Debug, Clone, Copy)]
pub struct CircuitSettings {
    /// Failures in a row that open it.
    pub failures: u32,
    /// How long nobody calls once it is open.
    pub rest: Duration,
    /// One call is let through after the rest; another one when no answer came within this.
    pub probe_deadline: Duration,
}

impl Default for CircuitSettings {
    fn default() -> Self {
        Self {
            failures: 5,
            rest: Duration::from_secs(30),
            probe_deadline: Duration::from_secs(10),
        }
    }
}

/// The state of one remote system, shared by all callers in this process.
pub struct Circuit {
    clock: SharedClock,
    settings: CircuitSettings,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    failures_in_a_row: u32,
    /// No call before this instant; `None` when the circuit is closed.
    closed_to_callers_until: Option<DateTime<Utc>>,
}

impl Circuit {
    /// A closed circuit: calls flow.
    #[must_use]
    pub fn new(clock: SharedClock, settings: CircuitSettings) -> Self {
        Self {
            clock,
            settings,
            state: Mutex::default(),
        }
    }

    /// Whether a call may be made now. Once the rest is over, one caller is let through to see how things are, and the
    /// others wait for its verdict.
    pub fn admits(&self) -> bool {
        let now = self.clock.now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.closed_to_callers_until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                state.closed_to_callers_until = Some(now + as_delta(self.settings.probe_deadline));
                true
            }
        }
    }

    /// A call was answered.
    pub fn succeeded(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    /// A call was not answered, or not in a usable way.
    pub fn failed(&self) {
        let now = self.clock.now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.failures_in_a_row = state.failures_in_a_row.saturating_add(1);
        if state.failures_in_a_row >= self.settings.failures {
            state.closed_to_callers_until = Some(now + as_delta(self.settings.rest));
        }
    }

    /// Whether callers are turned away.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .closed_to_callers_until
            .is_some()
    }
}

fn as_delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use identite_actors::clock::ShiftedClock;

    use super::*;

    fn circuit() -> (Circuit, Arc<ShiftedClock>) {
        let clock = Arc::new(ShiftedClock::default());
        let settings = CircuitSettings {
            failures: 3,
            ..CircuitSettings::default()
        };
        (Circuit::new(clock.clone(), settings), clock)
    }

    #[test]
    fn failures_in_a_row_open_it() {
        let (circuit, _) = circuit();
        circuit.failed();
        circuit.failed();
        circuit.succeeded();
        circuit.failed();
        circuit.failed();
        assert!(circuit.admits());
        circuit.failed();
        assert!(!circuit.admits() && circuit.is_open());
    }

    #[test]
    fn after_a_rest_one_caller_tries() {
        let (circuit, clock) = circuit();
        (0..3).for_each(|_| circuit.failed());
        clock.advance(TimeDelta::seconds(31));
        assert!(circuit.admits());
        assert!(
            !circuit.admits(),
            "the second caller waits for the verdict on the first"
        );
        circuit.succeeded();
        assert!(circuit.admits() && circuit.admits());
    }

    #[test]
    fn a_failed_try_is_another_rest_and_a_lost_one_is_not_for_ever() {
        let (circuit, clock) = circuit();
        (0..3).for_each(|_| circuit.failed());
        clock.advance(TimeDelta::seconds(31));
        assert!(circuit.admits());
        circuit.failed();
        clock.advance(TimeDelta::seconds(20));
        assert!(!circuit.admits());
        clock.advance(TimeDelta::seconds(11));
        assert!(circuit.admits());
        clock.advance(TimeDelta::seconds(11));
        assert!(circuit.admits(), "the caller that tried never came back");
    }
}
