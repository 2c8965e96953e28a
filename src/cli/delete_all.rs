//! `identite delete-all`

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use identite_actors::clock::{Clock, SystemClock};
use serde::Serialize;
use serde_json::json;

use super::database::pool;
use super::tool::{ReportTo, record};
use super::{CommandError, load_config, shared_runtime, streams};
use crate::config::DeployEnv;
use crate::db::{self, deletion};

/// What the trail calls it.
const ACTION: &str = "database.delete_all";

/// Does nothing unless `ENABLE_DATABASE_DELETION` is `True`; refused in production.
#[derive(Debug, Args)]
pub(super) struct DeleteAll {
    /// Tell how many rows would go, and delete nothing.
    #[arg(long)]
    dry_run: bool,
    /// The name of the database, in proof of knowing which one it is; needed unless `DEPLOY_ENV` is localhost.
    #[arg(long, value_name = "NAME")]
    database: Option<String>,
    /// Write the report as JSON, to a file or (-) to the standard output, where it then is alone.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// What was done, for programs.
#[derive(Serialize)]
struct Report {
    dry_run: bool,
    database: String,
    /// Rows by table, before.
    rows: BTreeMap<&'static str, i64>,
    deleted: bool,
}

pub(super) fn run(arguments: &DeleteAll) -> Result<(), CommandError> {
    let config = load_config()?;
    if !config.tools.enable_database_deletion {
        streams::remark(format_args!(
            "nothing deleted: ENABLE_DATABASE_DELETION is not True"
        ));
        return Ok(());
    }
    if config.deploy_env == DeployEnv::Production {
        return Err(CommandError::Refused(
            "production data is not deleted by this command".to_owned(),
        ));
    }
    let report_to = ReportTo::open(arguments.report.as_deref())?;
    let runtime = shared_runtime()?;
    let pool = pool(&config, runtime.handle())?;
    let report = runtime.block_on(async {
        let mut client = pool.get().await?;
        let transaction = client.transaction().await.map_err(db::Error::from)?;
        deletion::take_the_time(&transaction).await?;
        let name = deletion::database_name(&transaction).await?;
        let is_named = arguments.database.as_deref() == Some(name.as_str());
        if !is_named && (arguments.database.is_some() || !config.deploy_env.is_localhost()) {
            return Err(CommandError::Refused(format!(
                "this is the database {name}: say --database {name} if that is the one to be emptied"
            )));
        }
        let counts = deletion::counts(&transaction).await?;
        let mut report = Report {
            dry_run: arguments.dry_run,
            database: name,
            rows: counts.into_iter().collect(),
            deleted: false,
        };
        if arguments.dry_run {
            return Ok(report);
        }
        deletion::delete_all(&transaction).await?;
        let subject = ("database", report.database.as_str());
        let detail = json!({ "rows": report.rows });
        record(&transaction, ACTION, subject, detail, SystemClock.now()).await?;
        transaction.commit().await.map_err(db::Error::from)?;
        report.deleted = true;
        Ok(report)
    })?;
    for (table, rows) in &report.rows {
        streams::remark(format_args!("{table}: {rows}"));
    }
    streams::remark(format_args!(
        "{} deleted",
        if report.deleted { "everything" } else { "nothing" }
    ));
    report_to.write(&report)
}
