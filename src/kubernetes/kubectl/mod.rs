//! What is known about kubectl's command line and its answers.

mod command_line;
mod stdin;
mod version;

pub use command_line::{CommandLine, Need, Refusal};
pub use stdin::wants_stdin;
pub use version::client_version;
