//! What tests of the whole server stand on: a database of their own, the real program, its mailbox, a person's browser,
//! a relying party.

#![allow(
    dead_code,
    unused_imports,
    reason = "each test binary uses its own part of the harness"
)]

mod database;
mod npm;
mod page;
mod postgres;
mod process;
mod relying_party;
mod server;
mod smtp;
mod visitor;

pub use database::{TestDatabase, runtime};
pub use npm::npm_packages;
pub use page::{Form, Page};
pub use process::Process;
pub use relying_party::{DemoRelyingParty, RelyingParty};
pub use server::{Options, TestServer};
pub use smtp::{Behaviour, Mail, Mailbox};
pub use visitor::Visitor;

/// The account of the development data that documents name: three organizations, no second factor.
pub const EMAIL: &str = "user@yopmail.com";
/// Its password.
pub const PASSWORD: &str = "user@yopmail.com";

/// A port of the loopback interface that nobody listens on now.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("the address of the listener").port()
}
