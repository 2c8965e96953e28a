//! What lets us into a remote system for a while. Who keeps it from one call to the next is a port.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use chrono::TimeDelta;
use secrecy::SecretString;

use super::call::CallError;

/// What a login brought.
#[derive(Debug, Clone)]
pub struct TokenGrant {
    pub token: SecretString,
    /// How long it lets us in.
    pub life: TimeDelta,
}

/// Whoever keeps the token of a remote system: one login in flight, however many wait for it.
#[async_trait]
pub trait TokenKeeper: Send + Sync {
    /// A token to call with; another one than `refused`, if the system refused that.
    ///
    /// # Errors
    /// When a login was needed and failed.
    async fn token(&self, refused: Option<&Arc<SecretString>>) -> Result<Arc<SecretString>, CallError>;
}

/// What `keeper` gives ([`TokenKeeper::token`]), waited for until `until`. A login that takes longer goes on for whoever comes next.
///
/// # Errors
/// When a login was needed and failed, or is not over in time.
pub(super) async fn token_by(
    until: Instant,
    keeper: &dyn TokenKeeper,
    refused: Option<&Arc<SecretString>>,
) -> Result<Arc<SecretString>, CallError> {
    tokio::time::timeout_at(until.into(), keeper.token(refused))
        .await
        .unwrap_or(Err(CallError::Timeout))
}
