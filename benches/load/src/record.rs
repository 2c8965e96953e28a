//! What was recorded: latencies by percentile, outcomes, and what they cost the server.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::journey::Outcome;

/// Three significant digits, from a microsecond to two minutes.
fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 120_000_000, 3).expect("these bounds are valid")
}

/// What a kind of operation did during the measured window.
pub struct Recorder {
    done: Histogram<u64>,
    refused: Histogram<u64>,
    steps: Vec<(&'static str, Histogram<u64>)>,
    failures: BTreeMap<String, u64>,
    /// How late arrivals left the generator although it had nothing else to do.
    pacing_error: Histogram<u64>,
}

impl Recorder {
    pub fn new() -> Self {
        Self {
            done: new_histogram(),
            refused: new_histogram(),
            steps: Vec::new(),
            failures: BTreeMap::new(),
            pacing_error: new_histogram(),
        }
    }

    pub fn outcome(&mut self, outcome: Outcome, latency: Duration) {
        let histogram = match outcome {
            Outcome::Done => &mut self.done,
            Outcome::Refused => &mut self.refused,
        };
        histogram.saturating_record(microseconds(latency));
    }

    pub fn step(&mut self, name: &'static str, latency: Duration) {
        let known = self.steps.iter().position(|(known, _)| *known == name);
        let index = known.unwrap_or_else(|| {
            self.steps.push((name, new_histogram()));
            self.steps.len() - 1
        });
        self.steps[index].1.saturating_record(microseconds(latency));
    }

    pub fn failure(&mut self, label: String) {
        *self.failures.entry(label).or_default() += 1;
    }

    pub fn pacing_error(&mut self, error: Duration) {
        self.pacing_error.saturating_record(microseconds(error));
    }

    /// The record as it is reported.
    pub fn summary(&self) -> Summary {
        Summary {
            done: self.done.len(),
            refused: self.refused.len(),
            failed: self.failures.values().sum(),
            failures: self.failures.clone(),
            latency: Latency::of(&self.done),
            refusal_latency: Latency::of(&self.refused),
            steps: self
                .steps
                .iter()
                .filter_map(|(name, histogram)| Some(((*name).to_owned(), Latency::of(histogram)?)))
                .collect(),
            pacing_error: Latency::of(&self.pacing_error),
        }
    }
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Percentiles of a latency, in milliseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Latency {
    pub mean: f64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
}

impl Latency {
    fn of(histogram: &Histogram<u64>) -> Option<Self> {
        #[expect(clippy::cast_precision_loss, reason = "at most 120 000 000 µs")]
        let at = |quantile: f64| histogram.value_at_quantile(quantile) as f64 / 1000.0;
        (!histogram.is_empty()).then(|| Self {
            mean: histogram.mean() / 1000.0,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: at(1.0),
        })
    }
}

/// Outcomes and latencies of one kind of operation.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// Operations that did what they are for.
    pub done: u64,
    /// Operations that were refused with 503 and `Retry-After`.
    pub refused: u64,
    /// Operations that got anything else.
    pub failed: u64,
    /// The failures by their kind.
    pub failures: BTreeMap<String, u64>,
    /// Latency of what was done.
    pub latency: Option<Latency>,
    /// Latency of what was refused.
    pub refusal_latency: Option<Latency>,
    /// Latency of the named parts.
    pub steps: BTreeMap<String, Latency>,
    /// In open loop: how late the generator itself was.
    pub pacing_error: Option<Latency>,
}

/// What the machine spent during the measured window.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Usage {
    /// Length of the window.
    pub seconds: f64,
    /// CPU time of the server.
    pub server_cpu_seconds: f64,
    /// CPU time of the generator.
    pub generator_cpu_seconds: f64,
    /// Part of its time that the machine was busy, whoever with.
    pub machine_busy: f64,
    /// Memory of the server at the end of the window, in bytes.
    pub resident: u64,
    /// Most memory of the server during the window, in bytes.
    pub peak: u64,
}

impl Usage {
    /// CPU time of the server per operation, in microseconds.
    pub fn server_microseconds_per(&self, operations: u64) -> f64 {
        self.server_cpu_seconds * 1_000_000.0 / as_f64(operations)
    }

    /// Operations per second of CPU time of the server.
    pub fn per_core_second(&self, operations: u64) -> f64 {
        as_f64(operations) / self.server_cpu_seconds
    }

    /// Operations per second of time.
    pub fn per_second(&self, operations: u64) -> f64 {
        as_f64(operations) / self.seconds
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a benchmark are far below 2^52"
)]
fn as_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_in_milliseconds() {
        let mut recorder = Recorder::new();
        for milliseconds in 1..=100 {
            recorder.outcome(Outcome::Done, Duration::from_millis(milliseconds));
        }
        recorder.outcome(Outcome::Refused, Duration::from_millis(3));
        recorder.failure("503".to_owned());
        let summary = recorder.summary();
        let latency = summary.latency.unwrap();
        assert!((latency.p50 - 50.0).abs() < 0.1, "{latency:?}");
        assert!((latency.p99 - 99.0).abs() < 0.1, "{latency:?}");
        assert_eq!((summary.done, summary.refused, summary.failed), (100, 1, 1));
    }
}
