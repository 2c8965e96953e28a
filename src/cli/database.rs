//! `identite migrate`, `identite fixtures load`.

use secrecy::ExposeSecret;

use super::{CommandError, load_config, shared_runtime};
use crate::config::Config;
use crate::db::{self, Pool, PoolSettings};

#[expect(clippy::print_stdout, reason = "a command tells what it did")]
pub(super) fn migrate() -> Result<(), CommandError> {
    let config = load_config()?;
    let runtime = shared_runtime()?;
    let pool = pool(&config, runtime.handle())?;
    let report = runtime.block_on(db::migrate::migrate(&pool))?;
    if report.adopted {
        println!("adopted a database of the reference");
    }
    for applied in &report.applied {
        println!("applied {applied}");
    }
    for remark in &report.remarks {
        println!("note: {remark}");
    }
    println!("the database is up to date");
    Ok(())
}

/// `identite migrate --check`
#[expect(clippy::print_stdout, reason = "a command tells what it saw")]
pub(super) fn check_migration() -> Result<(), CommandError> {
    let config = load_config()?;
    let runtime = shared_runtime()?;
    let pool = pool(&config, runtime.handle())?;
    let outlook = runtime.block_on(db::migrate::outlook(&pool))?;
    if outlook.adopts {
        println!("a database of the reference: its tables fit and would be left as they are");
    }
    for migration in &outlook.pending {
        println!("would apply {migration}");
    }
    for remark in &outlook.remarks {
        println!("note: {remark}");
    }
    for obstacle in &outlook.obstacles {
        println!("in the way: {obstacle}");
    }
    if !outlook.obstacles.is_empty() {
        return Err(CommandError::Refused(format!(
            "{} thing(s) in the way",
            outlook.obstacles.len()
        )));
    }
    if outlook.pending.is_empty() {
        println!("the database is up to date");
    } else {
        println!("nothing is in the way");
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a command tells what it did")]
pub(super) fn load_fixtures() -> Result<(), CommandError> {
    let config = load_config()?;
    if !config.deploy_env.is_localhost() {
        return Err(CommandError::Refused(
            "the development data set is loaded on DEPLOY_ENV=localhost only".to_owned(),
        ));
    }
    let runtime = shared_runtime()?;
    let pool = pool(&config, runtime.handle())?;
    runtime.block_on(db::fixtures::load(&pool))?;
    println!("development data set loaded");
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
