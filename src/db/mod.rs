//! PostgreSQL: one file a table group, every query a named function.

pub mod catalog;
pub mod clients;
pub mod connections;
mod dsn;
mod error;
pub mod fixtures;
pub mod grants;
pub mod migrate;
mod pool;

pub use deadpool_postgres::{Client, GenericClient, Transaction};
pub use dsn::{Dsn, InvalidDsn};
pub use error::{Error, Fault};
pub use pool::{Pool, PoolSettings, PoolStatus};
