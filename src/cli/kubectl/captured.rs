//! A command of the remote kubectl whose output is for this program, not for the user.

use super::{CliError, Exit, usage};
use crate::cli::files::LocalFiles;
use crate::cli::session::Session;
use crate::client::{ExecReader, ExecWriter};
use crate::model::exec::{CHUNK_BYTES, Stdin};
use crate::model::{ExecEnd, ExecOutput, ExecRequest};

/// The most bytes of output that are kept.
const MAX_BYTES: usize = 64 << 20;

/// What a command has left.
pub struct Captured {
    /// Its exit code.
    pub exit: Exit,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
}

/// Runs a command to its end in the chosen cluster, with this input and the local files that it names.
///
/// # Errors
/// When it could not be run, or has no exit code.
pub async fn capture(session: &Session, command: Vec<String>, input: Option<&[u8]>) -> anyhow::Result<Captured> {
    let local = LocalFiles::of(&command)?;
    let (files, directory) = local.announced();
    let stdin = Some(Stdin::Follows(input.is_some()));
    let request = ExecRequest { command, stdin, files, directory, ..ExecRequest::default() };
    request.validate().map_err(usage)?;
    request.tree().map_err(usage)?;
    let cluster = session.cluster()?;
    let (writer, reader) = session.client().await?.exec(&cluster, &request).await?;
    tokio::select! {
        captured = collect(reader) => captured,
        never = feed(writer, &local, input.unwrap_or_default()) => never,
    }
}

/// Sends the files and the input. Never returns with success: the command's end is what counts.
async fn feed(mut writer: ExecWriter, files: &LocalFiles, input: &[u8]) -> anyhow::Result<Captured> {
    if files.send(&mut writer).await? {
        for piece in input.chunks(CHUNK_BYTES) {
            // When it cannot be sent, the reader sees how the connection ended, and says so.
            if writer.send(piece).await.is_err() {
                return std::future::pending().await;
            }
        }
        let _ = writer.finish().await;
    }
    std::future::pending().await
}

async fn collect(mut reader: ExecReader) -> anyhow::Result<Captured> {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    loop {
        let (to, data) = match reader.next().await? {
            ExecOutput::Stdout(data) => (&mut stdout, data),
            ExecOutput::Stderr(data) => (&mut stderr, data),
            ExecOutput::End(ExecEnd::Error(why)) => {
                return Err(CliError { what: why, hint: None, exit: Exit::FAILURE }.into());
            }
            ExecOutput::End(end) => {
                return Ok(Captured { exit: Exit(end.exit_code().unwrap_or(Exit::USAGE.0)), stdout, stderr });
            }
        };
        if to.len() + data.len() > MAX_BYTES {
            return Err(CliError::usage("the objects have more than 64 MiB", "name fewer of them").into());
        }
        to.extend_from_slice(&data);
    }
}
