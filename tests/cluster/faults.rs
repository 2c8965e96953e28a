//! Parts of it all fail under load: what is lost, and what is doubled.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use super::cluster::Cluster;
use super::figures::Figures;
use super::load::Load;
use super::postgres::OwnPostgres;
use crate::support::TestDatabase;

/// Mails that a node hands over at the same time: those that were accepted and not noted yet when it is killed come again,
/// under the same name.
const DELIVERIES_AT_ONCE: u64 = 4;

/// Nothing is lost, nothing is doubled; of mails at most so many further copies came.
fn expect_nothing_lost(figures: &Figures, repeats_at_most: u64) {
    let get = |counter: fn(&Figures) -> &AtomicU64| figures.get(counter);
    assert_eq!(get(|figures| &figures.sessions_lost), 0, "{figures}");
    assert_eq!(get(|figures| &figures.sessions_revived), 0, "{figures}");
    assert_eq!(get(|figures| &figures.codes_doubled), 0, "{figures}");
    assert_eq!(get(|figures| &figures.moderations_lost), 0, "{figures}");
    assert_eq!(get(|figures| &figures.moderations_doubled), 0, "{figures}");
    assert!(get(|figures| &figures.moderations) > 0, "{figures}");
    assert_eq!(get(|figures| &figures.mails_lost), 0, "{figures}");
    assert_eq!(get(|figures| &figures.mails_doubled), 0, "{figures}");
    assert!(
        get(|figures| &figures.mails_repeated) <= repeats_at_most,
        "{figures}"
    );
    assert!(get(|figures| &figures.mails) > 0, "{figures}");
}

#[tokio::test]
async fn a_node_that_is_killed_takes_nothing_along() {
    let mut cluster = Cluster::start().await;
    let load = Load::start(&cluster).await;
    load.wait_for_journeys(10).await;
    cluster.others[0].process().kill();
    load.wait_for_journeys(20).await;
    let figures = load.end(&cluster).await;
    println!("a node killed: {figures}");
    expect_nothing_lost(&figures, DELIVERIES_AT_ONCE);
}

#[tokio::test]
async fn a_rolling_restart_is_invisible() {
    let mut cluster = Cluster::start().await;
    let load = Load::start(&cluster).await;
    load.wait_for_journeys(5).await;
    for node in 0..2 {
        let status = cluster.others[node].process().stop(Duration::from_secs(30)).await;
        assert!(status.success(), "{status}");
        load.wait_for_journeys(5).await;
        cluster.others[node] = cluster.first.start_node_at(&cluster.others[node]).await;
        load.wait_for_journeys(5).await;
    }
    cluster.first.stop().await;
    load.wait_for_journeys(5).await;
    cluster.first.start_again().await;
    load.wait_for_journeys(5).await;
    let figures = load.end(&cluster).await;
    println!("a rolling restart: {figures}");
    expect_nothing_lost(&figures, 0);
    assert_eq!(figures.get(|figures| &figures.failures), 0, "{figures}");
    assert_eq!(figures.get(|figures| &figures.begun_anew), 0, "{figures}");
}

#[tokio::test]
async fn a_redis_that_loses_everything_signs_nobody_out() {
    let mut cluster = Cluster::start().await;
    let load = Load::start(&cluster).await;
    load.wait_for_journeys(10).await;
    cluster.redis.kill();
    tokio::time::sleep(Duration::from_secs(2)).await;
    cluster.redis.start_again().await;
    load.wait_for_journeys(20).await;
    let figures = load.end(&cluster).await;
    println!("Redis restarted, empty: {figures}");
    expect_nothing_lost(&figures, 0);
}

#[tokio::test]
async fn a_postgresql_that_crashes_loses_nothing_that_was_promised() {
    let mut postgres = OwnPostgres::start();
    let database = TestDatabase::create_on(&postgres.url()).await;
    let cluster = Cluster::start_on(database).await;
    let load = Load::start(&cluster).await;
    load.wait_for_journeys(10).await;
    postgres.crash_and_start_again();
    load.wait_for_journeys(20).await;
    let figures = load.end(&cluster).await;
    println!("PostgreSQL crashed and restarted: {figures}");
    // No process ends: whatever was accepted is noted as soon as there is something to note it in.
    expect_nothing_lost(&figures, 0);
}
