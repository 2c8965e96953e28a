//! What waits to leave: e-mails, tickets.
//!
//! Items are written by a use case in the database transaction of the change that they tell of, behind the port
//! [`OutboxStore`]. This actor claims them for a lease, hands them to a [`Carrier`], and records each delivery as soon
//! as the carrier has accepted it, each by itself, in the task that delivered it. Delivery is *at least once*: an item is
//! sent again only when the process dies between these two steps, for which there is no cure on this side. Whoever carries
//! gives every attempt the same name, so that the other side can tell. While the store is away, recording waits for it.
//!
//! * It polls at an interval, and is woken by [`Outbox::poke`] after a commit.
//! * No more is claimed than can be carried at once, and a delivery is given up before its lease ends: what a process
//!   that dies had claimed is taken over by any node when the lease ends.
//! * A transient failure is tried again after a growing delay with jitter; a permanent one, or too many attempts, makes
//!   the item a dead letter, which is kept and counted.
//!
//! Metrics, besides those of every actor: `identite_actor_outbox_waiting_items`, `identite_actor_outbox_dead_items`,
//! `identite_actor_outbox_oldest_waiting_seconds` (gauges, of all nodes), `identite_actor_outbox_delivered_total`,
//! `identite_actor_outbox_failed_attempts_total`, `identite_actor_outbox_died_total` (counters, of this node).

mod actor;
mod delivery;
mod metrics;
mod ports;

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use self::actor::{Drain, OutboxActor, Poke};
use self::delivery::Floor;
use self::metrics::OutboxMetrics;
pub use self::ports::{Backlog, Carrier, Claim, DeliveryError, Item, OutboxStore};
use crate::clock::SharedClock;
use crate::instrumentation::Instruments;
use crate::supervision::{ActorError, Handle, start};

#[derive(Debug, Clone)]
pub struct OutboxSettings {
    /// Names this process among the nodes.
    pub worker: String,
    /// Period of the polls, without a poke.
    pub poll_every: Duration,
    /// Period in which the backlog is counted, for the metrics.
    pub count_every: Duration,
    /// Deliveries in progress at the same time.
    pub concurrency: usize,
    /// A delivery is given up (and tried again) after this.
    pub delivery_deadline: Duration,
    /// How long a claimed item is left alone by other nodes. At least twice the deadline is used.
    pub lease: Duration,
    /// Delay before the second attempt; it doubles with every further one.
    pub first_retry_after: Duration,
    /// The longest delay between two attempts.
    pub retry_after_at_most: Duration,
    /// After this many attempts an item is dead.
    pub attempts_at_most: u32,
}

impl Default for OutboxSettings {
    fn default() -> Self {
        Self {
            worker: format!("{:016x}", rand::random::<u64>()),
            poll_every: Duration::from_secs(5),
            count_every: Duration::from_secs(15),
            concurrency: 4,
            // Longer than whatever a carrier does has of its own: a conversation with a mail server, the longest, 100 s.
            delivery_deadline: Duration::from_secs(110),
            lease: Duration::from_mins(4),
            first_retry_after: Duration::from_secs(30),
            retry_after_at_most: Duration::from_hours(1),
            attempts_at_most: 30,
        }
    }
}

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Outbox {
    actor: Handle<OutboxActor>,
}

impl Outbox {
    /// Starts the actor; must be called where an actix `System` runs. Deliveries run on the runtime `io`, which drives the
    /// connections that the carrier opens.
    ///
    /// # Errors
    /// When the metrics of an outbox are registered already.
    pub fn start(
        store: Arc<dyn OutboxStore>,
        carrier: Arc<dyn Carrier>,
        clock: SharedClock,
        instruments: &Instruments,
        settings: OutboxSettings,
        io: tokio::runtime::Handle,
    ) -> Result<Self, prometheus::Error> {
        let metrics = OutboxMetrics::register(instruments.registry())?;
        let floor = Arc::new(Floor::new(store, carrier, clock, settings, metrics, io));
        let observed = floor.clone();
        let actor = start(instruments, "outbox", 1_000, move || {
            OutboxActor::new(floor.clone())
        });
        actor.meter().describe_with(move || {
            json!({
                "in_delivery": observed.in_delivery(),
                "waiting": observed.metrics.waiting.get(),
                "oldest_waiting_seconds": observed.metrics.oldest_waiting.get(),
                "dead": observed.metrics.dead.get(),
                "delivered": observed.metrics.delivered.get(),
                "failed_attempts": observed.metrics.failed.get(),
            })
        });
        let outbox = Self { actor };
        outbox.poke();
        Ok(outbox)
    }

    /// Something was committed to the outbox: it leaves now rather than at the next poll. Returns at once.
    pub fn poke(&self) {
        // A full mailbox holds pokes enough; a stopped actor has no use for one.
        let _ = self.actor.tell(Poke);
    }

    /// Claims nothing more and waits for the deliveries in progress, up to `deadline`. Gives how many were left; they are
    /// taken over when their lease ends. To be called before the process stops.
    ///
    /// # Errors
    /// When the actor has stopped already.
    pub async fn drain(&self, deadline: Duration) -> Result<usize, ActorError> {
        self.actor.ask(Drain { deadline }).await
    }
}
