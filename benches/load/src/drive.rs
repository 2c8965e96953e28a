//! Load, in two shapes.
//!
//! *Closed loop*: each of N workers begins the next operation when its last one has ended. It shows what an operation
//! costs, and how many the machine can do.
//!
//! *Open loop*: operations begin at a fixed rate, whatever became of those before. Latency counts from the moment at which
//! an operation was due, so that a stall of the server shows in every operation that had to wait for it (no "coordinated
//! omission").

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{JoinHandle, spawn_local};

use crate::error::LoadError;
use crate::journey::{Operation, Steps};
use crate::process::{Server, cpu_time, idle_time};
use crate::record::{Recorder, Summary, Usage};

/// After the window, how long operations that are under way may take to end.
const LAST_OPERATIONS: Duration = Duration::from_secs(35);
/// Pause of a worker whose operation failed, so that a refused connection does not become a busy loop.
const AFTER_FAILURE: Duration = Duration::from_millis(20);

/// How long to run.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Time before the window, which is not recorded.
    pub warm_up: Duration,
    /// The window.
    pub window: Duration,
}

/// What the workers of one load share.
struct Shared {
    is_recording: Cell<bool>,
    is_over: Cell<bool>,
    recorder: RefCell<Recorder>,
}

/// A running load of one kind of operation.
pub struct Load {
    shared: Rc<Shared>,
    workers: Vec<JoinHandle<()>>,
    pacer: Option<Arc<AtomicBool>>,
}

impl Load {
    fn new() -> Self {
        Self {
            shared: Rc::new(Shared {
                is_recording: Cell::new(false),
                is_over: Cell::new(false),
                recorder: RefCell::new(Recorder::new()),
            }),
            workers: Vec::new(),
            pacer: None,
        }
    }

    /// One worker for each operation, which repeats it without a pause.
    pub fn closed<O: Operation + 'static>(operations: impl IntoIterator<Item = O>) -> Self {
        let mut load = Self::new();
        for operation in operations {
            load.workers
                .push(spawn_local(repeat(operation, Rc::clone(&load.shared))));
        }
        load
    }

    /// `rate` arrivals a second, each taken by the first worker that is free.
    pub fn open<O: Operation + 'static>(operations: impl IntoIterator<Item = O>, rate: f64) -> Self {
        let mut load = Self::new();
        let (due, arrivals) = unbounded_channel();
        let arrivals = Rc::new(Mutex::new(arrivals));
        for operation in operations {
            let worker = take_arrivals(operation, Rc::clone(&arrivals), Rc::clone(&load.shared));
            load.workers.push(spawn_local(worker));
        }
        let is_over = Arc::new(AtomicBool::new(false));
        load.pacer = Some(Arc::clone(&is_over));
        thread::spawn(move || pace(rate, &due, &is_over));
        load
    }

    fn record(&self, is_recording: bool) {
        self.shared.is_recording.set(is_recording);
    }

    async fn end(self) -> Summary {
        self.shared.is_over.set(true);
        if let Some(is_over) = &self.pacer {
            is_over.store(true, Ordering::Relaxed);
        }
        for worker in self.workers {
            let abort = worker.abort_handle();
            if tokio::time::timeout(LAST_OPERATIONS, worker).await.is_err() {
                abort.abort();
            }
        }
        self.shared.recorder.borrow().summary()
    }
}

/// Lets the loads run together for one warm-up and one window, and gives their summaries in the same order.
///
/// # Errors
/// The server ends meanwhile.
pub async fn measure(
    loads: Vec<Load>,
    plan: Plan,
    server: &Server,
) -> Result<(Vec<Summary>, Usage), LoadError> {
    let own_pid = std::process::id();
    tokio::time::sleep(plan.warm_up).await;

    server.forget_peak()?;
    let began = Instant::now();
    let (server_before, own_before, idle_before) = (server.cpu_time()?, cpu_time(own_pid)?, idle_time()?);
    for load in &loads {
        load.record(true);
    }
    tokio::time::sleep(plan.window).await;
    for load in &loads {
        load.record(false);
    }
    let (server_after, own_after, idle_after) = (server.cpu_time()?, cpu_time(own_pid)?, idle_time()?);
    let seconds = began.elapsed().as_secs_f64();
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    #[expect(clippy::cast_precision_loss, reason = "few cores")]
    let idle = idle_after.saturating_sub(idle_before).as_secs_f64() / seconds / cores as f64;
    let memory = server.memory()?;

    let mut summaries = Vec::with_capacity(loads.len());
    for load in loads {
        summaries.push(load.end().await);
    }
    let usage = Usage {
        seconds,
        server_cpu_seconds: server_after.saturating_sub(server_before).as_secs_f64(),
        generator_cpu_seconds: own_after.saturating_sub(own_before).as_secs_f64(),
        machine_busy: (1.0 - idle).max(0.0),
        resident: memory.resident,
        peak: memory.peak,
    };
    Ok((summaries, usage))
}

/// Does an operation `times` times, one after the other, without recording.
///
/// # Errors
/// The first failure.
pub async fn repeat_exactly(operation: &mut impl Operation, times: u32) -> Result<(), LoadError> {
    for _ in 0..times {
        operation.run(&mut Steps::default()).await?;
    }
    Ok(())
}

async fn repeat(mut operation: impl Operation, shared: Rc<Shared>) {
    while !shared.is_over.get() {
        run_once(&mut operation, Instant::now(), &shared).await;
    }
}

async fn take_arrivals(
    mut operation: impl Operation,
    arrivals: Rc<Mutex<UnboundedReceiver<Instant>>>,
    shared: Rc<Shared>,
) {
    loop {
        // Workers queue for the next arrival in the order in which they became free.
        let (due, was_waited_for) = {
            let mut arrivals = arrivals.lock().await;
            match arrivals.try_recv() {
                Ok(due) => (due, false),
                Err(_) => match arrivals.recv().await {
                    Some(due) => (due, true),
                    None => return,
                },
            }
        };
        if shared.is_over.get() {
            return;
        }
        if was_waited_for && shared.is_recording.get() {
            shared.recorder.borrow_mut().pacing_error(due.elapsed());
        }
        run_once(&mut operation, due, &shared).await;
    }
}

async fn run_once(operation: &mut impl Operation, due: Instant, shared: &Shared) {
    let mut steps = Steps::default();
    let result = operation.run(&mut steps).await;
    let latency = due.elapsed();
    if shared.is_recording.get() {
        let mut recorder = shared.recorder.borrow_mut();
        match &result {
            Ok(outcome) => {
                recorder.outcome(*outcome, latency);
                steps
                    .0
                    .iter()
                    .for_each(|(name, latency)| recorder.step(name, *latency));
            }
            Err(error) => recorder.failure(error.label()),
        }
    }
    if result.is_err() {
        tokio::time::sleep(AFTER_FAILURE).await;
    }
}

/// Sends the moment of each arrival when it comes. A thread of its own: the runtime's timers have a millisecond's
/// resolution, a sleeping thread wakes within some tens of microseconds.
fn pace(rate: f64, arrivals: &UnboundedSender<Instant>, is_over: &AtomicBool) {
    let began = Instant::now();
    let mut number = 0.0;
    while !is_over.load(Ordering::Relaxed) {
        let due = began + Duration::from_secs_f64(number / rate);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if arrivals.send(due).is_err() {
            return;
        }
        number += 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journey::Outcome;

    /// An operation that takes a fixed time.
    struct Slow(Duration);

    impl Operation for Slow {
        async fn run(&mut self, _: &mut Steps) -> Result<Outcome, LoadError> {
            tokio::time::sleep(self.0).await;
            Ok(Outcome::Done)
        }
    }

    async fn run_for(load: Load, time: Duration) -> Summary {
        load.record(true);
        tokio::time::sleep(time).await;
        load.record(false);
        load.end().await
    }

    #[tokio::test(flavor = "current_thread")]
    async fn in_open_loop_waiting_for_a_slow_server_counts() {
        let local = tokio::task::LocalSet::new();
        local
            .run_until(async {
                // One worker of 20 ms a turn, asked for 100 a second: it falls behind by 10 ms with each operation.
                let load = Load::open([Slow(Duration::from_millis(20))], 100.0);
                let summary = run_for(load, Duration::from_millis(500)).await;
                let latency = summary.latency.unwrap();
                assert!(latency.max > 150.0, "{latency:?}");
            })
            .await;
    }

    #[tokio::test(flavor = "current_thread")]
    async fn in_closed_loop_only_the_operation_counts() {
        let local = tokio::task::LocalSet::new();
        local
            .run_until(async {
                let load = Load::closed([Slow(Duration::from_millis(20)), Slow(Duration::from_millis(20))]);
                let summary = run_for(load, Duration::from_millis(300)).await;
                assert!(summary.done >= 10, "{}", summary.done);
                assert!(summary.latency.unwrap().p50 >= 20.0);
            })
            .await;
    }
}
