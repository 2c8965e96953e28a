//! Load generator of the benchmarks. `script/bench` prepares the stores and starts it; `docs/PERFORMANCE.md` tells the
//! method and the figures.
//!
//! It runs in a process and on a single thread of its own, so that the server's CPU time is the server's alone.

mod browser;
mod calibration;
mod dataset;
mod drive;
mod error;
mod feature;
mod http;
mod journey;
mod plans;
mod process;
mod record;
mod relying_party;
mod report;
mod scale;
mod scenarios;
mod stores;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use clap::Parser;
use url::Url;

use crate::calibration::{CALIBRATING, PasswordCost, calibrate};
use crate::dataset::SessionSigner;
use crate::drive::Plan;
use crate::error::LoadError;
use crate::feature::ClientKey;
use crate::journey::Target;
use crate::process::Launch;
use crate::report::{Machine, Method, Report};
use crate::scenarios::{Bench, Scenario};
use crate::stores::Stores;

/// Drives a server, which it starts itself with its own environment, and reports what was measured.
#[derive(Parser)]
struct Arguments {
    /// What to measure; all but instructions and scale when none is named.
    #[arg(value_enum)]
    scenarios: Vec<Scenario>,
    /// The server's program.
    #[arg(long)]
    server: PathBuf,
    /// File for what the server prints.
    #[arg(long)]
    server_log: PathBuf,
    /// File for the report as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// What is measured, for the report.
    #[arg(long, default_value = "unknown")]
    commit: String,
    /// Length of each measured window.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Time before each window, which is not measured.
    #[arg(long, default_value_t = 3)]
    warm_up_seconds: u64,
    /// Connections (browsers) of the closed loops.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// The most instructions of each step, for the scenario of that name.
    #[arg(long, default_value = "benches/instructions.json")]
    instruction_limits: PathBuf,
    /// Size of the data set of the scenario of that name: 1 is 5 million users, 1 million organizations and 20 million
    /// connections.
    #[arg(long, default_value_t = 0.02)]
    scale: f64,
    /// Origin of the server, as the server knows it.
    #[arg(long, env = "HOST")]
    host: Url,
    #[arg(long, env = "SESSION_COOKIE_SECRET", hide_env_values = true)]
    cookie_secrets: String,
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: String,
    #[arg(long, env = "REDIS_URL", hide_env_values = true)]
    redis_url: String,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime
        .map_err(LoadError::from)
        .and_then(|runtime| tokio::task::LocalSet::new().block_on(&runtime, run(arguments)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), LoadError> {
    let plan = Plan {
        warm_up: Duration::from_secs(arguments.warm_up_seconds),
        window: Duration::from_secs(arguments.seconds),
    };
    let scenarios = if arguments.scenarios.is_empty() {
        Scenario::USUAL.to_vec()
    } else {
        arguments.scenarios
    };
    let cost = PasswordCost::from_environment();
    let stores = Stores::connect(&arguments.database_url, &arguments.redis_url).await?;

    let mut report = Report {
        commit: arguments.commit,
        began_at: report::now(),
        machine: Machine::here(stores.postgresql_version().await?),
        method: Method {
            warm_up_seconds: arguments.warm_up_seconds,
            window_seconds: arguments.seconds,
            connections: arguments.connections,
            argon2: cost,
            state: if arguments.redis_url.starts_with("memory:") {
                "memory"
            } else {
                "redis"
            },
        },
        calibration: None,
        paces: Vec::new(),
        measurements: Vec::new(),
        budgets: Vec::new(),
    };

    progress("preparing accounts");
    let key = Rc::new(ClientKey::generate()?);
    dataset::add_accounts(stores.database(), &cost, &key).await?;
    if scenarios.iter().any(|scenario| scenario.hashes_passwords()) {
        progress("measuring what hashing costs here");
        report.calibration = Some(calibrate(&cost, CALIBRATING)?);
    }

    let port = arguments.host.port_or_known_default().unwrap_or(3000);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let bench = Bench {
        launch: Launch {
            binary: arguments.server,
            wrapper: Vec::new(),
            address,
            log: arguments.server_log,
        },
        target: Target {
            address,
            origin: arguments.host.as_str().trim_end_matches('/').to_owned(),
            signer: Rc::new(SessionSigner::new(&arguments.cookie_secrets)),
            key,
        },
        stores,
        plan,
        connections: arguments.connections,
        instruction_limits: arguments.instruction_limits,
        scale: arguments.scale,
    };
    let mut gate_is_shut = false;
    for scenario in scenarios {
        let outcome = scenarios::run(scenario, &bench).await?;
        gate_is_shut |= outcome.is_gate && outcome.budgets.iter().any(|budget| !budget.is_met);
        report.measurements.extend(outcome.measurements);
        report.paces.extend(outcome.paces);
        report.budgets.extend(outcome.budgets);
    }

    println!("{}", report.text());
    if let Some(path) = arguments.json {
        let json =
            serde_json::to_string_pretty(&report).map_err(|error| LoadError::Setup(error.to_string()))?;
        std::fs::write(path, json + "\n")?;
    }
    if gate_is_shut {
        return Err(LoadError::Setup("a limit is exceeded".to_owned()));
    }
    Ok(())
}

/// Tells what is going on, apart from the report.
fn progress(message: &str) {
    eprintln!("… {message}");
}
