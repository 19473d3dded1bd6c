//! The command line: parse, call, print.

mod admin;
mod arguments;
mod audit;
mod auth;
mod clusters;
mod completion;
mod config;
mod cp;
mod credential;
#[cfg(target_os = "linux")]
mod demo;
mod doctor;
mod edit;
mod exit;
mod files;
mod kept;
mod kubeconfig;
mod kubectl;
mod login;
mod logout;
mod outdated;
mod output;
mod passwd;
mod port_forward;
mod progress;
mod prompt;
mod proxy;
mod refresh;
mod runtime;
#[cfg(target_os = "linux")]
mod serve;
mod session;
mod sessions;
mod shell;
mod status;
mod tokens;
mod trust;
mod usage;
mod version;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::telemetry;
use exit::{CliError, Exit};
use session::SessionArgs;

/// The name of the program as a plugin of kubectl.
const PLUGIN: &str = "kubectl-mk8s";

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
    /// Log in to a central
    Login(login::LoginArgs),
    /// Log out: end the session and forget its tokens
    Logout,
    /// Show which central, user and cluster are in use, and whether they answer
    Status(output::OutputArgs),
    /// Change your password; with --password-stdin, two lines: the current one and the new one
    Passwd(prompt::PasswordArgs),
    /// Make, list and end your API tokens, for CI jobs and scripts
    #[command(subcommand)]
    Tokens(tokens::TokensCommand),
    /// List and end your sessions, those on other machines too
    #[command(subcommand)]
    Sessions(sessions::SessionsCommand),
    /// Show your roles, and whether they allow something
    #[command(subcommand)]
    Auth(auth::AuthCommand),
    /// Show the clusters, or choose the current one
    #[command(subcommand)]
    Clusters(clusters::ClustersCommand),
    /// Run kubectl in a cluster, or with --clusters in many; all other words after this one are kubectl's
    #[command(visible_alias = "k", disable_help_flag = true, override_usage = kubectl::USAGE, after_help = kubectl::help())]
    Kubectl(kubectl::KubectlArgs),
    /// Forward local ports to a pod, or to one behind a service, deployment, replicaset or statefulset
    PortForward(port_forward::PortForwardArgs),
    /// Copy files and directories to a container and back
    Cp(cp::CpArgs),
    /// Serve the API of a cluster on a local port, as you
    Proxy(proxy::ProxyArgs),
    /// Let native clients (kubectl, helm, k9s) use the clusters
    #[command(subcommand)]
    Kubeconfig(kubeconfig::KubeconfigCommand),
    /// Print your token in the form in which kubectl asks for it; the kubeconfig of mk8s runs this
    Credential,
    /// Print what makes this shell's kubectl speak to one cluster: eval "$(mk8s env NAME)"
    Env(shell::EnvArgs),
    /// Start a shell, or a command, whose kubectl speaks to one cluster
    Shell(shell::ShellArgs),
    /// Show who did what, and verify that nothing was changed in the audit log; for admins
    Audit(Box<audit::AuditArgs>),
    /// Administer users, roles and clusters
    #[command(subcommand)]
    Admin(admin::AdminCommand),
    /// Run a server
    #[cfg(target_os = "linux")]
    #[command(subcommand)]
    Serve(serve::ServeCommand),
    /// Look at everything between this machine and the API server, and say what to do about what does not work
    #[command(after_help = doctor::HELP)]
    Doctor(doctor::DoctorArgs),
    /// Run central and an agent for the current kube context, on this machine only
    #[cfg(target_os = "linux")]
    Demo(demo::DemoArgs),
    /// Write, check or show a configuration
    Config(config::ConfigArgs),
    /// Print a completion script for a shell
    Completion(completion::CompletionArgs),
    /// What completion scripts ask
    #[command(name = "__complete", hide = true)]
    Complete(completion::CompleteArgs),
    /// Show the version, the commit and the protocol version
    Version(output::OutputArgs),
}

/// Runs the program with these arguments, the first of which is its name.
pub fn main(argv: Vec<OsString>) -> ExitCode {
    let (ours, kubectl) = arguments::split_at_kubectl(argv);
    let cli = match parse(ours) {
        Ok(cli) => cli,
        Err(error) => return usage::report(&error).into(),
    };
    let is_kubectl = matches!(cli.command, Command::Kubectl(_));
    let cli = match local(cli, &kubectl) {
        Ok(Ok(cli)) => cli,
        Ok(Err(error)) => return usage::report(&error).into(),
        Err(refusal) => return exit::report(&refusal.into()).into(),
    };
    // Their exit code 1 is an answer, so that no failure may have it.
    let answers_with_1 = is_kubectl || matches!(cli.command, Command::Auth(auth::AuthCommand::CanI(_)));
    let logging = if logs_by_itself(&cli.command) { Ok(()) } else { telemetry::start_client() };
    match logging.map_err(anyhow::Error::from).and_then(|()| dispatch(cli, kubectl)) {
        Ok(exit) => exit.into(),
        Err(error) => {
            let exit = exit::report(&error);
            if answers_with_1 { exit.instead_of_an_answer().into() } else { exit.into() }
        }
    }
}

/// The command line, for manual pages and the like.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Servers log as they are configured; and a shell that completes words has no place for lines.
fn logs_by_itself(command: &Command) -> bool {
    match command {
        Command::Complete(_) => true,
        #[cfg(target_os = "linux")]
        Command::Serve(_) | Command::Demo(_) => true,
        _ => false,
    }
}

/// Reads the command line. As a plugin of kubectl the program shows itself by the name by which it is run then.
fn parse(words: Vec<OsString>) -> Result<Cli, clap::Error> {
    let program = words.first().and_then(|program| Path::new(program).file_name());
    if program != Some(PLUGIN.as_ref()) {
        return Cli::try_parse_from(words);
    }
    let mut command = Cli::command().bin_name("kubectl mk8s");
    let matches = command.try_get_matches_from_mut(words)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// What is done on this machine though it is asked of kubectl: `mk8s kubectl cp` is `mk8s cp`.
fn local(cli: Cli, kubectl: &[OsString]) -> Result<Result<Cli, clap::Error>, CliError> {
    let words = kubectl.iter().map(|word| word.to_str().map(str::to_owned)).collect::<Option<Vec<_>>>();
    let (Command::Kubectl(_), Some(words)) = (&cli.command, words) else { return Ok(Ok(cli)) };
    match crate::kubernetes::kubectl::local(&words) {
        Ok(None) => Ok(Ok(cli)),
        Ok(Some(line)) => {
            let parsed = Cli::try_parse_from(["mk8s".to_owned()].into_iter().chain(line));
            Ok(parsed.map(|parsed| Cli { session: cli.session, command: parsed.command }))
        }
        Err(refusal) => Err(CliError { what: refusal.to_string(), hint: None, exit: Exit::USAGE }),
    }
}

fn dispatch(cli: Cli, kubectl: Vec<OsString>) -> anyhow::Result<Exit> {
    let session = cli.session;
    match cli.command {
        Command::Login(args) => runtime::client(login::run(&session, args)),
        Command::Logout => runtime::client(logout::run(&session)),
        Command::Status(args) => runtime::client(status::run(&session, args)),
        Command::Passwd(args) => runtime::client(passwd::run(&session, args)),
        Command::Tokens(command) => runtime::client(tokens::run(&session, command)),
        Command::Sessions(command) => runtime::client(sessions::run(&session, command)),
        Command::Auth(command) => runtime::client(auth::run(&session, command)),
        Command::Clusters(command) => runtime::client(clusters::run(&session, command)),
        Command::Kubectl(_) => runtime::client(kubectl::run(&session, kubectl)),
        Command::PortForward(args) => runtime::client(port_forward::run(&session, args)),
        Command::Cp(args) => runtime::client(cp::run(&session, args)),
        Command::Proxy(args) => runtime::client(proxy::run(&session, args)),
        Command::Kubeconfig(command) => runtime::client(kubeconfig::run(&session, command)),
        Command::Credential => credential::run(&session),
        Command::Env(args) => runtime::client(shell::env(&session, args)),
        Command::Shell(args) => runtime::client(shell::run(&session, args)),
        Command::Audit(args) => runtime::client(audit::run(&session, *args)),
        Command::Admin(command) => runtime::client(admin::run(&session, command)),
        #[cfg(target_os = "linux")]
        Command::Serve(command) => serve::run(command),
        Command::Doctor(args) => runtime::client(doctor::run(&session, args)),
        #[cfg(target_os = "linux")]
        Command::Demo(args) => runtime::central(demo::run(args)),
        Command::Config(args) => config::run(args).map(|()| Exit::OK),
        Command::Completion(args) => completion::run(args),
        Command::Complete(args) => completion::complete(&session, args, Cli::command()),
        Command::Version(args) => version::run(args),
    }
}

/// The exit code of a failure with this code, for the documentation.
pub fn exit_code_of(code: crate::model::ErrorCode) -> u8 {
    exit::of_code(code).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_cut_at_kubectl_knows_all_options_that_may_stand_before_it() {
        let cli = Cli::command();
        let with_value = cli.get_arguments().filter(|arg| arg.get_action().takes_values());
        let mut names: Vec<String> = with_value.filter_map(|arg| Some(format!("--{}", arg.get_long()?))).collect();
        names.sort();
        let mut known = arguments::WITH_VALUE.to_vec();
        known.sort_unstable();
        assert_eq!(names, known);
    }

    #[test]
    fn a_password_among_the_arguments_is_never_shown() {
        for line in [
            "login --password p4ss",
            "login --password=p4ss",
            "passwd --password p4ss",
            "login https://a --password p4ss",
        ] {
            let Ok(cli) = Cli::try_parse_from(format!("mk8s {line}").split(' ')) else {
                panic!("{line}: refused by clap")
            };
            let error = dispatch(cli, Vec::new()).expect_err("an error");
            let error = error.downcast_ref::<exit::CliError>().expect("an error of ours");
            assert_eq!(error.exit, Exit::USAGE);
            assert!(error.hint.as_ref().is_some_and(|hint| hint.contains("--password-stdin")));
            assert!(!format!("{error:?}").contains("p4ss"));
        }
    }
}
