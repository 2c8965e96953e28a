//! One delivery, from the claim to what is recorded of it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::FutureExt as _;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::metrics::OutboxMetrics;
use super::ports::StoreError;
use super::{Carrier, Claim, DeliveryError, Item, OutboxSettings, OutboxStore};
use crate::clock::{SharedClock, delta};

/// Errors are kept for operators up to this many characters.
const ERROR_LENGTH: usize = 500;

/// Between two attempts to record a delivery while the store is away, growing up to [`LONGEST_RECORDING_PAUSE`].
const RECORDING_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_RECORDING_PAUSE: Duration = Duration::from_secs(1);

/// Where deliveries happen: outlives a restart of the actor.
pub(super) struct Floor {
    pub(super) store: Arc<dyn OutboxStore>,
    carrier: Arc<dyn Carrier>,
    pub(super) clock: SharedClock,
    pub(super) settings: OutboxSettings,
    pub(super) metrics: OutboxMetrics,
    io: tokio::runtime::Handle,
    in_delivery: AtomicUsize,
    /// Told after each delivery.
    pub(super) place_free: Notify,
}

impl Floor {
    pub(super) fn new(
        store: Arc<dyn OutboxStore>,
        carrier: Arc<dyn Carrier>,
        clock: SharedClock,
        settings: OutboxSettings,
        metrics: OutboxMetrics,
        io: tokio::runtime::Handle,
    ) -> Self {
        let (in_delivery, place_free) = (AtomicUsize::new(0), Notify::new());
        Self {
            store,
            carrier,
            clock,
            settings,
            metrics,
            io,
            in_delivery,
            place_free,
        }
    }

    pub(super) fn in_delivery(&self) -> usize {
        self.in_delivery.load(Ordering::Acquire)
    }

    pub(super) fn free_places(&self) -> usize {
        self.settings
            .concurrency
            .max(1)
            .saturating_sub(self.in_delivery())
    }

    pub(super) async fn claim(&self, limit: usize) -> Result<Vec<Item>, StoreError> {
        let now = self.clock.now();
        let lease = self.settings.lease.max(self.settings.delivery_deadline * 2);
        let claim = Claim {
            worker: &self.settings.worker,
            limit,
            now,
            lease_until: now + delta(lease),
        };
        self.store.claim(claim).await
    }

    /// Takes one of the places for deliveries, until what is returned is dropped.
    fn take_place(self: Arc<Self>) -> Place {
        self.in_delivery.fetch_add(1, Ordering::AcqRel);
        Place { floor: self }
    }

    /// Delivers `item` on the runtime for connections and records the outcome there, in the same task: between the moment in
    /// which the other side takes responsibility and the one in which that is noted there is nothing but the note. Nobody
    /// interrupts the task, not even the end of the actor that began it.
    pub(super) fn begin(self: Arc<Self>, item: Item) -> JoinHandle<()> {
        let place = self.clone().take_place();
        let io = self.io.clone();
        io.spawn(async move {
            self.deliver(item).await;
            drop(place);
        })
    }

    async fn deliver(&self, item: Item) {
        let (id, attempts) = (item.id, item.attempts);
        if attempts > self.settings.attempts_at_most {
            let error = "the process died during the last attempts".to_owned();
            return self
                .record(id, attempts, Err(DeliveryError::Permanent(error)))
                .await;
        }
        let deadline = self.settings.delivery_deadline;
        // A carrier that panics is not to take the record along.
        let carried = AssertUnwindSafe(self.carrier.deliver(&item)).catch_unwind();
        let outcome = match tokio::time::timeout(deadline, carried).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(DeliveryError::Transient("the carrier panicked".to_owned())),
            Err(_) => Err(DeliveryError::Transient(format!(
                "not delivered within {} s",
                deadline.as_secs()
            ))),
        };
        self.record(id, attempts, outcome).await;
    }

    async fn record(&self, id: i64, attempts: u32, outcome: Result<(), DeliveryError>) {
        let now = self.clock.now();
        let worker = &self.settings.worker;
        let recorded = match outcome {
            Ok(()) => {
                self.record_delivered(id, now).await;
                self.metrics.delivered.inc();
                Ok(())
            }
            Err(DeliveryError::Transient(error)) if attempts < self.settings.attempts_at_most => {
                self.metrics.failed.inc();
                let next_attempt_at = now + delta(self.delay_after(attempts));
                tracing::warn!(item = id, attempts, %next_attempt_at, error, "an item could not be delivered");
                self.store
                    .retry(id, worker, next_attempt_at, &bounded(&error))
                    .await
            }
            Err(DeliveryError::Transient(error) | DeliveryError::Permanent(error)) => {
                self.metrics.failed.inc();
                self.metrics.died.inc();
                tracing::error!(
                    item = id,
                    attempts,
                    error,
                    "an item is undeliverable and kept as a dead letter"
                );
                self.store.dead(id, worker, now, &bounded(&error)).await
            }
        };
        if let Err(error) = recorded {
            tracing::error!(item = id, %error, "the outcome of a delivery was not recorded, it is tried again later");
        }
    }

    /// Insists for as long as it takes: while the store is away nobody can claim the item either, and once it is noted nobody
    /// ever will.
    async fn record_delivered(&self, id: i64, now: DateTime<Utc>) {
        let mut pause = RECORDING_PAUSE;
        while let Err(error) = self.store.delivered(id, now).await {
            tracing::warn!(item = id, %error, "a delivery cannot be recorded yet");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_RECORDING_PAUSE);
        }
    }

    /// Doubles with each attempt, up to a limit, and is spread by a quarter so that what failed together does not come
    /// back together.
    fn delay_after(&self, attempts: u32) -> Duration {
        let doublings = attempts.saturating_sub(1).min(20);
        let delay = self.settings.first_retry_after.saturating_mul(1 << doublings);
        let spread = 0.75 + rand::random::<f64>() / 4.0;
        delay.min(self.settings.retry_after_at_most).mul_f64(spread)
    }
}

/// One of the bounded number of deliveries in progress.
pub(super) struct Place {
    floor: Arc<Floor>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.floor.in_delivery.fetch_sub(1, Ordering::AcqRel);
        self.floor.place_free.notify_waiters();
    }
}

fn bounded(error: &str) -> String {
    error.chars().take(ERROR_LENGTH).collect()
}
