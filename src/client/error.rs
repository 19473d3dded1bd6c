//! Why central could not be asked, or what it refused.

use crate::model::Problem;
use crate::tls::{ConnectError, TlsError};

/// A failed call. None of them holds a password or a token.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The URL of central is wrong.
    #[error("{0:?} is not the URL of a central: write it as https://mk8s.example.com")]
    Url(String),
    /// A password or token would have left this machine unencrypted.
    #[error("{0:?} would send passwords and tokens unencrypted: use https://, http:// is for loopback hosts only")]
    Unencrypted(String),
    /// The token cannot be one.
    #[error("the token is empty, or holds white space or characters that no token has")]
    MalformedToken,
    /// Certificates.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Central answered, with a refusal.
    #[error("{}", .0.detail)]
    Problem(Box<Problem>),
    /// Central does not accept the API token.
    #[error("the API token (MK8S_TOKEN) was refused: {}", .0.detail)]
    ApiToken(Box<Problem>),
    /// Something other than central answered, or in a way that this version does not understand.
    #[error("the server gave no usable answer: {0}")]
    Protocol(String),
    /// Central took the request and did not answer it.
    #[error("central did not answer within {0} s")]
    Timeout(u64),
    /// What is shown to central could not be renewed.
    #[error("the session cannot be renewed: {0}")]
    Session(String),
    /// The connection ended while a command was running.
    #[error("the connection to central was lost; the command may have been carried out in part")]
    Lost,
}

impl ClientError {
    /// What central refused, if it did.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) | Self::ApiToken(problem) => Some(problem),
            _ => None,
        }
    }
}
