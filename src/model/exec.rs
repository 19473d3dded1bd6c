//! A remote kubectl: what is asked, what comes back, and the bounds of both.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::error::{ErrorCode, Failure};
use super::files::{CommandFile, FileTree};
use super::id::RequestId;
use super::tty::Tty;

/// The most arguments that one command may have.
pub const MAX_ARGS: usize = 4_096;

/// The most bytes that all arguments of one command may have together.
pub const MAX_ARGS_BYTES: usize = 512 << 10;

/// The most bytes of one argument; Linux accepts none longer (`MAX_ARG_STRLEN`).
pub const MAX_ARG_BYTES: usize = (128 << 10) - 1;

/// The most bytes of output or input that travel in one piece.
pub const CHUNK_BYTES: usize = 32 << 10;

/// The WebSocket subprotocol of a command.
pub const EXEC_PROTOCOL: &str = "mk8s.exec.v1";

/// The first byte of a binary WebSocket message, numbered as in Kubernetes' remote command protocol v5.
pub mod channel {
    /// To the command.
    pub const STDIN: u8 = 0;
    /// From the command.
    pub const STDOUT: u8 = 1;
    /// From the command.
    pub const STDERR: u8 = 2;
    /// How it ended, as JSON; the last message.
    pub const RESULT: u8 = 3;
    /// To the command: the new size of the terminal, as JSON.
    pub const RESIZE: u8 = 4;
    /// To the command: the contents of its files, one after the other, before all input.
    pub const FILES: u8 = 40;
    /// The next byte names a channel that has ended.
    pub const CLOSE: u8 = 255;
}

/// The body of `POST /clusters/{name}/exec` and the first message of its WebSocket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExecRequest {
    /// The arguments of kubectl, without the program's name.
    pub command: Vec<String>,
    /// Standard input, whole. Over the WebSocket: whether input follows in messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdin: Option<Stdin>,
    /// The namespace for commands that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Over the WebSocket: the terminal that kubectl is to have; its input must follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tty: Option<Tty>,
    /// The files that the command line may name, and no others. Without this list it may name none but `-`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<CommandFile>>,
    /// Where relative names start, written as the name of a file is; without it, at the root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// The operation that it belongs to: the id that `POST /operations` gave for this command and this cluster, among
    /// others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub operation: Option<RequestId>,
}

/// Standard input of a command: a text that is there already, or a stream to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum Stdin {
    /// The whole input.
    Text(String),
    /// `true`: input follows, channel 0 of the WebSocket. `false`: none.
    Follows(bool),
}

impl ExecRequest {
    /// The names and sizes of its files, checked; `None` if it may name none.
    ///
    /// # Errors
    /// See [`FileTree::of`].
    pub fn tree(&self) -> Result<Option<FileTree>, Failure> {
        match (&self.files, &self.directory) {
            (Some(files), directory) => FileTree::of(directory.as_deref(), files).map(Some),
            (None, None) => Ok(None),
            (None, Some(_)) => {
                Err(Failure::new(ErrorCode::InvalidRequest, "\"directory\" is for commands with \"files\""))
            }
        }
    }

    /// Refuses what no kubectl could be started with.
    pub fn validate(&self) -> Result<(), Failure> {
        let invalid = |detail: String| Err(Failure::new(ErrorCode::InvalidRequest, detail));
        if self.command.is_empty() {
            return invalid("\"command\" is empty: give the arguments of kubectl, such as [\"get\",\"pods\"]".into());
        }
        if self.command.len() > MAX_ARGS {
            return invalid(format!(
                "the command has {} arguments, at most {MAX_ARGS} are accepted: split it, or use a label selector",
                self.command.len()
            ));
        }
        if let Some(long) = self.command.iter().find(|a| a.len() > MAX_ARG_BYTES) {
            return invalid(format!(
                "an argument has {} bytes, at most {MAX_ARG_BYTES} are accepted: send large input as stdin with -f -",
                long.len()
            ));
        }
        let total: usize = self.command.iter().map(|a| a.len() + 1).sum();
        if total > MAX_ARGS_BYTES {
            return invalid(format!(
                "the arguments have {total} bytes, at most {MAX_ARGS_BYTES} are accepted: send large input as stdin with -f -"
            ));
        }
        if self.command.iter().any(|a| a.contains('\0')) {
            return invalid("an argument contains a NUL byte".into());
        }
        if self.tty.is_some() && !matches!(self.stdin, Some(Stdin::Follows(true))) {
            return invalid("\"tty\" needs \"stdin\": true: what is typed follows in messages".into());
        }
        match &self.namespace {
            Some(name) if !is_dns_label(name) => invalid(format!("{name:?} is not the name of a namespace")),
            _ => Ok(()),
        }
    }
}

/// Whether a text can be the name of a namespace (RFC 1123 label).
fn is_dns_label(text: &str) -> bool {
    text.parse::<super::ClusterName>().is_ok()
}

/// One piece of what a command writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecOutput {
    /// Standard output.
    Stdout(Bytes),
    /// Standard error.
    Stderr(Bytes),
    /// The last piece.
    End(ExecEnd),
}

/// A request that a command has made to the API server, or tried to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiCall {
    /// The verb: that of Kubernetes for a resource, else the method in lower case.
    pub verb: String,
    /// The target as it was sent: path and query.
    pub target: String,
    /// The status of the answer; 0 when there was none, because the command or its connection ended before.
    pub status: u16,
    /// How long the head of the answer took, in microseconds.
    pub micros: u64,
    /// What was missing, when it was the policy that refused it.
    pub denied: Option<String>,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExecEnd {
    /// It exited with this code.
    #[serde(rename = "exit_code")]
    Code(u8),
    /// It was ended by this signal (its number on Linux).
    Signal(u8),
    /// It was not run, or its end is unknown; a sentence for the user.
    Error(String),
}

impl ExecEnd {
    /// The exit code that a shell would report, `None` if the command has none.
    pub fn exit_code(&self) -> Option<u8> {
        match self {
            Self::Code(code) => Some(*code),
            Self::Signal(signal) => Some(128u8.saturating_add(*signal)),
            Self::Error(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(command: Vec<String>) -> ExecRequest {
        ExecRequest { command, ..ExecRequest::default() }
    }

    #[test]
    fn commands_that_cannot_be_started_are_refused() {
        assert!(request(vec!["get".into(), "pods".into()]).validate().is_ok());
        assert!(request(vec![]).validate().is_err());
        assert!(request(vec!["x".into(); MAX_ARGS + 1]).validate().is_err());
        assert!(request(vec!["x".repeat(MAX_ARG_BYTES + 1)]).validate().is_err());
        assert!(request(vec!["x".repeat(MAX_ARG_BYTES); 5]).validate().is_err());
        assert!(request(vec!["a\0b".into()]).validate().is_err());
        let namespaced = |n: &str| ExecRequest { namespace: Some(n.into()), ..request(vec!["get".into()]) };
        assert!(namespaced("team-a").validate().is_ok());
        assert!(namespaced("../x").validate().is_err());
        let tty = Some(Tty { rows: 24, columns: 80, stdout: true, stderr: true });
        let typed = |stdin| ExecRequest { tty, stdin, ..request(vec!["exec".into()]) };
        assert!(typed(Some(Stdin::Follows(true))).validate().is_ok());
        for stdin in [None, Some(Stdin::Follows(false)), Some(Stdin::Text("x".into()))] {
            assert!(typed(stdin).validate().is_err());
        }
    }

    #[test]
    fn unknown_fields_are_errors() {
        let error = serde_json::from_str::<ExecRequest>(r#"{"command":["get"],"stdn":"x"}"#).unwrap_err();
        assert!(error.to_string().contains("stdn"), "{error}");
    }

    #[test]
    fn the_end_has_the_documented_form() {
        let json = |end| serde_json::to_string(&end).unwrap();
        assert_eq!(json(ExecEnd::Code(7)), r#"{"exit_code":7}"#);
        assert_eq!(json(ExecEnd::Signal(9)), r#"{"signal":9}"#);
        assert_eq!(json(ExecEnd::Error("gone".into())), r#"{"error":"gone"}"#);
    }
}
