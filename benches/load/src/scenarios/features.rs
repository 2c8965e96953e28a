//! What each feature of a relying party costs: the signed-in journey of a client that uses it, beside one that uses none.

use super::{Bench, Findings, share_out};
use crate::dataset::{self, Client};
use crate::drive::repeat_exactly;
use crate::error::LoadError;
use crate::feature::Feature;
use crate::journey::SignedInJourney;
use crate::process::Server;
use crate::report::{Budget, Measurement};

const SCENARIO: &str = "features";
const SESSIONS: u32 = 1000;
/// Journeys over which the stores' counters are averaged.
const COUNTED: u32 = 200;

pub async fn run(bench: &Bench) -> Result<Findings, LoadError> {
    dataset::add_sessions(bench.stores.database(), SESSIONS).await?;
    let server = bench.start_server(SCENARIO)?;
    let mut findings = Findings::default();
    for feature in Feature::ALL {
        measure_feature(bench, &server, feature, &mut findings).await?;
    }
    server.stop()?;
    Ok(findings)
}

async fn measure_feature(
    bench: &Bench,
    server: &Server,
    feature: Feature,
    findings: &mut Findings,
) -> Result<(), LoadError> {
    let client = Client::With(feature);
    let mut one = SignedInJourney::new(&bench.target, client, 0..SESSIONS);
    repeat_exactly(&mut one, COUNTED).await?;
    let before = bench.stores.snapshot().await?;
    repeat_exactly(&mut one, COUNTED).await?;
    let calls = bench.stores.calls_since(&before, COUNTED).await?;

    let (load, shape) = bench.closed_loop(|worker| {
        SignedInJourney::new(
            &bench.target,
            client,
            share_out(SESSIONS, bench.connections, worker),
        )
    });
    let (summary, usage) = bench.measure_one(load, server).await?;
    let what = format!("signed-in journey, {}: failures", feature.name());
    findings.budgets.push(Budget::no_failures(what, summary.failed));
    findings.measurements.push(Measurement {
        scenario: SCENARIO,
        operation: format!("signed-in journey, {}", feature.name()),
        load: shape,
        summary,
        usage: Some(usage),
        calls: Some(calls),
    });
    Ok(())
}
