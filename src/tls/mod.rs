//! Certificates and connections: what a server shows, whom a client trusts, how it reaches the server.

pub mod authority;
pub mod certificate;
pub mod client;
pub mod connect;
pub mod ephemeral;
mod expiry;
pub mod export;
pub mod identity;
mod pin;
pub mod probe;
pub mod reason;
mod reload;
pub mod server;
mod stream;
pub mod trust;
mod verifier;

pub use authority::Authority;
pub use client::ClientTls;
pub use connect::{Alpn, ConnectError, Connector};
pub use expiry::is_near;
pub use identity::{Identity, IdentityFiles};
pub use server::ServerTls;
pub use stream::{Negotiated, Stream};
pub use trust::Trust;

use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;

/// What can go wrong with certificates and keys.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
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
    /// A file holds what it should, but it cannot be used.
    #[error("cannot use {}: {reason}", path.display())]
    Unusable {
        /// Which file.
        path: PathBuf,
        /// Why not.
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
    /// The name of a server is not well formed.
    #[error("{0:?} is not the name of a server: write a DNS name or an IP address")]
    Name(String),
}

/// The one cryptography provider of the program.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
