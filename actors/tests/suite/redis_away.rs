//! Redis goes away, comes back, is wiped: nobody waits for a second, and it is used again by itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use identite_actors::state::{RedisStore, StateStore, Write};

use crate::support::{RedisServer, eventually, increment, io};

const LONG: Duration = Duration::from_mins(10);

async fn put(store: &RedisStore, key: &str) -> bool {
    let write = Write::Put {
        key: key.to_owned(),
        value: b"x".to_vec(),
        ttl: LONG,
    };
    store.write(&[], vec![write]).await.is_ok()
}

#[actix::test]
async fn a_killed_redis_is_noticed_at_once_and_used_again_when_it_is_back() {
    let mut server = RedisServer::start();
    let store = server.store().await;
    assert!(put(&store, "before").await);

    server.kill();
    for _ in 0..100 {
        let asked = Instant::now();
        assert!(store.get("before").await.is_err());
        assert!(asked.elapsed() < Duration::from_secs(1));
    }

    server.restart();
    eventually("redis is used again", async || store.ping().await.is_ok()).await;
    assert_eq!(store.get("before").await.unwrap(), None, "it came back empty");
    assert_eq!(increment(&store, "scripts work", LONG).await.unwrap().count, 1);
    assert!(put(&store, "after").await);
}

#[actix::test]
async fn a_redis_that_hangs_keeps_nobody_waiting() {
    let server = RedisServer::start();
    let store = server.store().await;
    server.signal("-STOP");
    let asked = Instant::now();
    assert!(store.get("x").await.is_err());
    assert!(
        asked.elapsed() < Duration::from_millis(800),
        "{:?}",
        asked.elapsed()
    );
    for _ in 0..100 {
        let asked = Instant::now();
        assert!(increment(&store, "x", LONG).await.is_err());
        assert!(
            asked.elapsed() < Duration::from_millis(50),
            "the circuit is open: {:?}",
            asked.elapsed()
        );
    }
    server.signal("-CONT");
    eventually("redis is used again", async || store.ping().await.is_ok()).await;
}

#[actix::test]
async fn a_silent_death_is_noticed_without_traffic() {
    let mut server = RedisServer::start();
    let store = server.store().await;
    server.kill();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let asked = Instant::now();
    assert!(store.ping().await.is_err());
    assert!(asked.elapsed() < Duration::from_millis(50));
}

#[actix::test]
async fn a_redis_that_is_away_at_the_start_is_used_when_it_comes() {
    let mut server = RedisServer::start();
    server.kill();
    let started = Instant::now();
    let store = RedisStore::connect(&server.url(), None, io()).await.unwrap();
    assert!(started.elapsed() < Duration::from_millis(1_500));
    assert!(store.ping().await.is_err());
    server.restart();
    eventually("redis is used", async || store.ping().await.is_ok()).await;
}

#[actix::test]
async fn scripts_work_after_redis_forgot_them() {
    let server = RedisServer::start();
    let store = server.store().await;
    assert_eq!(increment(&store, "hits", LONG).await.unwrap().count, 1);
    let client = redis::Client::open(server.url()).unwrap();
    io().spawn(async move {
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        redis::cmd("SCRIPT")
            .arg("FLUSH")
            .query_async::<()>(&mut connection)
            .await
            .unwrap();
    })
    .await
    .unwrap();
    assert_eq!(increment(&store, "hits", LONG).await.unwrap().count, 2);
}

#[actix::test]
async fn namespaces_are_apart() {
    let server = RedisServer::start();
    let one = RedisStore::connect(&server.url(), Some("one:"), io())
        .await
        .unwrap();
    let two = RedisStore::connect(&server.url(), Some("two:"), io())
        .await
        .unwrap();
    assert!(put(&one, "x").await);
    assert_eq!(two.get("x").await.unwrap(), None);
    assert_eq!(
        server.store().await.get("one:x").await.unwrap().as_deref(),
        Some(b"x".as_slice())
    );
}

#[actix::test]
async fn a_refused_command_does_not_take_the_line_down() {
    let server = RedisServer::start();
    let store = server.store().await;
    let add = Write::AddMember {
        set: "set".to_owned(),
        member: "m".to_owned(),
        ttl: LONG,
    };
    store.write(&[], vec![add]).await.unwrap();
    assert!(store.get("set").await.is_err(), "not a value");
    store.ping().await.unwrap();
}

#[actix::test]
async fn a_connection_outlives_the_worker_that_first_used_it() {
    let server = RedisServer::start();
    let store = Arc::new(server.store().await);
    let own = store.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async { assert!(put(&own, "from another runtime").await) });
    })
    .join()
    .unwrap();
    assert!(store.get("from another runtime").await.unwrap().is_some());
}

#[test]
fn an_unusable_url_is_an_error_that_does_not_repeat_it() {
    let error = io()
        .block_on(RedisStore::connect("redis://:secret@:port", None, io()))
        .err()
        .unwrap();
    assert!(!error.to_string().contains("secret"));
}
