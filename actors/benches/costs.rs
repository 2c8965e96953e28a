//! What the actors cost, in microseconds of CPU of this process and of elapsed time per operation:
//!
//! `cargo bench -p identite-actors` (with `REDIS_URL` for the operations over Redis; the server's own CPU is not counted)

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::future::join_all;
use identite_actors::clock::{SharedClock, SystemClock};
use identite_actors::instrumentation::Instruments;
use identite_actors::keys::{KeySet, SigningAlgorithm, generate};
use identite_actors::password_hasher::{PasswordHasher, PasswordHasherSettings};
use identite_actors::rate_limiter::{Budget, RateLimiter, RateLimiterSettings};
use identite_actors::sessions::{Seen, SessionRecords, Sessions, SessionsSettings};
use identite_actors::state::{MemoryStore, RedisStore, StateStore, Write};
use identite_actors::supervision::{Answer, Answers, Behaviour, Request, start};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// How long each operation is repeated: CPU time is counted in hundredths of a second.
const MEASURED_FOR: Duration = Duration::from_secs(2);

/// Requests that are in progress at the same time.
const AT_ONCE: usize = 16;

const LONG: Duration = Duration::from_mins(10);

fn main() {
    let clock: SharedClock = Arc::new(SystemClock);
    signatures(&clock);
    actix::System::new().block_on(async {
        let io = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        mailbox(&clock).await;
        passwords(&clock).await;
        let memory: Arc<dyn StateStore> = Arc::new(MemoryStore::new(clock.clone()));
        state("memory", &memory, &clock).await;
        if let Ok(url) = std::env::var("REDIS_URL") {
            let redis = RedisStore::connect(&url, Some("bench:"), io.handle().clone())
                .await
                .unwrap();
            let redis: Arc<dyn StateStore> = Arc::new(redis);
            state("redis", &redis, &clock).await;
        }
        io.shutdown_background();
    });
}

fn signatures(clock: &SharedClock) {
    let jwks = generate().unwrap();
    let keys = KeySet::read(jwks.expose_secret(), clock.clone()).unwrap();
    let payload = [b'x'; 400];
    for algorithm in SigningAlgorithm::ALL {
        let meter = Meter::start();
        while meter.goes_on() {
            std::hint::black_box(keys.sign(algorithm, &payload).unwrap());
            meter.count(1);
        }
        meter.report(&format!("sign {algorithm}"));
    }
    let signed = keys.sign(SigningAlgorithm::Es256, &payload).unwrap();
    let meter = Meter::start();
    while meter.goes_on() {
        std::hint::black_box(keys.verify_own(&signed).unwrap());
        meter.count(1);
    }
    meter.report("verify ES256");
}

struct Echo;

impl Behaviour for Echo {
    const MESSAGES: &'static [&'static str] = &["ping"];
}

struct Ping;

impl Request for Ping {
    type Response = ();
    const NAME: &'static str = "ping";
}

impl Answers<Ping> for Echo {
    fn answer(&mut self, _: Ping) -> Answer<()> {
        Answer::Now(())
    }
}

async fn mailbox(clock: &SharedClock) {
    let echo = start(&instruments(clock), "echo", 1_000, || Echo);
    repeat("mailbox, one after the other", 1, || async {
        echo.ask(Ping).await.unwrap();
    })
    .await;
    repeat("mailbox", AT_ONCE, || async {
        echo.ask(Ping).await.unwrap();
    })
    .await;
}

async fn passwords(clock: &SharedClock) {
    let settings = PasswordHasherSettings {
        threads: 1,
        ..PasswordHasherSettings::default()
    };
    let hasher = PasswordHasher::start(&instruments(clock), &settings).unwrap();
    let password = || SecretString::from("correct horse battery staple");
    repeat("argon2id, 19 MiB, two passes", 1, || async {
        hasher.hash(password()).await.unwrap()
    })
    .await;
    let legacy = "$2a$10$kzY3LINL6..50Fy9shWCcuNlRfYq0ft5lS.KCcJ5PzrhlWfKK4NIO";
    repeat("bcrypt, cost 10", 1, || async {
        hasher.verify(password(), Some(legacy.to_owned())).await.unwrap()
    })
    .await;
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Data {
    form_token: String,
    email: String,
    count: u64,
}

async fn state(name: &str, store: &Arc<dyn StateStore>, clock: &SharedClock) {
    let value = vec![b'x'; 400];
    let put = |key: &str| Write::Put {
        key: key.to_owned(),
        value: value.clone(),
        ttl: LONG,
    };
    store.write(&[], vec![put("value")]).await.unwrap();
    repeat(&format!("{name}: get, one after the other"), 1, || async {
        store.get("value").await.unwrap()
    })
    .await;
    repeat(&format!("{name}: get"), AT_ONCE, || async {
        store.get("value").await.unwrap()
    })
    .await;
    repeat(&format!("{name}: put"), AT_ONCE, || async {
        store.write(&[], vec![put("value")]).await.unwrap()
    })
    .await;
    let redeem = || async {
        let member = Write::AddMember {
            set: "grant".to_owned(),
            member: "token".to_owned(),
            ttl: LONG,
        };
        let writes = vec![put("consumed"), put("token"), member];
        store
            .write(&["code:consumed".to_owned(), "revoked".to_owned()], writes)
            .await
            .unwrap()
    };
    repeat(&format!("{name}: guarded write of three"), AT_ONCE, redeem).await;

    let instruments = instruments(clock);
    let records = Arc::new(NoRecords);
    let sessions: Sessions<Data, NoRecords> =
        Sessions::start(store, &records, clock, &instruments, &SessionsSettings::default());
    let typed = |data: &mut Data| {
        data.form_token = "x".repeat(43);
        "somebody@exemple.fr".clone_into(&mut data.email);
    };
    sessions.update("k", typed).await.unwrap();
    repeat(&format!("{name}: load a session"), AT_ONCE, || sessions.load("k")).await;
    repeat(
        &format!("{name}: update a session, nothing changed"),
        AT_ONCE,
        || sessions.update("k", typed),
    )
    .await;
    let number = std::sync::atomic::AtomicU64::new(0);
    let change = || {
        let key = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % 1_000;
        let sessions = sessions.clone();
        async move {
            sessions
                .update(&key.to_string(), |data: &mut Data| data.count += 1)
                .await
        }
    };
    repeat(&format!("{name}: update a session"), AT_ONCE, change).await;

    let limiter = RateLimiter::start(
        store.clone(),
        clock.clone(),
        &instruments,
        RateLimiterSettings::default(),
    );
    let budget = Budget {
        points: u32::MAX,
        window: LONG,
    };
    repeat(&format!("{name}: hit a rate limit"), AT_ONCE, || {
        limiter.hit("bench", "203.0.113.7", budget)
    })
    .await;
}

async fn repeat<F: Future>(what: &str, at_once: usize, operation: impl Fn() -> F) {
    for _ in 0..10 {
        operation().await;
    }
    let meter = Meter::start();
    join_all((0..at_once).map(|_| async {
        while meter.goes_on() {
            operation().await;
            meter.count(1);
        }
    }))
    .await;
    meter.report(what);
}

struct Meter {
    started: Instant,
    cpu_before: f64,
    operations: std::cell::Cell<u32>,
}

impl Meter {
    fn start() -> Self {
        Self {
            started: Instant::now(),
            cpu_before: cpu_seconds(),
            operations: std::cell::Cell::new(0),
        }
    }

    fn goes_on(&self) -> bool {
        self.started.elapsed() < MEASURED_FOR
    }

    fn count(&self, operations: u32) {
        self.operations.set(self.operations.get() + operations);
    }

    fn report(&self, what: &str) {
        let operations = f64::from(self.operations.get());
        let elapsed = self.started.elapsed().as_secs_f64();
        let cpu = cpu_seconds() - self.cpu_before;
        println!(
            "{what:<48} {:>10.1} µs CPU {:>10.1} µs elapsed {:>10.0} a second",
            cpu / operations * 1e6,
            elapsed / operations * 1e6,
            operations / elapsed
        );
    }
}

/// User and system time of this process, from `/proc/self/stat` (Linux, in hundredths of a second).
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |index: usize| fields[index].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

fn instruments(clock: &SharedClock) -> Instruments {
    Instruments::new(prometheus::Registry::new(), clock.clone()).unwrap()
}

struct NoRecords;

#[async_trait]
impl SessionRecords for NoRecords {
    type Reason = ();
    type Error = std::convert::Infallible;

    async fn end(&self, _: &str, (): (), _: DateTime<Utc>) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn seen(&self, _: &[Seen]) -> Result<(), Self::Error> {
        Ok(())
    }
}
