//! What the cache needs from outside.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

/// What a register says of a key.
#[derive(Debug, PartialEq, Eq)]
pub enum Finding<V, N> {
    Present(Arc<V>),
    /// The register answered that there is nothing, and why.
    Absent(N),
}

impl<V, N: Clone> Clone for Finding<V, N> {
    fn clone(&self) -> Self {
        match self {
            Self::Present(value) => Self::Present(value.clone()),
            Self::Absent(reason) => Self::Absent(reason.clone()),
        }
    }
}

/// A finding and its age.
#[derive(Debug, PartialEq, Eq)]
pub struct Known<V, N> {
    pub finding: Finding<V, N>,
    /// When the register said so.
    pub as_of: DateTime<Utc>,
}

impl<V, N: Clone> Clone for Known<V, N> {
    fn clone(&self) -> Self {
        Self {
            finding: self.finding.clone(),
            as_of: self.as_of,
        }
    }
}

/// Why a register gave no usable answer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}")]
pub struct SourceError {
    /// For the log.
    pub reason: String,
    /// The register asked to be left alone for this long.
    pub pause: Option<Duration>,
}

/// The register.
#[async_trait]
pub trait Source<V, N>: Send + Sync {
    /// Asks about `key`. Whoever implements it bounds the time that it takes and leaves a failing register alone.
    ///
    /// # Errors
    /// When there was no usable answer: nothing is known then.
    async fn fetch(&self, key: &str) -> Result<Finding<V, N>, SourceError>;
}

/// What was found earlier, by this process or another.
#[derive(Debug)]
pub struct Shelved<V> {
    pub value: Arc<V>,
    pub as_of: DateTime<Utc>,
}

impl<V> Clone for Shelved<V> {
    fn clone(&self) -> Self {
        Self {
            value: self.value.clone(),
            as_of: self.as_of,
        }
    }
}

type ShelfError = Box<dyn std::error::Error + Send + Sync>;

/// Where findings outlive the process.
#[async_trait]
pub trait Shelf<V>: Send + Sync {
    /// What is kept of `key`.
    ///
    /// # Errors
    /// When the shelf cannot be read.
    async fn load(&self, key: &str) -> Result<Option<Shelved<V>>, ShelfError>;

    /// Keeps what the register said at `as_of`, if this shelf has a place for `key`.
    ///
    /// # Errors
    /// When it cannot be kept.
    async fn save(&self, key: &str, value: &V, as_of: DateTime<Utc>) -> Result<(), ShelfError>;
}
