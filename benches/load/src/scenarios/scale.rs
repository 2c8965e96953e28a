//! The same work with little and with much data: the same plans, and the same time.

use super::{Bench, Findings, share_out};
use crate::dataset::{self, Account, Client};
use crate::drive::{Load, repeat_exactly};
use crate::error::LoadError;
use crate::journey::{PasswordJourney, SignedInJourney};
use crate::plans::examine;
use crate::process::Server;
use crate::progress;
use crate::report::{Budget, Measurement};
use crate::scale::{self, Sizes};

const SCENARIO: &str = "scale";
const FEW_SESSIONS: u32 = 1000;
/// Journeys whose statements are looked at.
const OBSERVED: u32 = 20;
/// Journeys a second at which times are compared: far below what the machine can do.
const RATE: f64 = 200.0;
const BROWSERS: usize = 50;
/// Milliseconds by which a p99 may differ for no reason, and the factor beyond.
const SLACK: f64 = 2.0;
const MOST_GROWTH: f64 = 1.25;

pub async fn run(bench: &Bench) -> Result<Findings, LoadError> {
    let mut findings = Findings::default();
    dataset::add_sessions(bench.stores.database(), FEW_SESSIONS).await?;
    let server = bench.start_server(SCENARIO)?;
    let small = p99(bench, &server, FEW_SESSIONS, "small data set", &mut findings).await?;
    server.stop()?;

    let sizes = Sizes::of(bench.scale);
    progress(&format!(
        "scale: writing {} users, {} organizations, {} connections",
        sizes.users, sizes.organizations, sizes.connections
    ));
    scale::fill(bench.stores.database(), sizes).await?;

    let server = bench.start_server(SCENARIO)?;
    let before = bench.stores.snapshot().await?;
    let mut signed_in = SignedInJourney::new(&bench.target, Client::Es256, 0..scale::SESSIONS);
    repeat_exactly(&mut signed_in, OBSERVED).await?;
    let accounts = (0..OBSERVED).map(Account::current);
    let mut with_password = PasswordJourney::new(&bench.target, Client::Es256, accounts);
    repeat_exactly(&mut with_password, OBSERVED).await?;
    let calls = bench.stores.calls_since(&before, OBSERVED).await?;
    let statements = calls.postgresql.iter().map(|call| call.what.as_str());
    let examination = examine(bench.stores.database(), statements).await?;
    for (what, statements) in [
        ("reads a whole table", &examination.whole_tables),
        ("cannot be looked at", &examination.unreadable),
    ] {
        for statement in statements {
            progress(&format!("scale: {what}: {statement}"));
        }
    }
    let large = p99(bench, &server, scale::SESSIONS, "large data set", &mut findings).await?;
    server.stop()?;

    let Sizes {
        users,
        organizations,
        connections,
    } = sizes;
    findings.budgets.push(Budget::no_failures(
        format!(
            "statements of {} that read a growing table from end to end",
            examination.examined
        ),
        examination.whole_tables.len() as u64,
    ));
    findings.budgets.push(Budget::below(
        format!(
            "p99 with {users} users, {organizations} organizations, {connections} connections (small: {small:.1} ms)"
        ),
        small * MOST_GROWTH + SLACK,
        large,
        " ms",
    ));
    Ok(findings)
}

async fn p99(
    bench: &Bench,
    server: &Server,
    sessions: u32,
    data: &str,
    findings: &mut Findings,
) -> Result<f64, LoadError> {
    let journeys = (0..BROWSERS).map(|worker| {
        let own = share_out(sessions, BROWSERS, worker);
        SignedInJourney::new(&bench.target, Client::Es256, own)
    });
    let (summary, usage) = bench.measure_one(Load::open(journeys, RATE), server).await?;
    let p99 = summary.latency.map_or(f64::INFINITY, |latency| latency.p99);
    let failures = summary.failed;
    findings.measurements.push(Measurement {
        scenario: SCENARIO,
        operation: format!("authorize, token, userinfo, {data}"),
        load: format!("open loop, {RATE:.0} a second"),
        summary,
        usage: Some(usage),
        calls: None,
    });
    findings
        .budgets
        .push(Budget::no_failures(format!("{data}: failures"), failures));
    Ok(p99)
}
