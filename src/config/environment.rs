//! The words that a few variables accept, and the three of them that decide about the defaults of others.

use url::Url;

use super::error::{ConfigError, Issue};
use super::server::{DEFAULT_HOST, is_this_machine};

/// A variable that accepts one of a few words.
pub trait Choice: Sized + Copy + 'static {
    /// The accepted words with what each stands for.
    const WORDS: &'static [(&'static str, Self)];
}

/// `DEPLOY_ENV`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeployEnv {
    /// A developer's machine or a test: mocks are served, missing secrets are made.
    Localhost,
    Preview,
    Production,
    /// A deployment for trying out: subjects of mails begin with `Test - `.
    Sandbox,
}

impl DeployEnv {
    #[must_use]
    pub fn is_localhost(self) -> bool {
        self == Self::Localhost
    }

    /// The word that stands for it, as in `DEPLOY_ENV`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        word_of(self)
    }
}

impl Choice for DeployEnv {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("localhost", Self::Localhost),
        ("preview", Self::Preview),
        ("production", Self::Production),
        ("sandbox", Self::Sandbox),
    ];
}

/// `NODE_ENV`. The name comes from the implementation that this server replaces; operators keep their settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeEnv {
    Production,
    Development,
    Test,
}

impl NodeEnv {
    /// The word that stands for it, as in `NODE_ENV`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        word_of(self)
    }
}

impl Choice for NodeEnv {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("production", Self::Production),
        ("development", Self::Development),
        ("test", Self::Test),
    ];
}

/// Which deployment a process is, and with which profile. Neither changes while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode {
    /// `DEPLOY_ENV`
    pub deploy_env: DeployEnv,
    /// `NODE_ENV`
    pub node_env: NodeEnv,
}

impl Mode {
    /// Refuses another mode than this one, that of the running process.
    pub(super) fn check(self, found: &Surroundings) -> Result<(), ConfigError> {
        let expected = |variable, word: &str| Issue {
            variable,
            problem: format!("expected {word}, as this process runs: another one takes a restart"),
        };
        let mut issues = Vec::new();
        if self.deploy_env != found.deploy_env {
            issues.push(expected("DEPLOY_ENV", self.deploy_env.as_str()));
        }
        if self.node_env != found.node_env {
            issues.push(expected("NODE_ENV", self.node_env.as_str()));
        }
        if issues.is_empty() {
            Ok(())
        } else {
            Err(ConfigError::Invalid(issues))
        }
    }
}

/// `LOG_LEVEL`, from the most to the least talkative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

impl Choice for LogLevel {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("trace", Self::Trace),
        ("debug", Self::Debug),
        ("info", Self::Info),
        ("warn", Self::Warn),
        ("error", Self::Error),
        ("fatal", Self::Fatal),
    ];
}

impl LogLevel {
    /// The level that a word names.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let named = Self::WORDS.iter().find(|(candidate, _)| *candidate == word);
        named.map(|(_, level)| *level)
    }

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        word_of(self)
    }
}

/// `LOG_FORMAT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// A dated line for people; the access log in Apache's combined format.
    Human,
    /// A JSON object a line, for both logs.
    Json,
}

impl Choice for LogFormat {
    const WORDS: &'static [(&'static str, Self)] = &[("human", Self::Human), ("json", Self::Json)];
}

fn word_of<T: Choice + PartialEq>(value: T) -> &'static str {
    T::WORDS
        .iter()
        .find(|(_, candidate)| *candidate == value)
        .map_or("", |(word, _)| word)
}

/// What the defaults of other variables depend on, read leniently: a wrong value is reported by the reading proper.
pub(super) struct Surroundings {
    pub deploy_env: DeployEnv,
    pub node_env: NodeEnv,
    pub base_url: String,
}

impl Surroundings {
    pub fn of(source: &impl Fn(&str) -> Option<String>) -> Self {
        let host = source("HOST").unwrap_or_else(|| DEFAULT_HOST.to_owned());
        Self {
            deploy_env: lenient(source("DEPLOY_ENV"), DeployEnv::Localhost, DeployEnv::Production),
            node_env: lenient(source("NODE_ENV"), NodeEnv::Development, NodeEnv::Production),
            base_url: host.trim_end_matches('/').to_owned(),
        }
    }

    /// Whether `DEPLOY_ENV` tells of a developer's machine and `HOST` of a site that others visit.
    pub fn is_misplaced(&self) -> bool {
        let is_site = |host: Url| host.scheme() == "https" && !is_this_machine(&host);
        self.deploy_env.is_localhost() && Url::parse(&self.base_url).is_ok_and(is_site)
    }
}

fn lenient<T: Choice>(given: Option<String>, default: T, when_unknown: T) -> T {
    let Some(given) = given else { return default };
    T::WORDS
        .iter()
        .find(|(word, _)| *word == given)
        .map_or(when_unknown, |(_, value)| *value)
}
