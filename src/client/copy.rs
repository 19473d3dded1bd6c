//! Files to a container and back, as archives that `tar` in the container makes and takes. Nothing is held in memory.

mod pack;
mod unpack;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
use tokio::task::spawn_blocking;
use tokio_util::io::SyncIoBridge;

use super::error::ClientError;
use super::gateway::Gateway;
use super::pod_exec::{PodEvent, PodOutput};
use super::port_forward::PodName;
pub use unpack::UnpackError;

/// How much of an archive may be on its way between the network and the files.
const PIPE: usize = 256 << 10;

/// How much is sent at once.
const CHUNK: usize = 32 << 10;

/// The most of what a command says on standard error that is kept to explain its failure.
const MAX_SAID: usize = 4 << 10;

/// Takes what a person should know of.
pub type Warn = Arc<dyn Fn(String) + Send + Sync>;

/// A container, by its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerName {
    /// The pod.
    pub pod: PodName,
    /// The container.
    pub container: String,
}

/// Why files were not copied, or not all.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// A request failed.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// There is no `tar` in the container.
    #[error("the container {0:?} has no tar")]
    NoTar(String),
    /// `tar` in the container failed.
    #[error("tar in the container failed{0}")]
    Remote(String),
    /// A file of this machine could not be read.
    #[error(transparent)]
    Local(#[from] pack::PackError),
    /// What came was not taken.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
}

impl Gateway {
    /// Whether a path is a directory in a container.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn is_directory(&self, at: &ContainerName, path: &str) -> Result<bool, ClientError> {
        let command = ["test", "-d", path].map(str::to_owned);
        let (_input, mut output) = self.pod_exec(&at.pod, &at.container, &command, false).await?;
        loop {
            if let PodEvent::End(code, _) = output.next().await? {
                return Ok(code == Some(0));
            }
        }
    }

    /// Copies a file or a directory of this machine to a path in a container.
    ///
    /// # Errors
    /// See [`CopyError`].
    pub async fn copy_to(
        &self,
        from: PathBuf,
        at: &ContainerName,
        to: &str,
        preserve: bool,
        warn: Warn,
    ) -> Result<(), CopyError> {
        let (directory, name) = to.rsplit_once('/').map_or((".", to), |(directory, name)| (directory, name));
        let directory = if directory.is_empty() { "/" } else { directory };
        let mut command = vec!["tar"];
        if !preserve {
            command.extend(["--no-same-permissions", "--no-same-owner"]);
        }
        command.extend(["-xmf", "-", "-C", directory]);
        let command: Vec<String> = command.into_iter().map(str::to_owned).collect();
        let (mut input, output) = self.pod_exec(&at.pod, &at.container, &command, true).await?;
        let (mut archive, pipe) = duplex(PIPE);
        let (pipe, name, told) = (SyncIoBridge::new(pipe), name.to_owned(), warn.clone());
        let packing = spawn_blocking(move || pack::pack(&from, &name, pipe, &*told));
        let feed = async {
            let mut buffer = vec![0; CHUNK];
            while let length @ 1.. = archive.read(&mut buffer).await.unwrap_or_default() {
                if input.send(&buffer[..length]).await.is_err() {
                    // Why is what the other side says.
                    return std::future::pending().await;
                }
            }
            // An archive that broke off must not look like one that is complete.
            let packed = packing.await.map_err(|e| pack::PackError::from(io::Error::other(e)));
            packed.and_then(|packed| packed)?;
            let _ = input.finish().await;
            std::future::pending::<Result<(), CopyError>>().await
        };
        tokio::select! {
            failed = feed => failed,
            end = finish(output, at, None, warn) => end,
        }
    }

    /// Copies a file or a directory of a container to a path of this machine.
    ///
    /// # Errors
    /// See [`CopyError`].
    pub async fn copy_from(&self, at: &ContainerName, from: &str, to: &Path, warn: Warn) -> Result<(), CopyError> {
        let from = unpack::clean(from);
        // What begins with a dash would be taken for a flag.
        let named = if from.starts_with('-') { format!("./{from}") } else { from.clone() };
        let command = ["tar", "cf", "-", &named].map(str::to_owned);
        let (_input, output) = self.pod_exec(&at.pod, &at.container, &command, false).await?;
        let (pipe, archive) = duplex(PIPE);
        let (archive, to, told) = (SyncIoBridge::new(archive), to.to_owned(), warn.clone());
        let unpacking = spawn_blocking(move || unpack::unpack(archive, &from, &to, &*told));
        let end = finish(output, at, Some(pipe), warn).await;
        let unpacked = unpacking.await.map_err(|e| UnpackError::from(io::Error::other(e))).and_then(|done| done);
        match (end, unpacked) {
            // What was refused ends the command, which then is lost; the refusal is the reason.
            (_, Err(error @ UnpackError::Outside(_))) => Err(error.into()),
            (Err(error), _) => Err(error),
            (Ok(()), unpacked) => Ok(unpacked?),
        }
    }
}

/// Takes what a `tar` writes until it ends, which must be with success. `to` gets its standard output; when nobody reads
/// that any more, its end is not awaited.
async fn finish(
    mut output: PodOutput,
    at: &ContainerName,
    mut to: Option<tokio::io::DuplexStream>,
    warn: Warn,
) -> Result<(), CopyError> {
    let mut said = Vec::new();
    let (code, message) = loop {
        match output.next().await? {
            PodEvent::Stdout(data) => {
                if let Some(pipe) = &mut to
                    && pipe.write_all(&data).await.is_err()
                {
                    return Ok(());
                }
            }
            PodEvent::Stderr(data) => {
                let room = MAX_SAID.saturating_sub(said.len());
                said.extend_from_slice(&data[..data.len().min(room)]);
            }
            PodEvent::End(code, message) => break (code, message),
        }
    };
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    if code == Some(0) {
        said.lines().for_each(|line| warn(line.to_owned()));
        return Ok(());
    }
    Err(failure(&at.container, code, message, said))
}

/// Why a `tar` failed: its exit code, what the cluster says of it, and what it said itself.
fn failure(container: &str, code: Option<i32>, message: String, said: String) -> CopyError {
    // A shell would say 127 of a program that there is not, and 126 of one that it may not run; runtimes use both, or
    // have no exit code for what has never run.
    let missing = |text: &str| text.contains("executable file not found") || text.contains("no such file or directory");
    if matches!(code, Some(126 | 127)) || (code.is_none() && missing(&message)) {
        return CopyError::NoTar(container.to_owned());
    }
    let code = code.map(|code| format!(" with exit code {code}")).unwrap_or_default();
    let why = if said.is_empty() { message } else { said };
    CopyError::Remote(if why.is_empty() { code } else { format!("{code}: {why}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_without_tar_is_told_from_a_tar_that_failed() {
        let told = |code, message: &str, said: &str| failure("main", code, message.into(), said.into()).to_string();
        let none = "the container \"main\" has no tar";
        assert_eq!(told(Some(127), "exit code 127", ""), none);
        assert_eq!(told(None, "exec: \"tar\": executable file not found in $PATH", ""), none);
        assert_eq!(told(None, "the pod has gone", ""), "tar in the container failed: the pod has gone");
        let failed = "tar in the container failed with exit code 2: tar: x: not found";
        assert_eq!(told(Some(2), "exit code 2", "tar: x: not found"), failed);
    }
}
