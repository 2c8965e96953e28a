//! What is wrong with a configuration.

use std::path::PathBuf;
use std::{fmt, io};

/// One violation: what is wrong with which variable. Never holds the value, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    pub variable: &'static str,
    pub problem: String,
}

impl fmt::Display for Issue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} at \"{}\"", self.problem, self.variable)
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Every violation that was found.
    #[error("Validation error: {}", join(.0))]
    Invalid(Vec<Issue>),
    /// A `.env` file is there and cannot be read: without it this could be another deployment.
    #[error("Validation error: cannot be read ({source}) at \"{file}\"")]
    UnreadableFile { file: String, source: io::Error },
    /// The secrets that a development machine keeps could not be read or written.
    #[error("cannot keep the development secret {}", path.display())]
    KeptSecret {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

fn join(issues: &[Issue]) -> String {
    issues
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}
