//! What every integration test stands on: a database of its own.

mod database;
mod postgres;

pub use database::{TestDatabase, runtime};
