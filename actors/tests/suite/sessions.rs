use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use identite_actors::clock::{SharedClock, ShiftedClock};
use identite_actors::instrumentation::Instruments;
use identite_actors::sessions::{
    RecordsError, Seen, SessionError, SessionRecords, Sessions, SessionsSettings,
};
use identite_actors::state::{StateStore, Write};
use identite_actors::supervision::ActorError;
use serde::{Deserialize, Serialize};

use crate::support::{FallibleStore, Mode, RedisServer, clock, eventually, eventually_is, instruments};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Data {
    email: Option<String>,
    count: u32,
}

/// The table of signed-in sessions: key to reason of the end.
#[derive(Default)]
struct Records {
    rows: Mutex<BTreeMap<String, Option<&'static str>>>,
    seen: Mutex<Vec<Vec<Seen>>>,
    away: AtomicBool,
}

#[derive(Debug, thiserror::Error)]
#[error("the database is away")]
struct Away;

impl Records {
    fn sign_in(&self, key: &str) {
        self.rows.lock().unwrap().insert(key.to_owned(), None);
    }

    fn reason(&self, key: &str) -> Option<&'static str> {
        self.rows.lock().unwrap()[key]
    }

    fn answer(&self) -> Result<(), Away> {
        if self.away.load(Ordering::SeqCst) {
            Err(Away)
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl SessionRecords for Records {
    type Reason = &'static str;
    type Error = Away;

    async fn end(&self, key: &str, reason: &'static str, _: DateTime<Utc>) -> Result<(), Away> {
        self.answer()?;
        if let Some(row) = self.rows.lock().unwrap().get_mut(key) {
            row.get_or_insert(reason);
        }
        Ok(())
    }

    async fn seen(&self, batch: &[Seen]) -> Result<(), Away> {
        self.answer()?;
        self.seen.lock().unwrap().push(batch.to_vec());
        Ok(())
    }
}

struct World {
    shifted: Arc<ShiftedClock>,
    clock: SharedClock,
    store: Arc<FallibleStore>,
    records: Arc<Records>,
    instruments: Instruments,
}

impl World {
    fn new() -> Self {
        let (shifted, clock) = clock();
        let store = FallibleStore::new(&clock);
        let instruments = instruments(&clock);
        Self {
            shifted,
            clock,
            store,
            records: Arc::default(),
            instruments,
        }
    }

    fn node(&self) -> Sessions<Data, Records> {
        self.node_with(&SessionsSettings {
            flush_every: Duration::from_millis(50),
            ..SessionsSettings::default()
        })
    }

    fn node_with(&self, settings: &SessionsSettings) -> Sessions<Data, Records> {
        let store: Arc<dyn StateStore> = self.store.clone();
        Sessions::start(&store, &self.records, &self.clock, &self.instruments, settings)
    }
}

fn add_one(data: &mut Data) -> u32 {
    data.count += 1;
    data.count
}

fn type_email(email: &'static str) -> impl FnMut(&mut Data) + Send + 'static {
    move |data| data.email = Some(email.to_owned())
}

#[actix::test]
async fn a_session_is_created_and_changed() {
    let world = World::new();
    let sessions = world.node();
    assert_eq!(sessions.load("k").await, None);
    assert_eq!(sessions.update("k", add_one).await, Ok(1));
    sessions.update("k", type_email("a@b.fr")).await.unwrap();
    let expected = Data {
        email: Some("a@b.fr".to_owned()),
        count: 1,
    };
    assert_eq!(sessions.load("k").await, Some(expected));
}

#[actix::test]
async fn racing_updates_of_one_session_are_all_kept() {
    let world = World::new();
    let sessions = world.node();
    let mut counts: Vec<u32> = join_all((0..200).map(|_| sessions.update("k", add_one)))
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    counts.sort_unstable();
    assert_eq!(counts, (1..=200).collect::<Vec<u32>>());
}

#[actix::test]
async fn racing_updates_from_two_nodes_are_all_kept() {
    let server = RedisServer::start();
    let world = World::new();
    let mut nodes: Vec<Sessions<Data, Records>> = Vec::new();
    for _ in 0..2 {
        let store: Arc<dyn StateStore> = Arc::new(server.store().await);
        nodes.push(Sessions::start(
            &store,
            &world.records,
            &world.clock,
            &world.instruments,
            &SessionsSettings::default(),
        ));
    }
    let updates = (0..100).flat_map(|_| nodes.iter().map(|node| node.update("k", add_one)));
    let mut counts: Vec<u32> = join_all(updates).await.into_iter().map(Result::unwrap).collect();
    counts.sort_unstable();
    assert_eq!(counts, (1..=200).collect::<Vec<u32>>());
    assert_eq!(nodes[0].load("k").await.unwrap().count, 200);
}

#[actix::test]
async fn a_panic_in_an_update_reaches_its_caller_only() {
    let world = World::new();
    let sessions = world.node();
    let panicking = |_: &mut Data| panic!("in the middle of an update");
    let (before, panicked, after) = futures::join!(
        sessions.update("k", add_one),
        sessions.update::<(), _>("k", panicking),
        sessions.update("k", add_one)
    );
    assert_eq!((before, after), (Ok(1), Ok(2)));
    assert_eq!(panicked, Err(SessionError::Actor(ActorError::Failed)));
    assert_eq!(sessions.update("k", add_one).await, Ok(3), "the actor lives");
    let restarts: u64 = world
        .instruments
        .observations()
        .iter()
        .map(|actor| actor.restarts)
        .sum();
    assert_eq!(restarts, 1);
}

#[actix::test]
async fn a_sign_in_moves_what_is_carried_to_a_new_key() {
    let world = World::new();
    let sessions = world.node();
    sessions.update("old", type_email("a@b.fr")).await.unwrap();
    sessions.update("old", add_one).await.unwrap();
    let carried = sessions
        .rotate("old", "new", |old| Data {
            count: old.count,
            email: None,
        })
        .await
        .unwrap();
    assert_eq!(
        carried,
        Data {
            count: 1,
            email: None
        }
    );
    assert_eq!(sessions.load("old").await, None);
    assert_eq!(sessions.load("new").await, Some(carried));
    let fresh = sessions.rotate("unknown", "other", |old| old).await.unwrap();
    assert_eq!(fresh, Data::default());
}

#[actix::test]
async fn an_unreadable_value_is_no_session() {
    let world = World::new();
    let sessions = world.node();
    let garbage = Write::Put {
        key: "mcp:session:k".to_owned(),
        value: b"\xff not JSON".to_vec(),
        ttl: Duration::from_mins(1),
    };
    world.store.write(&[], vec![garbage]).await.unwrap();
    assert_eq!(sessions.load("k").await, None);
    assert_eq!(sessions.update("k", add_one).await, Ok(1));
}

#[actix::test]
async fn expiry_slides_with_use() {
    let world = World::new();
    let settings = SessionsSettings {
        time_to_live: Duration::from_hours(1),
        ..SessionsSettings::default()
    };
    let sessions = world.node_with(&settings);
    sessions.update("used", add_one).await.unwrap();
    sessions.update("idle", add_one).await.unwrap();
    for _ in 0..10 {
        world.shifted.advance(TimeDelta::minutes(40));
        assert!(sessions.load("used").await.is_some());
    }
    assert_eq!(sessions.load("idle").await, None);
    world.shifted.advance(TimeDelta::minutes(59));
    assert!(
        sessions.load("used").await.is_some(),
        "the promised life is whole"
    );
    world.shifted.advance(TimeDelta::minutes(64));
    assert_eq!(sessions.load("used").await, None);
}

#[actix::test]
async fn reading_often_does_not_write_often() {
    let world = World::new();
    let sessions = world.node();
    sessions.update("k", add_one).await.unwrap();
    let stored = world.store.get("mcp:session:k").await.unwrap();
    for _ in 0..5 {
        world.shifted.advance(TimeDelta::minutes(10));
        sessions.load("k").await.unwrap();
        sessions.update("k", |_| ()).await.unwrap();
    }
    assert_eq!(
        world.store.get("mcp:session:k").await.unwrap(),
        stored,
        "nothing changed, nothing is due"
    );
    world.shifted.advance(TimeDelta::minutes(30));
    sessions.load("k").await.unwrap();
    assert_ne!(world.store.get("mcp:session:k").await.unwrap(), stored);
}

#[actix::test]
async fn people_keep_working_while_the_store_is_away() {
    for mode in [Mode::Down, Mode::Hanging] {
        let world = World::new();
        let sessions = world.node();
        sessions.update("known", type_email("a@b.fr")).await.unwrap();
        world.store.set(mode);

        let asked = Instant::now();
        assert_eq!(sessions.update("known", add_one).await, Ok(1));
        assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
        let expected = Data {
            email: Some("a@b.fr".to_owned()),
            count: 1,
        };
        assert_eq!(
            sessions.load("known").await,
            Some(expected.clone()),
            "what was last seen of it goes on"
        );
        assert_eq!(sessions.update("new", add_one).await, Ok(1));
        assert_eq!(sessions.load("unknown").await, None);
        let moved = sessions.rotate("new", "rotated", |data| data).await.unwrap();
        assert_eq!(sessions.load("new").await, None);

        world.store.set(Mode::Up);
        let other_node = world.node();
        eventually("the changes are brought to the store", async || {
            other_node.load("known").await == Some(expected.clone())
                && other_node.load("rotated").await == Some(moved.clone())
        })
        .await;
        assert_eq!(sessions.update("known", add_one).await, Ok(2));
        assert_eq!(other_node.load("new").await, None);
    }
}

#[actix::test]
async fn many_requests_for_one_session_wait_together_when_the_store_hangs() {
    let world = World::new();
    let sessions = world.node();
    world.store.set(Mode::Hanging);
    let asked = Instant::now();
    let counts = join_all((0..20).map(|_| sessions.update("k", add_one))).await;
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    assert!(counts.into_iter().all(|count| count.is_ok()));
    assert_eq!(sessions.load("k").await.unwrap().count, 20);
}

#[actix::test]
async fn the_store_is_right_when_another_node_changed_the_same_session_meanwhile() {
    let world = World::new();
    let (cut_off, other) = (world.node(), world.node());
    cut_off.update("k", type_email("before@b.fr")).await.unwrap();
    world.store.set(Mode::Down);
    cut_off.update("k", type_email("cut-off@b.fr")).await.unwrap();
    world.store.set(Mode::Up);
    // Whichever comes first to the store wins: this one, or the shard that brings its change within a second.
    other.update("k", add_one).await.unwrap();
    eventually("both agree", async || {
        let one = cut_off.load("k").await;
        one.is_some() && one == other.load("k").await
    })
    .await;
    assert_eq!(other.load("k").await.unwrap().count, 1);
}

#[actix::test]
async fn a_session_that_ended_while_the_store_is_away_does_not_come_back() {
    let world = World::new();
    let sessions = world.node();
    world.records.sign_in("k");
    sessions.update("k", add_one).await.unwrap();
    world.store.set(Mode::Down);
    sessions.sign_out("k", "logout").await.unwrap();
    assert_eq!(sessions.load("k").await, None);
    world.store.set(Mode::Up);
    assert_eq!(sessions.load("k").await, None);
    eventually("it is deleted", async || {
        world.store.get("mcp:session:k").await.unwrap().is_none()
    })
    .await;
}

#[actix::test]
async fn the_sessions_kept_in_the_process_are_bounded() {
    let world = World::new();
    let settings = SessionsSettings {
        local_sessions: 100,
        shards: 1,
        ..SessionsSettings::default()
    };
    let sessions = world.node_with(&settings);
    world.store.set(Mode::Down);
    for number in 0..1_000 {
        sessions.update(&number.to_string(), add_one).await.unwrap();
    }
    let detail = &world.instruments.observations()[0].detail;
    assert_eq!(detail["local_copies"], 100);
    assert_eq!(detail["changes_kept_for_the_store"], 100);
    assert_eq!(
        sessions.load("999").await.unwrap().count,
        1,
        "the latest are kept"
    );
}

#[actix::test]
async fn sessions_survive_redis_being_killed_and_wiped() {
    let mut server = RedisServer::start();
    let world = World::new();
    let store: Arc<dyn StateStore> = Arc::new(server.store().await);
    let sessions: Sessions<Data, Records> = Sessions::start(
        &store,
        &world.records,
        &world.clock,
        &world.instruments,
        &SessionsSettings::default(),
    );
    assert_eq!(sessions.update("k", add_one).await, Ok(1));
    server.kill();
    for count in 2..50 {
        let asked = Instant::now();
        assert_eq!(sessions.update("k", add_one).await, Ok(count));
        assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    }
    server.restart();
    eventually("redis is back", async || store.ping().await.is_ok()).await;
    assert_eq!(sessions.update("k", add_one).await, Ok(50));
    eventually("it is in redis again", async || {
        store.get("mcp:session:k").await.unwrap().is_some()
    })
    .await;
}

#[actix::test]
async fn a_sign_out_is_acknowledged_after_its_record() {
    let world = World::new();
    let sessions = world.node();
    world.records.sign_in("k");
    sessions.update("k", add_one).await.unwrap();

    world.records.away.store(true, Ordering::SeqCst);
    let refused = sessions.sign_out("k", "logout").await;
    assert!(matches!(refused, Err(RecordsError::Records(Away))));
    assert!(sessions.load("k").await.is_some(), "nothing was done");

    world.records.away.store(false, Ordering::SeqCst);
    sessions.sign_out("k", "logout").await.unwrap();
    assert_eq!(world.records.reason("k"), Some("logout"));
    assert_eq!(sessions.load("k").await, None);
}

#[actix::test]
async fn a_sign_out_works_while_the_store_is_away() {
    let world = World::new();
    let sessions = world.node();
    world.records.sign_in("k");
    world.store.set(Mode::Hanging);
    sessions.sign_out("k", "logout").await.unwrap();
    assert_eq!(world.records.reason("k"), Some("logout"));
}

#[actix::test]
async fn a_sign_out_goes_on_when_its_caller_has_gone() {
    let world = World::new();
    let sessions = world.node();
    world.records.sign_in("k");
    {
        let mut abandoned = Box::pin(sessions.sign_out("k", "logout"));
        let _ = futures::poll!(&mut abandoned);
    }
    eventually_is("it is recorded", || world.records.reason("k") == Some("logout")).await;
}

#[actix::test]
async fn uses_are_recorded_in_batches_at_most_once_a_minute() {
    let world = World::new();
    let settings = SessionsSettings {
        flush_every: Duration::from_mins(10),
        shards: 1,
        ..SessionsSettings::default()
    };
    let sessions = world.node_with(&settings);
    for _ in 0..10 {
        sessions.seen("a");
        sessions.seen("b");
    }
    sessions.flush().await.unwrap();
    sessions.seen("a");
    sessions.flush().await.unwrap();
    {
        let batches = world.records.seen.lock().unwrap();
        assert_eq!(batches.len(), 1);
        assert_eq!(batches[0].len(), 2);
    }
    world.shifted.advance(TimeDelta::seconds(61));
    assert!(sessions.seen("a"));
    assert!(!sessions.seen("a"));
    sessions.flush().await.unwrap();
    assert_eq!(world.records.seen.lock().unwrap()[1].len(), 1);
}

#[actix::test]
async fn uses_that_could_not_be_recorded_are_tried_again_by_themselves() {
    let world = World::new();
    let sessions = world.node();
    world.records.away.store(true, Ordering::SeqCst);
    sessions.seen("a");
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert!(world.records.seen.lock().unwrap().is_empty());
    world.records.away.store(false, Ordering::SeqCst);
    eventually_is("it is recorded", || world.records.seen.lock().unwrap().len() == 1).await;
}
