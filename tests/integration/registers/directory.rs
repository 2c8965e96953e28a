//! What a look-up costs: calls of the register, statements.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use identite::db::{Pool, PoolSettings, organization_info};
use identite::domain::organization::{EstablishmentRecord, OrganizationInfo};
use identite::domain::{OrganizationId, Siret};
use identite::organizations::directory::{Absence, Directory, DirectoryServices, Match};
use identite_actors::clock::{SharedClock, SystemClock};
use identite_actors::instrumentation::Instruments;
use identite_actors::sirene_cache::{
    Finding, SireneCache, SireneCacheMetrics, SireneCacheSettings, Source, SourceError,
};
use serde_json::Value;

use super::TOWN_HALL;
use crate::support::{TestDatabase, runtime};

/// A register that counts who asks it, and takes a while.
struct Register {
    record: OrganizationInfo,
    calls: AtomicUsize,
}

#[async_trait]
impl Source<OrganizationInfo, Absence> for Register {
    async fn fetch(&self, _: &str) -> Result<Finding<OrganizationInfo, Absence>, SourceError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok(Finding::Present(Arc::new(self.record.clone())))
    }
}

#[async_trait]
impl Source<Vec<Match>, ()> for Register {
    async fn fetch(&self, _: &str) -> Result<Finding<Vec<Match>, ()>, SourceError> {
        Ok(Finding::Absent(()))
    }
}

/// What the register says of the town hall.
fn record() -> OrganizationInfo {
    let answers: Value = serde_json::from_str(include_str!(
        "../../../fixtures/api/api-entreprise-etablissements.json"
    ))
    .unwrap();
    let record: EstablishmentRecord = serde_json::from_value(answers[TOWN_HALL]["data"].clone()).unwrap();
    OrganizationInfo::from(&record)
}

/// A directory over `size` connections to a database that knows no organization, and its register.
async fn directory(size: usize) -> (Directory, Arc<Register>, Pool, TestDatabase) {
    let database = TestDatabase::create().await;
    database
        .execute("DELETE FROM users_organizations; DELETE FROM organizations")
        .await;
    let settings = PoolSettings {
        size,
        acquisition_timeout: Duration::from_secs(30),
        ..PoolSettings::default()
    };
    let pool = Pool::new(&database.url, &settings, runtime().handle()).unwrap();
    let register = Arc::new(Register {
        record: record(),
        calls: AtomicUsize::new(0),
    });
    let clock: SharedClock = Arc::new(SystemClock);
    let instruments = Instruments::new(prometheus::Registry::new(), clock.clone()).unwrap();
    let metrics = SireneCacheMetrics::register(instruments.registry()).unwrap();
    let directory = Directory::new(DirectoryServices {
        pool: pool.clone(),
        clock: clock.clone(),
        establishments: SireneCache::start(
            "establishments",
            register.clone(),
            None,
            clock.clone(),
            &instruments,
            &metrics,
            SireneCacheSettings::default(),
        ),
        searches: SireneCache::start(
            "searches",
            register.clone(),
            None,
            clock,
            &instruments,
            &metrics,
            SireneCacheSettings::default(),
        ),
        fresh_for: TimeDelta::hours(1),
    });
    (directory, register, pool, database)
}

/// Statements that the only connection of `pool` has executed, this one apart.
async fn executed(pool: &Pool) -> i64 {
    let client = pool.get().await.unwrap();
    let count = "SELECT coalesce(sum(generic_plans + custom_plans), 0)::bigint FROM pg_prepared_statements
                 WHERE statement NOT LIKE '%pg_prepared_statements%'";
    client.query_one(count, &[]).await.unwrap().get(0)
}

#[actix::test]
async fn a_thousand_joins_at_a_cold_number_make_one_call_and_one_row() {
    let (directory, register, _, database) = directory(8).await;
    let siret: Siret = TOWN_HALL.parse().unwrap();
    let joins = (0..1_000).map(|_| directory.establish(&siret));
    let rows: Vec<OrganizationId> = futures::future::join_all(joins)
        .await
        .into_iter()
        .map(|establishment| establishment.unwrap().organization_id)
        .collect();
    assert_eq!(register.calls.load(Ordering::SeqCst), 1);
    assert!(rows.iter().all(|row| *row == rows[0]));
    assert_eq!(database.count("SELECT count(*) FROM organizations").await, 1);
}

#[actix::test]
async fn what_is_known_costs_one_statement_at_most_and_no_call() {
    let (directory, register, pool, database) = directory(1).await;
    let siret: Siret = TOWN_HALL.parse().unwrap();
    directory.establish(&siret).await.unwrap();
    let calls = || register.calls.load(Ordering::SeqCst);
    assert_eq!(calls(), 1);

    let before = executed(&pool).await;
    directory.look_up(&siret).await.unwrap();
    assert_eq!(executed(&pool).await, before, "looking needs no statement");
    directory.establish(&siret).await.unwrap();
    assert_eq!(executed(&pool).await, before + 1, "joining needs one");

    // Another process, which remembers nothing: the row is enough.
    let (other, other_register, other_pool) = {
        let (fresh, fresh_register, ..) = self::directory(1).await;
        (fresh.for_worker(pool.clone()), fresh_register, pool.clone())
    };
    let before = executed(&other_pool).await;
    other.establish(&siret).await.unwrap();
    assert_eq!(executed(&other_pool).await, before + 1);
    assert_eq!((calls(), other_register.calls.load(Ordering::SeqCst)), (1, 0));
    assert_eq!(database.count("SELECT count(*) FROM organizations").await, 1);
}

/// What a register said is written by whoever asked it, and behind them: the later word stays, in whichever order they arrive.
#[tokio::test]
async fn what_arrives_late_undoes_nothing() {
    let database = TestDatabase::create().await;
    let client = database.pool().get().await.unwrap();
    let noon: DateTime<Utc> = "2026-09-01T12:00:00Z".parse().unwrap();
    let said = |libelle: &str| OrganizationInfo {
        libelle: libelle.to_owned(),
        ..record()
    };
    let write = async |libelle: &str, minutes: i64| {
        let fetched_at = noon + TimeDelta::minutes(minutes);
        let id = organization_info::upsert(&client, &said(libelle), fetched_at, fetched_at)
            .await
            .unwrap();
        let row = organization_info::find(&client, TOWN_HALL)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(row.id, id);
        row.fetched.unwrap().0.libelle
    };
    database
        .execute(&format!(
            "UPDATE organizations SET organization_info_fetched_at = NULL WHERE siret = '{TOWN_HALL}'"
        ))
        .await;
    assert_eq!(write("Mairie", 0).await, "Mairie");
    assert_eq!(write("Mairie d’antan", -1).await, "Mairie");
    assert_eq!(write("Mairie", 0).await, "Mairie");
    assert_eq!(write("Mairie d’aujourd’hui", 1).await, "Mairie d’aujourd’hui");
}
