//! What is measured: one file a scenario. Each starts a server of its own, so that none sees what another left in memory.

mod features;
mod instructions;
mod journeys;
mod memory;
mod overload;
mod pages;
mod passwords;
mod scale;
mod start;

use std::path::PathBuf;

use crate::calibration::Pace;
use crate::drive::{Load, Plan, measure};
use crate::error::LoadError;
use crate::journey::{Operation, Target};
use crate::process::{Launch, Server};
use crate::progress;
use crate::record::{Summary, Usage};
use crate::report::{Budget, Measurement};
use crate::stores::Stores;

/// A scenario, as named on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Scenario {
    /// From the start of the process to the first answer.
    Start,
    /// The discovery document.
    Discovery,
    /// The first page of a sign-in.
    SignInPage,
    /// authorize → code → token → userinfo with a live session, for ES256 and RS256.
    SignedInJourney,
    /// The same with each feature of a relying party on, one after the other.
    Features,
    /// The whole sign-in with a password, for current and for legacy accounts.
    PasswordJourney,
    /// Ten times the sign-ins that the machine can do, while others go on.
    Overload,
    /// Memory when idle, with 1,000 and with 100,000 sessions.
    Memory,
    /// Instructions per step of a signed-in journey, against the limits in `benches/instructions.json`; needs valgrind, and a
    /// program built for it (`script/bench instructions`).
    Instructions,
    /// The signed-in journey and its plans with a part of 5 million users, 1 million organizations and 20 million
    /// connections, beside those of the small data set (`--scale`).
    Scale,
}

impl Scenario {
    /// What is measured when nothing is named.
    pub const USUAL: [Self; 8] = [
        Self::Start,
        Self::Discovery,
        Self::SignInPage,
        Self::SignedInJourney,
        Self::Features,
        Self::PasswordJourney,
        Self::Overload,
        Self::Memory,
    ];

    /// Whether its budgets are measured against the cost of a hash.
    pub fn hashes_passwords(self) -> bool {
        self == Self::PasswordJourney
    }
}

/// What every scenario needs.
pub struct Bench {
    pub launch: Launch,
    pub target: Target,
    pub stores: Stores,
    pub plan: Plan,
    pub connections: usize,
    /// File with the most instructions of each step.
    pub instruction_limits: PathBuf,
    /// Part of the full size for [`Scenario::Scale`].
    pub scale: f64,
}

/// What a scenario found out.
#[derive(Default)]
pub struct Findings {
    pub measurements: Vec<Measurement>,
    pub budgets: Vec<Budget>,
    /// How fast the machine was meanwhile.
    pub paces: Vec<Pace>,
    /// A budget that is missed fails the run.
    pub is_gate: bool,
}

/// Runs one scenario.
///
/// # Errors
/// The server does not start, ends, or answers something else than expected.
pub async fn run(scenario: Scenario, bench: &Bench) -> Result<Findings, LoadError> {
    match scenario {
        Scenario::Start => start::run(bench),
        Scenario::Discovery => pages::discovery(bench).await,
        Scenario::SignInPage => pages::sign_in_page(bench).await,
        Scenario::SignedInJourney => journeys::run(bench).await,
        Scenario::Features => features::run(bench).await,
        Scenario::PasswordJourney => passwords::run(bench).await,
        Scenario::Overload => overload::run(bench).await,
        Scenario::Memory => memory::run(bench).await,
        Scenario::Instructions => instructions::run(bench).await,
        Scenario::Scale => scale::run(bench).await,
    }
}

impl Bench {
    fn start_server(&self, scenario: &str) -> Result<Server, LoadError> {
        let server = Server::start(&self.launch)?;
        progress(&format!("{scenario}: server {} started", server.pid()));
        Ok(server)
    }

    /// Runs a single load.
    async fn measure_one(&self, load: Load, server: &Server) -> Result<(Summary, Usage), LoadError> {
        let (mut summaries, usage) = measure(vec![load], self.plan, server).await?;
        let summary = summaries
            .pop()
            .ok_or(LoadError::Setup("no load was measured".to_owned()))?;
        check_that_something_worked(&summary)?;
        Ok((summary, usage))
    }

    /// A closed loop with as many workers as connections were asked for.
    fn closed_loop<O: Operation + 'static>(&self, operation: impl FnMut(usize) -> O) -> (Load, String) {
        let load = Load::closed((0..self.connections).map(operation));
        (load, format!("closed loop, {} connections", self.connections))
    }
}

/// A measurement of nothing but failures has nothing to tell but the failures.
fn check_that_something_worked(summary: &Summary) -> Result<(), LoadError> {
    if summary.done > 0 {
        return Ok(());
    }
    let failures: Vec<_> = summary.failures.keys().map(String::as_str).collect();
    Err(LoadError::Setup(format!(
        "nothing succeeded: {}",
        failures.join("; ")
    )))
}

/// The numbers `0..total` in as many ranges as there are workers.
#[expect(clippy::cast_possible_truncation, reason = "a few thousand workers at most")]
fn share_out(total: u32, workers: usize, worker: usize) -> std::ops::Range<u32> {
    let (workers, worker) = (workers as u32, worker as u32);
    let first =
        |index: u32| u32::try_from(u64::from(total) * u64::from(index) / u64::from(workers)).unwrap_or(total);
    first(worker)..first(worker + 1)
}

#[cfg(test)]
mod tests {
    use super::share_out;

    #[test]
    fn everything_is_shared_out_once() {
        let shares: Vec<u32> = (0..16)
            .flat_map(|worker| share_out(100_000, 16, worker))
            .collect();
        assert_eq!(shares, (0..100_000).collect::<Vec<_>>());
    }
}
