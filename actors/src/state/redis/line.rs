//! The connection to Redis and the circuit around it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use redis::{Cmd, ErrorKind, FromRedisValue, RedisError, ServerErrorKind, Value};
use tokio::sync::Notify;

use super::connector::{Connection, Connector};
use super::eviction;
use super::scripts::Script;
use crate::state::StateError;

/// Of a whole operation, a second attempt with the text of a script included. Redis answers in well under a
/// millisecond; requests must never wait for a second.
const OPERATION_DEADLINE: Duration = Duration::from_millis(500);

/// Between two attempts to open a connection.
const RETRY_EVERY: Duration = Duration::from_millis(100);

/// An idle connection is asked for a sign of life this often, so that a death is noticed before a request does.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// The line to Redis: up, with a connection, or down.
pub(super) struct Line {
    connection: ArcSwapOption<Connection>,
    /// A command that whoever keeps our keys must answer.
    probe: Cmd,
    went_down: Arc<Notify>,
    settled: Notify,
}

impl Line {
    /// A line that a task on `io` keeps up for as long as it is referenced. Keys begin with `namespace`.
    pub(super) fn open(connector: Connector, namespace: &str, io: &tokio::runtime::Handle) -> Arc<Self> {
        let mut probe = redis::cmd("EXISTS");
        probe.arg(format!("{namespace}probe"));
        let line = Arc::new(Self {
            connection: ArcSwapOption::empty(),
            probe,
            went_down: Arc::new(Notify::new()),
            settled: Notify::new(),
        });
        io.spawn(keep_up(Arc::downgrade(&line), connector, line.went_down.clone()));
        line
    }

    /// Waits for the first attempt to connect, up to `deadline`.
    pub(super) async fn settled(&self, deadline: Duration) {
        let _ = tokio::time::timeout(deadline, self.settled.notified()).await;
    }

    /// Whether there is a connection.
    pub(super) fn is_up(&self) -> bool {
        self.connection.load().is_some()
    }

    /// Tells operators of a server that may forget what must be kept. Whoever may not ask, or cannot now, is not told.
    pub(super) async fn warn_of_eviction(&self) {
        let Ok(connection) = self.connection() else { return };
        let mut own = (*connection).clone();
        if let Ok(Ok(Some(policy))) =
            tokio::time::timeout(OPERATION_DEADLINE, eviction::policy(&mut own)).await
        {
            tracing::warn!(
                policy,
                "redis forgets keys when its memory is full, codes that were used among them: maxmemory-policy must be noeviction"
            );
        }
    }

    pub(super) async fn ping(&self) -> Result<(), StateError> {
        self.query::<Value>(&self.probe).await.map(|_| ())
    }

    pub(super) async fn query<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, StateError> {
        let connection = self.connection()?;
        let mut own = (*connection).clone();
        let answer = tokio::time::timeout(OPERATION_DEADLINE, command.query_async(&mut own)).await;
        self.judge(&connection, answer)
    }

    pub(super) async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: &[String],
        arguments: &[Vec<u8>],
    ) -> Result<T, StateError> {
        let connection = self.connection()?;
        let mut own = (*connection).clone();
        let attempts = async {
            match call("EVALSHA", &script.digest, keys, arguments)
                .query_async(&mut own)
                .await
            {
                Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                    call("EVAL", script.text, keys, arguments)
                        .query_async(&mut own)
                        .await
                }
                answer => answer,
            }
        };
        let answer = tokio::time::timeout(OPERATION_DEADLINE, attempts).await;
        self.judge(&connection, answer)
    }

    fn connection(&self) -> Result<Arc<Connection>, StateError> {
        self.connection
            .load_full()
            .ok_or_else(|| StateError::Unavailable("no connection".to_owned()))
    }

    fn judge<T>(
        &self,
        connection: &Arc<Connection>,
        answer: Result<Result<T, RedisError>, tokio::time::error::Elapsed>,
    ) -> Result<T, StateError> {
        let reason = match answer {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) if concerns_one_command(&error) => {
                tracing::error!(%error, "redis refused a command");
                return Err(StateError::Unavailable(error.to_string()));
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} ms", OPERATION_DEADLINE.as_millis()),
        };
        self.down(connection, &reason);
        Err(StateError::Unavailable(reason))
    }

    /// Declares the line down, unless `connection` was replaced in the meantime.
    fn down(&self, connection: &Arc<Connection>, reason: &str) {
        let before = self.connection.compare_and_swap(connection, None);
        if before
            .as_ref()
            .is_some_and(|before| Arc::ptr_eq(before, connection))
        {
            tracing::warn!(reason, "the line to redis is down");
            self.went_down.notify_one();
        }
    }
}

fn call(command: &str, script: &str, keys: &[String], arguments: &[Vec<u8>]) -> Cmd {
    let mut call = redis::cmd(command);
    call.arg(script).arg(keys.len()).arg(keys).arg(arguments);
    call
}

/// Whether the server is well and did not like this command, as opposed to a line that is lost or a server that
/// cannot serve (loading its data, or a replica).
fn concerns_one_command(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Server(kind) => !matches!(
            kind,
            ServerErrorKind::BusyLoading
                | ServerErrorKind::MasterDown
                | ServerErrorKind::ReadOnly
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::Moved
                | ServerErrorKind::Ask
        ),
        ErrorKind::Extension | ErrorKind::UnexpectedReturnType => true,
        _ => false,
    }
}

async fn keep_up(line: Weak<Line>, connector: Connector, went_down: Arc<Notify>) {
    let mut refused_before = false;
    loop {
        let Some(probe) = line.upgrade().map(|line| line.probe.clone()) else {
            return;
        };
        let opened = tokio::time::timeout(connector.deadline(), connector.open(&probe)).await;
        let Some(line_now) = line.upgrade() else { return };
        match opened {
            Ok(Ok(connection)) => {
                tracing::info!("the line to redis is up");
                refused_before = false;
                let connection = Arc::new(connection);
                line_now.connection.store(Some(connection.clone()));
                line_now.settled.notify_one();
                drop(line_now);
                if !stay_up(&line, &connection, &went_down).await {
                    return;
                }
                continue;
            }
            Ok(Err(error)) if !refused_before => tracing::warn!(%error, "redis cannot be reached"),
            Err(_) if !refused_before => tracing::warn!("redis does not answer"),
            _ => {}
        }
        refused_before = true;
        line_now.settled.notify_one();
        drop(line_now);
        tokio::time::sleep(RETRY_EVERY).await;
    }
}

/// Returns true when the line went down, false when nobody needs it any more.
async fn stay_up(line: &Weak<Line>, connection: &Arc<Connection>, went_down: &Notify) -> bool {
    loop {
        // Whichever comes first; what it was is seen below.
        let _ = tokio::time::timeout(PROBE_EVERY, went_down.notified()).await;
        let Some(line) = line.upgrade() else { return false };
        if line.connection.load().is_none() {
            return true;
        }
        let mut own = (**connection).clone();
        let sign_of_life = line.probe.query_async::<Value>(&mut own);
        match tokio::time::timeout(OPERATION_DEADLINE, sign_of_life).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => line.down(connection, &error.to_string()),
            Err(_) => line.down(connection, "no sign of life"),
        }
    }
}
