//! One delivery, from the claim to what is recorded of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::metrics::OutboxMetrics;
use super::ports::StoreError;
use super::{Carrier, Claim, DeliveryError, Item, OutboxSettings, OutboxStore};
use crate::clock::SharedClock;

/// Errors are kept for operators up to this many characters.
const ERROR_LENGTH: usize = 500;

/// Attempts to record a delivery before it is left to be sent again.
const RECORDING_ATTEMPTS: u32 = 5;

/// Between two of them, growing.
const RECORDING_PAUSE: Duration = Duration::from_millis(100);

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
    pub(super) fn take_place(self: Arc<Self>) -> Place {
        self.in_delivery.fetch_add(1, Ordering::AcqRel);
        Place { floor: self }
    }

    /// Delivers `item` on the runtime for connections, and records the outcome. When the future is dropped, the
    /// delivery is given up.
    pub(super) async fn deliver(&self, item: Item) {
        let id = item.id;
        if item.attempts > self.settings.attempts_at_most {
            let error = "the process died during the last attempts".to_owned();
            return self
                .record(id, item.attempts, Err(DeliveryError::Permanent(error)))
                .await;
        }
        let carrier = self.carrier.clone();
        let deadline = self.settings.delivery_deadline;
        let attempts = item.attempts;
        let task = self.io.spawn(async move {
            tokio::time::timeout(deadline, carrier.deliver(&item))
                .await
                .unwrap_or_else(|_| {
                    Err(DeliveryError::Transient(format!(
                        "not delivered within {} s",
                        deadline.as_secs()
                    )))
                })
        });
        let outcome = AbortOnDrop(task).outcome().await;
        self.record(id, attempts, outcome).await;
    }

    async fn record(&self, id: i64, attempts: u32, outcome: Result<(), DeliveryError>) {
        let now = self.clock.now();
        let worker = &self.settings.worker;
        let recorded = match outcome {
            Ok(()) => {
                self.metrics.delivered.inc();
                self.record_delivered(id, now).await
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

    async fn record_delivered(&self, id: i64, now: DateTime<Utc>) -> Result<(), StoreError> {
        let mut attempt = 1;
        loop {
            match self.store.delivered(&[id], now).await {
                Ok(()) => return Ok(()),
                Err(error) if attempt == RECORDING_ATTEMPTS => return Err(error),
                Err(_) => tokio::time::sleep(RECORDING_PAUSE * attempt).await,
            }
            attempt += 1;
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

struct AbortOnDrop(JoinHandle<Result<(), DeliveryError>>);

impl AbortOnDrop {
    async fn outcome(mut self) -> Result<(), DeliveryError> {
        match (&mut self.0).await {
            Ok(outcome) => outcome,
            Err(_) => Err(DeliveryError::Transient("the carrier panicked".to_owned())),
        }
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn bounded(error: &str) -> String {
    error.chars().take(ERROR_LENGTH).collect()
}

fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::days(365))
}
