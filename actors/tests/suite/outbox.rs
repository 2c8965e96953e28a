use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use identite_actors::clock::{SharedClock, ShiftedClock};
use identite_actors::instrumentation::Instruments;
use identite_actors::outbox::{
    Backlog, Carrier, Claim, DeliveryError, Item, Outbox, OutboxSettings, OutboxStore,
};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::support::{clock, eventually_is, instruments, io};

type StoreError = Box<dyn std::error::Error + Send + Sync>;

/// The table, with what each of its columns says.
#[derive(Default)]
struct Table {
    rows: Mutex<BTreeMap<i64, Row>>,
    away: AtomicBool,
}

#[derive(Clone)]
struct Row {
    created_at: DateTime<Utc>,
    next_attempt_at: DateTime<Utc>,
    attempts: u32,
    lease: Option<(String, DateTime<Utc>)>,
    delivered: bool,
    dead: bool,
    last_error: Option<String>,
}

impl Table {
    fn insert(&self, now: DateTime<Utc>) -> i64 {
        let mut rows = self.rows.lock().unwrap();
        let id = i64::try_from(rows.len()).unwrap() + 1;
        let row = Row {
            created_at: now,
            next_attempt_at: now,
            attempts: 0,
            lease: None,
            delivered: false,
            dead: false,
            last_error: None,
        };
        rows.insert(id, row);
        id
    }

    fn row(&self, id: i64) -> Row {
        self.rows.lock().unwrap()[&id].clone()
    }

    fn delivered_count(&self) -> usize {
        self.rows
            .lock()
            .unwrap()
            .values()
            .filter(|row| row.delivered)
            .count()
    }

    fn answer(&self) -> Result<(), StoreError> {
        if self.away.load(Ordering::SeqCst) {
            Err("the database is away".into())
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl OutboxStore for Table {
    async fn claim(&self, claim: Claim<'_>) -> Result<Vec<Item>, StoreError> {
        self.answer()?;
        let mut rows = self.rows.lock().unwrap();
        let due = rows.iter_mut().filter(|(_, row)| {
            let leased = row.lease.as_ref().is_some_and(|(_, until)| *until > claim.now);
            !row.delivered && !row.dead && !leased && row.next_attempt_at <= claim.now
        });
        let claimed = due.take(claim.limit).map(|(id, row)| {
            row.attempts += 1;
            row.lease = Some((claim.worker.to_owned(), claim.lease_until));
            let (attempts, created_at) = (row.attempts, row.created_at);
            Item {
                id: *id,
                kind: "mail".to_owned(),
                payload: json!({}),
                attempts,
                created_at,
            }
        });
        Ok(claimed.collect())
    }

    async fn delivered(&self, id: i64, _: DateTime<Utc>) -> Result<(), StoreError> {
        self.answer()?;
        self.rows.lock().unwrap().get_mut(&id).unwrap().delivered = true;
        Ok(())
    }

    async fn retry(&self, id: i64, worker: &str, next: DateTime<Utc>, error: &str) -> Result<(), StoreError> {
        self.answer()?;
        let mut rows = self.rows.lock().unwrap();
        let row = rows.get_mut(&id).unwrap();
        if row.lease.as_ref().is_some_and(|(holder, _)| holder == worker) {
            (row.lease, row.next_attempt_at, row.last_error) = (None, next, Some(error.to_owned()));
        }
        Ok(())
    }

    async fn dead(&self, id: i64, worker: &str, _: DateTime<Utc>, error: &str) -> Result<(), StoreError> {
        self.answer()?;
        let mut rows = self.rows.lock().unwrap();
        let row = rows.get_mut(&id).unwrap();
        if row.lease.as_ref().is_some_and(|(holder, _)| holder == worker) {
            (row.lease, row.dead, row.last_error) = (None, true, Some(error.to_owned()));
        }
        Ok(())
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        self.answer()?;
        let rows = self.rows.lock().unwrap();
        let waiting: Vec<&Row> = rows.values().filter(|row| !row.delivered && !row.dead).collect();
        Ok(Backlog {
            waiting: waiting.len() as u64,
            oldest_waiting_since: waiting.iter().map(|row| row.created_at).min(),
            dead: rows.values().filter(|row| row.dead).count() as u64,
        })
    }
}

/// The SMTP server.
struct Smtp {
    accepted: Mutex<Vec<i64>>,
    refusal: Mutex<Option<DeliveryError>>,
    panics: AtomicBool,
    gate: Semaphore,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
}

impl Smtp {
    fn up() -> Arc<Self> {
        Self::with_permits(Semaphore::MAX_PERMITS)
    }

    fn hanging() -> Arc<Self> {
        Self::with_permits(0)
    }

    fn with_permits(permits: usize) -> Arc<Self> {
        Arc::new(Self {
            accepted: Mutex::default(),
            refusal: Mutex::default(),
            panics: AtomicBool::default(),
            gate: Semaphore::new(permits),
            at_once: AtomicUsize::default(),
            most_at_once: AtomicUsize::default(),
        })
    }

    fn refuse(&self, error: Option<DeliveryError>) {
        *self.refusal.lock().unwrap() = error;
    }

    fn accepted(&self) -> Vec<i64> {
        self.accepted.lock().unwrap().clone()
    }
}

#[async_trait]
impl Carrier for Smtp {
    async fn deliver(&self, item: &Item) -> Result<(), DeliveryError> {
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        self.gate.acquire().await.unwrap().forget();
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        assert!(!self.panics.load(Ordering::SeqCst), "the carrier panics");
        if let Some(error) = self.refusal.lock().unwrap().clone() {
            return Err(error);
        }
        self.accepted.lock().unwrap().push(item.id);
        Ok(())
    }
}

struct World {
    shifted: Arc<ShiftedClock>,
    clock: SharedClock,
    table: Arc<Table>,
}

impl World {
    fn new() -> Self {
        let (shifted, clock) = clock();
        Self {
            shifted,
            clock,
            table: Arc::default(),
        }
    }

    fn settings() -> OutboxSettings {
        OutboxSettings {
            poll_every: Duration::from_millis(20),
            ..OutboxSettings::default()
        }
    }

    fn node(&self, smtp: &Arc<Smtp>, settings: OutboxSettings) -> (Outbox, Instruments) {
        self.node_on(smtp, settings, io())
    }

    /// A node whose deliveries run on `io`.
    fn node_on(
        &self,
        smtp: &Arc<Smtp>,
        settings: OutboxSettings,
        io: tokio::runtime::Handle,
    ) -> (Outbox, Instruments) {
        let instruments = instruments(&self.clock);
        let outbox = Outbox::start(
            self.table.clone(),
            smtp.clone(),
            self.clock.clone(),
            &instruments,
            settings,
            io,
        )
        .unwrap();
        (outbox, instruments)
    }

    fn insert(&self) -> i64 {
        self.table.insert(self.clock.now())
    }
}

fn transient() -> DeliveryError {
    DeliveryError::Transient("connection refused".to_owned())
}

#[actix::test]
async fn what_is_committed_leaves_within_milliseconds_of_a_poke() {
    let world = World::new();
    let smtp = Smtp::up();
    let (outbox, _instruments) = world.node(
        &smtp,
        OutboxSettings {
            poll_every: Duration::from_mins(10),
            ..OutboxSettings::default()
        },
    );
    tokio::time::sleep(Duration::from_millis(50)).await;
    let id = world.insert();
    let poked = Instant::now();
    outbox.poke();
    eventually_is("it has left", || world.table.row(id).delivered).await;
    assert!(
        poked.elapsed() < Duration::from_millis(200),
        "{:?}",
        poked.elapsed()
    );
    assert_eq!(smtp.accepted(), [id]);
}

#[actix::test]
async fn what_nobody_poked_for_leaves_at_the_next_poll() {
    let world = World::new();
    let smtp = Smtp::up();
    let (_outbox, instruments) = world.node(&smtp, World::settings());
    for _ in 0..50 {
        world.insert();
    }
    eventually_is("all have left", || world.table.delivered_count() == 50).await;
    assert_eq!(smtp.accepted().len(), 50, "each once");
    assert!(smtp.most_at_once.load(Ordering::SeqCst) <= 4);
    let text = prometheus::TextEncoder::new()
        .encode_to_string(&instruments.registry().gather())
        .unwrap();
    assert!(
        text.contains("identite_actor_outbox_delivered_total 50"),
        "{text}"
    );
}

#[actix::test]
async fn deliveries_at_the_same_time_are_bounded() {
    let world = World::new();
    let smtp = Smtp::hanging();
    let (_outbox, _instruments) = world.node(&smtp, World::settings());
    for _ in 0..10 {
        world.insert();
    }
    eventually_is("four are in progress", || {
        smtp.at_once.load(Ordering::SeqCst) == 4
    })
    .await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(smtp.at_once.load(Ordering::SeqCst), 4);
    smtp.gate.add_permits(10);
    eventually_is("all have left", || world.table.delivered_count() == 10).await;
}

#[actix::test]
async fn while_smtp_is_down_items_wait_and_leave_when_it_is_back() {
    let world = World::new();
    let smtp = Smtp::up();
    smtp.refuse(Some(transient()));
    let (_outbox, instruments) = world.node(
        &smtp,
        OutboxSettings {
            count_every: Duration::from_millis(10),
            ..World::settings()
        },
    );
    let id = world.insert();
    eventually_is("it was tried", || world.table.row(id).last_error.is_some()).await;
    let row = world.table.row(id);
    assert_eq!(row.last_error.as_deref(), Some("connection refused"));
    let delay = row.next_attempt_at - world.clock.now();
    assert!(
        delay > TimeDelta::seconds(20) && delay <= TimeDelta::seconds(30),
        "{delay}"
    );

    world.shifted.advance(TimeDelta::seconds(31));
    eventually_is("it was tried again", || {
        world.table.row(id).attempts == 2 && world.table.row(id).lease.is_none()
    })
    .await;
    let delay = world.table.row(id).next_attempt_at - world.clock.now();
    assert!(
        delay > TimeDelta::seconds(40) && delay <= TimeDelta::seconds(60),
        "{delay}"
    );
    eventually_is("the backlog is seen", || {
        let text = prometheus::TextEncoder::new()
            .encode_to_string(&instruments.registry().gather())
            .unwrap();
        text.contains("identite_actor_outbox_waiting_items 1")
            && text.contains("identite_actor_outbox_oldest_waiting_seconds 31")
    })
    .await;

    smtp.refuse(None);
    world.shifted.advance(TimeDelta::seconds(61));
    eventually_is("it has left", || world.table.row(id).delivered).await;
    assert_eq!(smtp.accepted(), [id]);
}

#[actix::test]
async fn the_delay_grows_to_an_hour_and_then_the_item_is_dead() {
    let world = World::new();
    let smtp = Smtp::up();
    smtp.refuse(Some(transient()));
    let (_outbox, _instruments) = world.node(
        &smtp,
        OutboxSettings {
            attempts_at_most: 12,
            ..World::settings()
        },
    );
    let id = world.insert();
    for attempts in 1..=12 {
        eventually_is("it was tried", || {
            let row = world.table.row(id);
            row.attempts == attempts && row.lease.is_none()
        })
        .await;
        let delay = world.table.row(id).next_attempt_at - world.clock.now();
        assert!(delay <= TimeDelta::hours(1));
        world.shifted.advance(TimeDelta::minutes(61));
    }
    assert!(world.table.row(id).dead);
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(
        world.table.row(id).attempts,
        12,
        "dead letters are kept and left alone"
    );
}

#[actix::test]
async fn a_permanent_refusal_is_final() {
    let world = World::new();
    let smtp = Smtp::up();
    smtp.refuse(Some(DeliveryError::Permanent("no such mailbox".to_owned())));
    let (_outbox, instruments) = world.node(&smtp, World::settings());
    let id = world.insert();
    eventually_is("it is dead", || world.table.row(id).dead).await;
    assert_eq!(world.table.row(id).last_error.as_deref(), Some("no such mailbox"));
    assert_eq!(instruments.observations()[0].detail["failed_attempts"], 1);
}

#[actix::test]
async fn what_a_dead_process_had_claimed_is_taken_over_after_its_lease() {
    let world = World::new();
    let stuck = Smtp::hanging();
    let process = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let crashing = world.node_on(&stuck, World::settings(), process.handle().clone());
    let id = world.insert();
    eventually_is("it is claimed", || stuck.at_once.load(Ordering::SeqCst) == 1).await;
    process.shutdown_background();
    drop(crashing);
    eventually_is("nothing is left of it", || Arc::strong_count(&stuck) == 1).await;
    stuck.gate.add_permits(1);

    let smtp = Smtp::up();
    let (_outbox, _instruments) = world.node(&smtp, World::settings());
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!world.table.row(id).delivered, "the lease is respected");
    world.shifted.advance(TimeDelta::minutes(4));
    eventually_is("it has left", || world.table.row(id).delivered).await;
    assert_eq!((stuck.accepted().len(), smtp.accepted()), (0, vec![id]));
}

#[actix::test]
async fn two_nodes_send_each_item_once() {
    let world = World::new();
    let smtp = Smtp::up();
    let one = world.node(&smtp, World::settings());
    let two = world.node(&smtp, World::settings());
    for _ in 0..200 {
        world.insert();
    }
    one.0.poke();
    two.0.poke();
    eventually_is("all have left", || world.table.delivered_count() == 200).await;
    let mut accepted = smtp.accepted();
    accepted.sort_unstable();
    assert_eq!(accepted, (1..=200).collect::<Vec<i64>>());
}

#[actix::test]
async fn a_carrier_that_hangs_or_panics_is_a_transient_failure() {
    let world = World::new();
    let smtp = Smtp::hanging();
    let (_outbox, _instruments) = world.node(
        &smtp,
        OutboxSettings {
            delivery_deadline: Duration::from_millis(50),
            ..World::settings()
        },
    );
    let id = world.insert();
    eventually_is("it was given up", || world.table.row(id).last_error.is_some()).await;
    smtp.panics.store(true, Ordering::SeqCst);
    smtp.gate.add_permits(1_000);
    world.shifted.advance(TimeDelta::minutes(1));
    eventually_is("it panicked", || {
        world.table.row(id).last_error.as_deref() == Some("the carrier panicked")
    })
    .await;
    smtp.panics.store(false, Ordering::SeqCst);
    world.shifted.advance(TimeDelta::minutes(2));
    eventually_is("it has left", || world.table.row(id).delivered).await;
}

#[actix::test]
async fn an_outbox_that_cannot_be_read_is_read_later() {
    let world = World::new();
    let smtp = Smtp::up();
    world.table.away.store(true, Ordering::SeqCst);
    let (_outbox, _instruments) = world.node(&smtp, World::settings());
    let id = world.insert();
    tokio::time::sleep(Duration::from_millis(100)).await;
    world.table.away.store(false, Ordering::SeqCst);
    eventually_is("it has left", || world.table.row(id).delivered).await;
}

#[actix::test]
async fn what_was_accepted_while_the_store_is_away_is_noted_when_it_is_back_and_never_sent_again() {
    let world = World::new();
    let smtp = Smtp::hanging();
    let (outbox, _instruments) = world.node(&smtp, World::settings());
    let id = world.insert();
    eventually_is("it is claimed", || smtp.at_once.load(Ordering::SeqCst) == 1).await;
    world.table.away.store(true, Ordering::SeqCst);
    smtp.gate.add_permits(10);
    eventually_is("it was accepted", || smtp.accepted() == [id]).await;
    // The lease passes meanwhile, and the actor that began the delivery goes.
    world.shifted.advance(TimeDelta::minutes(10));
    drop(outbox);
    tokio::time::sleep(Duration::from_millis(300)).await;
    world.table.away.store(false, Ordering::SeqCst);
    eventually_is("it is noted", || world.table.row(id).delivered).await;
    assert_eq!(smtp.accepted(), [id]);
}

#[actix::test]
async fn draining_finishes_what_is_in_progress_and_begins_nothing() {
    let world = World::new();
    let smtp = Smtp::hanging();
    let (outbox, _instruments) = world.node(&smtp, World::settings());
    for _ in 0..6 {
        world.insert();
    }
    eventually_is("four are in progress", || {
        smtp.at_once.load(Ordering::SeqCst) == 4
    })
    .await;
    assert_eq!(
        outbox.drain(Duration::from_millis(50)).await,
        Ok(4),
        "the deadline is kept"
    );
    smtp.gate.add_permits(6);
    assert_eq!(outbox.drain(Duration::from_secs(5)).await, Ok(0));
    assert_eq!(world.table.delivered_count(), 4);
    outbox.poke();
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(
        world.table.delivered_count(),
        4,
        "the rest is left to the other nodes"
    );
}
