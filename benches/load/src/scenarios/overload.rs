//! Ten times the sign-ins that the machine can do. The excess is to be refused quickly and politely, and nobody else is to
//! notice.

use super::{Bench, Findings, check_that_something_worked, share_out};
use crate::dataset::{self, CURRENT_ACCOUNTS, Client};
use crate::drive::{Load, measure};
use crate::error::LoadError;
use crate::journey::{PageVisit, PasswordAttempt, SignedInJourney};
use crate::process::Server;
use crate::record::Summary;
use crate::report::{Budget, Measurement, megabytes};

const SCENARIO: &str = "overload";
const SESSIONS: u32 = 1000;
/// Enough to keep every hashing thread busy, too few to fill the hasher's queue.
const CEILING_BROWSERS: u32 = 8;
/// People who try to sign in, again and again.
const IMPATIENT_BROWSERS: u32 = 400;
const FACTOR: f64 = 10.0;
/// What the others ask for, of each kind, a second.
const OTHERS_RATE: f64 = 50.0;
const OTHERS_BROWSERS: usize = 50;

/// Milliseconds.
const MOST_FOR_OTHERS: f64 = 50.0;
/// Milliseconds.
const MOST_UNTIL_REFUSED: f64 = 20.0;
/// Megabytes: the budget of a server with 1,000 sessions in use.
const MOST_MEMORY: f64 = 80.0;

pub async fn run(bench: &Bench) -> Result<Findings, LoadError> {
    dataset::add_sessions(bench.stores.database(), SESSIONS).await?;
    let server = bench.start_server(SCENARIO)?;
    let mut findings = Findings::default();
    let ceiling = find_ceiling(bench, &server, &mut findings).await?;
    exceed(bench, &server, ceiling * FACTOR, &mut findings).await?;
    server.stop()?;
    Ok(findings)
}

/// Sign-ins a second that the machine can do.
async fn find_ceiling(bench: &Bench, server: &Server, findings: &mut Findings) -> Result<f64, LoadError> {
    let attempts = open_pages(bench, CEILING_BROWSERS, 0..CURRENT_ACCOUNTS / 2).await?;
    let (summary, usage) = bench.measure_one(Load::closed(attempts), server).await?;
    let ceiling = usage.per_second(summary.done);
    findings.measurements.push(Measurement {
        scenario: SCENARIO,
        operation: "password attempts: the ceiling".to_owned(),
        load: format!("closed loop, {CEILING_BROWSERS} connections"),
        summary,
        usage: Some(usage),
        calls: None,
    });
    Ok(ceiling)
}

async fn exceed(bench: &Bench, server: &Server, rate: f64, findings: &mut Findings) -> Result<(), LoadError> {
    let attempts = open_pages(bench, IMPATIENT_BROWSERS, CURRENT_ACCOUNTS / 2..CURRENT_ACCOUNTS).await?;
    let target = &bench.target;
    let journeys = (0..OTHERS_BROWSERS).map(|worker| {
        SignedInJourney::new(
            target,
            Client::Es256,
            share_out(SESSIONS, OTHERS_BROWSERS, worker),
        )
    });
    let loads = vec![
        Load::open(attempts, rate),
        Load::open(
            (0..OTHERS_BROWSERS).map(|_| PageVisit::discovery(target)),
            OTHERS_RATE,
        ),
        Load::open(
            (0..OTHERS_BROWSERS).map(|_| PageVisit::sign_in_page(target)),
            OTHERS_RATE,
        ),
        Load::open(journeys, OTHERS_RATE),
    ];
    let (summaries, usage) = measure(loads, bench.plan, server).await?;

    let names = [
        "password attempts",
        "discovery",
        "sign-in page",
        "signed-in journey",
    ];
    for (name, summary) in names.into_iter().zip(summaries) {
        check_that_something_worked(&summary)?;
        let is_excess = name == names[0];
        judge(name, is_excess, &summary, findings);
        findings.measurements.push(Measurement {
            scenario: SCENARIO,
            operation: name.to_owned(),
            load: format!(
                "open loop, {:.0} a second",
                if is_excess { rate } else { OTHERS_RATE }
            ),
            summary,
            usage: is_excess.then_some(usage),
            calls: None,
        });
    }
    findings.budgets.push(Budget::below(
        "overload: memory, peak",
        MOST_MEMORY,
        megabytes(usage.peak),
        " MB",
    ));
    Ok(())
}

fn judge(name: &str, is_excess: bool, summary: &Summary, findings: &mut Findings) {
    let budgets = &mut findings.budgets;
    if is_excess {
        let refusal = summary
            .refusal_latency
            .map_or(f64::INFINITY, |latency| latency.p99);
        budgets.push(Budget::below(
            "overload: refusal (503 and Retry-After), p99",
            MOST_UNTIL_REFUSED,
            refusal,
            " ms",
        ));
        budgets.push(Budget::no_failures(
            "overload: sign-ins neither done nor refused",
            summary.failed,
        ));
        return;
    }
    let p99 = summary.latency.map_or(f64::INFINITY, |latency| latency.p99);
    budgets.push(Budget::below(
        format!("overload: {name} meanwhile, p99"),
        MOST_FOR_OTHERS,
        p99,
        " ms",
    ));
    budgets.push(Budget::no_failures(
        format!("overload: {name} meanwhile, failures"),
        summary.failed + summary.refused,
    ));
}

/// Browsers that have typed the e-mail address of one of their share of `accounts` and see the password page.
async fn open_pages(
    bench: &Bench,
    browsers: u32,
    accounts: std::ops::Range<u32>,
) -> Result<Vec<PasswordAttempt>, LoadError> {
    let mut attempts = Vec::new();
    let each = (accounts.end - accounts.start) / browsers;
    for browser in 0..browsers {
        let first = accounts.start + browser * each;
        let mut attempt = PasswordAttempt::new(&bench.target, first..first + each);
        attempt.open().await?;
        attempts.push(attempt);
    }
    Ok(attempts)
}
