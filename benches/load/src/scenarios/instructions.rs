//! Instructions that the server executes in each step of a signed-in journey, counted by callgrind: a figure that a busy
//! machine does not change. It is held against `benches/instructions.json`, so that what grows is seen when it grows.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::{Bench, Findings};
use crate::dataset::{self, Client};
use crate::error::LoadError;
use crate::journey::SignedInJourney;
use crate::process::{Launch, Server};
use crate::progress;
use crate::report::Budget;

const SESSIONS: u32 = 100;
/// Journeys before the count: what happens once has happened.
const WARM_UP: u32 = 30;
/// Journeys that are counted, one after the other.
const COUNTED: u32 = 100;
/// How often it is counted. The least counts: a connection that is opened meanwhile, or another chore, is no part of a journey.
const ROUNDS: u32 = 3;
/// As a part of the limit: two counts differ by what timers and threads happen to do meanwhile.
const TOLERANCE: f64 = 0.05;

/// The steps, in the order in which they are counted.
const STEPS: [&str; 3] = ["authorize", "token", "userinfo"];

pub async fn run(bench: &Bench) -> Result<Findings, LoadError> {
    let limits: BTreeMap<String, f64> = fs::read(&bench.instruction_limits)
        .map_err(LoadError::from)
        .and_then(|text| {
            serde_json::from_slice(&text)
                .map_err(|error| LoadError::Setup(format!("the limits of instructions: {error}")))
        })?;
    dataset::add_sessions(bench.stores.database(), SESSIONS).await?;
    let counter = Counter::beside(&bench.launch);
    let server = Server::start(&counter.launch)?;
    progress(&format!(
        "instructions: server {} started in callgrind",
        server.pid()
    ));

    let mut journey = SignedInJourney::new(&bench.target, Client::Es256, 0..SESSIONS);
    let pid = server.pid();
    visit_all(&mut journey, WARM_UP, || Ok(())).await?;
    control(pid, &["-i", "on"])?;
    control(pid, &["-z"])?;
    for _ in 0..ROUNDS {
        visit_all(&mut journey, COUNTED, || control(pid, &["-d"])).await?;
    }
    control(pid, &["-i", "off"])?;
    server.stop()?;

    let mut findings = Findings::default();
    for (first, step) in (1..).zip(STEPS) {
        let each = counter.least(first)? / f64::from(COUNTED);
        let limit = limits.get(step).copied().unwrap_or_default();
        findings.budgets.push(Budget::below(
            format!(
                "instructions, {step}: limit {limit:.0} and {:.0} %",
                TOLERANCE * 100.0
            ),
            (limit * (1.0 + TOLERANCE)).round(),
            each.round(),
            "",
        ));
    }
    findings.is_gate = true;
    Ok(findings)
}

/// Makes `count` journeys step by step: all of them the first step, then all the second. `after_step` follows each.
async fn visit_all(
    journey: &mut SignedInJourney,
    count: u32,
    after_step: impl Fn() -> Result<(), LoadError>,
) -> Result<(), LoadError> {
    let mut codes = Vec::new();
    for _ in 0..count {
        codes.push(journey.authorize().await?);
    }
    after_step()?;
    let relying_party = journey.relying_party();
    let mut tokens = Vec::new();
    for code in codes {
        tokens.push(relying_party.redeem(&code).await?);
    }
    after_step()?;
    for token in tokens {
        relying_party.userinfo(&token).await?;
    }
    after_step()
}

/// Where callgrind writes what it counted.
struct Counter {
    launch: Launch,
    output: PathBuf,
}

impl Counter {
    fn beside(launch: &Launch) -> Self {
        let output = launch.log.with_file_name("callgrind.out");
        let mut counted = launch.clone();
        counted.wrapper = vec![
            "valgrind".into(),
            "--tool=callgrind".into(),
            "--instr-atstart=no".into(),
            format!("--callgrind-out-file={}", output.display()),
        ];
        Self {
            launch: counted,
            output,
        }
    }

    /// The fewest instructions of the step that `first` is the first dump of.
    fn least(&self, first: u32) -> Result<f64, LoadError> {
        (first..)
            .step_by(STEPS.len())
            .take(ROUNDS as usize)
            .try_fold(f64::INFINITY, |least, number| Ok(least.min(self.total(number)?)))
    }

    /// Instructions of the dump `number`.
    fn total(&self, number: u32) -> Result<f64, LoadError> {
        let mut name = self.output.clone().into_os_string();
        name.push(format!(".{number}"));
        let text = fs::read_to_string(name)?;
        let total = text
            .lines()
            .find_map(|line| line.strip_prefix("totals: ").or(line.strip_prefix("summary: ")));
        total
            .and_then(|total| total.trim().parse().ok())
            .ok_or(LoadError::Malformed("dump of callgrind"))
    }
}

fn control(pid: u32, order: &[&str]) -> Result<(), LoadError> {
    let status = Command::new("callgrind_control")
        .args(order)
        .arg(pid.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()?;
    if status.success() {
        return Ok(());
    }
    Err(LoadError::Setup("callgrind does not obey".to_owned()))
}
