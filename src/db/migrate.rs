//! Brings a database to the shape that this version needs, be it empty, ours, or the reference implementation's.

use std::fmt::Write as _;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use deadpool_postgres::{ClientWrapper, Object};
use refinery::{Migration, Runner, Target};

use super::catalog::Catalog;
use super::error::Error;
use super::indexes::{self, build_missing};
use super::pool::Pool;

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Where we note which of our migrations ran. The reference has a table of its own, which we only read.
const HISTORY_TABLE: &str = "identite_schema_history";
/// The migration that stands for all of the reference's.
const BASELINE_VERSION: i32 = 1;
/// The session-level advisory lock that the reference takes as well: one migration at a time, whoever runs it.
const MIGRATION_LOCK: i64 = 7_241_865_325_823_964;
/// How long another migration is waited for, and how often it is looked after.
const LOCK_PATIENCE: Duration = Duration::from_mins(1);
const LOCK_ROUND: Duration = Duration::from_millis(100);
/// How long a change of tables waits for statements that use them, while new ones queue behind it.
const TABLE_PATIENCE: &str = "10s";

/// What [`migrate`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The tables were there already, made by somebody else; they were checked and taken over as they are.
    pub adopted: bool,
    /// The migrations that ran, in their order.
    pub applied: Vec<String>,
    /// The indexes that were built, beside running statements.
    pub indexed: Vec<String>,
    /// What does no harm but may deserve a look: departures of an adopted database, indexes that could not be built.
    pub remarks: Vec<String>,
}

/// Why a database was left as it is.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database could not be asked.
    #[error(transparent)]
    Database(#[from] Error),
    /// Another migration, ours or the reference's, did not end in time.
    #[error("another migration is running on this database and did not end within {} seconds", LOCK_PATIENCE.as_secs())]
    Locked,
    /// The reference began its migrations and did not finish them.
    #[error(
        "the reference implementation has run {recorded} of its migrations on this database and misses {}: \
         finish them with its own migration command first",
        .missing.join(", ")
    )]
    HalfWay { recorded: usize, missing: Vec<String> },
    /// `pgmigrations` tells of another history than the reference's.
    #[error("pgmigrations holds {found:?} where {expected:?} is expected: not a database that we know")]
    UnknownHistory { expected: String, found: String },
    /// The tables are there but not in the shape that our statements are written for.
    #[error("the tables of this database cannot be adopted{}", list(.0))]
    Unfit(Vec<String>),
    /// A migration of ours failed, or one that already ran has been changed since.
    #[error("{0}")]
    Failed(String),
}

fn list(differences: &[String]) -> String {
    differences.iter().fold(String::new(), |mut text, difference| {
        let _ = write!(text, "\n  - {difference}");
        text
    })
}

/// A migration of this version.
struct Known {
    version: i32,
    /// As its file is called.
    name: String,
    /// What refinery notes of its text.
    checksum: String,
}

/// The migrations of this version, in their order.
static MIGRATIONS: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let runner = embedded::migrations::runner();
    let mut migrations: Vec<_> = runner
        .get_migrations()
        .iter()
        .map(|migration| Known {
            version: migration.version(),
            name: migration.to_string(),
            checksum: migration.checksum().to_string(),
        })
        .collect();
    migrations.sort_by_key(|known| known.version);
    migrations
});

fn name_of(version: i32) -> Option<String> {
    let known = MIGRATIONS.iter().find(|known| known.version == version)?;
    Some(known.name.clone())
}

/// A text that differs between two builds whose migrations or indexes differ.
#[must_use]
pub fn fingerprint() -> String {
    let runner = embedded::migrations::runner();
    let migrations = runner
        .get_migrations()
        .iter()
        .map(|migration| migration.checksum().to_string());
    migrations
        .chain(indexes::definitions().map(ToOwned::to_owned))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The migrations of this version that have not run on the database: one short statement.
///
/// # Errors
/// When the database is unavailable.
pub async fn pending(pool: &Pool) -> Result<Vec<String>, Error> {
    let client = pool.get().await?;
    let recorded = recorded(&client).await?;
    Ok(pending_of(&recorded).map(|known| known.name.clone()).collect())
}

/// What the database says that ran on it.
struct Recorded {
    version: i32,
    name: String,
    checksum: String,
}

/// Ours, in their order; none on a database that we never migrated.
async fn recorded(client: &deadpool_postgres::ClientWrapper) -> Result<Vec<Recorded>, Error> {
    let read = async {
        let statement = client
            .prepare_cached("SELECT version, name, checksum FROM identite_schema_history ORDER BY version")
            .await?;
        let rows = client.query(&statement, &[]).await?;
        rows.iter()
            .map(|row| {
                Ok(Recorded {
                    version: row.try_get(0)?,
                    name: row.try_get(1)?,
                    checksum: row.try_get(2)?,
                })
            })
            .collect::<Result<_, Error>>()
    };
    match read.await {
        Err(error) if error.is_undefined_table() => Ok(Vec::new()),
        other => other,
    }
}

fn pending_of(recorded: &[Recorded]) -> impl Iterator<Item = &'static Known> {
    MIGRATIONS
        .iter()
        .filter(|known| recorded.iter().all(|recorded| recorded.version != known.version))
}

/// Migrations that came with a version of the program which is newer than others that have already run: a sentence for each
/// that is pending.
fn late_arrivals(recorded: &[Recorded]) -> Vec<String> {
    let Some(last) = recorded.last() else {
        return Vec::new();
    };
    pending_of(recorded)
        .filter(|known| known.version < last.version)
        .map(|known| {
            let last = format!("V{}__{}", last.version, last.name);
            format!(
                "{} is older by its number than {last}, which has run, and is applied after it",
                known.name
            )
        })
        .collect()
}

/// What ran here and is not what this version knows by that number.
fn divergences(recorded: &[Recorded]) -> Vec<String> {
    recorded
        .iter()
        .filter(|recorded| {
            MIGRATIONS
                .iter()
                .any(|known| known.version == recorded.version && known.checksum != recorded.checksum)
        })
        .map(|recorded| {
            format!(
                "V{}__{} ran on this database with another text than it has in this version",
                recorded.version, recorded.name
            )
        })
        .collect()
}

/// Brings the database to the shape of this version. Does nothing when it already has it; waits for another node that
/// does the same.
///
/// An empty database gets every table, and the bookkeeping that tells the reference implementation that it has nothing
/// to do. A database that the reference migrated is adopted: its tables, rows and bookkeeping stay as they are and our
/// own tables are added.
///
/// # Errors
/// When the database is unavailable, belongs to another history, stands half-way of the reference's migrations, or has
/// tables that our statements do not fit. It is then left as it was.
pub async fn migrate(pool: &Pool) -> Result<Report, MigrateError> {
    // Out of the pool: its settings, its locks and the connection itself end with this function, however it ends.
    let mut client = Object::take(pool.get().await?);
    lock(&client).await?;

    let mut report = Report::default();
    if !baseline_is_recorded(&client).await? {
        match examine(&client).await? {
            Start::Empty => {}
            Start::Adoptable { remarks } => {
                report.adopted = true;
                report.remarks = remarks;
                run(&mut client, Target::FakeVersion(BASELINE_VERSION)).await?;
            }
        }
    }
    report.remarks.extend(late_arrivals(&recorded(&client).await?));
    report.applied = run(&mut client, Target::Latest).await?;
    let building = build_missing(&client).await?;
    report.indexed = building.built;
    report.remarks.extend(building.failed);
    // At once, and not when the server notices that the connection is closed: whoever looks next sees nobody at work.
    client
        .execute("SELECT pg_advisory_unlock($1)", &[&MIGRATION_LOCK])
        .await
        .map_err(Error::from)?;
    Ok(report)
}

/// What `identite migrate` would do, and what stands in its way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outlook {
    /// The tables are there already, made by somebody else, and would be taken over as they are.
    pub adopts: bool,
    /// The migrations that would run, in their order.
    pub pending: Vec<String>,
    /// What has to be mended first.
    pub obstacles: Vec<String>,
    /// What deserves a look.
    pub remarks: Vec<String>,
}

/// Looks at what [`migrate`] would do, and does nothing.
///
/// # Errors
/// When the database does not answer.
pub async fn outlook(pool: &Pool) -> Result<Outlook, Error> {
    let client = Object::take(pool.get().await?);
    let recorded = recorded(&client).await?;
    let mut outlook = Outlook {
        pending: pending_of(&recorded).map(|known| known.name.clone()).collect(),
        obstacles: divergences(&recorded),
        remarks: late_arrivals(&recorded),
        ..Outlook::default()
    };
    if !baseline_is_recorded(&client).await? {
        match examine(&client).await {
            Ok(Start::Empty) => {}
            Ok(Start::Adoptable { remarks }) => {
                outlook.adopts = true;
                outlook.remarks.extend(remarks);
                outlook.pending.retain(|name| !name.starts_with("V1__"));
            }
            Err(MigrateError::Database(error)) => return Err(error),
            Err(obstacle) => outlook.obstacles.push(obstacle.to_string()),
        }
    }
    let row = client
        .query_one(
            "SELECT
               current_setting('server_version_num')::integer >= 150000,
               has_schema_privilege('public', 'CREATE'),
               pg_is_in_recovery(),
               (
                 SELECT count(*)
                 FROM pg_catalog.pg_stat_activity
                 WHERE datname = current_database()
                   AND pid <> pg_backend_pid()
                   AND xact_start < now() - interval '10 seconds'
               ),
               EXISTS (
                 SELECT
                 FROM pg_catalog.pg_locks
                 WHERE locktype = 'advisory'
                   AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
                   AND ((classid::bigint << 32) | objid::bigint) = $1
                   AND granted
               )",
            &[&MIGRATION_LOCK],
        )
        .await?;
    let (is_recent, may_create, is_standby): (bool, bool, bool) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let (long_transactions, is_migrating): (i64, bool) = (row.try_get(3)?, row.try_get(4)?);
    let obstacles = [
        (!is_recent, "PostgreSQL is older than 15"),
        (
            !may_create,
            "this role may not create tables in the schema public",
        ),
        (is_standby, "this server is a standby: it cannot be written to"),
        (is_migrating, "another migration is running"),
    ];
    let found = obstacles.iter().filter(|(is_there, _)| *is_there);
    outlook
        .obstacles
        .extend(found.map(|(_, text)| (*text).to_owned()));
    if long_transactions > 0 && !outlook.pending.is_empty() {
        outlook.remarks.push(format!(
            "{long_transactions} transaction(s) have been open for more than 10 s: a change of the tables that they use would give up"
        ));
    }
    Ok(outlook)
}

/// Waits for the lock by asking again and again: a statement that waits would hold up the indexes that are built beside
/// running statements.
async fn lock(client: &ClientWrapper) -> Result<(), MigrateError> {
    let settings = format!("SET statement_timeout = 0; SET lock_timeout = '{TABLE_PATIENCE}'");
    client.batch_execute(&settings).await.map_err(Error::from)?;
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        let row = client
            .query_one("SELECT pg_try_advisory_lock($1)", &[&MIGRATION_LOCK])
            .await
            .map_err(Error::from)?;
        if row.try_get(0).map_err(Error::from)? {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(MigrateError::Locked);
        }
        tokio::time::sleep(LOCK_ROUND).await;
    }
}

async fn baseline_is_recorded(client: &ClientWrapper) -> Result<bool, Error> {
    let row = client
        .query_one("SELECT to_regclass($1) IS NOT NULL", &[&HISTORY_TABLE])
        .await?;
    if !row.try_get::<_, bool>(0)? {
        return Ok(false);
    }
    let row = client
        .query_one(
            "SELECT EXISTS (SELECT FROM identite_schema_history WHERE version = $1)",
            &[&BASELINE_VERSION],
        )
        .await?;
    Ok(row.try_get(0)?)
}

/// What a database that we never migrated turns out to be.
#[derive(Debug, PartialEq, Eq)]
enum Start {
    Empty,
    Adoptable { remarks: Vec<String> },
}

async fn examine(client: &ClientWrapper) -> Result<Start, MigrateError> {
    let catalog = Catalog::read(client).await?;
    let recorded = if catalog.tables.contains_key("pgmigrations") {
        let rows = client
            .query("SELECT name FROM pgmigrations ORDER BY run_on, id", &[])
            .await
            .map_err(Error::from)?;
        rows.iter()
            .map(|row| row.try_get(0))
            .collect::<Result<Vec<String>, _>>()
            .map_err(Error::from)?
    } else {
        Vec::new()
    };
    judge(&catalog, &recorded)
}

/// Decides from the tables there are and the names in the reference's bookkeeping.
///
/// Names after the known ones are later migrations of the reference: accepted if the tables still fit.
fn judge(catalog: &Catalog, recorded: &[String]) -> Result<Start, MigrateError> {
    let known = reference_migrations();
    for (expected, found) in known.iter().zip(recorded) {
        if expected != found {
            return Err(MigrateError::UnknownHistory {
                expected: expected.clone(),
                found: found.clone(),
            });
        }
    }
    if !recorded.is_empty() && recorded.len() < known.len() {
        let missing = known[recorded.len()..].to_vec();
        return Err(MigrateError::HalfWay {
            recorded: recorded.len(),
            missing,
        });
    }

    let baseline = Catalog::baseline();
    let has_application_tables = baseline
        .tables
        .keys()
        .any(|name| catalog.tables.contains_key(name));
    if recorded.is_empty() && !has_application_tables {
        return Ok(Start::Empty);
    }
    let differences = catalog.differences_from(&baseline);
    if !differences.blocking.is_empty() {
        return Err(MigrateError::Unfit(differences.blocking));
    }
    Ok(Start::Adoptable {
        remarks: differences.remarks,
    })
}

/// The names that the reference records once all its migrations have run, in order.
fn reference_migrations() -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct Baseline {
        bookkeeping_tables: Tables,
    }
    #[derive(serde::Deserialize)]
    struct Tables {
        pgmigrations: Bookkeeping,
    }
    #[derive(serde::Deserialize)]
    struct Bookkeeping {
        recorded_migrations: Vec<String>,
    }
    let baseline: Baseline = serde_json::from_str(include_str!("../../migrations/baseline.json"))
        .expect("the baseline names the migrations of the reference");
    baseline.bookkeeping_tables.pgmigrations.recorded_migrations
}

/// Our migrations as refinery runs them also when one with a higher number ran before: it skips such latecomers otherwise,
/// and says so only in its log. Each builds on lower numbers alone, so that the order among the others does not matter.
fn runner_in_any_order() -> Result<Runner, refinery::Error> {
    let migrations = embedded::migrations::runner();
    let migrations = migrations
        .get_migrations()
        .iter()
        .map(|migration| {
            let name = format!("U{}__{}", migration.version(), migration.name());
            Migration::unapplied(&name, migration.sql().unwrap_or_default())
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Runner::new(&migrations))
}

/// Runs what is pending up to `target`, all in one transaction.
async fn run(client: &mut ClientWrapper, target: Target) -> Result<Vec<String>, MigrateError> {
    let mut runner = runner_in_any_order()
        .map_err(|error| describe(&error))?
        .set_grouped(true)
        .set_abort_divergent(true)
        // A newer version may have been here: its additions do not hinder us.
        .set_abort_missing(false)
        .set_target(target);
    runner.set_migration_table_name(HISTORY_TABLE);
    let connection: &mut tokio_postgres::Client = client;
    let report = runner
        .run_async(connection)
        .await
        .map_err(|error| describe(&error))?;
    Ok(report
        .applied_migrations()
        .iter()
        .filter_map(|migration| name_of(migration.version()))
        .collect())
}

/// The text of a failed migration with that of its causes, which say what the server had against it.
fn describe(error: &refinery::Error) -> MigrateError {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(current) = cause {
        let _ = write!(text, ": {current}");
        cause = current.source();
    }
    MigrateError::Failed(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> Catalog {
        Catalog {
            tables: std::collections::BTreeMap::default(),
            sequences: Vec::new(),
        }
    }

    #[test]
    fn a_database_without_our_tables_is_empty() {
        assert_eq!(judge(&empty(), &[]).unwrap(), Start::Empty);
    }

    #[test]
    fn a_database_of_the_reference_is_adopted_also_when_it_went_on() {
        let mut names = reference_migrations();
        assert_eq!(names.len(), 92);
        assert_eq!(
            judge(&Catalog::baseline(), &names).unwrap(),
            Start::Adoptable { remarks: vec![] }
        );
        names.push("1999999999999_something-later".to_owned());
        assert_eq!(
            judge(&Catalog::baseline(), &names).unwrap(),
            Start::Adoptable { remarks: vec![] }
        );
    }

    #[test]
    fn a_database_restored_from_the_published_schema_has_no_bookkeeping_and_is_adopted() {
        assert_eq!(
            judge(&Catalog::baseline(), &[]).unwrap(),
            Start::Adoptable { remarks: vec![] }
        );
    }

    #[test]
    fn a_half_migrated_database_is_refused_with_what_is_missing() {
        let names = reference_migrations();
        let message = judge(&Catalog::baseline(), &names[..90]).unwrap_err().to_string();
        assert!(message.contains("has run 90 of its migrations"), "{message}");
        assert!(
            message.contains(&names[90]) && message.contains(&names[91]),
            "{message}"
        );
    }

    #[test]
    fn another_history_is_refused() {
        let mut names = reference_migrations();
        names[3] = "1545318057804_another-application".to_owned();
        assert!(matches!(
            judge(&Catalog::baseline(), &names),
            Err(MigrateError::UnknownHistory { .. })
        ));
    }

    #[test]
    fn bookkeeping_without_tables_is_refused() {
        assert!(matches!(
            judge(&empty(), &reference_migrations()),
            Err(MigrateError::Unfit(_))
        ));
    }

    #[test]
    fn refinery_notes_of_a_migration_what_it_notes_of_its_file() {
        let runner = runner_in_any_order().unwrap();
        for migration in runner.get_migrations() {
            let known = MIGRATIONS
                .iter()
                .find(|known| known.version == migration.version())
                .unwrap();
            assert_eq!(known.checksum, migration.checksum().to_string(), "{}", known.name);
        }
        assert_eq!(runner.get_migrations().len(), MIGRATIONS.len());
    }

    #[test]
    fn migrations_are_numbered_and_each_number_is_used_once() {
        let versions: Vec<i32> = MIGRATIONS.iter().map(|known| known.version).collect();
        assert_eq!(versions[0], BASELINE_VERSION);
        assert!(versions.is_sorted_by(|one, next| one < next), "{versions:?}");
    }
}
