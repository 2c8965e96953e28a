//! What operators see of the caches. The label `cache` names the register that is asked.
//!
//! | metric | type, unit |
//! |---|---|
//! | `identite_actor_sirene_cache_hits_total` | counter, look-ups answered from memory by something fresh |
//! | `identite_actor_sirene_cache_misses_total` | counter, look-ups for which shelf or register were asked |
//! | `identite_actor_sirene_cache_stale_served_total` | counter, look-ups answered by something old |
//! | `identite_actor_sirene_cache_flights_joined_total` | counter, look-ups that waited for somebody else's call |
//! | `identite_actor_sirene_cache_upstream_errors_total` | counter, calls without a usable answer |
//! | `identite_actor_sirene_cache_upstream_duration_seconds` | histogram, seconds of a call |
//! | `identite_actor_sirene_cache_quota_left` | gauge, calls that may be made at once |
//! | `identite_actor_sirene_cache_flights` | gauge, calls in progress |
//! | `identite_actor_sirene_cache_entries` | gauge, findings in memory |

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

use crate::instrumentation::registered;

const DURATION_BUCKETS: [f64; 9] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0];
const LABELS: [&str; 1] = ["cache"];

/// The metric families of all caches: see the module. Cheap to clone.
#[derive(Clone)]
pub struct SireneCacheMetrics {
    hits: IntCounterVec,
    misses: IntCounterVec,
    stale_served: IntCounterVec,
    flights_joined: IntCounterVec,
    upstream_errors: IntCounterVec,
    upstream_duration: HistogramVec,
    quota_left: IntGaugeVec,
    flights: IntGaugeVec,
    entries: IntGaugeVec,
}

/// The metrics of one cache.
pub(super) struct CacheMeter {
    pub(super) hits: IntCounter,
    pub(super) misses: IntCounter,
    pub(super) stale_served: IntCounter,
    pub(super) flights_joined: IntCounter,
    pub(super) upstream_errors: IntCounter,
    pub(super) upstream_duration: Histogram,
    pub(super) quota_left: IntGauge,
    pub(super) flights: IntGauge,
    pub(super) entries: IntGauge,
}

impl SireneCacheMetrics {
    /// Registers the families.
    ///
    /// # Errors
    /// When `registry` already holds metrics of these names.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str| {
            registered(
                registry,
                IntCounterVec::new(Opts::new(full(name), help), &LABELS)?,
            )
        };
        let gauge = |name: &str, help: &str| {
            registered(registry, IntGaugeVec::new(Opts::new(full(name), help), &LABELS)?)
        };
        Ok(Self {
            hits: counter("hits_total", "Look-ups answered from memory by something fresh")?,
            misses: counter("misses_total", "Look-ups for which shelf or register were asked")?,
            stale_served: counter("stale_served_total", "Look-ups answered by something old")?,
            flights_joined: counter(
                "flights_joined_total",
                "Look-ups that waited for somebody else's call",
            )?,
            upstream_errors: counter("upstream_errors_total", "Calls without a usable answer")?,
            upstream_duration: registered(
                registry,
                HistogramVec::new(
                    HistogramOpts::new(full("upstream_duration_seconds"), "Seconds that a call took")
                        .buckets(DURATION_BUCKETS.to_vec()),
                    &LABELS,
                )?,
            )?,
            quota_left: gauge("quota_left", "Calls that may be made at once")?,
            flights: gauge("flights", "Calls in progress")?,
            entries: gauge("entries", "Findings in memory")?,
        })
    }

    /// The metrics of one cache, which are there from the start.
    pub(super) fn of(&self, cache: &str) -> CacheMeter {
        let label = [cache];
        CacheMeter {
            hits: self.hits.with_label_values(&label),
            misses: self.misses.with_label_values(&label),
            stale_served: self.stale_served.with_label_values(&label),
            flights_joined: self.flights_joined.with_label_values(&label),
            upstream_errors: self.upstream_errors.with_label_values(&label),
            upstream_duration: self.upstream_duration.with_label_values(&label),
            quota_left: self.quota_left.with_label_values(&label),
            flights: self.flights.with_label_values(&label),
            entries: self.entries.with_label_values(&label),
        }
    }
}

fn full(name: &str) -> String {
    format!("identite_actor_sirene_cache_{name}")
}
