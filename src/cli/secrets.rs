//! `identite secrets …`

use std::path::PathBuf;
use std::time::Instant;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use identite_actors::clock::{Clock, SystemClock};
use serde::Serialize;
use serde_json::json;
use tokio::sync::watch;

use super::tool::{ReportTo, bar, record, stop_signal};
use super::{CommandError, database, load_config, shared_runtime, streams};
use crate::db::{self, Client, renewal};
use crate::domain::{MasterKeys, TotpKeyCipher};
use crate::mfa::renewal::{RenewedTotpKeys, forget_recovery_codes, renew_totp_keys};
use crate::oidc::signing_keys::{ResealedKeys, SigningKeys};
use crate::server;

/// What the trail calls it.
const ACTION: &str = "secrets.reencrypt";

/// The key of this deployment, `SYMMETRIC_ENCRYPTION_KEY`.
#[derive(Debug, Subcommand)]
pub(super) enum SecretsCommand {
    /// Encrypt with the current key what a former one (`SYMMETRIC_ENCRYPTION_KEY_PREVIOUS`) encrypted, beside servers that serve. Ends with
    /// 0 when nothing depends on a former key any more but recovery codes, 3 when something can be read with none of the keys, 130 when
    /// stopped; started again, it goes on.
    Reencrypt(Reencrypt),
}

#[derive(Debug, Args)]
pub(super) struct Reencrypt {
    /// Look at everything, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Also forget recovery codes that were made with a former key: it can be dropped then, and their owners draw new ones.
    #[arg(long)]
    forget_recovery_codes: bool,
    /// Accounts that one statement changes.
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    batch: u32,
    /// Write the report as JSON, to a file or (-) to the standard output.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// What was done, for programs.
#[derive(Serialize)]
struct Report {
    dry_run: bool,
    /// Whether everything was looked at.
    finished: bool,
    /// The name of the current key.
    key: String,
    one_time_codes: Counts,
    /// The first accounts whose key of one-time codes can be read with none of the keys.
    unreadable_accounts: Vec<i32>,
    signing_keys: Counts,
    unreadable_signing_keys: Vec<String>,
    /// Accounts with recovery codes that need a former key, after what was forgotten.
    accounts_with_former_recovery_codes: u64,
    accounts_whose_recovery_codes_were_forgotten: u64,
    seconds: f64,
}

#[derive(Serialize, Clone, Copy)]
struct Counts {
    seen: u64,
    renewed: u64,
    current: u64,
    unreadable: u64,
}

impl From<&RenewedTotpKeys> for Counts {
    fn from(keys: &RenewedTotpKeys) -> Self {
        Self {
            seen: keys.seen,
            renewed: keys.renewed,
            current: keys.current,
            unreadable: keys.unreadable,
        }
    }
}

impl From<&ResealedKeys> for Counts {
    fn from(keys: &ResealedKeys) -> Self {
        Self {
            seen: keys.seen,
            renewed: keys.resealed,
            current: keys.current,
            unreadable: keys.unreadable.len() as u64,
        }
    }
}

pub(super) fn run(command: SecretsCommand) -> Result<(), CommandError> {
    let SecretsCommand::Reencrypt(arguments) = command;
    let config = load_config()?;
    let has_former_keys = !config.secrets.former_encryption_keys.is_empty();
    if arguments.forget_recovery_codes && !has_former_keys {
        return Err(CommandError::Refused(
            "SYMMETRIC_ENCRYPTION_KEY_PREVIOUS is empty: which recovery codes are former ones cannot be told"
                .to_owned(),
        ));
    }
    let report_to = ReportTo::open(arguments.report.as_deref())?;
    let runtime = shared_runtime()?;
    let pool = database::pool(&config, runtime.handle())?;
    let keys = server::master_keys(&config);
    let calendar = SigningKeys::new(&config.secrets.jwks, keys.clone())
        .map_err(|error| CommandError::Refused(format!("JWKS: {error}")))?;
    let report = runtime.block_on(async {
        let stop = stop_signal()?;
        let mut client = pool.get().await?;
        let work = Work {
            arguments: &arguments,
            keys: &keys,
            calendar: &calendar,
            has_former_keys,
            stop: &stop,
        };
        work.all(&mut client).await
    })?;
    summarise(&report);
    report_to.write(&report)?;
    conclude(&report)
}

struct Work<'a> {
    arguments: &'a Reencrypt,
    keys: &'a MasterKeys,
    calendar: &'a SigningKeys,
    has_former_keys: bool,
    stop: &'a watch::Receiver<bool>,
}

impl Work<'_> {
    async fn all(&self, client: &mut Client) -> Result<Report, CommandError> {
        let started = Instant::now();
        let now = SystemClock.now();
        let key = self.keys.ring().current().name();
        let is_dry_run = self.arguments.dry_run;
        // Rows with a key may be far apart.
        db::take_the_time(client).await?;
        if !is_dry_run {
            record(client, ACTION, ("key", &key), json!({ "step": "began" }), now).await?;
        }
        let signing_keys = self.signing_keys(client).await?;
        let one_time_codes = self.one_time_codes(client).await?;
        let forgets = self.arguments.forget_recovery_codes && !is_dry_run;
        let forgotten = if forgets {
            forget_recovery_codes(client, &key, self.arguments.batch, self.stop, now).await?
        } else {
            0
        };
        let left = if self.has_former_keys {
            renewal::accounts_with_former_recovery_codes(client, &key).await?
        } else {
            0
        };
        let report = Report {
            dry_run: is_dry_run,
            finished: one_time_codes.is_finished && !(forgets && left > 0),
            one_time_codes: (&one_time_codes).into(),
            unreadable_accounts: one_time_codes.unreadable_accounts,
            signing_keys: (&signing_keys).into(),
            unreadable_signing_keys: signing_keys.unreadable,
            accounts_with_former_recovery_codes: left,
            accounts_whose_recovery_codes_were_forgotten: forgotten,
            seconds: started.elapsed().as_secs_f64(),
            key,
        };
        if !is_dry_run {
            self.record_end(client, &report, SystemClock.now()).await?;
        }
        Ok(report)
    }

    async fn signing_keys(&self, client: &mut Client) -> Result<ResealedKeys, CommandError> {
        let transaction = client.transaction().await.map_err(db::Error::from)?;
        let resealed = self.calendar.reseal(&transaction, self.arguments.dry_run).await;
        let resealed = resealed.map_err(|error| CommandError::Refused(error.to_string()))?;
        transaction.commit().await.map_err(db::Error::from)?;
        Ok(resealed)
    }

    async fn one_time_codes(&self, client: &Client) -> Result<RenewedTotpKeys, CommandError> {
        let bar = bar(renewal::count_totp_keys(client).await?, "{per_sec} keys");
        let cipher = TotpKeyCipher::new(self.keys.clone());
        let Reencrypt { batch, dry_run, .. } = *self.arguments;
        let renewed = renew_totp_keys(client, &cipher, batch, dry_run, self.stop, |so_far| {
            bar.set_position(so_far.seen);
        })
        .await;
        bar.finish_and_clear();
        renewed.map_err(|error| CommandError::Refused(error.to_string()))
    }

    async fn record_end(
        &self,
        client: &Client,
        report: &Report,
        now: DateTime<Utc>,
    ) -> Result<(), CommandError> {
        let detail = json!({
            "step": if report.finished { "finished" } else { "stopped" },
            "one_time_codes": report.one_time_codes,
            "signing_keys": report.signing_keys,
            "recovery_codes_forgotten": report.accounts_whose_recovery_codes_were_forgotten,
        });
        record(client, ACTION, ("key", &report.key), detail, now).await
    }
}

/// For people: on the standard error, so that a report on the standard output stays JSON.
fn summarise(report: &Report) {
    let done = if report.dry_run {
        "to be encrypted anew"
    } else {
        "encrypted anew"
    };
    for (what, counts) in [
        ("keys of one-time codes", report.one_time_codes),
        ("signing keys", report.signing_keys),
    ] {
        streams::remark(format_args!(
            "{what}: {} of {} {done}, {} were, {} unreadable",
            counts.renewed, counts.seen, counts.current, counts.unreadable
        ));
    }
    for account in &report.unreadable_accounts {
        streams::remark(format_args!(
            "account {account}: its key of one-time codes can be read with none of the keys"
        ));
    }
    for kid in &report.unreadable_signing_keys {
        streams::remark(format_args!(
            "signing key {kid}: it can be opened with none of the keys"
        ));
    }
    if report.accounts_whose_recovery_codes_were_forgotten > 0 {
        streams::remark(format_args!(
            "accounts whose recovery codes were forgotten: {}",
            report.accounts_whose_recovery_codes_were_forgotten
        ));
    }
    if report.accounts_with_former_recovery_codes > 0 {
        streams::remark(format_args!(
            "accounts whose recovery codes need a former key: {}",
            report.accounts_with_former_recovery_codes
        ));
    }
}

fn conclude(report: &Report) -> Result<(), CommandError> {
    if !report.finished {
        return Err(CommandError::Interrupted(
            "stopped: the same command goes on".to_owned(),
        ));
    }
    if report.one_time_codes.unreadable + report.signing_keys.unreadable > 0 {
        return Err(CommandError::Incomplete(
            "some values can be read with none of the keys".to_owned(),
        ));
    }
    Ok(())
}
