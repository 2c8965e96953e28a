//! `identite migrate`, `identite fixtures load`.

use secrecy::ExposeSecret;
use tokio::runtime::Runtime;

use super::{CommandError, load_config, shared_runtime, streams};
use crate::config::Config;
use crate::db::{self, Pool, PoolSettings};

/// `identite migrate`, and the development data set after it where `RUN_FIXTURES` asks for that.
pub(super) fn migrate() -> Result<(), CommandError> {
    let config = load_config()?;
    if config.tools.run_fixtures {
        return migrate_and_load(&config);
    }
    let runtime = shared_runtime()?;
    bring_up_to_date(&pool(&config, runtime.handle())?, &runtime)
}

/// `identite fixtures load`
pub(super) fn load_fixtures() -> Result<(), CommandError> {
    migrate_and_load(&load_config()?)
}

/// Nothing is touched where the data set is not to be loaded.
fn migrate_and_load(config: &Config) -> Result<(), CommandError> {
    refuse_data_set_elsewhere(config)?;
    let runtime = shared_runtime()?;
    let pool = pool(config, runtime.handle())?;
    bring_up_to_date(&pool, &runtime)?;
    runtime.block_on(db::fixtures::load(&pool))?;
    streams::say(format_args!("development data set loaded"))
}

fn refuse_data_set_elsewhere(config: &Config) -> Result<(), CommandError> {
    if config.deploy_env.is_localhost() {
        return Ok(());
    }
    Err(CommandError::Refused(
        "the development data set is loaded on DEPLOY_ENV=localhost only".to_owned(),
    ))
}

fn bring_up_to_date(pool: &Pool, runtime: &Runtime) -> Result<(), CommandError> {
    let report = runtime.block_on(db::migrate::migrate(pool))?;
    if report.adopted {
        streams::say(format_args!("adopted a database of the reference"))?;
    }
    for applied in &report.applied {
        streams::say(format_args!("applied {applied}"))?;
    }
    for remark in &report.remarks {
        streams::say(format_args!("note: {remark}"))?;
    }
    streams::say(format_args!("the database is up to date"))
}

/// `identite migrate --check`
pub(super) fn check_migration() -> Result<(), CommandError> {
    let config = load_config()?;
    if config.tools.run_fixtures {
        refuse_data_set_elsewhere(&config)?;
    }
    let runtime = shared_runtime()?;
    let pool = pool(&config, runtime.handle())?;
    let outlook = runtime.block_on(db::migrate::outlook(&pool))?;
    if outlook.adopts {
        streams::say(format_args!(
            "a database of the reference: its tables fit and would be left as they are"
        ))?;
    }
    for migration in &outlook.pending {
        streams::say(format_args!("would apply {migration}"))?;
    }
    for remark in &outlook.remarks {
        streams::say(format_args!("note: {remark}"))?;
    }
    if !config.deploy_env.is_localhost() {
        match runtime.block_on(db::fixtures::fixture_secrets(&pool)) {
            Ok(clients) if clients.is_empty() => {}
            Ok(clients) => streams::say(format_args!(
                "note: identite serve will not start: these clients have a public secret of the development data set: {}",
                clients.join(", ")
            ))?,
            // A database without tables has no clients.
            Err(error) if error.is_undefined_table() => {}
            Err(error) => streams::say(format_args!(
                "note: the clients' secrets could not be looked through: {error}"
            ))?,
        }
    }
    for obstacle in &outlook.obstacles {
        streams::say(format_args!("in the way: {obstacle}"))?;
    }
    if !outlook.obstacles.is_empty() {
        return Err(CommandError::Refused(format!(
            "{} thing(s) in the way",
            outlook.obstacles.len()
        )));
    }
    if outlook.pending.is_empty() {
        streams::say(format_args!("the database is up to date"))?;
    } else {
        streams::say(format_args!("nothing is in the way"))?;
    }
    if config.tools.run_fixtures {
        streams::say(format_args!("would load the development data set"))?;
    }
    Ok(())
}

pub(super) fn pool(config: &Config, runtime: &tokio::runtime::Handle) -> Result<Pool, CommandError> {
    let settings = PoolSettings {
        size: config.database.pool_size,
        ..PoolSettings::default()
    };
    Pool::new(config.database.url.expose_secret(), &settings, runtime)
        .map_err(|error| CommandError::Refused(format!("DATABASE_URL: {error}")))
}
