//! PostgreSQL: one file a table group, every query a named function.

pub mod catalog;
pub mod clients;
pub mod connections;
mod dsn;
mod error;
pub mod fixtures;
pub mod grants;
mod indexes;
pub mod migrate;
pub mod organizations;
pub mod outbox;
mod pool;
pub mod sessions;
mod snapshot;
pub mod users;

pub use deadpool_postgres::{Client, GenericClient, Transaction};
pub use dsn::{Dsn, InvalidDsn};
pub use error::{Error, Fault};
pub use pool::{Pool, PoolSettings, PoolStatus};
pub use snapshot::{PersonRow, SnapshotRow, journey_snapshot};
