//! `mk8s completion`: completion scripts for shells.

use clap::{Args, Command};
use clap_complete::Shell;

use super::exit::Exit;
use super::output;

/// For which shell.
#[derive(Args)]
pub struct CompletionArgs {
    /// The shell
    shell: Shell,
}

/// Prints the script.
pub fn run(args: CompletionArgs, command: &mut Command) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "mk8s", &mut script);
    output::print(&String::from_utf8(script)?)
}
