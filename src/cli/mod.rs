//! Subcommands of the executable. No rule lives here.

mod check;
mod clients;
mod database;
mod keys;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use secrecy::ExposeSecret;
use tokio::runtime::Runtime;

use crate::config::{Config, ConfigError};

/// `ProConnect Identité`: the `OpenID Connect` identity server for professionals.
#[derive(Debug, Parser)]
#[command(name = "identite", version, about, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve people, relying parties and operators until stopped (SIGTERM, SIGINT).
    Serve,
    /// Print the effective configuration, secrets masked, and what is unsafe in it.
    Check,
    /// Bring the database to the schema of this version; safe to run again and by several nodes at once.
    Migrate,
    /// The development data set.
    #[command(subcommand)]
    Fixtures(FixturesCommand),
    /// Signing keys.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Relying parties.
    #[command(subcommand)]
    Clients(clients::ClientsCommand),
}

#[derive(Debug, Subcommand)]
enum FixturesCommand {
    /// Load the data set; safe to run again.
    Load,
}

/// Why a command failed; the message is for the operator.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Migration(#[from] crate::db::migrate::MigrateError),
    #[error(transparent)]
    Database(#[from] crate::db::Error),
    #[error(transparent)]
    Serve(#[from] crate::server::ServeError),
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Runs the command that the arguments name.
#[must_use]
#[expect(
    clippy::print_stderr,
    reason = "a command tells its failure on the standard error"
)]
pub fn run() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Serve => serve::serve(),
        Command::Check => check::check(),
        Command::Migrate => database::migrate(),
        Command::Fixtures(FixturesCommand::Load) => database::load_fixtures(),
        Command::Keys(command) => keys::run(command),
        Command::Clients(command) => clients::run(command),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn load_config() -> Result<Config, CommandError> {
    Ok(Config::load(|| {
        let jwks = identite_actors::keys::generate().expect("OpenSSL makes RSA, P-256 and Ed25519 keys");
        jwks.expose_secret().to_owned()
    })?)
}

/// The runtime that drives what all threads share: database, state store, mail and HTTP connections.
fn shared_runtime() -> Result<Runtime, CommandError> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .thread_name("identite-io")
        .enable_all()
        .build()?)
}
