//! [`StateStore`] in Redis: what several nodes share.
//!
//! Commands of all callers travel over one multiplexed connection, which a task of the given runtime keeps open:
//! a caller on a single-threaded worker only waits for its answer. When a command fails or is not answered in
//! time, the line is declared down at once: later calls get [`StateError::Unavailable`] without waiting, and the
//! task opens a new connection in the background, to whoever then is the master.
//!
//! In a Cluster all keys share a slot: what is written together, and what a script reads, is in one place whatever its
//! names. The Cluster gives another master when one is lost, not more room.

mod address;
mod connector;
mod eviction;
mod line;
mod scripts;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use redis::Cmd;

use self::connector::Connector;
use self::line::Line;
use self::scripts::Script;
use super::{Counter, Hit, StateError, StateStore, Write};

/// `REDIS_URL` cannot be used. The message never contains the URL, which may hold a password.
#[derive(Debug, thiserror::Error)]
#[error("not a usable redis URL: {0}")]
pub struct InvalidRedisUrl(String);

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct RedisStore {
    line: Arc<Line>,
    /// Serves while `line` is not up yet.
    common: Option<Arc<Line>>,
    connector: Connector,
    /// What every key begins with.
    namespace: String,
}

/// What a Cluster derives the slot of a key from.
const HASH_TAG: &str = "{identite}";

impl RedisStore {
    /// Opens a connection to `url` on the runtime `io`, and waits up to a second for it. Accepted are, with TLS where the
    /// scheme begins with `rediss`: `redis://host`, `redis+sentinel://host,host/service` and `redis+cluster://host,host`; without
    /// it a socket of this machine: `redis+unix:///path`.
    /// A server that does not answer is no error: the store starts as unavailable and connects when it can.
    /// `namespace` is put before every key, for tests that share one server.
    ///
    /// # Errors
    /// When the URL cannot be used.
    pub async fn connect(
        url: &str,
        namespace: Option<&str>,
        io: tokio::runtime::Handle,
    ) -> Result<Self, InvalidRedisUrl> {
        let connector = Connector::new(url)?;
        let namespace = namespace.unwrap_or_default();
        let namespace = if connector.spreads_keys() {
            format!("{HASH_TAG}{namespace}")
        } else {
            namespace.to_owned()
        };
        let line = Line::open(connector.clone(), &namespace, &io);
        line.settled(Duration::from_secs(1)).await;
        let asked = line.clone();
        io.spawn(async move { asked.warn_of_eviction().await });
        Ok(Self {
            line,
            common: None,
            connector,
            namespace,
        })
    }

    fn line(&self) -> &Line {
        match &self.common {
            Some(common) if !self.line.is_up() => common,
            _ => &self.line,
        }
    }

    fn key(&self, key: &str) -> String {
        if self.namespace.is_empty() {
            key.to_owned()
        } else {
            format!("{}{key}", self.namespace)
        }
    }
}

#[async_trait]
impl StateStore for RedisStore {
    /// Until the new connection is up, this store's serves.
    fn for_this_runtime(self: Arc<Self>) -> Arc<dyn StateStore> {
        let runtime = tokio::runtime::Handle::current();
        Arc::new(Self {
            line: Line::open(self.connector.clone(), &self.namespace, &runtime),
            common: Some(self.line.clone()),
            connector: self.connector.clone(),
            namespace: self.namespace.clone(),
        })
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StateError> {
        self.line().query(Cmd::new().arg("GET").arg(self.key(key))).await
    }

    async fn take(&self, key: &str) -> Result<Option<Vec<u8>>, StateError> {
        self.line()
            .query(Cmd::new().arg("GETDEL").arg(self.key(key)))
            .await
    }

    async fn write(&self, unless_present: &[String], writes: Vec<Write>) -> Result<bool, StateError> {
        if let ([], [Write::Put { key, value, ttl }]) = (unless_present, writes.as_slice()) {
            let mut put = Cmd::new();
            put.arg("SET")
                .arg(self.key(key))
                .arg(value)
                .arg("PX")
                .arg(milliseconds(*ttl));
            return self.line().query::<()>(&put).await.map(|()| true);
        }
        let mut keys: Vec<String> = unless_present.iter().map(|key| self.key(key)).collect();
        let mut arguments: Vec<Vec<u8>> = vec![keys.len().to_string().into_bytes()];
        for write in writes {
            let (key, operation) = match write {
                Write::Put { key, value, ttl } => (key, [b"put".to_vec(), value, decimal(ttl)]),
                Write::Delete { key } => (key, [b"del".to_vec(), Vec::new(), Vec::new()]),
                Write::AddMember { set, member, ttl } => {
                    (set, [b"add".to_vec(), member.into_bytes(), decimal(ttl)])
                }
                Write::RemoveMember { set, member } => {
                    (set, [b"rem".to_vec(), member.into_bytes(), Vec::new()])
                }
            };
            keys.push(self.key(&key));
            arguments.extend(operation);
        }
        self.line().run(Script::write(), &keys, &arguments).await
    }

    async fn swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Vec<u8>,
        ttl: Duration,
    ) -> Result<bool, StateError> {
        let key = self.key(key);
        match expected {
            None => {
                let mut create = Cmd::new();
                create
                    .arg("SET")
                    .arg(key)
                    .arg(new)
                    .arg("PX")
                    .arg(milliseconds(ttl))
                    .arg("NX");
                self.line()
                    .query::<Option<String>>(&create)
                    .await
                    .map(|created| created.is_some())
            }
            Some(expected) => {
                let arguments = [expected.to_vec(), new, decimal(ttl)];
                self.line().run(Script::swap(), &[key], &arguments).await
            }
        }
    }

    async fn increment(&self, counters: &[(&str, Duration)]) -> Result<Vec<Counter>, StateError> {
        let keys: Vec<String> = counters.iter().map(|(key, _)| self.key(key)).collect();
        let windows: Vec<Vec<u8>> = counters.iter().map(|(_, window)| decimal(*window)).collect();
        let answer: Vec<u64> = self.line().run(Script::increment(), &keys, &windows).await?;
        let (counted, _) = answer.as_chunks::<2>();
        Ok(counted
            .iter()
            .map(|&[count, resets_in]| Counter {
                count,
                resets_in: Duration::from_millis(resets_in),
            })
            .collect())
    }

    async fn give_back(&self, hits: &[Hit]) -> Result<(), StateError> {
        let keys: Vec<String> = hits.iter().map(|hit| self.key(&hit.key)).collect();
        let left: Vec<Vec<u8>> = hits.iter().map(|hit| decimal(hit.resets_in)).collect();
        self.line().run(Script::give_back(), &keys, &left).await
    }

    async fn members(&self, set: &str) -> Result<Vec<String>, StateError> {
        self.line()
            .query(Cmd::new().arg("SMEMBERS").arg(self.key(set)))
            .await
    }

    async fn ping(&self) -> Result<(), StateError> {
        self.line().ping().await
    }
}

/// Redis refuses a life of zero.
fn milliseconds(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis())
        .unwrap_or(u64::MAX)
        .clamp(1, 100 * 365 * 86_400_000)
}

fn decimal(ttl: Duration) -> Vec<u8> {
    milliseconds(ttl).to_string().into_bytes()
}
