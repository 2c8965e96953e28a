//! What the migrations make of an empty database, of one of the reference implementation's, and of unfit ones.

use std::collections::BTreeSet;

use identite::db::catalog::Catalog;
use identite::db::migrate::{MigrateError, migrate, pending};
use serde::Deserialize;

use crate::support::TestDatabase;

const EXPECTED_SCHEMA: &str = include_str!("../vectors/schema.json");
const REFERENCE_SCHEMA: &str = include_str!("../../migrations/V1__reference_schema.sql");

#[derive(Deserialize)]
struct ExpectedSchema {
    #[serde(flatten)]
    catalog: Catalog,
    bookkeeping_tables: BookkeepingTables,
}

#[derive(Deserialize)]
struct BookkeepingTables {
    pgmigrations: Bookkeeping,
}

#[derive(Deserialize)]
struct Bookkeeping {
    columns: Vec<identite::db::catalog::Column>,
    recorded_migrations: Vec<String>,
}

fn expected() -> ExpectedSchema {
    serde_json::from_str(EXPECTED_SCHEMA).unwrap()
}

async fn catalog_of(database: &TestDatabase) -> Catalog {
    Catalog::read(&database.pool().get().await.unwrap())
        .await
        .unwrap()
}

async fn recorded_migrations(database: &TestDatabase) -> Vec<String> {
    let client = database.pool().get().await.unwrap();
    let rows = client
        .query("SELECT name FROM pgmigrations ORDER BY run_on, id", &[])
        .await
        .unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// The names of our migrations, in their order.
fn migrations() -> Vec<String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let files = std::fs::read_dir(folder).expect("the folder of migrations");
    let mut names: Vec<String> = files
        .filter_map(|file| Some(file.ok()?.file_name().to_str()?.strip_suffix(".sql")?.to_owned()))
        .collect();
    let version = |name: &String| -> u32 {
        let digits = name.trim_start_matches('V').split("__").next();
        digits.and_then(|digits| digits.parse().ok()).expect("a number")
    };
    names.sort_by_key(version);
    assert_eq!(names.first().map(String::as_str), Some("V1__reference_schema"));
    names
}

/// Whether a table, an index or a sequence is one of those that only we have.
fn is_our_addition(name: &str) -> bool {
    name.starts_with("identite_")
}

#[tokio::test]
async fn an_empty_database_gets_exactly_the_published_schema_and_our_own_tables() {
    let database = TestDatabase::create_empty().await;
    let report = migrate(database.pool()).await.unwrap();
    assert!(!report.adopted);
    assert_eq!(report.applied, migrations());

    let mut catalog = catalog_of(&database).await;
    let additions: BTreeSet<String> = catalog
        .tables
        .keys()
        .filter(|name| is_our_addition(name))
        .cloned()
        .collect();
    assert_eq!(
        additions,
        [
            "identite_audit",
            "identite_browsers",
            "identite_client_settings",
            "identite_credentials",
            "identite_events",
            "identite_housekeeping",
            "identite_imports",
            "identite_key_sightings",
            "identite_official_contacts",
            "identite_outbox",
            "identite_pending_passwords",
            "identite_recovery_codes",
            "identite_schema_history",
            "identite_session_clients",
            "identite_sessions",
            "identite_totp_enrolments",
            "identite_totp_steps",
            "identite_signing_keys",
            "identite_tickets",
        ]
        .map(String::from)
        .into()
    );
    catalog.tables.retain(|name, _| !is_our_addition(name));
    let mut indexes = BTreeSet::new();
    for table in catalog.tables.values_mut() {
        let ours = table.indexes.extract_if(.., |index| is_our_addition(&index.name));
        indexes.extend(ours.map(|index| index.name));
    }
    assert_eq!(indexes, report.indexed.into_iter().collect());
    catalog
        .sequences
        .retain(|sequence| !is_our_addition(&sequence.name));
    let bookkeeping = catalog.tables.remove("pgmigrations").unwrap();
    catalog
        .sequences
        .retain(|sequence| sequence.name != "pgmigrations_id_seq");

    let expected = expected();
    assert_eq!(
        bookkeeping.columns,
        expected.bookkeeping_tables.pgmigrations.columns
    );
    assert_eq!(
        catalog.tables.keys().collect::<Vec<_>>(),
        expected.catalog.tables.keys().collect::<Vec<_>>()
    );
    for (name, table) in &expected.catalog.tables {
        assert_eq!(&catalog.tables[name], table, "{name}");
    }
    assert_eq!(catalog.sequences, expected.catalog.sequences);
}

#[tokio::test]
async fn there_is_nothing_but_tables_and_what_guards_ours() {
    let database = TestDatabase::create().await;
    let others = database
        .count(
            "SELECT
               (SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'm', 'f'))
               + (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgrelid::regclass::text NOT LIKE 'identite%')
               + (SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname NOT LIKE 'identite%')
               + (SELECT count(*) FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'd'))
               + (SELECT count(*) FROM pg_extension WHERE extname <> 'plpgsql')",
        )
        .await;
    assert_eq!(others, 0);
}

#[tokio::test]
async fn the_reference_finds_all_its_migrations_recorded() {
    let database = TestDatabase::create().await;
    assert_eq!(
        recorded_migrations(&database).await,
        expected().bookkeeping_tables.pgmigrations.recorded_migrations
    );
}

#[tokio::test]
async fn the_first_account_of_a_new_database_is_5000() {
    let database = TestDatabase::create_empty().await;
    migrate(database.pool()).await.unwrap();
    assert_eq!(database.count("SELECT nextval('users_id_seq')").await, 5000);
}

#[test]
fn the_baseline_is_the_published_schema() {
    assert_eq!(Catalog::baseline(), expected().catalog);
}

#[tokio::test]
async fn migrating_twice_changes_nothing() {
    let database = TestDatabase::create_empty().await;
    migrate(database.pool()).await.unwrap();
    let before = catalog_of(&database).await;
    let again = migrate(database.pool()).await.unwrap();
    assert!(again.applied.is_empty() && again.indexed.is_empty() && !again.adopted);
    assert_eq!(catalog_of(&database).await, before);
}

#[tokio::test]
async fn an_index_that_was_interrupted_is_built_again() {
    let database = TestDatabase::create_empty().await;
    migrate(database.pool()).await.unwrap();
    database
        .execute(
            "DROP INDEX identite_email_domains_by_domain;
             UPDATE pg_index SET indisvalid = false
             WHERE indexrelid = 'identite_oidc_clients_by_client_id'::regclass",
        )
        .await;
    let report = migrate(database.pool()).await.unwrap();
    assert_eq!(
        report.indexed,
        [
            "identite_oidc_clients_by_client_id",
            "identite_email_domains_by_domain"
        ]
    );
    assert_eq!(
        database
            .count("SELECT count(*) FROM pg_index WHERE NOT indisvalid")
            .await,
        0
    );
}

#[tokio::test]
async fn an_index_that_cannot_be_built_is_told_and_stops_nothing() {
    let database = TestDatabase::create_empty().await;
    database
        .execute("CREATE TABLE identite_email_domains_by_domain ()")
        .await;
    let report = migrate(database.pool()).await.unwrap();
    assert_eq!(report.remarks.len(), 1);
    assert!(report.remarks[0].starts_with("index identite_email_domains_by_domain was not built"));
    assert!(
        report
            .indexed
            .contains(&"identite_users_by_magic_link_token".to_owned())
    );
    assert!(pending(database.pool()).await.unwrap().is_empty());
}

#[tokio::test]
async fn of_two_nodes_that_migrate_at_once_one_does_the_work() {
    let database = TestDatabase::create_empty().await;
    let (first, second) = tokio::join!(migrate(database.pool()), migrate(database.pool()));
    let mut applied = [first.unwrap().applied.len(), second.unwrap().applied.len()];
    applied.sort_unstable();
    assert_eq!(applied, [0, migrations().len()]);
}

#[tokio::test]
async fn pending_migrations_are_told_until_they_ran() {
    let database = TestDatabase::create_empty().await;
    assert_eq!(pending(database.pool()).await.unwrap(), migrations());
    migrate(database.pool()).await.unwrap();
    assert!(pending(database.pool()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_migration_that_arrives_after_one_with_a_higher_number_is_applied_and_told() {
    let database = TestDatabase::create_empty().await;
    migrate(database.pool()).await.unwrap();
    let expected = catalog_of(&database).await;
    // As if the last version had come without it.
    database
        .execute(
            "DROP TABLE identite_official_contacts, identite_tickets;
             DELETE FROM identite_schema_history WHERE version = 8",
        )
        .await;
    let late = "V8__official_contacts_and_tickets is older by its number than";
    let outlook = identite::db::migrate::outlook(database.pool()).await.unwrap();
    assert_eq!(outlook.pending, ["V8__official_contacts_and_tickets"]);
    assert!(outlook.obstacles.is_empty(), "{:?}", outlook.obstacles);
    assert!(outlook.remarks[0].starts_with(late), "{:?}", outlook.remarks);

    let report = migrate(database.pool()).await.unwrap();
    assert_eq!(report.applied, ["V8__official_contacts_and_tickets"]);
    assert!(report.remarks[0].starts_with(late), "{:?}", report.remarks);
    assert!(pending(database.pool()).await.unwrap().is_empty());
    assert_eq!(catalog_of(&database).await, expected);
}

#[tokio::test]
async fn a_migration_whose_text_was_changed_after_it_ran_is_refused_and_foretold() {
    let database = TestDatabase::create_empty().await;
    migrate(database.pool()).await.unwrap();
    database
        .execute("UPDATE identite_schema_history SET checksum = '1' WHERE version = 3")
        .await;
    let outlook = identite::db::migrate::outlook(database.pool()).await.unwrap();
    assert_eq!(
        outlook.obstacles,
        ["V3__accounts ran on this database with another text than it has in this version"]
    );
    let refusal = migrate(database.pool()).await.unwrap_err();
    assert!(matches!(refusal, MigrateError::Failed(_)), "{refusal}");
}

#[tokio::test]
async fn what_a_later_version_did_hinders_nobody() {
    let database = TestDatabase::create_empty().await;
    migrate(database.pool()).await.unwrap();
    database
        .execute(
            "CREATE TABLE identite_later ();
             INSERT INTO identite_schema_history (version, name, applied_on, checksum)
             VALUES (999, 'later', '2030-01-01T00:00:00Z', '1')",
        )
        .await;
    assert!(pending(database.pool()).await.unwrap().is_empty());
    assert!(migrate(database.pool()).await.unwrap().applied.is_empty());
}

#[tokio::test]
async fn a_database_of_the_reference_is_adopted_untouched() {
    let database = TestDatabase::create_empty().await;
    database.execute(REFERENCE_SCHEMA).await;
    database
        .execute(
            "INSERT INTO users (id, email, created_at, updated_at)
             VALUES (7, 'ancienne@exemple.fr', '2020-01-02 03:04:05Z', '2021-01-02 03:04:05Z');
             INSERT INTO pgmigrations (name, run_on) VALUES ('1999999999999_something-later', now() + interval '1 day')",
        )
        .await;
    let rows = "SELECT md5(
                  (SELECT json_agg(u) FROM (SELECT *, xmin::text FROM users) u)::text
                  || (SELECT json_agg(m) FROM (SELECT *, xmin::text FROM pgmigrations) m)::text
                )";
    let fingerprint = async || -> String {
        database
            .pool()
            .get()
            .await
            .unwrap()
            .query_one(rows, &[])
            .await
            .unwrap()
            .get(0)
    };
    let before = fingerprint().await;

    let report = migrate(database.pool()).await.unwrap();
    assert!(report.adopted);
    assert_eq!(report.applied, migrations()[1..]);
    assert!(report.remarks.is_empty(), "{:?}", report.remarks);
    assert_eq!(fingerprint().await, before);
    assert!(pending(database.pool()).await.unwrap().is_empty());
    assert!(!migrate(database.pool()).await.unwrap().adopted, "once is enough");
}

#[tokio::test]
async fn a_database_half_way_of_the_reference_is_refused_and_left_alone() {
    let database = TestDatabase::create_empty().await;
    database.execute(REFERENCE_SCHEMA).await;
    database.execute("DELETE FROM pgmigrations WHERE id > 80").await;
    let before = catalog_of(&database).await;

    let refusal = migrate(database.pool()).await.unwrap_err();
    let MigrateError::HalfWay { recorded, missing } = refusal else {
        panic!("{refusal}")
    };
    assert_eq!(recorded, 80);
    assert_eq!(
        missing,
        expected().bookkeeping_tables.pgmigrations.recorded_migrations[80..]
    );
    assert_eq!(catalog_of(&database).await, before);
    assert_eq!(pending(database.pool()).await.unwrap().len(), migrations().len());
}

#[tokio::test]
async fn tables_of_another_shape_are_refused_with_every_difference() {
    let database = TestDatabase::create_empty().await;
    database.execute(REFERENCE_SCHEMA).await;
    database
        .execute(
            "ALTER TABLE users DROP COLUMN force_2fa;
             ALTER TABLE organizations ALTER COLUMN siret TYPE text;
             DROP TABLE moderations;
             DROP INDEX idx_users_oidc_clients_user_id_created_at",
        )
        .await;
    let refusal = migrate(database.pool()).await.unwrap_err();
    let MigrateError::Unfit(differences) = &refusal else {
        panic!("{refusal}")
    };
    assert_eq!(
        differences,
        &[
            "table moderations is missing",
            "organizations.siret is text instead of character varying",
            "column users.force_2fa is missing"
        ]
    );
}

#[tokio::test]
async fn a_migration_of_the_reference_that_runs_is_waited_for() {
    let database = TestDatabase::create_empty().await;
    let reference = database.pool().get().await.unwrap();
    reference
        .batch_execute("SELECT pg_advisory_lock(7241865325823964)")
        .await
        .unwrap();
    let migration = migrate(database.pool());
    let release = async {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        assert_eq!(
            pending(database.pool()).await.unwrap().len(),
            migrations().len(),
            "nothing ran meanwhile"
        );
        reference
            .batch_execute("SELECT pg_advisory_unlock(7241865325823964)")
            .await
            .unwrap();
    };
    let (report, ()) = tokio::join!(migration, release);
    assert_eq!(report.unwrap().applied.len(), migrations().len());
}
