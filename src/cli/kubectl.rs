//! `mk8s kubectl`: a kubectl that runs in the cluster and looks as if it ran here.

#[cfg(unix)]
mod attached;
mod captured;
mod clusters;
#[cfg(unix)]
mod escape;
#[cfg(unix)]
mod screen;
#[cfg(unix)]
mod terminal;

use std::ffi::OsString;
use std::io::ErrorKind;

use clap::Args;
use tokio::io::{AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, stderr, stdin, stdout};

use super::edit;
use super::exit::{CliError, Exit};
use super::files::LocalFiles;
use super::runtime::until_signal;
use super::session::SessionArgs;
use super::usage as usage_error;
use crate::client::{ExecReader, ExecWriter};
#[cfg(unix)]
use crate::kubernetes::kubectl::wants_terminal;
use crate::kubernetes::kubectl::{self, is_edit_help, wants_stdin};
use crate::model::exec::{CHUNK_BYTES, Stdin};
use crate::model::{ErrorCode, ExecEnd, ExecOutput, ExecRequest, Failure};
use clusters::{FanOut, Parsed};
#[cfg(unix)]
use terminal::Terminal;

pub use captured::capture;
pub use clusters::USAGE;

/// What is done on this machine, for the end of the help.
const HELP: &str = "\
With `-it` your terminal is that of the container: keys, Ctrl-C and the size of the window go there. A session that does \
not answer is left with Enter ~ . (typed one after the other, as in ssh); the remote kubectl is then ended. \
`edit` opens the editor of this machine: KUBE_EDITOR, or else EDITOR.";

/// The end of `mk8s help kubectl`.
pub fn help() -> String {
    format!("{HELP}\n\n{}", clusters::HELP)
}

/// kubectl's arguments and our options before them, cut off before this is parsed; here for the help only.
#[derive(Args)]
pub struct KubectlArgs {
    /// The arguments of kubectl
    #[arg(value_name = "ARGS", trailing_var_arg = true, allow_hyphen_values = true)]
    _args: Vec<OsString>,
    #[command(flatten)]
    _fan_out: FanOut,
}

/// Runs kubectl in the chosen cluster, or in many; its exit code.
pub async fn run(session: &SessionArgs, args: Vec<OsString>) -> anyhow::Result<Exit> {
    let args = match clusters::parse(args)? {
        Parsed::One(args) => args,
        Parsed::Many(options, args) => return clusters::run(session, options, args).await,
        Parsed::Told(error) => return Ok(usage_error::report(&error)),
    };
    // Without arguments kubectl prints its help; the agent is asked for it like any other.
    let args = if args.is_empty() { vec!["help".into()] } else { args };
    let mut command = args.into_iter().map(utf8).collect::<Result<Vec<String>, _>>()?;
    if is_edit_help(&command) {
        command = vec!["help".to_owned(), "edit".to_owned()];
    }
    let refused = |refusal: kubectl::Refusal| CliError { what: refusal.0, hint: None, exit: Exit::USAGE };
    if let Some(edit) = kubectl::edit(&command).map_err(refused)? {
        return edit::run(session, edit).await;
    }
    let input = wants_stdin(&command);
    // Without a terminal here kubectl has none there either, and says so.
    #[cfg(unix)]
    let terminal = wants_terminal(&command).then(Terminal::of_stdin).flatten();
    let local = LocalFiles::of(&command)?;
    let (files, directory) = local.announced();
    let stdin = Some(Stdin::Follows(input));
    let request = ExecRequest { command, stdin, files, directory, ..ExecRequest::default() };
    request.validate().map_err(usage)?;
    request.tree().map_err(usage)?;
    let session = session.resolve()?;
    let cluster = session.cluster()?;
    #[cfg(unix)]
    if let Some(terminal) = terminal {
        return attached::run(&session, &cluster, request, &local, terminal).await;
    }

    // Dropping the running future closes the connection, and with it the remote kubectl ends.
    until_signal(execute(&session, &cluster, &request, (&local, input))).await
}

async fn execute(
    session: &super::session::Session,
    cluster: &crate::model::ClusterName,
    request: &ExecRequest,
    (files, input): (&LocalFiles, bool),
) -> anyhow::Result<Exit> {
    let (writer, reader) = session.client().await?.exec(cluster, request).await?;
    tokio::select! {
        exit = print(reader, |_| {}) => exit,
        never = feed(writer, files, input) => never,
    }
}

/// Sends the files, then standard input, if it is wanted. Never returns with success: the command's end is what counts.
async fn feed(mut writer: ExecWriter, files: &LocalFiles, mut wanted: bool) -> anyhow::Result<Exit> {
    wanted &= files.send(&mut writer).await?;
    let mut buffer = vec![0; if wanted { CHUNK_BYTES } else { 0 }];
    let mut stdin = stdin();
    while wanted {
        wanted = match stdin.read(&mut buffer).await? {
            0 => {
                let _ = writer.finish().await;
                false
            }
            // When it cannot be sent, the reader sees how the connection ended, and says so.
            n => writer.send(&buffer[..n]).await.is_ok(),
        };
    }
    std::future::pending().await
}

/// Writes what the command writes, as it comes, after it was shown to `see`.
async fn print(mut reader: ExecReader, mut see: impl FnMut(&ExecOutput)) -> anyhow::Result<Exit> {
    let (mut out, mut err) = (stdout(), stderr());
    loop {
        let output = reader.next().await?;
        see(&output);
        let written = match output {
            ExecOutput::Stdout(data) => write(&mut out, &data).await,
            ExecOutput::Stderr(data) => write(&mut err, &data).await,
            ExecOutput::End(ExecEnd::Error(why)) => {
                return Err(CliError { what: why, hint: None, exit: Exit::FAILURE }.into());
            }
            ExecOutput::End(end) => return Ok(Exit(end.exit_code().unwrap_or(Exit::USAGE.0))),
        };
        match written {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(Exit::BROKEN_PIPE),
            Err(error) => return Err(error.into()),
        }
    }
}

async fn write(to: &mut (impl AsyncWrite + Unpin), data: &[u8]) -> std::io::Result<()> {
    to.write_all(data).await?;
    to.flush().await
}

fn utf8(arg: OsString) -> Result<String, CliError> {
    arg.into_string().map_err(|arg| {
        CliError::usage(
            format!("the argument {arg:?} is not valid UTF-8"),
            "send bytes that are not text as standard input, with -f -",
        )
    })
}

fn usage(failure: Failure) -> CliError {
    debug_assert!(matches!(failure.code, ErrorCode::InvalidRequest | ErrorCode::TooLarge));
    CliError { what: failure.detail, hint: None, exit: Exit::USAGE }
}
