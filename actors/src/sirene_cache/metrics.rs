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
//! | `identite_actor_sirene_cache_quota_refused_total` | counter, calls that were not made as the quota left none, or during a pause. The label `urgency` says on whose behalf: `person`, `refresh`, `visitor` |
//! | `identite_actor_sirene_cache_flights` | gauge, calls in progress |
//! | `identite_actor_sirene_cache_entries` | gauge, findings in memory |

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

use super::bucket::Urgency;
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
    quota_refused: IntCounterVec,
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
    pub(super) quota_refused: Refused,
    pub(super) flights: IntGauge,
    pub(super) entries: IntGauge,
}

/// A counter by [`Urgency`].
pub(super) struct Refused {
    person: IntCounter,
    refresh: IntCounter,
    visitor: IntCounter,
}

impl Refused {
    pub(super) fn by(&self, urgency: Urgency) -> &IntCounter {
        match urgency {
            Urgency::Person => &self.person,
            Urgency::Refresh => &self.refresh,
            Urgency::Visitor => &self.visitor,
        }
    }
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
            quota_refused: registered(
                registry,
                IntCounterVec::new(
                    Opts::new(
                        full("quota_refused_total"),
                        "Calls that were not made as the quota left none",
                    ),
                    &["cache", "urgency"],
                )?,
            )?,
            flights: gauge("flights", "Calls in progress")?,
            entries: gauge("entries", "Findings in memory")?,
        })
    }

    /// The metrics of one cache, which are there from the start.
    pub(super) fn of(&self, cache: &str) -> CacheMeter {
        let label = [cache];
        let refused = |urgency: &str| self.quota_refused.with_label_values(&[cache, urgency]);
        CacheMeter {
            hits: self.hits.with_label_values(&label),
            misses: self.misses.with_label_values(&label),
            stale_served: self.stale_served.with_label_values(&label),
            flights_joined: self.flights_joined.with_label_values(&label),
            upstream_errors: self.upstream_errors.with_label_values(&label),
            upstream_duration: self.upstream_duration.with_label_values(&label),
            quota_left: self.quota_left.with_label_values(&label),
            quota_refused: Refused {
                person: refused("person"),
                refresh: refused("refresh"),
                visitor: refused("visitor"),
            },
            flights: self.flights.with_label_values(&label),
            entries: self.entries.with_label_values(&label),
        }
    }
}

fn full(name: &str) -> String {
    format!("identite_actor_sirene_cache_{name}")
}
