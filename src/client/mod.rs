//! The HTTP client of central: what the command line calls. One file per noun.

mod audit;
mod auth;
mod authority;
mod clusters;
mod credential;
mod error;
mod exec;
#[cfg(test)]
pub(crate) mod fake;
mod http;
mod path;
mod roles;
mod tokens;
mod users;

pub use credential::Credential;
pub use error::ClientError;
pub use exec::{ExecReader, ExecWriter};
pub use http::{Client, Health};
