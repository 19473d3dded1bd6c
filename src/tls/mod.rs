//! Certificates and connections: what a server shows, whom a client trusts, how it reaches the server.

pub mod authority;
pub mod connect;
pub mod ephemeral;
pub mod export;
mod pin;
pub mod probe;
pub mod server;
pub mod trust;

pub use authority::Authority;
pub use connect::{Alpn, ConnectError, Connector, Stream};
pub use trust::Trust;

use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;

/// What can go wrong with certificates and keys.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file could not be read or written.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was being done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("{} does not hold {expected}: {reason}", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What was looked for.
        expected: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A certificate could not be made.
    #[error("cannot make a certificate")]
    Generate(#[from] rcgen::Error),
    /// The TLS library refused what it was given.
    #[error("cannot set up TLS")]
    Rustls(#[from] rustls::Error),
    /// A pin is not well formed.
    #[error("{0:?} is not a certificate pin: write sha256: and 64 hexadecimal digits")]
    Pin(String),
}

/// The one cryptography provider of the program.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
