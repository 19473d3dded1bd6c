//! Why central could not be asked, or what it refused.

use crate::model::Problem;
use crate::tls::{ConnectError, TlsError};

/// A failed call.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The URL of central is wrong.
    #[error("{0:?} is not the URL of a central: write it as https://mk8s.example.com")]
    Url(String),
    /// Certificates.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Central answered, with a refusal.
    #[error("{}", .0.detail)]
    Problem(Box<Problem>),
    /// Something other than central answered, or in a way that this version does not understand.
    #[error("the server gave no usable answer: {0}")]
    Protocol(String),
    /// The connection ended while a command was running.
    #[error("the connection to central was lost; the command may have been carried out in part")]
    Lost,
}
