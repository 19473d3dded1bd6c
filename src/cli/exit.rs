//! How the program ends: the one mapping of failures to exit codes, and the one place that prints them.

use std::io::Write as _;
use std::process::ExitCode;

use crate::agent::AgentError;
use crate::client::ClientError;
use crate::config::ConfigError;
use crate::model::ErrorCode;
use crate::tls::ConnectError;

/// The end of `mk8s --help`.
pub const HELP: &str = "\
Exit codes:
    0  success
    1  failure
    2  wrong usage or configuration
    3  not allowed
    4  not logged in, or a token that is not valid
    5  no such cluster
    6  the cluster is offline
    7  no answer in time
    8  the server's certificate is not trusted
  130  interrupted
`mk8s kubectl` ends with the exit code of kubectl; its own failures are never 0 or 1 (2 stands in for 1).";

/// An exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(pub u8);

impl Exit {
    /// Success.
    pub const OK: Self = Self(0);
    /// Any failure without a code of its own.
    pub const FAILURE: Self = Self(1);
    /// Wrong usage or configuration.
    pub const USAGE: Self = Self(2);
    /// Not logged in.
    pub const NOT_LOGGED_IN: Self = Self(4);
    /// The reader of standard output has gone: 128 + SIGPIPE, as a shell reports it.
    pub const BROKEN_PIPE: Self = Self(141);
    /// 128 + SIGINT.
    pub const INTERRUPTED: Self = Self(130);

    /// Scripts take 1 for kubectl's own answer (`kubectl diff` ends with it when there is a difference).
    pub fn instead_of_kubectl(self) -> Self {
        if self == Self::FAILURE { Self::USAGE } else { self }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.0.into()
    }
}

/// A failure of the command line itself, with what to try.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct CliError {
    /// What failed.
    pub what: String,
    /// What to do.
    pub hint: Option<String>,
    /// How the program ends.
    pub exit: Exit,
}

impl CliError {
    /// Wrong usage.
    pub fn usage(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: Some(hint.into()), exit: Exit::USAGE }
    }
}

/// Prints what clap found: help on standard output, mistakes on standard error.
pub fn clap(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    if error.use_stderr() { Exit::USAGE.into() } else { Exit::OK.into() }
}

/// Prints a failure: what, the causes that say more, what to try.
pub fn report(error: &anyhow::Error) -> Exit {
    let mut text = format!("error: {error}\n");
    let mut said = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !said.contains(&cause) {
            text.push_str(&format!("  why: {cause}\n"));
            said = cause;
        }
    }
    let (exit, hint) = classify(error);
    if let Some(hint) = hint {
        text.push_str(&format!("  try: {hint}\n"));
    }
    if let Some(ClientError::Problem(problem)) = error.downcast_ref() {
        text.push_str(&format!("  request: {}\n", problem.request_id));
    }
    // Nothing is left to be done when standard error is closed.
    let _ = std::io::stderr().write_all(text.as_bytes());
    exit
}

fn classify(error: &anyhow::Error) -> (Exit, Option<String>) {
    if let Some(error) = error.downcast_ref::<CliError>() {
        return (error.exit, error.hint.clone());
    }
    if error.downcast_ref::<ConfigError>().is_some() {
        return (Exit::USAGE, None);
    }
    if let Some(error) = error.downcast_ref::<AgentError>() {
        return if error.is_untrusted() { untrusted() } else { (error.code().map_or(Exit::FAILURE, of_code), None) };
    }
    match error.downcast_ref::<ClientError>() {
        Some(ClientError::Url(_)) => (Exit::USAGE, None),
        Some(ClientError::Problem(problem)) => (of_code(problem.code), hint(problem.code)),
        Some(ClientError::Connect(ConnectError::Untrusted { .. })) => untrusted(),
        Some(ClientError::Connect(ConnectError::Timeout { .. })) => (of_code(ErrorCode::Timeout), None),
        Some(ClientError::Connect(ConnectError::Unreachable { .. })) => {
            (Exit::FAILURE, Some("check that central runs and that --server (MK8S_SERVER) is right".into()))
        }
        _ => (Exit::FAILURE, None),
    }
}

fn untrusted() -> (Exit, Option<String>) {
    (Exit(8), Some("name central's authority with --ca-file (MK8S_CA_FILE; agents: tls.ca_file or tls.ca_pin)".into()))
}

/// The one mapping of error codes to exit codes.
fn of_code(code: ErrorCode) -> Exit {
    match code {
        ErrorCode::InvalidRequest | ErrorCode::TooLarge => Exit::USAGE,
        ErrorCode::Forbidden => Exit(3),
        ErrorCode::Unauthenticated => Exit::NOT_LOGGED_IN,
        ErrorCode::NotFound => Exit(5),
        ErrorCode::Unavailable => Exit(6),
        ErrorCode::Timeout => Exit(7),
        ErrorCode::Conflict | ErrorCode::TooManyRequests | ErrorCode::Internal => Exit::FAILURE,
    }
}

fn hint(code: ErrorCode) -> Option<String> {
    match code {
        ErrorCode::NotFound => Some("mk8s clusters list".into()),
        ErrorCode::Unavailable => Some("mk8s clusters show <name>, and the log of the agent in that cluster".into()),
        _ => None,
    }
}
