use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use identite_actors::clock::{SharedClock, ShiftedClock};
use identite_actors::instrumentation::Instruments;
use identite_actors::sirene_cache::{
    Finding, Known, Quota, Shelf, Shelved, SireneCache, SireneCacheMetrics, SireneCacheSettings, Source,
    SourceError, Unavailable,
};
use tokio::sync::{Mutex as AsyncMutex, Semaphore};

use crate::support::{clock, eventually_is, instruments};

/// A register that answers with the number of the call; `nobody` is unknown to it.
struct Register {
    calls: AtomicUsize,
    /// Calls pass only with a permit.
    gate: Semaphore,
    mood: Mutex<Mood>,
}

#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Well,
    Away,
    Overrun,
    Broken,
}

impl Register {
    fn open() -> Arc<Self> {
        Self::gated(Semaphore::MAX_PERMITS)
    }

    fn gated(permits: usize) -> Arc<Self> {
        Arc::new(Self {
            calls: AtomicUsize::new(0),
            gate: Semaphore::new(permits),
            mood: Mutex::new(Mood::Well),
        })
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn becomes(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }
}

#[async_trait]
impl Source<usize, &'static str> for Register {
    async fn fetch(&self, key: &str) -> Result<Finding<usize, &'static str>, SourceError> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let _permit = self.gate.acquire().await.unwrap();
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::Well if key == "nobody" => Ok(Finding::Absent("unknown")),
            Mood::Well => Ok(Finding::Present(Arc::new(call))),
            Mood::Away => Err(SourceError {
                reason: "away".to_owned(),
                pause: None,
            }),
            Mood::Overrun => Err(SourceError {
                reason: "too many calls".to_owned(),
                pause: Some(Duration::from_mins(1)),
            }),
            Mood::Broken => panic!("the register's answer broke us"),
        }
    }
}

#[derive(Default)]
struct Table {
    rows: Mutex<HashMap<String, (usize, DateTime<Utc>)>>,
    loads: AtomicUsize,
    /// Whoever holds it keeps the table from being read.
    door: AsyncMutex<()>,
}

#[async_trait]
impl Shelf<usize> for Table {
    async fn load(
        &self,
        key: &str,
    ) -> Result<Option<Shelved<usize>>, Box<dyn std::error::Error + Send + Sync>> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        let _inside = self.door.lock().await;
        let row = self.rows.lock().unwrap().get(key).copied();
        Ok(row.map(|(value, as_of)| Shelved {
            value: Arc::new(value),
            as_of,
        }))
    }

    async fn save(
        &self,
        key: &str,
        value: &usize,
        as_of: DateTime<Utc>,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.rows.lock().unwrap().insert(key.to_owned(), (*value, as_of));
        Ok(())
    }
}

struct Stand {
    cache: SireneCache<usize, &'static str>,
    register: Arc<Register>,
    table: Arc<Table>,
    shifted: Arc<ShiftedClock>,
    clock: SharedClock,
    instruments: Instruments,
}

fn stand(register: Arc<Register>, settings: SireneCacheSettings) -> Stand {
    let (shifted, clock) = clock();
    let instruments = instruments(&clock);
    let metrics = SireneCacheMetrics::register(instruments.registry()).unwrap();
    let table = Arc::new(Table::default());
    let cache = SireneCache::start(
        "establishments",
        register.clone(),
        Some(table.clone()),
        clock.clone(),
        &instruments,
        &metrics,
        settings,
    );
    Stand {
        cache,
        register,
        table,
        shifted,
        clock,
        instruments,
    }
}

impl Stand {
    /// What is told of a key, and whether it is old.
    async fn value(&self, key: &str) -> Result<(usize, bool), Unavailable> {
        Ok(self.read(self.cache.look_up(key).await?))
    }

    /// The same, for somebody of whom nothing is known.
    async fn value_for_visitor(&self, key: &str) -> Result<(usize, bool), Unavailable> {
        Ok(self.read(self.cache.look_up_for_visitor(key).await?))
    }

    fn read(&self, known: Known<usize, &'static str>) -> (usize, bool) {
        let is_old = self.clock.now() - known.as_of >= FRESH;
        match known.finding {
            Finding::Present(value) => (*value, is_old),
            Finding::Absent(_) => (0, is_old),
        }
    }

    /// Calls that were not made on behalf of somebody this urgent, as the quota left none.
    fn refused(&self, urgency: &str) -> f64 {
        let families = self.instruments.registry().gather();
        let metrics = families
            .iter()
            .find(|family| family.name() == "identite_actor_sirene_cache_quota_refused_total")
            .unwrap()
            .get_metric();
        let metric = metrics.iter().find(|metric| {
            let mut labels = metric.get_label().iter();
            labels.any(|label| label.name() == "urgency" && label.value() == urgency)
        });
        metric.unwrap().get_counter().get_value()
    }

    fn metric(&self, name: &str) -> f64 {
        let full = format!("identite_actor_sirene_cache_{name}");
        let families = self.instruments.registry().gather();
        let family = families.iter().find(|family| family.name() == full).unwrap();
        let metric = &family.get_metric()[0];
        metric.get_counter().get_value() + metric.get_gauge().get_value()
    }

    fn shelve(&self, key: &str, value: usize, age: TimeDelta) {
        let as_of = self.clock.now() - age;
        self.table
            .rows
            .lock()
            .unwrap()
            .insert(key.to_owned(), (value, as_of));
    }
}

const FRESH: TimeDelta = TimeDelta::minutes(10);
const STALE: TimeDelta = TimeDelta::hours(24);

#[actix::test]
async fn a_thousand_look_ups_of_a_cold_key_are_one_call() {
    let stand = stand(Register::gated(0), SireneCacheSettings::default());
    let look_ups = (0..1_000).map(|_| stand.value("21340126800130"));
    let (answers, ()) = tokio::join!(join_all(look_ups), async {
        eventually_is("the call is on its way", || stand.register.calls() == 1).await;
        eventually_is("all others have joined", || {
            stand.metric("flights_joined_total") >= 999.0
        })
        .await;
        stand.register.gate.add_permits(1);
    });
    assert_eq!(answers, vec![Ok((1, false)); 1_000]);
    assert_eq!(stand.register.calls(), 1);
    assert_eq!(stand.table.loads.load(Ordering::SeqCst), 1);

    assert_eq!(stand.value("21340126800130").await, Ok((1, false)));
    assert_eq!(stand.register.calls(), 1, "what is known needs no call");
    assert!((stand.metric("hits_total") - 1.0).abs() < f64::EPSILON);
    assert!(stand.metric("flights").abs() < f64::EPSILON);
}

#[actix::test]
async fn what_is_old_is_served_at_once_and_fetched_anew() {
    let stand = stand(Register::open(), SireneCacheSettings::default());
    assert_eq!(stand.value("a").await, Ok((1, false)));
    stand.shifted.advance(FRESH);
    assert_eq!(stand.value("a").await, Ok((1, true)));
    eventually_is("it is fetched anew", || stand.register.calls() == 2).await;
    eventually_is("and kept", || stand.table.rows.lock().unwrap()["a"].0 == 2).await;
    assert_eq!(stand.value("a").await, Ok((2, false)));

    stand.shifted.advance(FRESH + STALE);
    assert_eq!(stand.value("a").await, Ok((3, false)), "too old to be served");
}

#[actix::test]
async fn nobody_waits_for_a_refresh_of_what_another_process_found() {
    let stand = stand(Register::gated(0), SireneCacheSettings::default());
    stand.shelve("fresh", 7, FRESH / 2);
    stand.shelve("old", 8, FRESH * 2);
    assert_eq!(stand.value("fresh").await, Ok((7, false)));
    assert_eq!(stand.value("old").await, Ok((8, true)));
    eventually_is("the old one is fetched anew", || stand.register.calls() == 1).await;
    assert_eq!(
        stand.value("old").await,
        Ok((8, true)),
        "while the call is on its way"
    );
    stand.register.gate.add_permits(1);
    eventually_is("it has been fetched", || {
        stand.table.rows.lock().unwrap()["old"].0 == 1
    })
    .await;
    assert_eq!(stand.value("old").await, Ok((1, false)));
}

#[actix::test]
async fn what_was_known_is_served_while_the_register_is_away() {
    let stand = stand(Register::open(), SireneCacheSettings::default());
    stand.shelve("known", 7, STALE * 40);
    stand.register.becomes(Mood::Away);
    assert_eq!(stand.value("known").await, Ok((7, true)));
    assert_eq!(stand.value("unknown").await, Err(Unavailable::Upstream));
    stand.register.becomes(Mood::Well);
    assert_eq!(stand.value("unknown").await, Ok((3, false)));
}

#[actix::test]
async fn an_unknown_key_is_not_asked_about_again_for_a_while() {
    let stand = stand(Register::open(), SireneCacheSettings::default());
    for _ in 0..3 {
        let known = stand.cache.look_up("nobody").await.unwrap();
        assert_eq!(known.finding, Finding::Absent("unknown"));
    }
    assert_eq!(stand.register.calls(), 1);
    stand.shifted.advance(TimeDelta::minutes(5));
    stand.value("nobody").await.unwrap();
    assert_eq!(stand.register.calls(), 2);
    assert!(
        stand.table.rows.lock().unwrap().is_empty(),
        "nothing is kept of it"
    );
}

#[actix::test]
async fn an_absence_is_no_answer_when_the_register_is_away() {
    let stand = stand(Register::open(), SireneCacheSettings::default());
    stand.value("nobody").await.unwrap();
    stand.shifted.advance(TimeDelta::hours(1));
    stand.register.becomes(Mood::Away);
    assert_eq!(stand.value("nobody").await, Err(Unavailable::Upstream));
}

fn with_quota(burst: u32) -> SireneCacheSettings {
    SireneCacheSettings {
        quota: Some(Quota {
            burst,
            per_second: 0.1,
        }),
        patience: Duration::from_millis(200),
        ..SireneCacheSettings::default()
    }
}

#[actix::test]
async fn the_quota_is_kept_and_refreshes_leave_some_of_it_to_people() {
    let stand = stand(Register::open(), with_quota(4));
    for (key, value) in [("a", 1), ("b", 2), ("c", 3)] {
        assert_eq!(stand.value(key).await, Ok((value, false)));
    }
    assert!((stand.metric("quota_left") - 1.0).abs() < f64::EPSILON);
    stand.table.rows.lock().unwrap().clear();
    stand.shelve("old", 9, FRESH * 2);
    assert_eq!(stand.value("old").await, Ok((9, true)));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(stand.register.calls(), 3, "the last call is kept for people");

    assert_eq!(stand.value("d").await, Ok((4, false)));
    assert_eq!(stand.value("e").await, Err(Unavailable::Quota));
    stand.shifted.advance(TimeDelta::seconds(10));
    assert_eq!(stand.value("e").await, Ok((5, false)));
}

#[actix::test]
async fn visitors_leave_half_of_the_quota_to_people_and_are_refused_at_once() {
    let stand = stand(Register::open(), with_quota(4));
    let forever = SireneCacheSettings {
        patience: Duration::from_hours(1),
        ..with_quota(4)
    };
    let patient = self::stand(Register::open(), forever);
    for stand in [&stand, &patient] {
        for (key, value) in [("a", 1), ("b", 2)] {
            assert_eq!(stand.value_for_visitor(key).await, Ok((value, false)));
        }
        let refused = tokio::time::timeout(Duration::from_secs(5), stand.value_for_visitor("c"));
        assert_eq!(
            refused.await,
            Ok(Err(Unavailable::Quota)),
            "nobody waits ten seconds"
        );
        assert_eq!(stand.register.calls(), 2);
    }

    for (key, value) in [("c", 3), ("d", 4)] {
        assert_eq!(
            stand.value(key).await,
            Ok((value, false)),
            "people have what is left"
        );
    }
    assert_eq!(
        stand.value_for_visitor("c").await,
        Ok((3, false)),
        "what is known"
    );
    stand.shelve("expired", 9, STALE * 40);
    assert_eq!(stand.value_for_visitor("expired").await, Ok((9, true)));
    assert_eq!(stand.value("e").await, Err(Unavailable::Quota));
    let refused = ["visitor", "person", "refresh"].map(|urgency| stand.refused(urgency));
    assert!((refused[0] - 2.0).abs() < f64::EPSILON, "{refused:?}");
    assert!((refused[1] - 1.0).abs() < f64::EPSILON, "{refused:?}");
    assert!(refused[2].abs() < f64::EPSILON, "{refused:?}");

    // What comes back is for people first.
    stand.shifted.advance(TimeDelta::seconds(20));
    assert_eq!(stand.value_for_visitor("e").await, Err(Unavailable::Quota));
    assert_eq!(stand.value("e").await, Ok((5, false)));
    stand.shifted.advance(TimeDelta::seconds(20));
    assert_eq!(stand.value_for_visitor("f").await, Ok((6, false)));
}

#[actix::test]
async fn a_flight_is_as_urgent_as_the_most_urgent_of_its_passengers() {
    let stand = stand(Register::open(), with_quota(4));
    for key in ["a", "b"] {
        stand.value_for_visitor(key).await.unwrap();
    }
    assert_eq!(stand.value_for_visitor("c").await, Err(Unavailable::Quota));

    // A visitor's flight is still at the table when a person joins it.
    let door = stand.table.door.lock().await;
    let (visitor, person, ()) = tokio::join!(
        stand.value_for_visitor("c"),
        async {
            eventually_is("the visitor is at the table", || {
                stand.table.loads.load(Ordering::SeqCst) == 4
            })
            .await;
            stand.value("c").await
        },
        async {
            eventually_is("the person has joined", || {
                stand.metric("flights_joined_total") >= 1.0
            })
            .await;
            drop(door);
        }
    );
    assert_eq!((visitor, person), (Ok((3, false)), Ok((3, false))));

    // And the other way round.
    let door = stand.table.door.lock().await;
    let (person, visitor, ()) = tokio::join!(
        stand.value("d"),
        async {
            eventually_is("the person is at the table", || {
                stand.table.loads.load(Ordering::SeqCst) == 5
            })
            .await;
            stand.value_for_visitor("d").await
        },
        async {
            eventually_is("the visitor has joined", || {
                stand.metric("flights_joined_total") >= 2.0
            })
            .await;
            drop(door);
        }
    );
    assert_eq!((person, visitor), (Ok((4, false)), Ok((4, false))));
    assert_eq!(stand.register.calls(), 4);
}

#[actix::test]
async fn somebody_waits_for_the_quota_a_little() {
    let settings = SireneCacheSettings {
        quota: Some(Quota {
            burst: 1,
            per_second: 20.0,
        }),
        ..SireneCacheSettings::default()
    };
    let stand = stand(Register::open(), settings);
    let keys = ["a", "b", "c", "d"];
    let answers = join_all(keys.iter().map(|key| stand.value(key))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(stand.register.calls(), 4);
}

#[actix::test]
async fn a_register_that_is_overrun_gets_its_pause() {
    let stand = stand(Register::open(), with_quota(100));
    stand.register.becomes(Mood::Overrun);
    assert_eq!(stand.value("a").await, Err(Unavailable::Upstream));
    stand.register.becomes(Mood::Well);
    assert_eq!(stand.value("a").await, Err(Unavailable::Quota));
    assert_eq!(stand.register.calls(), 1);
    stand.shifted.advance(TimeDelta::minutes(1));
    assert_eq!(stand.value("a").await, Ok((2, false)));
}

#[actix::test]
async fn memory_is_bounded_and_what_was_found_outlives_it() {
    let settings = SireneCacheSettings {
        capacity: NonZeroUsize::new(2).unwrap(),
        ..SireneCacheSettings::default()
    };
    let stand = stand(Register::open(), settings);
    for key in ["a", "b", "c"] {
        stand.value(key).await.unwrap();
    }
    assert!(stand.cache.peek("a").await.is_none() && stand.cache.peek("c").await.is_some());
    assert!((stand.metric("entries") - 2.0).abs() < f64::EPSILON);
    eventually_is("it is kept", || stand.table.rows.lock().unwrap().len() == 3).await;
    assert_eq!(stand.value("a").await, Ok((1, false)), "from the shelf");
    assert_eq!(stand.register.calls(), 3);
}

#[actix::test]
async fn a_caller_who_saw_the_shelf_saves_a_look_at_it() {
    let stand = stand(Register::open(), SireneCacheSettings::default());
    let known = stand.cache.look_up_beyond("a", None).await.unwrap();
    assert_eq!(known.finding, Finding::Present(Arc::new(1)));
    let as_of = stand.clock.now() - FRESH * 2;
    let value = Arc::new(9);
    let shelved = Shelved { value, as_of };
    let known = stand.cache.look_up_beyond("b", Some(shelved)).await.unwrap();
    assert_eq!(
        (known.finding, known.as_of),
        (Finding::Present(Arc::new(9)), as_of)
    );
    assert_eq!(stand.table.loads.load(Ordering::SeqCst), 0);
}

#[actix::test]
async fn a_panic_on_the_way_is_not_for_ever() {
    let stand = stand(Register::open(), SireneCacheSettings::default());
    stand.register.becomes(Mood::Broken);
    let answers = join_all((0..3).map(|_| stand.value("a"))).await;
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer, Err(Unavailable::Cache(_)))),
        "{answers:?}"
    );
    stand.register.becomes(Mood::Well);
    // A question that arrives after the panic is a flight of its own: between one and three calls have failed.
    let answer = stand.value("a").await;
    assert!(matches!(answer, Ok((2..=4, false))), "{answer:?}");
}
