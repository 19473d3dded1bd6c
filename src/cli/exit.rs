//! How the program ends: the one mapping of failures to exit codes, and the one place that prints them.

use std::io::Write as _;
use std::process::ExitCode;

use super::session::{TOKEN_VARIABLE, environment_token_is_set};
use crate::client::ClientError;
use crate::config::{ConfigError, LockError};
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
    5  no such cluster, user, role, token, session or pod
    6  the cluster is offline
    7  no answer in time
    8  the server's certificate is not trusted
  129  the terminal has gone (SIGHUP)
  130  interrupted (SIGINT)
  141  the reader of standard output has gone (SIGPIPE)
  143  ended from outside (SIGTERM)
`mk8s kubectl` ends with the exit code of kubectl (with --clusters the highest of all), `mk8s auth can-i` with 0 for
yes and 1 for no; their own failures are never 0 or 1 (2 stands in for 1); Enter ~ . leaves an `exec -it` that does not answer. `mk8s shell` ends with the exit code of the shell, or with 127 if there is no such program.";

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
    /// No such thing.
    pub const NOT_FOUND: Self = Self(5);
    /// No answer in time.
    pub const TIMEOUT: Self = Self(7);
    /// The server's certificate is not trusted.
    pub const UNTRUSTED: Self = Self(8);
    /// The reader of standard output has gone: 128 + SIGPIPE, as a shell reports it.
    pub const BROKEN_PIPE: Self = Self(141);
    /// 128 + SIGINT.
    pub const INTERRUPTED: Self = Self(130);
    /// 128 + SIGTERM.
    pub const TERMINATED: Self = Self(143);

    /// Scripts take 1 for an answer: `kubectl diff` ends with it when there is a difference, `auth can-i` when it says no.
    pub fn instead_of_an_answer(self) -> Self {
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

/// A refusal of central with a better hint than the code alone would give, if it has this code.
pub fn with_hint(error: ClientError, code: ErrorCode, hint: &str) -> anyhow::Error {
    match error.problem().map(|problem| (problem.code, problem.detail.clone())) {
        Some((found, what)) if found == code => {
            let hint = Some(hint.to_owned());
            anyhow::Error::from(error).context(CliError { what, hint, exit: of_code(code) })
        }
        _ => error.into(),
    }
}

/// The failure of an agent whose central is not trusted, or which central has refused with this code.
#[cfg(target_os = "linux")]
pub fn of_agent(
    error: impl std::error::Error + Send + Sync + 'static,
    is_untrusted: bool,
    code: Option<ErrorCode>,
) -> anyhow::Error {
    let (exit, hint) = if is_untrusted { untrusted() } else { (code.map_or(Exit::FAILURE, of_code), None) };
    let what = error.to_string();
    anyhow::Error::from(error).context(CliError { what, hint, exit })
}

/// How the program ends because of a failure.
pub fn of(error: &anyhow::Error) -> Exit {
    classify(error).0
}

/// What to do about a failure, if there is something to be said.
pub fn hint_of(error: &anyhow::Error) -> Option<String> {
    classify(error).1
}

/// Prints a failure: what, the causes that say more, what to try.
pub fn report(error: &anyhow::Error) -> Exit {
    // What has more than one line stays below its first word.
    let below = |text: &str| text.trim_end().replace('\n', "\n       ");
    let mut text = format!("error: {}\n", below(&error.to_string()));
    let mut said = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !said.contains(&cause) {
            text.push_str(&format!("  why: {}\n", below(&cause)));
            said = cause;
        }
    }
    let (exit, hint) = classify(error);
    if let Some(hint) = hint.or_else(|| way_to_central(error)) {
        text.push_str(&format!("  try: {hint}\n"));
    }
    if let Some(problem) = error.downcast_ref().and_then(ClientError::problem) {
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
    if let Some(error) = error.downcast_ref::<ConfigError>() {
        let is_content = !matches!(error, ConfigError::Read { .. } | ConfigError::Write { .. });
        let hint = "mk8s config init shows what may be in a configuration, and mk8s config check whether one is right";
        return (Exit::USAGE, is_content.then(|| hint.into()));
    }
    match error.downcast_ref::<LockError>() {
        Some(LockError::File(_)) => {
            return (
                Exit::USAGE,
                Some("look who may write there; MK8S_CONFIG names another file for the state".into()),
            );
        }
        Some(LockError::Busy { .. }) => return (Exit::FAILURE, Some("end the other command, then try again".into())),
        Some(LockError::Kubeconfig { file, .. }) => {
            let hint = format!("if no kubectl or mk8s runs any more, remove it: rm {}", file.display());
            return (Exit::FAILURE, Some(hint));
        }
        None => {}
    }
    match error.downcast_ref::<ClientError>() {
        Some(ClientError::Url(_) | ClientError::Unencrypted(_)) => (Exit::USAGE, None),
        Some(ClientError::Tls(_)) => (
            Exit::USAGE,
            Some("another file with --ca-file (MK8S_CA_FILE); mk8s config show client names those of the login".into()),
        ),
        Some(ClientError::MalformedToken) => (Exit::USAGE, Some(format!("set {TOKEN_VARIABLE} to the token alone"))),
        Some(ClientError::ApiToken(_)) => (
            Exit::NOT_LOGGED_IN,
            Some(format!(
                "set {TOKEN_VARIABLE} to a token that is valid (mk8s tokens create), or unset it and mk8s login"
            )),
        ),
        Some(ClientError::Session(_)) => (Exit::NOT_LOGGED_IN, Some("mk8s status, then mk8s login".into())),
        Some(ClientError::Timeout(_)) => (of_code(ErrorCode::Timeout), None),
        Some(ClientError::Problem(problem)) => (of_code(problem.code), hint(problem.code)),
        Some(ClientError::Connect(ConnectError::Untrusted { .. })) => untrusted(),
        Some(ClientError::Connect(ConnectError::Timeout { .. })) => (of_code(ErrorCode::Timeout), None),
        Some(ClientError::Connect(ConnectError::Unreachable { .. })) => {
            (Exit::FAILURE, Some("check that central runs and that --server (MK8S_SERVER) is right".into()))
        }
        _ => (Exit::FAILURE, None),
    }
}

/// What to do when something on the way to central, or behind it, did not answer as it should.
fn way_to_central(error: &anyhow::Error) -> Option<String> {
    let is_broken = match error.downcast_ref()? {
        ClientError::Problem(problem) => problem.code == ErrorCode::Timeout,
        ClientError::Connect(error) => matches!(error, ConnectError::Timeout { .. } | ConnectError::Handshake { .. }),
        error => matches!(error, ClientError::Lost | ClientError::Protocol(_) | ClientError::Timeout(_)),
    };
    is_broken.then(|| "mk8s doctor, which shows how far the way to the cluster is good".into())
}

fn untrusted() -> (Exit, Option<String>) {
    let hint = "name central's authority with --ca-file (MK8S_CA_FILE), or mk8s login --ca-pin; agents have tls.ca_file and \
                tls.ca_pin; if it was trusted before, ask its operator first, for somebody else may be answering";
    (Exit::UNTRUSTED, Some(hint.into()))
}

/// The one mapping of error codes to exit codes.
pub fn of_code(code: ErrorCode) -> Exit {
    match code {
        ErrorCode::InvalidRequest | ErrorCode::TooLarge => Exit::USAGE,
        ErrorCode::Forbidden => Exit(3),
        ErrorCode::Unauthenticated => Exit::NOT_LOGGED_IN,
        ErrorCode::NotFound => Exit::NOT_FOUND,
        ErrorCode::Unavailable => Exit(6),
        ErrorCode::Timeout => Exit::TIMEOUT,
        ErrorCode::Conflict | ErrorCode::TooManyRequests | ErrorCode::Internal => Exit::FAILURE,
    }
}

fn hint(code: ErrorCode) -> Option<String> {
    match code {
        ErrorCode::Unauthenticated => Some("mk8s login".into()),
        ErrorCode::Forbidden if environment_token_is_set() => Some(format!(
            "mk8s status shows the roles of the token in {TOKEN_VARIABLE}; some commands need a session: unset it and mk8s login"
        )),
        ErrorCode::Forbidden => Some("mk8s status shows your roles; an admin can give you others".into()),
        ErrorCode::NotFound => Some(
            "mk8s clusters list; a cluster is there for those who have a role in it, and mk8s status shows yours"
                .into(),
        ),
        ErrorCode::TooManyRequests => Some("wait a moment, then try again".into()),
        ErrorCode::Unavailable => Some(
            "mk8s clusters list shows which clusters are online; the logs of central and of the agent tell more".into(),
        ),
        ErrorCode::Internal => Some("try again; the log of central has more under the id of the request".into()),
        ErrorCode::InvalidRequest | ErrorCode::TooLarge | ErrorCode::Conflict | ErrorCode::Timeout => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Failure, Problem};

    fn problem(code: ErrorCode) -> Box<Problem> {
        Box::new(Problem::new(&Failure::new(code, "the detail"), "r-1"))
    }

    #[test]
    fn refusals_have_exit_codes_and_hints() {
        for (code, exit, word) in [
            (ErrorCode::Unauthenticated, 4, "mk8s login"),
            (ErrorCode::Forbidden, 3, "mk8s status"),
            (ErrorCode::NotFound, 5, "mk8s clusters list"),
            (ErrorCode::TooManyRequests, 1, "wait"),
            (ErrorCode::Unavailable, 6, "mk8s clusters list"),
            (ErrorCode::Internal, 1, "the log of central"),
        ] {
            let (found, hint) = classify(&ClientError::Problem(problem(code)).into());
            assert_eq!(found, Exit(exit));
            assert!(hint.is_some_and(|hint| hint.contains(word)), "{code:?}");
        }
        let (exit, hint) = classify(&ClientError::ApiToken(problem(ErrorCode::Unauthenticated)).into());
        assert!(exit == Exit(4) && hint.is_some_and(|hint| hint.contains("MK8S_TOKEN")));
    }

    #[test]
    fn where_the_way_is_broken_there_is_one_to_look_at_it() {
        let target = || "a:443".to_owned();
        for error in [
            ClientError::Lost,
            ClientError::Protocol("x".into()),
            ClientError::Timeout(30),
            ClientError::Connect(ConnectError::Timeout { target: target() }),
            ClientError::Connect(ConnectError::Handshake { target: target(), reason: "x".into() }),
            ClientError::Problem(problem(ErrorCode::Timeout)),
        ] {
            let error = anyhow::Error::from(error);
            assert!(way_to_central(&error).is_some_and(|hint| hint.starts_with("mk8s doctor")), "{error}");
            assert_eq!(hint_of(&error), None, "the doctor has hints of its own");
        }
        assert_eq!(way_to_central(&ClientError::Problem(problem(ErrorCode::Conflict)).into()), None);
    }

    #[test]
    fn a_better_hint_keeps_the_request() {
        let error = || ClientError::Problem(problem(ErrorCode::NotFound));
        let better = with_hint(error(), ErrorCode::NotFound, "mk8s admin users list");
        assert_eq!(classify(&better), (Exit::NOT_FOUND, Some("mk8s admin users list".into())));
        assert_eq!(better.downcast_ref::<ClientError>().unwrap().problem().unwrap().request_id, "r-1");
        assert_eq!(better.to_string(), "the detail");
        let other = with_hint(error(), ErrorCode::Conflict, "x");
        assert!(classify(&other).1.unwrap().starts_with("mk8s clusters list;"));
    }
}
