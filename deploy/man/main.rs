//! Writes the manual pages of all commands into a directory: `just man DIRECTORY`.

#![allow(clippy::disallowed_macros, reason = "nothing is lost with what it says")]

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(directory) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: man DIRECTORY");
        return ExitCode::from(2);
    };
    let written =
        std::fs::create_dir_all(&directory).and_then(|()| clap_mangen::generate_to(mk8s::cli::command(), &directory));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: cannot write manual pages into {}: {error}", directory.display());
            ExitCode::FAILURE
        }
    }
}
