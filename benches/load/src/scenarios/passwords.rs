//! People without a session sign in with a password. Hashing is most of the work; the budget is about the rest.

use super::{Bench, Findings, check_that_something_worked, share_out};
use crate::calibration::{CALIBRATING, Calibration, PasswordCost, calibrate};
use crate::dataset::{Account, CURRENT_ACCOUNTS, Client, LEGACY_ACCOUNTS};
use crate::drive::{Load, measure, repeat_exactly};
use crate::error::LoadError;
use crate::journey::PasswordJourney;
use crate::process::Server;
use crate::report::{Budget, Measurement};

const SCENARIO: &str = "password-journey";
/// Journeys over which the stores' counters are averaged.
const COUNTED: u32 = 20;
/// Enough to keep every hashing thread busy, too few to fill the hasher's queue.
const BROWSERS: usize = 8;
/// Share of what argon2id alone allows.
const LEAST_SHARE_OF_HASHING: f64 = 0.9;

pub async fn run(bench: &Bench) -> Result<Findings, LoadError> {
    let server = bench.start_server(SCENARIO)?;
    // Anew, for the machine is not as fast at every moment.
    let calibration = calibrate(&PasswordCost::from_environment(), CALIBRATING)?;
    let mut findings = Findings::default();
    measure_current(bench, &server, &calibration, &mut findings).await?;
    measure_legacy(bench, &server, &calibration, &mut findings).await?;
    server.stop()?;
    Ok(findings)
}

async fn measure_current(
    bench: &Bench,
    server: &Server,
    calibration: &Calibration,
    findings: &mut Findings,
) -> Result<(), LoadError> {
    let journey = |share: std::ops::Range<u32>| {
        PasswordJourney::new(&bench.target, Client::Es256, share.cycle().map(Account::current))
    };
    let mut one = journey(0..CURRENT_ACCOUNTS);
    repeat_exactly(&mut one, COUNTED).await?;
    let before = bench.stores.snapshot().await?;
    repeat_exactly(&mut one, COUNTED).await?;
    let calls = bench.stores.calls_since(&before, COUNTED).await?;

    let browsers = (0..BROWSERS).map(|worker| journey(share_out(CURRENT_ACCOUNTS, BROWSERS, worker)));
    let (summary, usage) = bench.measure_one(Load::closed(browsers), server).await?;
    let after = calibrate(&PasswordCost::from_environment(), CALIBRATING)?;
    let alone = f64::midpoint(calibration.argon2_per_core_second, after.argon2_per_core_second);
    findings.budgets.push(Budget::at_least(
        "password journeys a core-second, of what argon2id alone allows",
        LEAST_SHARE_OF_HASHING * 100.0,
        usage.per_core_second(summary.done) / alone * 100.0,
        " %",
    ));
    findings
        .budgets
        .push(Budget::no_failures("password-journey: failures", summary.failed));
    findings.measurements.push(Measurement {
        scenario: SCENARIO,
        operation: "sign-in with an argon2id hash, from authorize to userinfo".to_owned(),
        load: format!("closed loop, {BROWSERS} connections"),
        summary,
        usage: Some(usage),
        calls: Some(calls),
    });
    Ok(())
}

/// One person at a time, so that the time of a step is the work that it waits for.
async fn measure_legacy(
    bench: &Bench,
    server: &Server,
    calibration: &Calibration,
    findings: &mut Findings,
) -> Result<(), LoadError> {
    let journey = PasswordJourney::new(
        &bench.target,
        Client::Es256,
        (0..LEGACY_ACCOUNTS).map(Account::legacy),
    );
    let (mut summaries, usage) = measure(vec![Load::closed([journey])], bench.plan, server).await?;
    let summary = summaries
        .pop()
        .ok_or(LoadError::Setup("no load was measured".to_owned()))?;
    check_that_something_worked(&summary)?;

    let step = summary
        .steps
        .get("password")
        .map_or(f64::INFINITY, |latency| latency.p50);
    findings.budgets.push(Budget::below(
        "bcrypt account: password step, beyond one bcrypt check, p50",
        calibration.argon2_milliseconds,
        step - calibration.bcrypt_milliseconds,
        " ms",
    ));
    findings
        .budgets
        .push(Budget::no_failures("bcrypt account: failures", summary.failed));
    findings.measurements.push(Measurement {
        scenario: SCENARIO,
        operation: "sign-in with a bcrypt hash, which is replaced after the answer".to_owned(),
        load: "closed loop, 1 connection".to_owned(),
        summary,
        usage: Some(usage),
        calls: None,
    });
    Ok(())
}
