//! Files to a container and back, as archives that `tar` in the container makes and takes. Nothing is held in memory.

mod pack;
mod unpack;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_util::io::SyncIoBridge;

use super::error::ClientError;
use super::gateway::Gateway;
use super::pod_exec::{PodEvent, PodOutput};
use super::port_forward::PodName;
use crate::model::ErrorCode;
pub use unpack::UnpackError;

/// How much of an archive may be on its way between the network and the files.
const PIPE: usize = 256 << 10;

/// How much is sent at once.
const CHUNK: usize = 32 << 10;

/// How long it takes until a lost connection is tried again; more for each time that it was.
const PAUSE: Duration = Duration::from_millis(500);

/// The most of what a command says on standard error that is kept to explain its failure.
const MAX_SAID: usize = 4 << 10;

/// How far a copy has come, and what a person should know of.
pub trait Watch: Send + Sync {
    /// So many more bytes of the archive have gone, or come.
    fn copied(&self, bytes: u64);
    /// Something a person should know of.
    fn warn(&self, text: String);
}

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
        watch: Arc<dyn Watch>,
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
        let (pipe, name, told) = (SyncIoBridge::new(pipe), name.to_owned(), watch.clone());
        let packing = spawn_blocking(move || pack::pack(&from, &name, pipe, &|text| told.warn(text)));
        let feed = async {
            let mut buffer = vec![0; CHUNK];
            while let length @ 1.. = archive.read(&mut buffer).await.unwrap_or_default() {
                if input.send(&buffer[..length]).await.is_err() {
                    // Why is what the other side says.
                    return std::future::pending().await;
                }
                watch.copied(length as u64);
            }
            // An archive that broke off must not look like one that is complete.
            let packed = packing.await.map_err(|e| pack::PackError::from(io::Error::other(e)));
            packed.and_then(|packed| packed)?;
            let _ = input.finish().await;
            std::future::pending::<Result<(), CopyError>>().await
        };
        let mut nothing = None;
        tokio::select! {
            failed = feed => failed,
            end = finish(output, at, &mut nothing, &*watch) => end,
        }
    }

    /// Copies a file or a directory of a container to a path of this machine. When the connection is lost, it goes on
    /// where it was, so many times at most.
    ///
    /// # Errors
    /// See [`CopyError`].
    pub async fn copy_from(
        &self,
        at: &ContainerName,
        from: &str,
        to: &Path,
        retries: u32,
        watch: Arc<dyn Watch>,
    ) -> Result<(), CopyError> {
        let from = unpack::clean(from);
        // What begins with a dash would be taken for a flag.
        let named = if from.starts_with('-') { format!("./{from}") } else { from.clone() };
        let (pipe, archive) = duplex(PIPE);
        let (archive, to, told) = (SyncIoBridge::new(archive), to.to_owned(), watch.clone());
        let unpacking = spawn_blocking(move || unpack::unpack(archive, &from, &to, &|text| told.warn(text)));
        let end = self.receive(at, &named, pipe, retries, &*watch).await;
        let unpacked = unpacking.await.map_err(|e| UnpackError::from(io::Error::other(e))).and_then(|done| done);
        match (end, unpacked) {
            // What was refused ends the command, which then is lost; the refusal is the reason.
            (_, Err(error @ UnpackError::Outside(_))) => Err(error.into()),
            (Err(error), _) => Err(error),
            (Ok(()), unpacked) => Ok(unpacked?),
        }
    }

    /// Takes an archive from a container.
    async fn receive(
        &self,
        at: &ContainerName,
        path: &str,
        to: DuplexStream,
        retries: u32,
        watch: &dyn Watch,
    ) -> Result<(), CopyError> {
        let mut received = Some(Received { to, bytes: 0 });
        let mut retry = 0;
        loop {
            let start = received.as_ref().map_or(0, |received| received.bytes);
            let once = async {
                let (_input, output) = self.pod_exec(&at.pod, &at.container, &archiving(path, start), false).await?;
                finish(output, at, &mut received, watch).await
            };
            match once.await {
                Err(error) if is_broken(&error) && retry < retries => {
                    retry += 1;
                    watch.warn(format!("{error}: going on in a moment (retry {retry} of {retries})"));
                    sleep(PAUSE * retry.min(10)).await;
                }
                end => return end,
            }
        }
    }
}

/// Where an archive goes that comes, and how much of it has come.
struct Received {
    to: DuplexStream,
    bytes: u64,
}

/// The command that makes an archive, from its byte `start` on.
fn archiving(path: &str, start: u64) -> Vec<String> {
    let number = (start + 1).to_string();
    let command: &[&str] = match start {
        0 => &["tar", "cf", "-", path],
        // The words are arguments, and no part of what the shell reads.
        _ => &["sh", "-c", "tar cf - \"$1\" | tail -c \"+$2\"", "sh", path, &number],
    };
    command.iter().map(|word| (*word).to_owned()).collect()
}

/// Whether it is the way to the container that has failed, and not what was asked for.
fn is_broken(error: &CopyError) -> bool {
    let CopyError::Client(error) = error else { return false };
    match error {
        ClientError::Lost | ClientError::Connect(_) | ClientError::Protocol(_) | ClientError::Timeout(_) => true,
        ClientError::Problem(problem) => matches!(problem.code, ErrorCode::Unavailable | ErrorCode::Timeout),
        _ => false,
    }
}

/// Takes what a `tar` writes until it ends, which must be with success. `to` gets its standard output; when nobody reads
/// that any more, its end is not awaited.
async fn finish(
    mut output: PodOutput,
    at: &ContainerName,
    to: &mut Option<Received>,
    watch: &dyn Watch,
) -> Result<(), CopyError> {
    let mut said = Vec::new();
    let (code, message) = loop {
        match output.next().await? {
            PodEvent::Stdout(data) => {
                if let Some(received) = to {
                    if received.to.write_all(&data).await.is_err() {
                        return Ok(());
                    }
                    received.bytes += data.len() as u64;
                    watch.copied(data.len() as u64);
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
        said.lines().for_each(|line| watch.warn(line.to_owned()));
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
    // The last line of tar says nothing but that there was another one.
    let lines = said.lines().filter(|line| !line.contains("Exiting with failure status"));
    let said = lines.collect::<Vec<_>>().join("; ");
    let why = if said.is_empty() { message } else { said };
    CopyError::Remote(if why.is_empty() { code } else { format!("{code}: {why}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_goes_on_where_it_was() {
        assert_eq!(archiving("/a b", 0), ["tar", "cf", "-", "/a b"]);
        assert_eq!(archiving("$(x)", 10), ["sh", "-c", "tar cf - \"$1\" | tail -c \"+$2\"", "sh", "$(x)", "11"]);
        let problem = |code| {
            let problem = crate::model::Problem::new(&crate::model::Failure::new(code, "x"), "r");
            is_broken(&ClientError::Problem(Box::new(problem)).into())
        };
        assert!(is_broken(&ClientError::Lost.into()) && problem(ErrorCode::Unavailable));
        assert!(!problem(ErrorCode::NotFound) && !problem(ErrorCode::Forbidden));
        assert!(!is_broken(&CopyError::NoTar("x".into())));
    }

    #[test]
    fn a_container_without_tar_is_told_from_a_tar_that_failed() {
        let told = |code, message: &str, said: &str| failure("main", code, message.into(), said.into()).to_string();
        let none = "the container \"main\" has no tar";
        assert_eq!(told(Some(127), "exit code 127", ""), none);
        assert_eq!(told(None, "exec: \"tar\": executable file not found in $PATH", ""), none);
        assert_eq!(told(None, "the pod has gone", ""), "tar in the container failed: the pod has gone");
        let failed = "tar in the container failed with exit code 2: tar: x: not found; tar: y: not found";
        let said = "tar: x: not found\ntar: y: not found\ntar: Exiting with failure status due to previous errors";
        assert_eq!(told(Some(2), "exit code 2", said), failed);
    }
}
