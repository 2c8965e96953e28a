use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use identite_actors::housekeeping::{
    Batch, ChoreError, Chores, Housekeeping, HousekeepingSettings, Outcome, Round,
};

use crate::support::{clock, eventually_is, instruments, io};

/// Two tables with rows that have had their time, and a lock.
#[derive(Default)]
struct Tables {
    rows: Mutex<BTreeMap<&'static str, u64>>,
    broken: AtomicBool,
    away: AtomicBool,
    locked: Arc<AtomicBool>,
    batches: AtomicU64,
}

const BATCH: u64 = 10;

struct Port(Arc<Tables>);

struct Shift {
    tables: Arc<Tables>,
}

impl Drop for Shift {
    fn drop(&mut self) {
        self.tables.locked.store(false, Ordering::SeqCst);
    }
}

#[async_trait]
impl Chores for Port {
    fn names(&self) -> Vec<&'static str> {
        vec!["old_events", "sessions"]
    }

    async fn begin(&self) -> Result<Option<Box<dyn Round>>, ChoreError> {
        if self.0.away.load(Ordering::SeqCst) {
            return Err("the database is away".into());
        }
        if self.0.locked.swap(true, Ordering::SeqCst) {
            return Ok(None);
        }
        let tables = self.0.clone();
        Ok(Some(Box::new(Shift { tables })))
    }
}

#[async_trait]
impl Round for Shift {
    async fn batch(&mut self, chore: &'static str) -> Result<Batch, ChoreError> {
        self.tables.batches.fetch_add(1, Ordering::SeqCst);
        if chore == "old_events" && self.tables.broken.load(Ordering::SeqCst) {
            return Err("the table is gone".into());
        }
        let mut rows = self.tables.rows.lock().unwrap();
        let left = rows.entry(chore).or_default();
        let removed = (*left).min(BATCH);
        *left -= removed;
        Ok(Batch {
            removed,
            is_last: removed < BATCH,
        })
    }
}

fn tables(events: u64, sessions: u64) -> Arc<Tables> {
    let tables = Tables::default();
    *tables.rows.lock().unwrap() = [("old_events", events), ("sessions", sessions)].into();
    Arc::new(tables)
}

fn settings() -> HousekeepingSettings {
    HousekeepingSettings {
        every: Duration::from_hours(1),
        pause: Duration::ZERO,
        ..HousekeepingSettings::default()
    }
}

fn start(tables: &Arc<Tables>, settings: HousekeepingSettings) -> (Housekeeping, prometheus::Registry) {
    let (_, clock) = clock();
    let instruments = instruments(&clock);
    let port = Arc::new(Port(tables.clone()));
    let housekeeping = Housekeeping::start(port, clock, &instruments, settings, io()).unwrap();
    (housekeeping, instruments.registry().clone())
}

fn counter(registry: &prometheus::Registry, name: &str, label: &str) -> String {
    let families = registry.gather();
    let family = families.iter().find(|family| family.name() == name).unwrap();
    let metric = family.get_metric().iter();
    metric
        .filter(|metric| metric.get_label().iter().any(|pair| pair.value() == label))
        .map(|metric| metric.get_counter().get_value())
        .sum::<f64>()
        .to_string()
}

#[actix_rt::test]
async fn a_round_does_every_chore_in_batches_and_counts_what_it_removed() {
    let tables = tables(25, 10);
    let (housekeeping, registry) = start(&tables, settings());
    let outcome = housekeeping.sweep().await.unwrap();
    assert_eq!(
        outcome,
        Outcome::Done([("old_events", 25), ("sessions", 10)].into())
    );
    assert_eq!(tables.batches.load(Ordering::SeqCst), 3 + 2);
    let removed = "identite_actor_housekeeping_removed_total";
    assert_eq!(counter(&registry, removed, "old_events"), "25");
    assert_eq!(
        counter(&registry, "identite_actor_housekeeping_rounds_total", "done"),
        "1"
    );
    assert!(
        !tables.locked.load(Ordering::SeqCst),
        "the lock ends with the round"
    );
}

#[actix_rt::test]
async fn what_a_round_does_not_finish_is_left_to_the_next_one() {
    let tables = tables(35, 0);
    let (housekeeping, _) = start(
        &tables,
        HousekeepingSettings {
            batches_at_most: 2,
            ..settings()
        },
    );
    for expected in [20, 15] {
        let outcome = housekeeping.sweep().await.unwrap();
        assert_eq!(outcome, Outcome::Done([("old_events", expected)].into()));
    }
}

#[actix_rt::test]
async fn one_node_at_a_time_is_at_it() {
    let tables = tables(5, 0);
    tables.locked.store(true, Ordering::SeqCst);
    let (housekeeping, registry) = start(&tables, settings());
    assert_eq!(housekeeping.sweep().await.unwrap(), Outcome::Elsewhere);
    assert_eq!(tables.batches.load(Ordering::SeqCst), 0);
    let rounds = "identite_actor_housekeeping_rounds_total";
    assert_eq!(counter(&registry, rounds, "elsewhere"), "1");
}

#[actix_rt::test]
async fn a_chore_that_fails_keeps_no_other_from_being_done() {
    let tables = tables(5, 7);
    tables.broken.store(true, Ordering::SeqCst);
    let (housekeeping, _) = start(&tables, settings());
    assert_eq!(
        housekeeping.sweep().await.unwrap(),
        Outcome::Incomplete([("sessions", 7)].into(), vec!["old_events"])
    );
    tables.away.store(true, Ordering::SeqCst);
    assert_eq!(housekeeping.sweep().await.unwrap(), Outcome::Failed);
    tables.away.store(false, Ordering::SeqCst);
    tables.broken.store(false, Ordering::SeqCst);
    assert_eq!(
        housekeeping.sweep().await.unwrap(),
        Outcome::Done([("old_events", 5)].into())
    );
}

#[actix_rt::test]
async fn rounds_are_made_without_being_asked_for() {
    let tables = tables(5, 5);
    let (_housekeeping, _) = start(
        &tables,
        HousekeepingSettings {
            every: Duration::from_millis(20),
            ..settings()
        },
    );
    eventually_is("the tables are tidy", || {
        tables.rows.lock().unwrap().values().all(|left| *left == 0)
    })
    .await;
}
