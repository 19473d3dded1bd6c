//! What can go wrong with the database, in the kinds that callers tell apart.

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError};
use tracing::error;

use crate::model::{ErrorCode, Failure};

/// Why the database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was to be changed does not exist.
    #[error("not found")]
    NotFound,
    /// What was to be written contradicts what is there; named as `table.column`.
    #[error("conflict on {0}")]
    Conflict(String),
    /// It works on other requests; trying again helps.
    #[error("the database is busy: try again")]
    Busy,
    /// It cannot be reached, or does not answer.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// A newer release of mk8s has written it: the migration that this one does not know.
    #[error("the database is of a newer release (it has migration {0}): start that release, or restore a backup")]
    Newer(String),
    /// A fault of ours, or of the database.
    #[error("the database refused a query")]
    Other(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What the functions of this room return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What PostgreSQL and SQLite say when another one holds what is needed.
const BUSY: &[&str] = &[
    "database is locked",
    "database schema is locked",
    "database table is locked",
    "deadlock detected",
    "canceling statement due to lock timeout",
    "canceling statement due to statement timeout",
];

/// What SQLite says when its file cannot be used, and PostgreSQL when it stops.
const UNAVAILABLE: &[&str] = &[
    "attempt to write a readonly database",
    "database or disk is full",
    "disk I/O error",
    "terminating connection due to administrator command",
    "unable to open database file",
];

impl From<Error> for Failure {
    /// What a user reads of an error that the caller of the store did not expect. The details are for the log.
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::new(ErrorCode::NotFound, "there is no such thing, or not any more"),
            Error::Conflict(_) => Self::new(ErrorCode::Conflict, "another change came first: look again and repeat"),
            Error::Busy | Error::Unavailable(_) => {
                let detail = "the database of central does not answer just now: try again in a few seconds";
                Self::new(ErrorCode::Unavailable, detail)
            }
            Error::Newer(_) | Error::Other(_) => {
                error!(error = chain(&error), "a database operation failed");
                Self::new(ErrorCode::Internal, "the database of central failed; its log says more")
            }
        }
    }
}

impl From<DieselError> for Error {
    fn from(error: DieselError) -> Self {
        use DatabaseErrorKind as Kind;
        match error {
            DieselError::NotFound => Self::NotFound,
            DieselError::BrokenTransactionManager => Self::Unavailable("the connection was lost".into()),
            DieselError::RollbackErrorOnCommit { commit_error, .. } => Self::from(*commit_error),
            DieselError::DatabaseError(
                Kind::UniqueViolation | Kind::ForeignKeyViolation | Kind::RestrictViolation | Kind::ExclusionViolation,
                information,
            ) => Self::Conflict(subject(&*information)),
            DieselError::DatabaseError(Kind::SerializationFailure, _) => Self::Busy,
            DieselError::DatabaseError(Kind::UnableToSendCommand | Kind::ClosedConnection, information) => {
                Self::Unavailable(information.message().to_owned())
            }
            DieselError::DatabaseError(_, ref i) if BUSY.contains(&i.message()) => Self::Busy,
            DieselError::DatabaseError(_, ref i) if UNAVAILABLE.contains(&i.message()) => {
                Self::Unavailable(i.message().to_owned())
            }
            // What PostgreSQL says of a full disk has a file's name in it.
            DieselError::DatabaseError(_, ref i) if i.message().contains("No space left on device") => {
                Self::Unavailable(i.message().to_owned())
            }
            other => Self::Other(Box::new(other)),
        }
    }
}

/// `users.email`. PostgreSQL gives the constraint's name, and the migrations name constraints so; SQLite says
/// "UNIQUE constraint failed: users.email". PostgreSQL's own text would depend on the server's language.
fn subject(information: &(dyn DatabaseErrorInformation + Send + Sync)) -> String {
    let message = information.message();
    information
        .constraint_name()
        .unwrap_or_else(|| message.rsplit_once(": ").map_or(message, |(_, subject)| subject))
        .to_owned()
}

/// An error and all that caused it, in one line.
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    std::iter::successors(Some(error), |e| e.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
