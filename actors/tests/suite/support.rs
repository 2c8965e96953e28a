//! What the tests stand on: a runtime for connections, a private Redis, a store that can fail, instruments.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use identite_actors::clock::{SharedClock, ShiftedClock};
use identite_actors::instrumentation::Instruments;
use identite_actors::state::{Counter, Hit, MemoryStore, RedisStore, StateError, StateStore, Write};
use tempfile::TempDir;

use crate::ports::free_port;

/// The runtime that drives connections, as in the server.
static IO: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
});

pub fn io() -> tokio::runtime::Handle {
    IO.handle().clone()
}

pub fn clock() -> (Arc<ShiftedClock>, SharedClock) {
    let clock = Arc::new(ShiftedClock::default());
    (clock.clone(), clock)
}

pub fn instruments(clock: &SharedClock) -> Instruments {
    Instruments::new(prometheus::Registry::new(), clock.clone()).unwrap()
}

/// Waits until `condition` holds, for at most half a minute.
pub async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    eventually_within(Duration::from_secs(30), what, condition).await;
}

/// Waits until `condition` holds, for at most `patience`.
pub async fn eventually_within(patience: Duration, what: &str, condition: impl AsyncFn() -> bool) {
    let started = Instant::now();
    while !condition().await {
        assert!(started.elapsed() < patience, "still not: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until `condition` holds, for at most half a minute.
pub async fn eventually_is(what: &str, condition: impl Fn() -> bool) {
    eventually(what, async || condition()).await;
}

/// A Redis of one's own on a free port of the loopback interface.
pub struct RedisServer {
    port: u16,
    folder: TempDir,
    process: Option<Child>,
}

impl RedisServer {
    pub fn start() -> Self {
        let mut server = Self {
            port: free_port(),
            folder: TempDir::new().unwrap(),
            process: None,
        };
        server.restart();
        server
    }

    pub fn url(&self) -> String {
        format!("redis://:@127.0.0.1:{}", self.port)
    }

    /// Starts it again on the same port, empty.
    pub fn restart(&mut self) {
        let process = Command::new("redis-server")
            .args([
                "--port",
                &self.port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
            ])
            .arg("--dir")
            .arg(self.folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        self.process = Some(process);
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(
                started.elapsed() < Duration::from_secs(5),
                "redis does not listen"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Stops answering without closing connections (`SIGSTOP`), and goes on (`SIGCONT`).
    pub fn signal(&self, signal: &str) {
        let id = self.process.as_ref().unwrap().id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &id])
                .status()
                .unwrap()
                .success()
        );
    }

    pub async fn store(&self) -> RedisStore {
        let store = RedisStore::connect(&self.url(), None, io()).await.unwrap();
        store.ping().await.unwrap();
        store
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// One hit of one counter.
pub async fn increment(store: &dyn StateStore, key: &str, window: Duration) -> Result<Counter, StateError> {
    let counters = store.increment(&[(key, window)]).await?;
    assert_eq!(counters.len(), 1);
    Ok(counters[0])
}

/// A [`MemoryStore`] that can be away, in the two ways in which a server can.
pub struct FallibleStore {
    pub inner: MemoryStore,
    mode: AtomicU8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Up = 0,
    Down = 1,
    Hanging = 2,
}

impl FallibleStore {
    pub fn new(clock: &SharedClock) -> Arc<Self> {
        Arc::new(Self {
            inner: MemoryStore::new(clock.clone()),
            mode: AtomicU8::new(Mode::Up as u8),
        })
    }

    pub fn set(&self, mode: Mode) {
        self.mode.store(mode as u8, Ordering::SeqCst);
    }

    async fn answer(&self) -> Result<&MemoryStore, StateError> {
        match self.mode.load(Ordering::SeqCst) {
            0 => Ok(&self.inner),
            1 => Err(StateError::Unavailable("down".to_owned())),
            _ => std::future::pending().await,
        }
    }
}

#[async_trait]
impl StateStore for FallibleStore {
    fn for_this_runtime(self: Arc<Self>) -> Arc<dyn StateStore> {
        self
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StateError> {
        self.answer().await?.get(key).await
    }

    async fn take(&self, key: &str) -> Result<Option<Vec<u8>>, StateError> {
        self.answer().await?.take(key).await
    }

    async fn write(&self, unless_present: &[String], writes: Vec<Write>) -> Result<bool, StateError> {
        self.answer().await?.write(unless_present, writes).await
    }

    async fn swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Vec<u8>,
        ttl: Duration,
    ) -> Result<bool, StateError> {
        self.answer().await?.swap(key, expected, new, ttl).await
    }

    async fn increment(&self, counters: &[(&str, Duration)]) -> Result<Vec<Counter>, StateError> {
        self.answer().await?.increment(counters).await
    }

    async fn give_back(&self, hits: &[Hit]) -> Result<(), StateError> {
        self.answer().await?.give_back(hits).await
    }

    async fn members(&self, set: &str) -> Result<Vec<String>, StateError> {
        self.answer().await?.members(set).await
    }

    async fn ping(&self) -> Result<(), StateError> {
        self.answer().await?.ping().await
    }
}
