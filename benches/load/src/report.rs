//! What is printed and what is kept: the measurements, and each budget with what was measured against it.

use std::fmt::Write;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::calibration::{Calibration, Pace, PasswordCost};
use crate::record::{Latency, Summary, Usage};
use crate::stores::{Call, StoreCalls};

/// Everything about a run.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The commit that was measured, with `-dirty` when files differ from it.
    pub commit: String,
    /// Seconds since 1970.
    pub began_at: u64,
    pub machine: Machine,
    pub method: Method,
    pub calibration: Option<Calibration>,
    /// Beside the closed loops of journeys, in their order.
    pub paces: Vec<Pace>,
    pub measurements: Vec<Measurement>,
    pub budgets: Vec<Budget>,
}

/// Where it ran.
#[derive(Debug, Serialize)]
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    pub memory_kib: u64,
    pub kernel: String,
    pub postgresql: String,
    /// Load averages before the run: what else kept the machine busy.
    pub load_average: String,
    /// Whether the kernel shares the cores out by session first: priorities then count within the server only, and stores beside
    /// it wait for its hashing threads.
    pub is_shared_by_session: bool,
}

/// How it was measured.
#[derive(Debug, Serialize)]
pub struct Method {
    pub warm_up_seconds: u64,
    pub window_seconds: u64,
    pub connections: usize,
    pub argon2: PasswordCost,
    /// State store of the server: `redis` or `memory`.
    pub state: &'static str,
}

/// One load, and what came of it.
#[derive(Debug, Serialize)]
pub struct Measurement {
    pub scenario: &'static str,
    pub operation: String,
    /// Closed or open loop, and how much of it.
    pub load: String,
    pub summary: Summary,
    /// Absent where several loads ran at once: the server's time cannot be shared out among them.
    pub usage: Option<Usage>,
    pub calls: Option<StoreCalls>,
}

/// A budget of the design, and how it was kept.
#[derive(Debug, Serialize)]
pub struct Budget {
    pub what: String,
    pub wanted: String,
    pub measured: String,
    pub is_met: bool,
}

impl Budget {
    /// At least `least` is wanted.
    pub fn at_least(what: impl Into<String>, least: f64, measured: f64, unit: &str) -> Self {
        Self {
            what: what.into(),
            wanted: format!("≥ {}{unit}", number(least)),
            measured: format!("{}{unit}", number(measured)),
            is_met: measured >= least,
        }
    }

    /// Less than `most` is wanted.
    pub fn below(what: impl Into<String>, most: f64, measured: f64, unit: &str) -> Self {
        Self {
            what: what.into(),
            wanted: format!("< {}{unit}", number(most)),
            measured: format!("{}{unit}", number(measured)),
            is_met: measured < most,
        }
    }

    /// No failure is wanted.
    pub fn no_failures(what: impl Into<String>, failures: u64) -> Self {
        Self {
            what: what.into(),
            wanted: "none".to_owned(),
            measured: failures.to_string(),
            is_met: failures == 0,
        }
    }
}

impl Machine {
    /// What `/proc` says about this machine.
    pub fn here(postgresql: String) -> Self {
        let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        Self {
            processor: field(&processors, "model name")
                .trim_start_matches([':', ' '])
                .to_owned(),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            memory_kib: field(&memory, "MemTotal:")
                .trim_end_matches(" kB")
                .parse()
                .unwrap_or_default(),
            kernel: text("/proc/sys/kernel/osrelease"),
            postgresql,
            load_average: text("/proc/loadavg")
                .split(' ')
                .take(3)
                .collect::<Vec<_>>()
                .join(" "),
            is_shared_by_session: text("/proc/sys/kernel/sched_autogroup_enabled") == "1",
        }
    }
}

fn field<'t>(text: &'t str, name: &str) -> &'t str {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_default().trim()
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

impl Report {
    /// The report for people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let _ = self.write_text(&mut text); // writing to a string cannot fail
        text
    }

    fn write_text(&self, text: &mut String) -> std::fmt::Result {
        let machine = &self.machine;
        writeln!(text, "commit {}", self.commit)?;
        writeln!(
            text,
            "{} × {}, {} GB, Linux {}, PostgreSQL {}, state in {}; load before {}",
            machine.cores,
            machine.processor,
            machine.memory_kib / (1024 * 1024),
            machine.kernel,
            machine.postgresql,
            self.method.state,
            machine.load_average
        )?;
        if machine.is_shared_by_session {
            writeln!(
                text,
                "the kernel shares the cores out by session (kernel.sched_autogroup_enabled): stores here wait for hashing"
            )?;
        }
        if let Some(calibration) = self.calibration {
            writeln!(
                text,
                "argon2id {:.2} ms of CPU ({:.0} a core-second), bcrypt {:.1} ms",
                calibration.argon2_milliseconds,
                calibration.argon2_per_core_second,
                calibration.bcrypt_milliseconds
            )?;
        }
        for pace in &self.paces {
            writeln!(
                text,
                "signatures meanwhile, every core signing: ES256 {:.1} µs, RS256 {:.0} µs of CPU",
                pace.es256_microseconds, pace.rs256_microseconds
            )?;
        }
        for measurement in &self.measurements {
            writeln!(text)?;
            measurement.write_text(text)?;
        }
        if !self.budgets.is_empty() {
            writeln!(text, "\n{:<66} {:>16} {:>16}", "budget", "wanted", "measured")?;
        }
        for budget in &self.budgets {
            let verdict = if budget.is_met { "met" } else { "MISSED" };
            let Budget {
                what,
                wanted,
                measured,
                ..
            } = budget;
            writeln!(text, "{what:<66} {wanted:>16} {measured:>16}  {verdict}")?;
        }
        Ok(())
    }
}

impl Measurement {
    fn write_text(&self, text: &mut String) -> std::fmt::Result {
        let summary = &self.summary;
        writeln!(text, "{}: {}, {}", self.scenario, self.operation, self.load)?;
        if let Some(usage) = &self.usage {
            writeln!(
                text,
                "  {} a second; server {} µs of CPU each, {} a core-second; generator {:.0} µs each; machine busy {:.0} %; memory {:.1} MB, peak {:.1} MB",
                number(usage.per_second(summary.done)),
                number(usage.server_microseconds_per(summary.done)),
                number(usage.per_core_second(summary.done)),
                usage.generator_cpu_seconds * 1e6 / usage.per_second(summary.done) / usage.seconds,
                usage.machine_busy * 100.0,
                megabytes(usage.resident),
                megabytes(usage.peak),
            )?;
        }
        write_latency(text, "latency", summary.latency.as_ref())?;
        for (name, latency) in &summary.steps {
            write_latency(text, name, Some(latency))?;
        }
        if summary.refused > 0 {
            writeln!(text, "  refused {} (503 with Retry-After)", summary.refused)?;
            write_latency(text, "refusal", summary.refusal_latency.as_ref())?;
        }
        write_latency(text, "generator late", summary.pacing_error.as_ref())?;
        for (failure, times) in &summary.failures {
            writeln!(text, "  FAILED {times} × {failure}")?;
        }
        if let Some(calls) = &self.calls {
            writeln!(text, "  {:.2} statements to PostgreSQL", calls.statements())?;
            write_calls(text, &calls.postgresql)?;
            writeln!(text, "  {:.2} commands to Redis", calls.commands())?;
            write_calls(text, &calls.redis)?;
        }
        Ok(())
    }
}

fn write_latency(text: &mut String, name: &str, latency: Option<&Latency>) -> std::fmt::Result {
    let Some(latency) = latency else { return Ok(()) };
    let Latency {
        p50,
        p90,
        p99,
        p999,
        max,
        ..
    } = latency;
    writeln!(
        text,
        "  {name:<22} p50 {p50:8.3}  p90 {p90:8.3}  p99 {p99:8.3}  p99.9 {p999:8.3}  max {max:8.3} ms"
    )
}

fn write_calls(text: &mut String, calls: &[Call]) -> std::fmt::Result {
    const WIDTH: usize = 110;
    for call in calls.iter().filter(|call| call.per_operation >= 0.005) {
        let what: String = call.what.chars().take(WIDTH).collect();
        writeln!(
            text,
            "    {:6.2} × {:7.1} µs  {what}",
            call.per_operation, call.microseconds
        )?;
    }
    Ok(())
}

/// Bytes in millions.
#[expect(
    clippy::cast_precision_loss,
    reason = "the memory of a process is far below 2^52 bytes"
)]
pub fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1_000_000.0
}

/// Three significant digits are all that such a measurement has.
fn number(value: f64) -> String {
    let decimals = match value.abs() {
        value if value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_met_or_missed() {
        assert!(Budget::at_least("journeys", 4000.0, 4000.0, "").is_met);
        assert!(!Budget::below("memory", 40.0, 40.0, " MB").is_met);
        assert_eq!(Budget::below("memory", 40.0, 12.34, " MB").measured, "12.3 MB");
        assert!(Budget::no_failures("overload", 0).is_met);
    }
}
