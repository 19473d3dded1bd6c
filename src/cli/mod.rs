//! The command line: parse, call, print.

mod arguments;
mod clusters;
mod completion;
mod config;
mod demo;
mod exit;
mod kubectl;
mod login;
mod output;
mod runtime;
mod serve;
mod session;
mod status;
mod version;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use exit::Exit;
use session::SessionArgs;

/// kubectl to every cluster through one hub.
#[derive(Parser)]
#[command(name = "mk8s", version = version::short(), about, after_help = exit::HELP, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    session: SessionArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Remember a central and check that it answers
    Login(login::LoginArgs),
    /// Forget the central that was logged in to
    Logout,
    /// Show which central and cluster are in use, and whether they answer
    Status(output::OutputArgs),
    /// Show the clusters, or choose the current one
    #[command(subcommand)]
    Clusters(clusters::ClustersCommand),
    /// Run kubectl in a cluster; everything after this word is kubectl's
    #[command(visible_alias = "k", disable_help_flag = true)]
    Kubectl(kubectl::KubectlArgs),
    /// Run a server
    #[command(subcommand)]
    Serve(serve::ServeCommand),
    /// Run central and an agent for the current kube context, on this machine only
    Demo(demo::DemoArgs),
    /// Write, check or show a configuration
    Config(config::ConfigArgs),
    /// Print a completion script for a shell
    Completion(completion::CompletionArgs),
    /// Show the version, the commit and the protocol version
    Version(output::OutputArgs),
}

/// Runs the program with these arguments, the first of which is its name.
pub fn main(argv: Vec<OsString>) -> ExitCode {
    let (ours, kubectl) = arguments::split_at_kubectl(argv);
    let cli = match Cli::try_parse_from(ours) {
        Ok(cli) => cli,
        Err(error) => return exit::clap(&error),
    };
    let is_kubectl = matches!(cli.command, Command::Kubectl(_));
    match dispatch(cli, kubectl) {
        Ok(exit) => exit.into(),
        Err(error) => {
            let exit = exit::report(&error);
            if is_kubectl { exit.instead_of_kubectl().into() } else { exit.into() }
        }
    }
}

fn dispatch(cli: Cli, kubectl: Vec<OsString>) -> anyhow::Result<Exit> {
    let session = cli.session;
    match cli.command {
        Command::Login(args) => runtime::client(login::login(&session, args)),
        Command::Logout => login::logout(),
        Command::Status(args) => runtime::client(status::run(&session, args)),
        Command::Clusters(command) => runtime::client(clusters::run(&session, command)),
        Command::Kubectl(_) => runtime::client(kubectl::run(&session, kubectl)),
        Command::Serve(command) => serve::run(command),
        Command::Demo(args) => runtime::server(demo::run(args)),
        Command::Config(args) => config::run(args).map(|()| Exit::OK),
        Command::Completion(args) => completion::run(args, &mut Cli::command()),
        Command::Version(args) => version::run(args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
