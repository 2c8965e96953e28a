//! What a person does with an account: one method a use case, which gives an outcome. An outcome is a value, an error is a fault.

mod records;
mod session;
mod sign_in;

pub use records::SessionTable;
pub use session::{Device, OpenedSession, SessionNames, SessionRules};
pub use sign_in::{SignInOutcome, StartOutcome};

use identite_actors::clock::SharedClock;
use identite_actors::password_hasher::PasswordHasher;
use std::time::Duration;

use crate::db;

/// The use cases around an account.
#[derive(Clone)]
pub struct Accounts {
    pub(crate) pool: db::Pool,
    pub(crate) hasher: PasswordHasher,
    pub(crate) clock: SharedClock,
    pub(crate) session_rules: SessionRules,
    /// `FEATURE_PASSWORD_UPGRADE`: a verified hash of an older format is replaced after the answer has left.
    pub(crate) upgrades_passwords: bool,
}

impl Accounts {
    /// The use cases over these services.
    #[must_use]
    pub fn new(
        pool: db::Pool,
        hasher: PasswordHasher,
        clock: SharedClock,
        session_rules: SessionRules,
        upgrades_passwords: bool,
    ) -> Self {
        Self {
            pool,
            hasher,
            clock,
            session_rules,
            upgrades_passwords,
        }
    }
}

impl Accounts {
    /// The same use cases over another pool.
    #[must_use]
    pub fn with_pool(&self, pool: db::Pool) -> Self {
        Self { pool, ..self.clone() }
    }
}

/// Why a use case had no outcome.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    #[error(transparent)]
    Database(#[from] db::Error),
    /// Too many passwords wait to be checked.
    #[error("too many passwords wait to be checked")]
    Overloaded { retry_after: Duration },
    #[error("a password could not be hashed")]
    Hashing,
}
