//! The `mk8s` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    mk8s::cli::main(std::env::args_os().collect())
}
