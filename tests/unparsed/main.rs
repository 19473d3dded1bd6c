//! The `mk8s` program without its parser of kubectl's command lines: so tests can show that the gate and the sandbox,
//! which stand behind the parser, hold without it.

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(debug_assertions)]
    mk8s::kubernetes::kubectl::switch_parser_off();
    mk8s::cli::main(std::env::args_os().collect())
}
