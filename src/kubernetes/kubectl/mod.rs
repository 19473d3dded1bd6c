//! What is known about kubectl's command line and its answers.

mod allow;
mod builtin;
mod command_line;
pub mod complete;
mod edit;
pub mod kustomization;
mod local;
mod needs;
mod output_form;
pub mod paths;
pub mod pattern;
mod redacted;
mod refusals;
mod stdin;
mod table;
mod values;
pub mod variables;
mod version;
mod words;

pub use command_line::{CommandLine, Need, Refusal};
pub use edit::{Edit, EditForm, edit, is_edit_help};
pub use local::local;
pub use output_form::{OutputForm, output_form};
pub use paths::{PathArgument, PathUse};
pub use stdin::{wants_stdin, wants_terminal};
pub use version::client_version;
pub use words::leaf;

#[cfg(debug_assertions)]
pub use command_line::switch_parser_off;
