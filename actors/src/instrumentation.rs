//! What operators see of the actors: Prometheus metrics and a small observable state.
//!
//! | metric | type, unit | labels |
//! |---|---|---|
//! | `identite_actor_mailbox_depth` | gauge, messages accepted and not answered yet | `actor` |
//! | `identite_actor_mailbox_capacity` | gauge, messages | `actor` |
//! | `identite_actor_messages_handled_total` | counter, messages answered | `actor`, `message` |
//! | `identite_actor_messages_failed_total` | counter, messages answered by a failure or lost in a panic | `actor`, `message` |
//! | `identite_actor_messages_refused_total` | counter, messages refused because the mailbox was full | `actor` |
//! | `identite_actor_message_duration_seconds` | histogram, seconds from acceptance to answer | `actor`, `message` |
//! | `identite_actor_restarts_total` | counter, restarts after a panic | `actor` |
//!
//! Actors add gauges of their own (see their modules) under the same prefix.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use chrono::{DateTime, Utc};
use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};
use serde::Serialize;

use crate::clock::SharedClock;

/// Upper bounds of the latency histogram, in seconds: a mailbox hop takes tens of microseconds, a password
/// check tens of milliseconds, a state round trip is cut after a second.
const DURATION_BUCKETS: [f64; 14] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
];

/// What `/actors` shows of one actor.
#[derive(Debug, Clone, Serialize)]
pub struct ActorObservation {
    /// Unique name, e.g. `sessions-0`.
    pub name: String,
    /// `running` or `stopped`.
    pub state: &'static str,
    /// Messages accepted and not answered yet.
    pub mailbox_depth: usize,
    /// How many of them there may be before senders are refused.
    pub mailbox_capacity: usize,
    /// Messages answered since the start of the process.
    pub handled: u64,
    /// Of these, answered by a failure, plus those lost in a panic.
    pub failed: u64,
    /// Messages refused because the mailbox was full.
    pub refused: u64,
    /// Restarts after a panic.
    pub restarts: u64,
    pub last_restart_at: Option<DateTime<Utc>>,
    /// What the actor itself wants to be known: a small JSON object.
    pub detail: serde_json::Value,
}

/// The registry of everything that is measured here. Cheap to clone.
#[derive(Clone)]
pub struct Instruments {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Registry,
    clock: SharedClock,
    depth: IntGaugeVec,
    capacity: IntGaugeVec,
    handled: IntCounterVec,
    failed: IntCounterVec,
    refused: IntCounterVec,
    duration: HistogramVec,
    restarts: IntCounterVec,
    actors: Mutex<Vec<Arc<ActorMeter>>>,
}

/// `metric`, once `registry` gathers it.
pub(crate) fn registered<M: Collector + Clone + 'static>(
    registry: &Registry,
    metric: M,
) -> Result<M, prometheus::Error> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

impl Instruments {
    /// Registers the metric families of this module in `registry`.
    ///
    /// # Errors
    /// When the registry already holds metrics of these names.
    pub fn new(registry: Registry, clock: SharedClock) -> Result<Self, prometheus::Error> {
        let message_labels = ["actor", "message"];
        let inner = Inner {
            clock,
            depth: IntGaugeVec::new(
                Opts::new(
                    "identite_actor_mailbox_depth",
                    "Messages accepted and not answered yet",
                ),
                &["actor"],
            )?,
            capacity: IntGaugeVec::new(
                Opts::new(
                    "identite_actor_mailbox_capacity",
                    "Messages that may wait before senders are refused",
                ),
                &["actor"],
            )?,
            handled: IntCounterVec::new(
                Opts::new("identite_actor_messages_handled_total", "Messages answered"),
                &message_labels,
            )?,
            failed: IntCounterVec::new(
                Opts::new(
                    "identite_actor_messages_failed_total",
                    "Messages answered by a failure or lost in a panic",
                ),
                &message_labels,
            )?,
            refused: IntCounterVec::new(
                Opts::new(
                    "identite_actor_messages_refused_total",
                    "Messages refused because the mailbox was full",
                ),
                &["actor"],
            )?,
            duration: HistogramVec::new(
                HistogramOpts::new(
                    "identite_actor_message_duration_seconds",
                    "Seconds from the acceptance of a message to its answer",
                )
                .buckets(DURATION_BUCKETS.to_vec()),
                &message_labels,
            )?,
            restarts: IntCounterVec::new(
                Opts::new("identite_actor_restarts_total", "Restarts after a panic"),
                &["actor"],
            )?,
            actors: Mutex::new(Vec::new()),
            registry,
        };
        inner.registry.register(Box::new(inner.depth.clone()))?;
        inner.registry.register(Box::new(inner.capacity.clone()))?;
        inner.registry.register(Box::new(inner.handled.clone()))?;
        inner.registry.register(Box::new(inner.failed.clone()))?;
        inner.registry.register(Box::new(inner.refused.clone()))?;
        inner.registry.register(Box::new(inner.duration.clone()))?;
        inner.registry.register(Box::new(inner.restarts.clone()))?;
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The Prometheus registry to gather from.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    /// The clock that dates restarts.
    #[must_use]
    pub fn clock(&self) -> &SharedClock {
        &self.inner.clock
    }

    /// One observation per actor, in the order in which they were started; stopped ones included.
    #[must_use]
    pub fn observations(&self) -> Vec<ActorObservation> {
        let actors = self
            .inner
            .actors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        actors.iter().map(|meter| meter.observe()).collect()
    }

    /// The meter of a new actor. `messages` are the values of the `message` label it will use. An actor of the same
    /// name that had stopped is replaced in the list of observations.
    pub fn meter(
        &self,
        name: impl Into<String>,
        capacity: usize,
        messages: &[&'static str],
    ) -> Arc<ActorMeter> {
        let name = name.into();
        let inner = &self.inner;
        let message_meters = messages
            .iter()
            .map(|message| MessageMeter {
                name: message,
                handled: inner.handled.with_label_values(&[name.as_str(), *message]),
                failed: inner.failed.with_label_values(&[name.as_str(), *message]),
                duration: inner.duration.with_label_values(&[name.as_str(), *message]),
            })
            .collect();
        inner
            .capacity
            .with_label_values(&[&name])
            .set(i64::try_from(capacity).unwrap_or(i64::MAX));
        let meter = Arc::new(ActorMeter {
            depth: AtomicUsize::new(0),
            capacity,
            depth_gauge: inner.depth.with_label_values(&[&name]),
            refused: inner.refused.with_label_values(&[&name]),
            restarts: inner.restarts.with_label_values(&[&name]),
            messages: message_meters,
            last_restart_at: Mutex::new(None),
            stopped: AtomicBool::new(false),
            detail: Mutex::new(Arc::new(|| serde_json::Value::Null)),
            clock: inner.clock.clone(),
            name,
        });
        let mut actors = inner.actors.lock().unwrap_or_else(PoisonError::into_inner);
        actors.retain(|other| other.name != meter.name || !other.stopped.load(Ordering::Relaxed));
        actors.push(meter.clone());
        meter
    }
}

struct MessageMeter {
    name: &'static str,
    handled: IntCounter,
    failed: IntCounter,
    duration: Histogram,
}

type Detail = Arc<dyn Fn() -> serde_json::Value + Send + Sync>;

/// The measurements of one actor, and the bound of its mailbox.
pub struct ActorMeter {
    name: String,
    depth: AtomicUsize,
    capacity: usize,
    depth_gauge: IntGauge,
    refused: IntCounter,
    restarts: IntCounter,
    messages: Vec<MessageMeter>,
    last_restart_at: Mutex<Option<DateTime<Utc>>>,
    stopped: AtomicBool,
    detail: Mutex<Detail>,
    clock: SharedClock,
}

impl ActorMeter {
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Messages accepted and not answered yet.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.depth.load(Ordering::Relaxed)
    }

    /// How many messages more would be accepted now.
    #[must_use]
    pub fn room(&self) -> usize {
        self.capacity.saturating_sub(self.depth())
    }

    /// Counts a message that is refused before it is sent.
    pub fn refuse(&self) {
        self.refused.inc();
    }

    /// Accepts a message named `message` into the mailbox; `None` when the mailbox is full.
    #[must_use]
    pub fn accept(self: &Arc<Self>, message: &'static str) -> Option<Measure> {
        if self.depth.fetch_add(1, Ordering::Relaxed) >= self.capacity {
            self.depth.fetch_sub(1, Ordering::Relaxed);
            self.refused.inc();
            return None;
        }
        self.depth_gauge.inc();
        Some(Measure {
            meter: self.clone(),
            message,
            accepted_at: Instant::now(),
        })
    }

    /// Sets what [`ActorObservation::detail`] shows.
    pub fn describe_with(&self, detail: impl Fn() -> serde_json::Value + Send + Sync + 'static) {
        *self.detail.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(detail);
    }

    pub(crate) fn restarted(&self) {
        self.restarts.inc();
        *self
            .last_restart_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(self.clock.now());
    }

    pub(crate) fn stopped(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    fn observe(&self) -> ActorObservation {
        let detail = self.detail.lock().unwrap_or_else(PoisonError::into_inner).clone();
        ActorObservation {
            name: self.name.clone(),
            state: if self.stopped.load(Ordering::Relaxed) {
                "stopped"
            } else {
                "running"
            },
            mailbox_depth: self.depth(),
            mailbox_capacity: self.capacity,
            handled: self.messages.iter().map(|message| message.handled.get()).sum(),
            failed: self.messages.iter().map(|message| message.failed.get()).sum(),
            refused: self.refused.get(),
            restarts: self.restarts.get(),
            last_restart_at: *self
                .last_restart_at
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
            detail: detail(),
        }
    }
}

/// One accepted message. It counts in the mailbox depth until it is dropped.
pub struct Measure {
    meter: Arc<ActorMeter>,
    message: &'static str,
    accepted_at: Instant,
}

impl Measure {
    /// The message was answered, by a failure when `failed`.
    pub fn answered(self, failed: bool) {
        let Some(message) = self.message_meter() else {
            return;
        };
        message.handled.inc();
        if failed {
            message.failed.inc();
        }
        message.duration.observe(self.accepted_at.elapsed().as_secs_f64());
    }

    /// The message was lost: its handling panicked.
    pub fn lost(self) {
        if let Some(message) = self.message_meter() {
            message.failed.inc();
        }
    }

    fn message_meter(&self) -> Option<&MessageMeter> {
        self.meter
            .messages
            .iter()
            .find(|message| message.name == self.message)
    }
}

impl Drop for Measure {
    fn drop(&mut self) {
        self.meter.depth.fetch_sub(1, Ordering::Relaxed);
        self.meter.depth_gauge.dec();
    }
}
