//! Subcommands of the executable. No rule lives here.

mod audit;
mod check;
mod clients;
mod database;
mod delete_all;
mod import;
mod keys;
mod mock_data;
mod organizations;
mod secrets;
mod serve;
mod statistics;
mod streams;
mod tool;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use secrecy::ExposeSecret;
use tokio::runtime::Runtime;

use self::organizations::OrganizationsCommand;
use crate::config::{Config, ConfigError, Mode};

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
    /// Bring the database to the schema of this version; safe to run again and by several nodes at once. With `RUN_FIXTURES=True` the
    /// development data set is loaded, too.
    Migrate {
        /// Only tell what would be done, and what stands in the way.
        #[arg(long)]
        check: bool,
    },
    /// The development data set.
    #[command(subcommand)]
    Fixtures(FixturesCommand),
    /// Bring accounts or e-mail domains in from CSV files.
    #[command(subcommand)]
    Import(import::ImportCommand),
    /// Records of remote systems that are played.
    #[command(subcommand)]
    MockData(mock_data::MockDataCommand),
    /// Empty a test database.
    DeleteAll(delete_all::DeleteAll),
    /// The anonymised copy for statistics.
    #[command(subcommand)]
    Statistics(statistics::StatisticsCommand),
    /// The trail of what was done.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Signing keys.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// The key that secrets are encrypted with.
    #[command(subcommand)]
    Secrets(secrets::SecretsCommand),
    /// Relying parties.
    #[command(subcommand)]
    Clients(clients::ClientsCommand),
    /// What the register says of organizations.
    #[command(subcommand)]
    Organizations(OrganizationsCommand),
}

#[derive(Debug, Subcommand)]
enum FixturesCommand {
    /// Apply pending migrations and load the data set; safe to run again.
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
    /// It came to its end, and some of what it was given was not taken.
    #[error("{0}")]
    Incomplete(String),
    /// A signal ended it; it can be gone on with.
    #[error("{0}")]
    Interrupted(String),
    /// Arguments that make no sense together.
    #[error("{0}")]
    Usage(String),
    /// What it had to tell could not be written.
    #[error("the standard output: {0}")]
    Stdout(std::io::Error),
    #[error("{}: {error}", .path.display())]
    File { path: PathBuf, error: std::io::Error },
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl CommandError {
    /// What went wrong with the file at `path`.
    fn in_file(path: &Path, error: std::io::Error) -> Self {
        Self::File {
            path: path.to_owned(),
            error,
        }
    }

    /// What the shell is told: 1 when it failed, 3 when it left something out, 130 when it was interrupted. 2 stands for
    /// arguments that make no sense.
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Incomplete(_) => ExitCode::from(3),
            Self::Interrupted(_) => ExitCode::from(130),
            _ => ExitCode::FAILURE,
        }
    }
}

/// Runs the command that the arguments name.
#[must_use]
pub fn run() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Serve => serve::serve(),
        Command::Check => check::check(),
        Command::Migrate { check: false } => database::migrate(),
        Command::Migrate { check: true } => database::check_migration(),
        Command::Fixtures(FixturesCommand::Load) => database::load_fixtures(),
        Command::Keys(command) => keys::run(command),
        Command::Secrets(command) => secrets::run(command),
        Command::Clients(command) => clients::run(command),
        Command::Import(command) => import::run(command),
        Command::MockData(command) => mock_data::run(command),
        Command::DeleteAll(arguments) => delete_all::run(&arguments),
        Command::Statistics(command) => statistics::run(command),
        Command::Audit(command) => audit::run(command),
        Command::Organizations(OrganizationsCommand::Refresh(arguments)) => {
            organizations::refresh(&arguments)
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            streams::remark(format_args!("{error}"));
            error.exit_code()
        }
    }
}

fn load_config() -> Result<Config, CommandError> {
    Ok(Config::load(generate_jwks)?)
}

/// What `SIGHUP` reads in a process that runs as `running`.
fn load_config_again(running: Mode) -> Result<Config, ConfigError> {
    Config::load_again(running, generate_jwks)
}

fn generate_jwks() -> String {
    let jwks = identite_actors::keys::generate().expect("OpenSSL makes RSA, P-256 and Ed25519 keys");
    jwks.expose_secret().to_owned()
}

/// The runtime that drives what all threads share: database, state store, mail and HTTP connections.
fn shared_runtime() -> Result<Runtime, CommandError> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .thread_name("identite-io")
        .enable_all()
        .build()?)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// What operators read.
    const MANUAL: &str = include_str!("../../docs/OPERATIONS.md");
    /// The schedule of the hosting platform: five fields for the time, then the command.
    const CRON: &str = include_str!("../../cron.json");
    const UNITS: [&str; 2] = [
        include_str!("../../ops/systemd/identite.service"),
        include_str!("../../ops/systemd/identite-statistics.service"),
    ];

    #[test]
    fn whatever_starts_by_itself_is_a_command() {
        let schedule: serde_json::Value = serde_json::from_str(CRON).unwrap();
        let jobs = schedule["jobs"].as_array().unwrap().iter();
        let scheduled = jobs.map(|job| job["command"].as_str().unwrap().splitn(6, ' ').last().unwrap());
        let of_units = UNITS.iter().flat_map(|unit| unit.lines()).filter_map(|line| {
            line.strip_prefix("ExecStart=")
                .or_else(|| line.strip_prefix("ExecStartPre="))
        });
        let commands: Vec<&str> = scheduled.chain(of_units).collect();
        assert_eq!(commands.len(), 4, "{commands:?}");
        for command in commands {
            let parsed = Arguments::try_parse_from(command.split(' '));
            assert!(parsed.is_ok(), "{command}");
        }
    }

    /// Whether the manual has `text` with no letter, digit or hyphen after it.
    fn is_in_the_manual(text: &str) -> bool {
        let goes_on = |character: char| character == '-' || character.is_ascii_alphanumeric();
        MANUAL
            .match_indices(text)
            .any(|(at, _)| !MANUAL[at + text.len()..].starts_with(goes_on))
    }

    /// Collects what is not in the manual of `command`, whose words behind `identite` are `words`, and of those below it.
    fn collect_unknown(command: &clap::Command, words: &str, unknown: &mut Vec<String>) {
        let flags = command.get_arguments().filter_map(clap::Arg::get_long);
        unknown.extend(
            flags
                .map(|flag| format!("--{flag}"))
                .filter(|flag| !is_in_the_manual(flag))
                .map(|flag| format!("{words} {flag}")),
        );
        if !command.has_subcommands() {
            let is_named = ["`", "`identite "]
                .iter()
                .any(|before| is_in_the_manual(&format!("{before}{words}")));
            if !is_named {
                unknown.push(words.to_owned());
            }
        }
        for subcommand in command.get_subcommands() {
            let words = format!("{words} {}", subcommand.get_name());
            collect_unknown(subcommand, words.trim_start(), unknown);
        }
    }

    #[test]
    fn the_manual_names_every_command_and_flag() {
        let mut unknown = Vec::new();
        collect_unknown(&Arguments::command(), "", &mut unknown);
        assert!(unknown.is_empty(), "not in docs/OPERATIONS.md: {unknown:#?}");
    }
}
