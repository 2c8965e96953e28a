//! How much memory the server takes, at rest and with many people signed in.

use std::time::Duration;

use super::{Bench, Findings, share_out};
use crate::dataset::{self, Client};
use crate::drive::repeat_exactly;
use crate::error::LoadError;
use crate::journey::SignedInJourney;
use crate::process::Server;
use crate::progress;
use crate::report::{Budget, megabytes};

const SCENARIO: &str = "memory";
/// After a start or a load, until the memory is read.
const SETTLE: Duration = Duration::from_secs(3);
/// Sessions, journeys that each makes, megabytes at most.
const CROWDS: [(u32, u32, f64); 2] = [(1000, 3, 80.0), (100_000, 1, 150.0)];
const MOST_IDLE: f64 = 40.0;

pub async fn run(bench: &Bench) -> Result<Findings, LoadError> {
    let most_sessions = CROWDS
        .iter()
        .map(|(sessions, ..)| *sessions)
        .max()
        .unwrap_or_default();
    progress(&format!("{SCENARIO}: writing {most_sessions} sessions"));
    dataset::add_sessions(bench.stores.database(), most_sessions).await?;
    let server = bench.start_server(SCENARIO)?;
    let mut findings = Findings::default();

    tokio::time::sleep(SETTLE).await;
    let idle = megabytes(server.memory()?.resident);
    findings
        .budgets
        .push(Budget::below("memory: idle", MOST_IDLE, idle, " MB"));

    for (sessions, journeys, most) in CROWDS {
        let peak = visit_all(bench, &server, sessions, journeys).await?;
        let what = format!("memory: {sessions} sessions in use, peak");
        findings.budgets.push(Budget::below(what, most, peak, " MB"));
    }
    server.stop()?;
    Ok(findings)
}

/// Lets every session make its journeys, and gives the most memory meanwhile, in megabytes.
async fn visit_all(bench: &Bench, server: &Server, sessions: u32, journeys: u32) -> Result<f64, LoadError> {
    server.forget_peak()?;
    let workers: Vec<_> = (0..bench.connections)
        .map(|worker| {
            let share = share_out(sessions, bench.connections, worker);
            let times = journeys * u32::try_from(share.len()).unwrap_or(u32::MAX);
            let mut journey = SignedInJourney::new(&bench.target, Client::Es256, share);
            tokio::task::spawn_local(async move { repeat_exactly(&mut journey, times).await })
        })
        .collect();
    for worker in workers {
        worker
            .await
            .map_err(|_| LoadError::Setup("a worker panicked".to_owned()))??;
    }
    let peak = server.memory()?.peak;
    tokio::time::sleep(SETTLE).await;
    let resident = server.memory()?.resident;
    progress(&format!(
        "{SCENARIO}: {sessions} sessions, peak {:.1} MB, {:.1} MB at rest",
        megabytes(peak),
        megabytes(resident)
    ));
    Ok(megabytes(peak))
}
