//! A master that is lost, with Sentinels and in a Cluster: another one takes over, and is used without anybody's help.

use std::time::Duration;

use identite_actors::state::{RedisStore, StateStore, Write};

use crate::redis_servers::{Cluster, Sentinels};
use crate::support::{eventually_within, increment, io};

const LONG: Duration = Duration::from_mins(10);
/// Until others agreed that the master is lost, and on who is it now.
const FAILOVER_PATIENCE: Duration = Duration::from_mins(1);

/// Keys that are far apart, were they kept by name, all in one atomic write.
async fn write_together(store: &RedisStore, round: &str) {
    let put = |key: &str| Write::Put {
        key: format!("{key}:{round}"),
        value: round.as_bytes().to_vec(),
        ttl: LONG,
    };
    let add = Write::AddMember {
        set: format!("set:{round}"),
        member: "one".to_owned(),
        ttl: LONG,
    };
    let consumed = format!("consumed:{round}");
    let writes = vec![put("consumed"), put("code"), put("token"), put("grant"), add];
    assert!(
        store
            .write(std::slice::from_ref(&consumed), writes.clone())
            .await
            .unwrap()
    );
    assert!(!store.write(&[consumed], writes).await.unwrap(), "once");
    assert_eq!(
        store.members(&format!("set:{round}")).await.unwrap(),
        ["one".to_owned()]
    );
}

async fn works_again(store: &RedisStore) {
    eventually_within(FAILOVER_PATIENCE, "a master takes writes", async || {
        increment(store, "tries", LONG).await.is_ok()
    })
    .await;
}

#[actix::test]
async fn the_master_that_sentinels_elect_is_used() {
    let mut servers = Sentinels::start().await;
    let store = RedisStore::connect(&servers.url(), None, io()).await.unwrap();
    works_again(&store).await;
    write_together(&store, "before").await;
    servers.wait_for_replica(&store).await;

    servers.kill_master();
    works_again(&store).await;
    write_together(&store, "after").await;
    assert_eq!(
        store.get("code:before").await.unwrap().as_deref(),
        Some(b"before".as_slice()),
        "what was replicated is there"
    );
}

#[actix::test]
async fn sentinels_that_are_away_but_one_do_not_matter() {
    let servers = Sentinels::start().await;
    let url = servers.url().replace("://", "://127.0.0.1:1,");
    let store = RedisStore::connect(&url, None, io()).await.unwrap();
    works_again(&store).await;
}

#[actix::test]
async fn a_cluster_keeps_together_what_is_written_together_and_survives_a_master() {
    let mut cluster = Cluster::start().await;
    let store = RedisStore::connect(&cluster.url(), None, io()).await.unwrap();
    works_again(&store).await;
    for round in ["one", "two", "three"] {
        write_together(&store, round).await;
    }
    cluster.wait_for_replicas().await;

    cluster.kill_master_of("{identite}");
    works_again(&store).await;
    write_together(&store, "after").await;
    assert_eq!(
        store.get("code:three").await.unwrap().as_deref(),
        Some(b"three".as_slice()),
        "what was replicated is there"
    );

    // A node that starts meanwhile finds its way from those that are left.
    let late = RedisStore::connect(&cluster.url(), None, io()).await.unwrap();
    works_again(&late).await;
    assert!(late.get("code:after").await.unwrap().is_some());
}
