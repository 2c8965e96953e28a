//! Locks that one process of many holds for as long as a connection lives.

use deadpool_postgres::{Client, Object, Transaction};
use tokio_postgres::types::ToSql;

use super::Error;
use super::pool::Pool;

/// A connection that holds a session-level advisory lock. It is closed when this is dropped, and the lock ends with it.
pub struct AdvisoryLock {
    client: Option<Client>,
}

impl AdvisoryLock {
    /// Takes a lock on a connection of `pool`; `None` when somebody else holds it. `statement` asks for it and tells whether it was
    /// granted.
    pub(super) async fn take(
        pool: &Pool,
        statement: &str,
        key: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Self>, Error> {
        let lock = Self {
            client: Some(pool.get().await?),
        };
        let row = lock.client().query_one(statement, key).await?;
        Ok(row.try_get::<_, bool>(0)?.then_some(lock))
    }

    /// The connection.
    ///
    /// # Panics
    /// Never: the connection is there until this is dropped.
    pub fn client(&self) -> &Client {
        self.client
            .as_ref()
            .expect("the connection is there until the drop")
    }

    /// A transaction on the connection.
    ///
    /// # Errors
    /// When the database does not answer.
    ///
    /// # Panics
    /// Never: the connection is there until this is dropped.
    pub async fn transaction(&mut self) -> Result<Transaction<'_>, Error> {
        let client = self
            .client
            .as_mut()
            .expect("the connection is there until the drop");
        Ok(client.transaction().await?)
    }
}

impl Drop for AdvisoryLock {
    fn drop(&mut self) {
        // Not back to the pool: whoever got it next would hold the lock.
        drop(self.client.take().map(Object::take));
    }
}
