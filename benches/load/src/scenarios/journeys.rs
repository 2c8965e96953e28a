//! People whose session is alive go to a service: the work of every day, and the main budget.

use super::{Bench, Findings, share_out};
use crate::calibration::Pace;
use crate::dataset::{self, Client};
use crate::drive::{Load, repeat_exactly};
use crate::error::LoadError;
use crate::journey::SignedInJourney;
use crate::process::Server;
use crate::report::{Budget, Measurement};

const SCENARIO: &str = "signed-in-journey";
const SESSIONS: u32 = 1000;
/// Journeys over which the stores' counters are averaged.
const COUNTED: u32 = 200;
/// Share of the most that the machine can do at which latency has its budget.
const PART_LOAD: f64 = 0.7;
/// How far from it the machine may be.
const PART_LOAD_TOLERANCE: f64 = 0.03;
/// Rates that are tried until the machine is busy for that part of its time; the last one counts, wherever it is.
const SEARCHES: u32 = 5;
/// Milliseconds for a whole journey.
const MOST_AT_PART_LOAD: f64 = 15.0;
/// Browsers of the open loop: more than ever wait at once as long as the budget is kept.
const OPEN_LOOP_BROWSERS: usize = 200;

pub async fn run(bench: &Bench) -> Result<Findings, LoadError> {
    dataset::add_sessions(bench.stores.database(), SESSIONS).await?;
    let server = bench.start_server(SCENARIO)?;
    let mut findings = Findings::default();
    for client in Client::ALL {
        measure_client(bench, &server, client, &mut findings).await?;
    }
    server.stop()?;
    Ok(findings)
}

async fn measure_client(
    bench: &Bench,
    server: &Server,
    client: Client,
    findings: &mut Findings,
) -> Result<(), LoadError> {
    let algorithm = client.algorithm();
    let operation = format!("authorize, token, userinfo with {algorithm}");
    let wanted = match client {
        Client::Rs256 => 2000.0,
        Client::Es256 | Client::With(_) => 4000.0,
    };

    let mut one = SignedInJourney::new(&bench.target, client, 0..SESSIONS);
    repeat_exactly(&mut one, COUNTED).await?;
    let before = bench.stores.snapshot().await?;
    repeat_exactly(&mut one, COUNTED).await?;
    let calls = bench.stores.calls_since(&before, COUNTED).await?;

    let journey = |workers: usize, worker: usize| {
        SignedInJourney::new(&bench.target, client, share_out(SESSIONS, workers, worker))
    };
    let (load, shape) = bench.closed_loop(|worker| journey(bench.connections, worker));
    let pace_before = Pace::now()?;
    let (summary, usage) = bench.measure_one(load, server).await?;
    let pace = Pace::now()?.between(pace_before);
    let most = usage.per_second(summary.done);
    let here = usage.per_core_second(summary.done);
    findings.budgets.push(Budget::at_least(
        format!("signed-in journeys a core-second, {algorithm}: here"),
        wanted,
        here,
        "",
    ));
    findings.budgets.push(Budget::at_least(
        format!(
            "the same where a signature costs what budgets suppose (× {:.2})",
            pace.slowness()
        ),
        wanted,
        here * pace.slowness(),
        "",
    ));
    findings.paces.push(pace);
    let mut failures = summary.failed;
    findings.measurements.push(Measurement {
        scenario: SCENARIO,
        operation: operation.clone(),
        load: shape,
        summary,
        usage: Some(usage),
        calls: Some(calls),
    });

    // First at that part of the most, then at the rate that keeps the machine busy for that part of its time, which is searched for: what
    // a journey costs grows when fewer come at once.
    let mut rate = most * PART_LOAD;
    for attempt in 0..=SEARCHES {
        let browsers = (0..OPEN_LOOP_BROWSERS).map(|worker| journey(OPEN_LOOP_BROWSERS, worker));
        let (summary, usage) = bench.measure_one(Load::open(browsers, rate), server).await?;
        failures += summary.failed;
        let is_found = (usage.machine_busy - PART_LOAD).abs() <= PART_LOAD_TOLERANCE;
        let busy = usage.machine_busy;
        let load = match attempt {
            0 => "70 % of the most",
            _ if is_found || attempt == SEARCHES => "70 % of the machine's time",
            _ => {
                rate *= PART_LOAD / busy;
                continue;
            }
        };
        let p99 = summary.latency.map_or(f64::INFINITY, |latency| latency.p99);
        findings.budgets.push(Budget::below(
            format!("signed-in journey, {algorithm}, {rate:.0} a second ({load}): p99"),
            MOST_AT_PART_LOAD,
            p99,
            " ms",
        ));
        findings.measurements.push(Measurement {
            scenario: SCENARIO,
            operation: operation.clone(),
            load: format!("open loop, {rate:.0} a second ({load})"),
            summary,
            usage: Some(usage),
            calls: None,
        });
        if attempt > 0 {
            break;
        }
        rate *= PART_LOAD / busy;
    }
    let what = format!("signed-in journey, {algorithm}: failures");
    findings.budgets.push(Budget::no_failures(what, failures));
    Ok(())
}
