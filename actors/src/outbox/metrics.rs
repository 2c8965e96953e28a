//! The gauges and counters of the outbox.

use prometheus::{Gauge, IntCounter, IntGauge, Registry};

use crate::instrumentation::registered;

pub(super) struct OutboxMetrics {
    pub(super) waiting: IntGauge,
    pub(super) dead: IntGauge,
    pub(super) oldest_waiting: Gauge,
    pub(super) delivered: IntCounter,
    pub(super) failed: IntCounter,
    pub(super) died: IntCounter,
}

impl OutboxMetrics {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            waiting: registered(
                registry,
                IntGauge::new(
                    "identite_actor_outbox_waiting_items",
                    "Items neither delivered nor dead",
                )?,
            )?,
            dead: registered(
                registry,
                IntGauge::new("identite_actor_outbox_dead_items", "Dead letters that are kept")?,
            )?,
            oldest_waiting: registered(
                registry,
                Gauge::new(
                    "identite_actor_outbox_oldest_waiting_seconds",
                    "Age of the oldest waiting item",
                )?,
            )?,
            delivered: registered(
                registry,
                IntCounter::new(
                    "identite_actor_outbox_delivered_total",
                    "Items accepted by their carrier",
                )?,
            )?,
            failed: registered(
                registry,
                IntCounter::new(
                    "identite_actor_outbox_failed_attempts_total",
                    "Attempts that failed",
                )?,
            )?,
            died: registered(
                registry,
                IntCounter::new(
                    "identite_actor_outbox_died_total",
                    "Items that became dead letters",
                )?,
            )?,
        })
    }
}
