//! How a database fails, in the few ways that a caller can do something about.

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError};
use tracing::error;

use crate::model::{ErrorCode, Failure};

/// A failed operation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such row.
    #[error("there is no such row")]
    NotFound,
    /// A constraint, such as `users.email`, does not allow it.
    #[error("it conflicts with {0}")]
    Conflict(String),
    /// Others hold what is needed, or the database is slow.
    #[error("the database is busy")]
    Busy,
    /// The database cannot be reached.
    #[error("the database does not answer: {0}")]
    Unavailable(String),
    /// The database was written by a newer version.
    #[error("its schema is newer than this version of mk8s knows ({0}): upgrade mk8s")]
    Newer(String),
    /// Anything else: a fault of ours.
    #[error("{0}")]
    Other(Box<dyn std::error::Error + Send + Sync>),
}

/// The result of an operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<DieselError> for Error {
    fn from(error: DieselError) -> Self {
        use DatabaseErrorKind::{
            ClosedConnection, ExclusionViolation, ForeignKeyViolation, RestrictViolation, SerializationFailure,
            UnableToSendCommand, UniqueViolation,
        };
        match &error {
            DieselError::NotFound => Self::NotFound,
            DieselError::DatabaseError(kind, what) => match kind {
                UniqueViolation | ForeignKeyViolation | RestrictViolation | ExclusionViolation => {
                    Self::Conflict(subject(&**what))
                }
                UnableToSendCommand | ClosedConnection => Self::Unavailable(what.message().to_owned()),
                SerializationFailure => Self::Busy,
                _ if is_busy(what.message()) => Self::Busy,
                _ => Self::Other(Box::new(error)),
            },
            _ => Self::Other(Box::new(error)),
        }
    }
}

/// Whether a message means that others were faster. PostgreSQL cancels what takes longer than it may.
fn is_busy(message: &str) -> bool {
    message == "database is locked"
        || message == "deadlock detected"
        || message.starts_with("canceling statement due to ")
}

/// `users.email`, out of "UNIQUE constraint failed: users.email" (SQLite) or "Key (email)=(x) already exists."
/// (PostgreSQL). Never the value.
fn subject(what: &(dyn DatabaseErrorInformation + Send + Sync)) -> String {
    let columns = what.details().and_then(|details| details.strip_prefix("Key (")?.split_once(")=("));
    match (what.table_name(), columns) {
        (Some(table), Some((columns, _))) => format!("{table}.{columns}"),
        _ => what.message().rsplit_once(": ").map_or(what.message(), |(_, what)| what).to_owned(),
    }
}

impl From<Error> for Failure {
    /// What a user reads when it was not expected. The details are for the log.
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::new(ErrorCode::NotFound, "there is no such thing, or not any more"),
            Error::Conflict(_) => Self::new(ErrorCode::Conflict, "another change came first: look again and repeat"),
            Error::Busy | Error::Unavailable(_) => {
                let detail = "the database of central does not answer just now: try again in a few seconds";
                Self::new(ErrorCode::Unavailable, detail)
            }
            Error::Newer(_) | Error::Other(_) => {
                error!(%error, "a database operation failed");
                Self::new(ErrorCode::Internal, "the database of central failed; its log says more")
            }
        }
    }
}
