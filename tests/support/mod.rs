//! What tests of the whole server stand on: a database of their own, the real program, its mailbox, a person's browser,
//! a relying party.

#![allow(
    dead_code,
    unused_imports,
    reason = "each test binary uses its own part of the harness"
)]

pub mod authenticator;
mod database;
mod detour;
mod franceconnect;
mod http;
mod npm;
mod packages;
mod page;
mod ports;
mod postgres;
mod process;
mod receiver;
mod redis;
mod relying_party;
mod server;
mod smtp;
mod totp_application;
mod visitor;
pub mod wire;

pub use authenticator::{Authenticator, KeyKind};
pub use database::{TestDatabase, runtime};
pub use detour::Detour;
pub use franceconnect::{FakeFranceConnect, Script};
pub use http::{http_client, http_client_builder, http_get};
pub use npm::npm_packages;
pub use packages::{debian_packages, python_with};
pub use page::{Form, Page};
pub use ports::free_port;
pub use postgres::{as_server_user as server_user_command, program as server_program};
pub use process::Process;
pub use receiver::Receiver;
pub use redis::TestRedis;
pub use relying_party::{DemoRelyingParty, RelyingParty, parameter};
pub use server::{Node, Options, TestServer, identite};
pub use smtp::{Behaviour, Mail, Mailbox};
pub use totp_application::{TotpApplication, wait_for_a_period};
pub use visitor::Visitor;

/// The account of the development data that documents name: three organizations, no second factor.
pub const EMAIL: &str = "user@yopmail.com";
/// Its password.
pub const PASSWORD: &str = "user@yopmail.com";

/// One of the three organizations of that account.
pub const ORGANIZATION: i32 = 1;

/// How large a test makes something: the variable `name`, or else `usual`, which is quick.
pub fn number_from_environment<N: std::str::FromStr>(name: &str, usual: N) -> N {
    let value = std::env::var(name).ok();
    value.map_or(usual, |value| value.parse().ok().expect("a number"))
}
