//! The HTTP client of central: what the command line calls.

mod error;
mod exec;
mod http;

pub use error::ClientError;
pub use exec::{ExecReader, ExecWriter};
pub use http::{Client, Health};
