//! What operators see of the remote systems.
//!
//! | metric | type, unit | labels |
//! |---|---|---|
//! | `identite_connector_call_duration_seconds` | histogram, seconds | `connector`, `outcome` |
//! | `identite_connector_circuit_open` | gauge, 1 while callers are turned away | `connector` |

use std::time::Duration;

use prometheus::{Histogram, HistogramOpts, HistogramVec, IntGauge, IntGaugeVec, Opts, Registry};

const DURATION_BUCKETS: [f64; 9] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0];

/// The metric families of all connectors. Cheap to clone.
#[derive(Clone)]
pub struct ConnectorMetrics {
    duration: HistogramVec,
    circuit_open: IntGaugeVec,
}

/// The metrics of one connector.
#[derive(Clone)]
pub(super) struct ConnectorMeter {
    name: &'static str,
    duration: HistogramVec,
    circuit_open: IntGauge,
}

impl ConnectorMetrics {
    /// Registers the families.
    ///
    /// # Errors
    /// When `registry` already holds metrics of these names.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            duration: HistogramVec::new(
                HistogramOpts::new(
                    "identite_connector_call_duration_seconds",
                    "Seconds that a call of a remote system took, by its outcome",
                )
                .buckets(DURATION_BUCKETS.to_vec()),
                &["connector", "outcome"],
            )?,
            circuit_open: IntGaugeVec::new(
                Opts::new(
                    "identite_connector_circuit_open",
                    "1 while callers are turned away",
                ),
                &["connector"],
            )?,
        };
        registry.register(Box::new(metrics.duration.clone()))?;
        registry.register(Box::new(metrics.circuit_open.clone()))?;
        Ok(metrics)
    }

    /// The metrics of one connector, which are there from the start: no call yet is a count of zero.
    pub(super) fn meter(&self, name: &'static str) -> ConnectorMeter {
        let _ = self.duration.with_label_values(&[name, "ok"]);
        ConnectorMeter {
            name,
            duration: self.duration.clone(),
            circuit_open: self.circuit_open.with_label_values(&[name]),
        }
    }
}

impl ConnectorMeter {
    pub(super) fn record(&self, outcome: &'static str, took: Duration, circuit_is_open: bool) {
        let histogram: Histogram = self.duration.with_label_values(&[self.name, outcome]);
        histogram.observe(took.as_secs_f64());
        self.circuit_open.set(i64::from(circuit_is_open));
    }
}
