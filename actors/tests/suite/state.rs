//! One suite that every implementation of the state port passes.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures::future::join_all;
use identite_actors::clock::ShiftedClock;
use identite_actors::state::{Counter, Hit, MemoryStore, RedisStore, StateStore, Write};

use crate::redis_servers::{Cluster, Sentinels};
use crate::support::{RedisServer, clock, eventually, increment, io};

const LONG: Duration = Duration::from_mins(10);
const SHORT: Duration = Duration::from_millis(150);

/// How time passes for the implementation.
enum Time {
    Moved(Arc<ShiftedClock>),
    Slept,
}

impl Time {
    async fn pass(&self, duration: Duration) {
        match self {
            Self::Moved(clock) => clock.advance(TimeDelta::from_std(duration).unwrap()),
            Self::Slept => tokio::time::sleep(duration).await,
        }
    }
}

#[actix::test]
async fn the_memory_store_keeps_every_promise() {
    let (shifted, clock) = clock();
    every_promise(Arc::new(MemoryStore::new(clock)), &Time::Moved(shifted)).await;
}

#[actix::test]
async fn the_redis_store_keeps_every_promise() {
    let server = RedisServer::start();
    every_promise(Arc::new(server.store().await), &Time::Slept).await;
}

#[actix::test]
async fn a_redis_behind_sentinels_keeps_every_promise() {
    let servers = Sentinels::start().await;
    every_promise(Arc::new(connected(&servers.url()).await), &Time::Slept).await;
}

#[actix::test]
async fn a_redis_cluster_keeps_every_promise() {
    let cluster = Cluster::start().await;
    every_promise(Arc::new(connected(&cluster.url()).await), &Time::Slept).await;
}

async fn connected(url: &str) -> RedisStore {
    let store = RedisStore::connect(url, None, io()).await.unwrap();
    eventually("redis answers", async || store.ping().await.is_ok()).await;
    store
}

async fn every_promise(store: Arc<dyn StateStore>, time: &Time) {
    store.ping().await.unwrap();
    values_are_kept_until_they_expire(&*store, time).await;
    a_value_is_taken_once(&store).await;
    a_write_is_all_or_nothing(&*store).await;
    a_guarded_write_is_won_once(&store).await;
    sets_live_as_long_as_their_longest_member(&*store, time).await;
    a_swap_needs_the_expected_value(&*store, time).await;
    racing_swaps_lose_nothing(&store).await;
    a_counter_counts_in_a_fixed_window(&*store, time).await;
    racing_increments_are_all_counted(&store).await;
    hits_are_given_back_in_their_window(&*store, time).await;
}

fn put(key: &str, value: &str, ttl: Duration) -> Write {
    Write::Put {
        key: key.to_owned(),
        value: value.as_bytes().to_vec(),
        ttl,
    }
}

fn add(set: &str, member: &str, ttl: Duration) -> Write {
    Write::AddMember {
        set: set.to_owned(),
        member: member.to_owned(),
        ttl,
    }
}

async fn text(store: &dyn StateStore, key: &str) -> Option<String> {
    store
        .get(key)
        .await
        .unwrap()
        .map(|value| String::from_utf8(value).unwrap())
}

async fn values_are_kept_until_they_expire(store: &dyn StateStore, time: &Time) {
    assert_eq!(text(store, "value").await, None);
    assert!(store.write(&[], vec![put("value", "one", SHORT)]).await.unwrap());
    assert_eq!(text(store, "value").await.as_deref(), Some("one"));
    assert!(store.write(&[], vec![put("value", "two", SHORT)]).await.unwrap());
    assert_eq!(text(store, "value").await.as_deref(), Some("two"));
    time.pass(SHORT * 2).await;
    assert_eq!(text(store, "value").await, None);

    let every_byte: Vec<u8> = (0..=255).collect();
    let write = Write::Put {
        key: "bytes".to_owned(),
        value: every_byte.clone(),
        ttl: LONG,
    };
    store.write(&[], vec![write]).await.unwrap();
    assert_eq!(store.get("bytes").await.unwrap(), Some(every_byte));
}

async fn a_value_is_taken_once(store: &Arc<dyn StateStore>) {
    store.write(&[], vec![put("once", "x", LONG)]).await.unwrap();
    let takers = (0..20).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.take("once").await.unwrap() })
    });
    let taken = join_all(takers)
        .await
        .into_iter()
        .filter_map(Result::unwrap)
        .count();
    assert_eq!(taken, 1);
    assert_eq!(store.take("once").await.unwrap(), None);
}

async fn a_write_is_all_or_nothing(store: &dyn StateStore) {
    let first = vec![put("a", "1", LONG), put("b", "2", LONG), add("s", "a", LONG)];
    assert!(store.write(&["absent".to_owned()], first).await.unwrap());
    let second = vec![
        put("a", "changed", LONG),
        Write::Delete { key: "b".to_owned() },
        add("s", "b", LONG),
    ];
    assert!(
        !store
            .write(&["absent".to_owned(), "b".to_owned()], second.clone())
            .await
            .unwrap()
    );
    assert_eq!(text(store, "a").await.as_deref(), Some("1"));
    assert_eq!(text(store, "b").await.as_deref(), Some("2"));
    assert_eq!(store.members("s").await.unwrap(), ["a"]);
    assert!(
        !store.write(&["s".to_owned()], second.clone()).await.unwrap(),
        "a set is present too"
    );
    assert!(store.write(&[], second).await.unwrap());
    assert_eq!(text(store, "a").await.as_deref(), Some("changed"));
    assert_eq!(text(store, "b").await, None);
    let both = vec![
        Write::Delete { key: "a".to_owned() },
        Write::Delete { key: "s".to_owned() },
    ];
    assert!(store.write(&[], both).await.unwrap());
    assert_eq!(text(store, "a").await, None);
    assert!(store.members("s").await.unwrap().is_empty());
}

async fn a_guarded_write_is_won_once(store: &Arc<dyn StateStore>) {
    let redeemers = (0..20).map(|attempt| {
        let store = store.clone();
        tokio::spawn(async move {
            let consumed = "code:consumed".to_owned();
            let writes = vec![
                put(&consumed, "1", LONG),
                put("token", &attempt.to_string(), LONG),
            ];
            store.write(&[consumed], writes).await.unwrap().then_some(attempt)
        })
    });
    let winners: Vec<i32> = join_all(redeemers)
        .await
        .into_iter()
        .filter_map(Result::unwrap)
        .collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(text(&**store, "token").await, Some(winners[0].to_string()));
}

async fn sets_live_as_long_as_their_longest_member(store: &dyn StateStore, time: &Time) {
    store
        .write(
            &[],
            vec![
                add("set", "a", LONG),
                add("set", "b", SHORT),
                add("set", "a", SHORT),
            ],
        )
        .await
        .unwrap();
    time.pass(SHORT * 2).await;
    let mut members = store.members("set").await.unwrap();
    members.sort();
    assert_eq!(members, ["a", "b"]);

    let remove = |member: &str| Write::RemoveMember {
        set: "set".to_owned(),
        member: member.to_owned(),
    };
    store
        .write(&[], vec![remove("a"), remove("unknown")])
        .await
        .unwrap();
    assert_eq!(store.members("set").await.unwrap(), ["b"]);
    store.write(&[], vec![remove("b")]).await.unwrap();
    assert!(store.members("set").await.unwrap().is_empty());

    store.write(&[], vec![add("brief", "a", SHORT)]).await.unwrap();
    time.pass(SHORT * 2).await;
    assert!(store.members("brief").await.unwrap().is_empty());
}

async fn a_swap_needs_the_expected_value(store: &dyn StateStore, time: &Time) {
    assert!(
        !store.swap("swap", Some(b"1"), b"2".to_vec(), LONG).await.unwrap(),
        "absent"
    );
    assert!(store.swap("swap", None, b"1".to_vec(), LONG).await.unwrap());
    assert!(
        !store.swap("swap", None, b"2".to_vec(), LONG).await.unwrap(),
        "present"
    );
    assert!(
        !store
            .swap("swap", Some(b"other"), b"2".to_vec(), LONG)
            .await
            .unwrap()
    );
    assert!(
        store
            .swap("swap", Some(b"1"), b"2".to_vec(), SHORT)
            .await
            .unwrap()
    );
    assert_eq!(text(store, "swap").await.as_deref(), Some("2"));
    time.pass(SHORT * 2).await;
    assert_eq!(text(store, "swap").await, None);
    assert!(store.swap("swap", None, b"3".to_vec(), LONG).await.unwrap());
}

async fn racing_swaps_lose_nothing(store: &Arc<dyn StateStore>) {
    store.write(&[], vec![put("sum", "0", LONG)]).await.unwrap();
    let adders = (0..10).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..5 {
                loop {
                    let before = store.get("sum").await.unwrap().unwrap();
                    let sum: u32 = std::str::from_utf8(&before).unwrap().parse().unwrap();
                    let after = (sum + 1).to_string().into_bytes();
                    if store.swap("sum", Some(&before), after, LONG).await.unwrap() {
                        break;
                    }
                }
            }
        })
    });
    for adder in join_all(adders).await {
        adder.unwrap();
    }
    assert_eq!(text(&**store, "sum").await.as_deref(), Some("50"));
}

async fn a_counter_counts_in_a_fixed_window(store: &dyn StateStore, time: &Time) {
    let window = SHORT * 4;
    let first = increment(store, "hits", window).await.unwrap();
    assert_eq!(first.count, 1);
    assert!(first.resets_in <= window && first.resets_in > SHORT);
    time.pass(SHORT * 2).await;
    let second = increment(store, "hits", window).await.unwrap();
    assert_eq!(second.count, 2);
    assert!(
        second.resets_in <= SHORT * 2,
        "a hit does not move the end of the window"
    );
    time.pass(SHORT * 3).await;
    assert_eq!(increment(store, "hits", window).await.unwrap().count, 1);
}

async fn racing_increments_are_all_counted(store: &Arc<dyn StateStore>) {
    let hits = (0..50).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { increment(&*store, "race", LONG).await.unwrap().count })
    });
    let mut counts: Vec<u64> = join_all(hits).await.into_iter().map(Result::unwrap).collect();
    counts.sort_unstable();
    assert_eq!(counts, (1..=50).collect::<Vec<u64>>());
}

async fn hits_are_given_back_in_their_window(store: &dyn StateStore, time: &Time) {
    let hit = |key: &str, counter: Counter| Hit {
        key: key.to_owned(),
        resets_in: counter.resets_in,
    };
    let window = SHORT * 4;
    increment(store, "brief hits", window).await.unwrap();
    let both = [("brief hits", window), ("long hits", LONG)];
    let counters = store.increment(&both).await.unwrap();
    assert_eq!((counters[0].count, counters[1].count), (2, 1), "in their order");
    assert!(counters[0].resets_in <= window && counters[1].resets_in > window);

    let hits = [hit("brief hits", counters[0]), hit("long hits", counters[1])];
    store.give_back(&hits).await.unwrap();
    assert_eq!(text(store, "brief hits").await.as_deref(), Some("1"));
    assert_eq!(text(store, "long hits").await, None, "none is left");
    store.give_back(&hits[1..]).await.unwrap();
    assert_eq!(text(store, "long hits").await, None);

    time.pass(window + SHORT).await;
    increment(store, "brief hits", LONG).await.unwrap();
    store.give_back(&hits[..1]).await.unwrap();
    assert_eq!(
        text(store, "brief hits").await.as_deref(),
        Some("1"),
        "a later window keeps its hits"
    );
}

#[actix::test]
async fn the_memory_store_forgets_what_has_expired() {
    let (shifted, clock) = clock();
    let store = MemoryStore::new(clock);
    for number in 0..10_000 {
        store
            .write(&[], vec![put(&format!("old:{number}"), "x", SHORT)])
            .await
            .unwrap();
    }
    assert_eq!(store.len(), 10_000);
    shifted.advance(TimeDelta::seconds(20));
    for number in 0..1_000 {
        store
            .write(&[], vec![put(&format!("new:{number}"), "x", LONG)])
            .await
            .unwrap();
    }
    assert_eq!(store.len(), 1_000);
}
