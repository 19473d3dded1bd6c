//! What is known about kubectl's command line and its answers.

mod stdin;
mod version;

pub use stdin::wants_stdin;
pub use version::client_version;
