//! PostgreSQL: one file a table group, every query a named function.

pub mod authenticators;
pub mod browsers;
pub mod catalog;
pub mod clients;
pub mod connections;
pub mod credentials;
pub mod deliverability;
mod dsn;
pub mod email_codes;
mod error;
pub mod events;
pub mod fixtures;
pub mod franceconnect;
pub mod grants;
mod indexes;
pub mod magic_links;
pub mod memberships;
pub mod migrate;
pub mod moderations;
pub mod organization_info;
pub mod organizations;
pub mod outbox;
pub mod password_resets;
mod pool;
pub mod recovery_codes;
pub mod second_factors;
pub mod session_clients;
pub mod sessions;
mod snapshot;
pub mod users;

pub use deadpool_postgres::{Client, GenericClient, Transaction};
pub use dsn::{Dsn, InvalidDsn};
pub use error::{Error, Fault};
pub use pool::{Pool, PoolSettings, PoolStatus};
pub use snapshot::{PersonRow, SnapshotRow, journey_snapshot};
