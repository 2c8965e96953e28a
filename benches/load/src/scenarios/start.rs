//! How long a start takes when the migrations are up to date.

use super::{Bench, Findings};
use crate::error::LoadError;
use crate::process::Server;
use crate::progress;
use crate::report::Budget;

const STARTS: usize = 7;
/// Milliseconds.
const MOST_UNTIL_FIRST_ANSWER: f64 = 150.0;

pub fn run(bench: &Bench) -> Result<Findings, LoadError> {
    let mut times = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        let server = Server::start(&bench.launch)?;
        times.push(server.time_to_first_answer.as_secs_f64() * 1000.0);
        server.stop()?;
    }
    times.sort_by(f64::total_cmp);
    progress(&format!("start: first answers after {times:.0?} ms"));

    let median = times[STARTS / 2];
    Ok(Findings {
        budgets: vec![Budget::below(
            "start to first answer, median of 7",
            MOST_UNTIL_FIRST_ANSWER,
            median,
            " ms",
        )],
        ..Findings::default()
    })
}
