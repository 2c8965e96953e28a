//! The journal of connections. What several requests have to write at the same time is written in one statement, so that it
//! is committed once.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::db::connections::{self, NewConnection};
use crate::db::{self, Pool};

/// More than this wait for the next statement.
const ROWS_LIMIT: usize = 256;

/// Writes connections down, in gatherings.
pub(super) struct ConnectionJournal {
    pool: Pool,
    desk: Arc<Desk>,
}

/// Where rows wait while those before them are written.
#[derive(Default)]
struct Desk(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    rows: Vec<Row>,
    /// A task writes, and will look for more.
    is_manned: bool,
}

struct Row {
    connection: NewConnection,
    done: oneshot::Sender<Result<(), db::Error>>,
}

impl Desk {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a row down. Gives whether somebody has to come and write.
    fn put(&self, row: Row) -> bool {
        let mut waiting = self.waiting();
        waiting.rows.push(row);
        !mem::replace(&mut waiting.is_manned, true)
    }

    /// What is to be written next; nothing ends the work.
    fn take(&self) -> Option<Vec<Row>> {
        let mut waiting = self.waiting();
        let taken = waiting.rows.len().min(ROWS_LIMIT);
        waiting.is_manned = taken > 0;
        (taken > 0).then(|| waiting.rows.drain(..taken).collect())
    }
}

/// Whoever leaves the desk, be it in a panic, leaves it to the next.
struct AtDesk(Arc<Desk>);

impl Drop for AtDesk {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting();
        if waiting.is_manned {
            waiting.is_manned = false;
            // Who waits for these is told by the end of the channel.
            waiting.rows.clear();
        }
    }
}

impl ConnectionJournal {
    pub(super) fn new(pool: Pool) -> Self {
        Self {
            pool,
            desk: Arc::default(),
        }
    }

    /// Writes a connection down; it is committed when this returns.
    ///
    /// # Errors
    /// When the database does not answer, or the person, the client or the organization is gone.
    pub(super) async fn write(&self, connection: NewConnection) -> Result<(), db::Error> {
        let (done, outcome) = oneshot::channel();
        if self.desk.put(Row { connection, done }) {
            tokio::spawn(write_all(self.pool.clone(), AtDesk(Arc::clone(&self.desk))));
        }
        let stopped = |_| db::Error::Unavailable("the journal of connections stopped".to_owned());
        outcome.await.map_err(stopped)?
    }
}

async fn write_all(pool: Pool, desk: AtDesk) {
    while let Some(rows) = desk.0.take() {
        let (connections, waiting): (Vec<_>, Vec<_>) =
            rows.into_iter().map(|row| (row.connection, row.done)).unzip();
        let outcomes = write_gathering(&pool, &connections).await;
        for (done, outcome) in waiting.into_iter().zip(outcomes) {
            // Whoever asked may have gone.
            let _ = done.send(outcome);
        }
    }
}

/// The outcome of each of `connections`.
async fn write_gathering(pool: &Pool, connections: &[NewConnection]) -> Vec<Result<(), db::Error>> {
    let same_for_all = |outcome: Result<(), db::Error>| vec![outcome; connections.len()];
    let database = match pool.get().await {
        Ok(database) => database,
        Err(error) => return same_for_all(Err(error)),
    };
    let together = connections::insert(&database, connections).await;
    if connections.len() == 1 || !matches!(together, Err(db::Error::Fault(_))) {
        return same_for_all(together);
    }
    // One of them is about somebody who has just gone: the others are not to suffer from it.
    let mut outcomes = Vec::with_capacity(connections.len());
    for connection in connections {
        outcomes.push(connections::insert(&database, std::slice::from_ref(connection)).await);
    }
    outcomes
}
