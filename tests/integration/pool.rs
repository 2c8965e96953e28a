//! Connections: whose they are, and what happens when there is none.

use std::time::{Duration, Instant};

use identite::db::{Client, Error, Pool, PoolSettings};

use crate::support::{TestDatabase, runtime};

fn small_pool(url: &str) -> Pool {
    let settings = PoolSettings {
        size: 1,
        acquisition_timeout: Duration::from_secs(3),
        statement_timeout: Duration::from_millis(200),
    };
    Pool::new(url, &settings, runtime().handle()).unwrap()
}

#[tokio::test]
async fn who_waits_too_long_for_a_connection_is_told_to_come_back() {
    let database = TestDatabase::create_empty().await;
    let pool = small_pool(&database.url);
    let _taken = pool.get().await.unwrap();
    let began = Instant::now();
    assert!(pool.get().await.err().unwrap().is_unavailable());
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn a_server_that_is_away_is_unavailable_within_the_deadline() {
    let pool = small_pool("postgres://nobody@127.0.0.1:1/nothing");
    let began = Instant::now();
    assert!(pool.get().await.err().unwrap().is_unavailable());
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn a_statement_that_runs_too_long_is_cancelled() {
    let database = TestDatabase::create_empty().await;
    let pool = small_pool(&database.url);
    let client = pool.get().await.unwrap();
    let error = client
        .batch_execute("SELECT pg_sleep(30)")
        .await
        .map_err(identite::db::Error::from)
        .unwrap_err();
    assert!(error.is_unavailable(), "{error}");
    client
        .batch_execute("SELECT 1")
        .await
        .expect("the connection lives on");
}

#[tokio::test]
async fn a_connection_that_the_server_closed_is_replaced() {
    let database = TestDatabase::create_empty().await;
    let pool = small_pool(&database.url);
    let suicide = "SELECT pg_terminate_backend(pg_backend_pid())";
    let lost = pool
        .get()
        .await
        .unwrap()
        .batch_execute(suicide)
        .await
        .map_err(identite::db::Error::from)
        .unwrap_err();
    assert!(lost.is_unavailable(), "{lost}");
    tokio::time::sleep(Duration::from_millis(50)).await;
    pool.get()
        .await
        .unwrap()
        .batch_execute("SELECT 1")
        .await
        .expect("a fresh connection");
}

async fn backend(database: &Client) -> Result<i32, Error> {
    let row = database.query_one("SELECT pg_backend_pid()", &[]).await?;
    Ok(row.get(0))
}

#[tokio::test]
async fn whoever_reads_shares_a_connection_which_is_replaced_when_it_is_lost() {
    let database = TestDatabase::create_empty().await;
    let settings = PoolSettings {
        size: 4,
        ..PoolSettings::default()
    };
    let pool = Pool::new(&database.url, &settings, runtime().handle()).unwrap();
    let look_ups = (0..20).map(|_| pool.read(backend));
    let mut backends: Vec<i32> = futures::future::try_join_all(look_ups).await.unwrap();
    backends.dedup();
    let [common] = backends[..] else {
        panic!("{backends:?}")
    };
    let lost = pool
        .read(async |client: &Client| {
            Ok(client
                .batch_execute("SELECT pg_terminate_backend(pg_backend_pid())")
                .await?)
        })
        .await
        .unwrap_err();
    assert!(lost.is_unavailable(), "{lost}");
    // The driver may need a moment to see the end of the connection.
    let began = Instant::now();
    let replacement = loop {
        match pool.read(backend).await {
            Ok(backend) => break backend,
            Err(error) => assert!(began.elapsed() < Duration::from_secs(30), "{error}"),
        }
    };
    assert_ne!(replacement, common);
}

#[tokio::test]
async fn the_only_connection_is_kept_from_nobody() {
    let database = TestDatabase::create_empty().await;
    let pool = small_pool(&database.url);
    pool.read(backend).await.unwrap();
    assert!(pool.get().await.is_ok(), "the connection was given back");
}

/// The web worker that needed a connection first may stop; its runtime must not take the connection with it.
#[test]
fn a_connection_outlives_the_runtime_that_asked_for_it() {
    let short_lived = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let database = short_lived().block_on(TestDatabase::create_empty());
    let pool = small_pool(&database.url);
    let backend = || {
        short_lived().block_on(async {
            let client = pool.get().await.unwrap();
            client
                .query_one("SELECT pg_backend_pid()", &[])
                .await
                .unwrap()
                .get::<_, i32>(0)
        })
    };
    assert_eq!(backend(), backend());
    assert_eq!(pool.status().open, 1);
}

#[tokio::test]
async fn a_refused_row_names_the_constraint_and_not_the_value() {
    let database = TestDatabase::create().await;
    let client = database.pool().get().await.unwrap();
    let error = client
        .batch_execute(
            "INSERT INTO users (email, created_at, updated_at) VALUES ('user@yopmail.com', now(), now())",
        )
        .await
        .map_err(identite::db::Error::from)
        .unwrap_err();
    assert_eq!(error.duplicate_of(), Some("index_users_on_email"));
    assert!(!format!("{error} {error:?}").contains("yopmail"), "{error:?}");
}
