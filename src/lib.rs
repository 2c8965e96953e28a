//! The OpenID Connect identity server for professionals and their organizations.
//!
//! Rooms and floors are drawn in `docs/ARCHITECTURE.md`; a room uses only the floors below it.

pub mod accounts;
pub mod certification;
pub mod cli;
pub mod config;
pub mod connectors;
pub mod db;
pub mod domain;
pub mod imports;
pub mod journey;
pub mod mail;
pub mod mfa;
pub mod oidc;
pub mod organizations;
pub mod server;
pub mod telemetry;
pub mod testing;
pub mod web;

#[cfg(test)]
mod floors;
#[cfg(test)]
mod guard;
#[cfg(test)]
mod promises;
