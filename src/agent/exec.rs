//! Runs kubectl: one process for each command, its output streamed as it comes, ended when nobody waits for it.

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::ChildStdin;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::info;

use super::AgentError;
use super::kubeconfig::Credential;
use super::process::{Process, Spawner, Spec, spawn};
use super::sandbox::{self, Access, Sandbox};
use super::workdir::{WorkDir, find_program};
use crate::config::agent::SandboxMode;
use crate::model::exec::CHUNK_BYTES;
use crate::model::{ExecEnd, ExecOutput};
use crate::tunnel::exec::{ExecEvent, ExecSource, ExecStart, Executor, Input};

/// How many commands run at once; each is a kubectl of some 45 MB.
const MAX_COMMANDS: usize = 256;

/// How many pieces of output may wait for the tunnel.
const QUEUE: usize = 4;

/// How long the output of a command that has ended may stay silent without ending: something it started holds it open.
const OUTPUT_GRACE: Duration = Duration::from_secs(2);

/// The kubectl of this agent. Cheap to clone.
#[derive(Clone)]
pub struct Kubectl(Arc<Inner>);

struct Inner {
    program: PathBuf,
    version: String,
    sandbox: Sandbox,
    credential: Credential,
    work_dir: WorkDir,
    spawner: Spawner,
    slots: Semaphore,
    commands: TaskTracker,
    end_all: CancellationToken,
}

impl Kubectl {
    /// Finds kubectl, and asks it for its version in the sandbox that its commands will have.
    pub async fn new(
        program: &Path,
        mode: SandboxMode,
        credential: Credential,
        work_dir: WorkDir,
        commands: TaskTracker,
    ) -> Result<Self, AgentError> {
        let program = find_program(program)
            .ok_or_else(|| AgentError::Kubectl(format!("{} is not a program that can be found", program.display())))?;
        let spawner = Spawner::start().map_err(|e| AgentError::Kubectl(e.to_string()))?;
        let (sandbox, version) = sandbox::start(mode, &program, &work_dir, &spawner).await?;
        let slots = Semaphore::new(MAX_COMMANDS);
        let end_all = CancellationToken::new();
        Ok(Self(Arc::new(Inner { program, version, sandbox, credential, work_dir, spawner, slots, commands, end_all })))
    }

    /// Its version, such as `v1.36.3`.
    pub fn version(&self) -> &str {
        &self.0.version
    }

    /// What confines its commands, in words.
    pub fn sandbox(&self) -> &str {
        self.0.sandbox.state()
    }

    /// Ends all commands.
    pub fn end_all(&self) {
        self.0.end_all.cancel();
    }
}

impl Executor for Kubectl {
    fn execute(&self, start: ExecStart, input: ExecSource) -> mpsc::Receiver<ExecEvent> {
        let (output, receiver) = mpsc::channel(QUEUE);
        let kubectl = self.0.clone();
        self.0.commands.spawn(async move {
            let request_id = start.request_id.clone();
            let end = kubectl.run(start, input, &output).await;
            info!(%request_id, ?end, "command ended");
            // Nobody may be waiting for the end any more.
            let _ = output.send(ExecEvent::Output(ExecOutput::End(end))).await;
        });
        receiver
    }
}

impl Inner {
    async fn run(self: &Arc<Self>, start: ExecStart, input: ExecSource, output: &mpsc::Sender<ExecEvent>) -> ExecEnd {
        let Ok(_slot) = self.slots.try_acquire() else {
            return ExecEnd::Error(format!("the agent runs {MAX_COMMANDS} commands already: try again later"));
        };
        let stdin = start.stdin;
        let starting = {
            let inner = self.clone();
            self.spawner.run(move || inner.spawn(start))
        };
        let (mut process, directory) = match starting.await {
            Ok(started) => started,
            Err(error) => return ExecEnd::Error(format!("kubectl could not be started: {error}")),
        };
        let (pipe, stdout, stderr) = process.take_pipes();
        let abandoned = async {
            tokio::select! {
                () = output.closed() => "the caller has gone",
                () = self.end_all.cancelled() => "the agent is stopping",
                () = feed(pipe, input, stdin) => "the input stopped before its end",
            }
        };
        let end = tokio::select! {
            end = supervise(&mut process, stdout, stderr, output) => end,
            why = abandoned => {
                process.end().await;
                ExecEnd::Error(format!("the command was ended: {why}"))
            }
        };
        drop(process);
        // Deleting files blocks.
        let _ = self.spawner.run(move || directory.close()).await;
        end
    }

    /// Prepares the private directory and starts kubectl in it. Blocks.
    fn spawn(&self, start: ExecStart) -> std::io::Result<(Process, TempDir)> {
        let directory = self.work_dir.for_command()?;
        let kubeconfig = directory.path().join("kubeconfig");
        std::fs::write(&kubeconfig, self.credential.kubeconfig(start.namespace.as_deref())?)?;
        let access = Access {
            program: &self.program,
            directory: directory.path(),
            cache: &self.work_dir.cache(),
            port: self.credential.port(),
            diff: start.args.iter().any(|word| word == "diff").then(|| self.work_dir.bin().join("diff")),
        };
        let spec = Spec {
            sandbox: self.sandbox.confine(&access)?,
            program: self.program.clone(),
            args: start.args,
            env: vec![
                ("HOME", directory.path().into()),
                // The working directory; `kubectl diff` shows the paths of what it puts there.
                ("TMPDIR", ".".into()),
                ("PATH", self.work_dir.bin().into()),
                ("KUBECONFIG", kubeconfig.into()),
                ("KUBECACHEDIR", self.work_dir.cache().into()),
                ("KUBERC", "off".into()),
                ("KUBECTL_KUBERC", "false".into()),
                ("TERM", "dumb".into()),
                ("LANG", "C.UTF-8".into()),
                ("NO_PROXY", "*".into()),
            ],
            directory: directory.path().into(),
            stdin: start.stdin,
        };
        Ok((spawn(&spec)?, directory))
    }
}

/// Feeds the input to the command. Returns only when the input stopped without an end: an incomplete manifest must
/// not be applied as if it were complete, so the command is ended while its input is still open.
async fn feed(mut stdin: Option<ChildStdin>, mut input: ExecSource, mut wanted: bool) {
    while wanted {
        match input.next().await {
            Input::Data(data) => {
                if let Some(pipe) = &mut stdin
                    && pipe.write_all(&data).await.is_err()
                {
                    // The command reads no more; the rest of the input is dropped.
                    stdin = None;
                }
            }
            Input::Rights(_) => {}
            Input::Eof => wanted = false,
            Input::Gone => return,
        }
    }
    drop(stdin);
    std::future::pending().await
}

/// Streams both outputs and waits for the end.
async fn supervise(
    process: &mut Process,
    stdout: Option<impl AsyncRead + Unpin>,
    stderr: Option<impl AsyncRead + Unpin>,
    output: &mpsc::Sender<ExecEvent>,
) -> ExecEnd {
    let exited = CancellationToken::new();
    let waiting = async {
        let status = process.wait().await;
        exited.cancel();
        status
    };
    let (status, (), ()) = tokio::join!(
        waiting,
        pump(stdout, ExecOutput::Stdout, output, &exited),
        pump(stderr, ExecOutput::Stderr, output, &exited)
    );
    status.map_or_else(|e| ExecEnd::Error(format!("the end of kubectl is unknown: {e}")), ended)
}

fn ended(status: ExitStatus) -> ExecEnd {
    let small = |number: i32| u8::try_from(number).unwrap_or(u8::MAX);
    match (status.code(), status.signal()) {
        (Some(code), _) => ExecEnd::Code(small(code)),
        (None, Some(signal)) => ExecEnd::Signal(small(signal)),
        (None, None) => ExecEnd::Error("the end of kubectl is unknown".into()),
    }
}

/// Sends one output, piece by piece, as fast as it is taken.
async fn pump(
    from: Option<impl AsyncRead + Unpin>,
    piece: fn(Bytes) -> ExecOutput,
    to: &mpsc::Sender<ExecEvent>,
    exited: &CancellationToken,
) {
    let Some(mut from) = from else { return };
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(CHUNK_BYTES);
        let mut limited = (&mut from).take(CHUNK_BYTES as u64);
        let held_open = async {
            exited.cancelled().await;
            tokio::time::sleep(OUTPUT_GRACE).await;
        };
        let read = tokio::select! {
            biased;
            read = limited.read_buf(&mut buffer) => read,
            () = held_open => return,
        };
        if !matches!(read, Ok(1..)) || to.send(ExecEvent::Output(piece(buffer.split().freeze()))).await.is_err() {
            return;
        }
    }
}
