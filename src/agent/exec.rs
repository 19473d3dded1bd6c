//! Runs kubectl: one process for each command, its output streamed as it comes, ended when nobody waits for it.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::info;

use super::AgentError;
use super::discovery::Discovery;
use super::files::{self, Place};
use super::gate::{Caller, Gate, Open};
use super::input::carry;
use super::kubeconfig::kubeconfig;
use super::metrics::{AgentMetrics, RunningCommand};
use super::output::{Without, supervise};
use super::process::{Process, Spawner, Spec, Stdin, spawn};
use super::sandbox::{self, Access, Sandbox};
use super::workdir::{WorkDir, find_program};
use crate::config::agent::KubectlConfig;
use crate::kubernetes::kubectl::CommandLine;
use crate::model::files::MAX_FILES_BYTES;
use crate::model::{ExecEnd, ExecOutput, FileTree};
use crate::tunnel::exec::{ExecEvent, ExecSource, ExecStart, Executor};

/// How many commands run at once; each is a kubectl of some 45 MB.
const MAX_COMMANDS: usize = 256;

/// How many pieces of output may wait for the tunnel.
const QUEUE: usize = 4;

/// How many mebibytes of local files all commands may have together, on the disk of the agent.
const MAX_FILES_MIB: usize = 16 * (MAX_FILES_BYTES >> 20) as usize;

/// A proxy that does not exist.
const NOWHERE: &str = "http://127.0.0.1:0";

/// The kubectl of this agent. Cheap to clone.
#[derive(Clone)]
pub struct Kubectl(Arc<Inner>);

struct Inner {
    launcher: Launcher,
    discovery: Discovery,
    slots: Semaphore,
    /// A permit for each mebibyte of files.
    disk: Semaphore,
    commands: TaskTracker,
    metrics: Arc<AgentMetrics>,
    end_all: CancellationToken,
}

/// Starts kubectl, in front of the gate.
#[derive(Clone)]
pub struct Launcher {
    /// The program, absolute.
    program: PathBuf,
    version: String,
    /// What confines it.
    sandbox: Sandbox,
    /// The namespace of commands that name none.
    namespace: String,
    /// What it sees as its API server.
    pub gate: Gate,
    /// Where it runs.
    pub work_dir: WorkDir,
    /// The thread that starts it.
    pub spawner: Spawner,
}

/// A command to start.
pub struct Command {
    /// The arguments of kubectl.
    pub args: Vec<String>,
    /// The namespace where they name none; `None`: that of the agent's context.
    pub namespace: Option<String>,
    /// Its standard input.
    pub stdin: Stdin,
    /// The discovery cache, which it only reads; `None`: it makes one of its own, in `cache` of its directory.
    pub cache: Option<PathBuf>,
    /// Where it runs, if that is prepared.
    pub place: Option<Place>,
}

impl Launcher {
    /// Finds kubectl, and asks it for its version in the sandbox that its commands will have.
    pub async fn new(
        config: &KubectlConfig,
        namespace: String,
        gate: Gate,
        work_dir: WorkDir,
    ) -> Result<Self, AgentError> {
        let program = find_program(&config.path).ok_or_else(|| {
            AgentError::Kubectl(format!("{} is not a program that can be found", config.path.display()))
        })?;
        let spawner = Spawner::start().map_err(|e| AgentError::Kubectl(e.to_string()))?;
        let (sandbox, version) = sandbox::start(config.sandbox, &program, &work_dir, &spawner).await?;
        Ok(Self { program, version, sandbox, namespace, gate, work_dir, spawner })
    }

    /// Starts a command in its place, or else prepares a private directory for it.
    pub async fn start(&self, session: &Open, command: Command) -> io::Result<(Process, Place)> {
        let namespace = command.namespace.as_deref().unwrap_or(&self.namespace);
        let kubeconfig = kubeconfig(&self.gate, session.token(), namespace);
        let launcher = self.clone();
        self.spawner.run(move || launcher.spawn(command, &kubeconfig)).await
    }

    /// Blocks.
    fn spawn(&self, command: Command, kubeconfig: &[u8]) -> io::Result<(Process, Place)> {
        let place = command.place.map_or_else(|| Place::empty(&self.work_dir), Ok)?;
        let path = place.path();
        let kubeconfig_file = path.join("kubeconfig");
        std::fs::write(&kubeconfig_file, kubeconfig)?;
        let cache = command.cache.unwrap_or_else(|| path.join("cache"));
        let env: Vec<(&'static str, OsString)> = vec![
            ("HOME", path.into()),
            ("TMPDIR", place.temporary_directory().into()),
            ("PATH", self.work_dir.bin().into()),
            ("KUBECONFIG", kubeconfig_file.into()),
            ("KUBECACHEDIR", cache.into()),
            ("KUBERC", "off".into()),
            ("KUBECTL_KUBERC", "false".into()),
            ("TERM", "dumb".into()),
            ("LANG", "C.UTF-8".into()),
            // Where no sandbox confines the network, a kustomization fetches nothing all the same: only the gate is asked
            // directly, and behind this port there is nothing.
            ("HTTP_PROXY", NOWHERE.into()),
            ("HTTPS_PROXY", NOWHERE.into()),
            ("NO_PROXY", "127.0.0.1".into()),
        ];
        let access = Access {
            program: &self.program,
            directory: path,
            cache: &self.work_dir.cache(),
            port: Some(self.gate.address().port()),
            diff: command.args.first().is_some_and(|word| word == "diff").then(|| self.work_dir.bin().join("diff")),
        };
        let spec = Spec {
            sandbox: self.sandbox.confine(&access)?,
            program: self.program.clone(),
            args: command.args,
            env,
            directory: place.working_directory(),
            stdin: command.stdin,
        };
        Ok((spawn(&spec)?, place))
    }
}

impl Kubectl {
    /// Makes it ready to run commands, which `commands` tracks.
    pub fn new(launcher: Launcher, discovery: Discovery, commands: TaskTracker, metrics: Arc<AgentMetrics>) -> Self {
        let (slots, disk) = (Semaphore::new(MAX_COMMANDS), Semaphore::new(MAX_FILES_MIB));
        let end_all = CancellationToken::new();
        Self(Arc::new(Inner { launcher, discovery, slots, disk, commands, metrics, end_all }))
    }

    /// Its version, such as `v1.36.3`.
    pub fn version(&self) -> &str {
        &self.0.launcher.version
    }

    /// What confines its commands, in words.
    pub fn sandbox(&self) -> &str {
        self.0.launcher.sandbox.state()
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
            let running = RunningCommand::new(&kubectl.metrics);
            let end = kubectl.run(start, input, &output).await;
            running.ended(&end);
            info!(%request_id, ?end, "command ended");
            // Nobody may be waiting for the end any more.
            let _ = output.send(ExecEvent::Output(ExecOutput::End(end))).await;
        });
        receiver
    }
}

impl Inner {
    async fn run(&self, start: ExecStart, mut input: ExecSource, output: &mpsc::Sender<ExecEvent>) -> ExecEnd {
        let Ok(_slot) = self.slots.try_acquire() else {
            return ExecEnd::Error(format!("the agent runs {MAX_COMMANDS} commands already: try again later"));
        };
        let ExecStart { request_id, caller, groups, rules, namespace, stdin, tty, files, args } = start;
        // Central has parsed it too, but what runs here is not central's to say.
        let line = CommandLine::parse(&args);
        let admitted = line.and_then(|line| line.admit(files.as_ref().map(FileTree::directory)).map(|()| line));
        let line = match admitted {
            Ok(line) => line,
            Err(refusal) => return ExecEnd::Error(refusal.to_string()),
        };
        let mebibytes = files.as_ref().map_or(0, |tree| tree.bytes().div_ceil(1 << 20));
        let Ok(_disk) = self.disk.try_acquire_many(u32::try_from(mebibytes).unwrap_or(u32::MAX)) else {
            return ExecEnd::Error("the agent has no room for more files of commands just now: try again later".into());
        };
        let cache = self.discovery.current();
        let caller = Caller { request: &request_id, name: &caller, groups: &groups, has_cache: cache.is_some() };
        let session = match self.launcher.gate.open(caller, rules, output.clone()) {
            Ok(session) => session,
            Err(error) => return ExecEnd::Error(format!("the command was not run: {error}")),
        };
        let place = match files {
            None => None,
            Some(tree) => match self.arrival(tree, &line, &mut input, &session, output).await {
                Ok(place) => Some(place),
                Err(why) => {
                    session.finish().await;
                    return ExecEnd::Error(format!("the command was not run: {why}"));
                }
            },
        };
        let root = place.as_ref().and_then(Place::root).map(str::to_owned);
        let args = line.canonical_below(root.as_deref().unwrap_or_default());
        let from_stdout = Without::new(root.as_deref().filter(|_| !line.shows_a_container()));
        let from_stderr = Without::new(root.as_deref());
        let cache = cache.as_deref().map(|cache| cache.path().to_owned());
        let stdin = match tty {
            Some(tty) => Stdin::Terminal(tty),
            None if stdin => Stdin::Pipe,
            None => Stdin::Null,
        };
        let command = Command { args, namespace, stdin, cache, place };
        let (mut process, place) = match self.launcher.start(&session, command).await {
            Ok(started) => started,
            Err(error) => return ExecEnd::Error(format!("kubectl could not be started: {error}")),
        };
        let window = process.window();
        let (pipe, stdout, stderr) = process.take_streams();
        let abandoned = async {
            tokio::select! {
                why = self.abandoned(&session, output) => why,
                () = carry(input, pipe, stdin != Stdin::Null, window, &session) => "the input stopped before its end".into(),
            }
        };
        let ended = |why: &str| ExecEnd::Error(format!("the command was ended: {why}"));
        let end = tokio::select! {
            end = supervise(&mut process, (stdout, from_stdout), (stderr, from_stderr), output) => end,
            why = abandoned => {
                process.end().await;
                ended(&why)
            }
        };
        drop(process);
        session.finish().await;
        // A command whose requests were cut may have ended by itself before it was ended.
        let end = session.why().map_or(end, ended);
        self.clear(place).await;
        end
    }

    /// Why a command is over that has not ended by itself.
    async fn abandoned(&self, session: &Open, output: &mpsc::Sender<ExecEvent>) -> String {
        tokio::select! {
            () = output.closed() => "the caller has gone".into(),
            () = self.end_all.cancelled() => "the agent is stopping".into(),
            why = session.lost_rights() => why,
        }
    }

    /// Waits for the files of a command; where they are, or why it does not run.
    async fn arrival(
        &self,
        tree: FileTree,
        line: &CommandLine,
        input: &mut ExecSource,
        session: &Open,
        output: &mpsc::Sender<ExecEvent>,
    ) -> Result<Place, String> {
        let (work_dir, directories) = (self.launcher.work_dir.clone(), tree.clone());
        let place = spawn_blocking(move || Place::with_directories(&work_dir, &directories)).await;
        let place = place.map_err(io::Error::from).and_then(|place| place).map_err(|error| error.to_string())?;
        let received = files::receive(&place, &tree, input, session, self.abandoned(session, output)).await;
        let checked = match (received, place.root().map(str::to_owned)) {
            (Ok(()), Some(root)) => {
                let line = line.clone();
                let check = spawn_blocking(move || files::check(&root, &tree, &line)).await;
                check.unwrap_or_else(|error| Err(error.to_string()))
            }
            (received, _) => received,
        };
        match checked {
            Ok(()) => Ok(place),
            Err(why) => {
                self.clear(place).await;
                Err(why)
            }
        }
    }

    /// Removes the directory of a command.
    async fn clear(&self, place: Place) {
        // Deleting files blocks.
        let _ = self.launcher.spawner.run(move || place.close()).await;
    }
}
