//! What can go wrong between us and PostgreSQL.

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

/// A statement that was not carried out.
///
/// Holds texts of ours and of the server, never the values of a row: the server's DETAIL lines are left out, for an
/// error ends in a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nobody answered in time, or whoever did cannot serve now. Trying again later may succeed.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The database answered, and the answer is a refusal or makes no sense: trying again changes nothing.
    #[error("{0}")]
    Fault(Fault),
}

/// A refused statement or an answer that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the database refused a statement: {message} (SQLSTATE {})", code.as_deref().unwrap_or("none"))]
pub struct Fault {
    /// SQLSTATE, when the refusal is the server's.
    pub code: Option<String>,
    /// The primary message of the server or of the driver.
    pub message: String,
    /// The constraint that the statement would have broken.
    pub constraint: Option<String>,
}

impl Error {
    /// Whether the caller should say "come back later" instead of "something is broken".
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// The unique constraint or unique index that refused a row already there.
    #[must_use]
    pub fn duplicate_of(&self) -> Option<&str> {
        match self {
            Self::Fault(fault) if fault.code.as_deref() == Some(SqlState::UNIQUE_VIOLATION.code()) => {
                fault.constraint.as_deref()
            }
            _ => None,
        }
    }

    /// Whether the server does not know a table that the statement names.
    #[must_use]
    pub fn is_undefined_table(&self) -> bool {
        matches!(self, Self::Fault(fault) if fault.code.as_deref() == Some(SqlState::UNDEFINED_TABLE.code()))
    }

    /// An answer which does not have the shape that the statement asked for.
    pub(super) fn unreadable(message: impl Into<String>) -> Self {
        Self::Fault(Fault {
            code: None,
            message: message.into(),
            constraint: None,
        })
    }
}

/// SQLSTATE values and classes under which the server cannot serve anybody, or not within the deadline: connection
/// exceptions, insufficient resources, shutdown and recovery, a statement that outlived `statement_timeout`, a server that became
/// a standby, and a transaction that gave way to another.
fn is_passing(code: &SqlState) -> bool {
    let code = code.code();
    code.starts_with("08")
        || code.starts_with("53")
        || [
            SqlState::QUERY_CANCELED.code(),
            SqlState::ADMIN_SHUTDOWN.code(),
            SqlState::CRASH_SHUTDOWN.code(),
            SqlState::CANNOT_CONNECT_NOW.code(),
            SqlState::LOCK_NOT_AVAILABLE.code(),
            SqlState::READ_ONLY_SQL_TRANSACTION.code(),
            SqlState::T_R_DEADLOCK_DETECTED.code(),
            SqlState::T_R_SERIALIZATION_FAILURE.code(),
        ]
        .contains(&code)
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(refusal) = error.as_db_error() {
            let message = refusal.message().to_owned();
            if is_passing(refusal.code()) {
                return Self::Unavailable(format!("{message} (SQLSTATE {})", refusal.code().code()));
            }
            return Self::Fault(Fault {
                code: Some(refusal.code().code().to_owned()),
                message,
                constraint: refusal.constraint().map(ToOwned::to_owned),
            });
        }
        let lost_on_the_way = error.is_closed() || has_io_cause(&error);
        if lost_on_the_way {
            Self::Unavailable(error.to_string())
        } else {
            Self::unreadable(error.to_string())
        }
    }
}

fn has_io_cause(error: &tokio_postgres::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(current) = cause {
        if current.is::<std::io::Error>() || current.is::<openssl::ssl::Error>() {
            return true;
        }
        cause = current.source();
    }
    false
}

impl From<PoolError> for Error {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => {
                // Whatever forbids a connection (a wrong password, an unknown database) may be set right while we run.
                Self::Unavailable(match Self::from(error) {
                    Self::Unavailable(reason) => reason,
                    Self::Fault(fault) => fault.to_string(),
                })
            }
            other => Self::Unavailable(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_or_stopping_server_is_unavailable() {
        for state in [
            SqlState::TOO_MANY_CONNECTIONS,
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CONNECTION_FAILURE,
            SqlState::QUERY_CANCELED,
            SqlState::READ_ONLY_SQL_TRANSACTION,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::T_R_SERIALIZATION_FAILURE,
        ] {
            assert!(is_passing(&state), "{state:?}");
        }
        for state in [
            SqlState::UNIQUE_VIOLATION,
            SqlState::UNDEFINED_COLUMN,
            SqlState::NOT_NULL_VIOLATION,
        ] {
            assert!(!is_passing(&state), "{state:?}");
        }
    }

    #[test]
    fn a_duplicate_names_its_constraint() {
        let duplicate = Error::Fault(Fault {
            code: Some("23505".to_owned()),
            message: "duplicate key value".to_owned(),
            constraint: Some("index_users_on_email".to_owned()),
        });
        assert_eq!(duplicate.duplicate_of(), Some("index_users_on_email"));
        assert_eq!(Error::unreadable("x").duplicate_of(), None);
    }
}
