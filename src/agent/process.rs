//! Starts and ends processes: the only file with `unsafe`, because what runs between fork and exec is the kernel's business.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::prctl::{set_no_new_privs, set_pdeathsig};
use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, getpid, getppid, setsid};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::sandbox::Confinement;
use super::terminal::{self, Terminal, Window};
use crate::model::Tty;

/// How long a process group may take to end after SIGTERM before it gets SIGKILL.
const TERM_GRACE: Duration = Duration::from_millis(500);

/// The limits of a process. Not among them: the number of processes, which counts those of all programs of the same
/// user, and address space, of which a Go program reserves far more than it uses.
const LIMITS: [(Resource, rlim_t); 3] = [
    // A core dump holds what the program knows.
    (Resource::RLIMIT_CORE, 0),
    (Resource::RLIMIT_NOFILE, 1024),
    // One file, in bytes: a cache or a manifest, not a disk full.
    (Resource::RLIMIT_FSIZE, 256 * 1024 * 1024),
];

/// What makes user 0 an ordinary user at the next exec, for good: no program gets a capability any more.
const NO_ROOT: libc::c_int = libc::SECBIT_NOROOT
    | libc::SECBIT_NOROOT_LOCKED
    | libc::SECBIT_NO_CAP_AMBIENT_RAISE
    | libc::SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;

/// What to start.
pub struct Spec {
    /// The program, absolute.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its whole environment.
    pub env: Vec<(&'static str, OsString)>,
    /// Its working directory.
    pub directory: PathBuf,
    /// Its standard input.
    pub stdin: Stdin,
    /// What confines it beyond the limits of every process.
    pub sandbox: Option<Confinement>,
}

/// The standard input of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stdin {
    /// Nothing to read.
    Null,
    /// A pipe.
    Pipe,
    /// A terminal, which is its controlling one: what is typed there can be a signal.
    Terminal(Tty),
}

/// Where a process reads from.
pub type Source = Box<dyn AsyncWrite + Send + Unpin>;

/// Where a process writes to.
pub type Sink = Box<dyn AsyncRead + Send + Unpin>;

type Job = Box<dyn FnOnce() + Send>;

/// A thread that starts all processes.
///
/// Starting one blocks, which the threads of the runtime must not; and a child that is to die with its parent dies with
/// the *thread* that started it, so that thread has to live as long as the agent.
#[derive(Clone)]
pub struct Spawner(mpsc::SyncSender<Job>);

impl Spawner {
    /// Starts the thread. It ends when the last clone is dropped.
    pub fn start() -> io::Result<Self> {
        let (sender, receiver) = mpsc::sync_channel::<Job>(64);
        std::thread::Builder::new().name("spawner".into()).spawn(move || receiver.iter().for_each(|job| job()))?;
        Ok(Self(sender))
    }

    /// Runs a piece of blocking work on the thread, such as preparing and starting a process.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
        let (reply, answer) = oneshot::channel();
        let handle = Handle::current();
        let job: Job = Box::new(move || {
            let _runtime = handle.enter();
            // Nobody waits any more when the command was cancelled meanwhile; what was started is dropped and killed.
            let _ = reply.send(work());
        });
        match self.0.try_send(job) {
            Ok(()) => answer.await.map_err(io::Error::other)?,
            Err(mpsc::TrySendError::Full(_)) => Err(io::Error::other("too many commands are being started at once")),
            Err(mpsc::TrySendError::Disconnected(_)) => Err(io::Error::other("the agent is stopping")),
        }
    }
}

/// Starts a process in a group of its own, which ends with the agent however the agent ends.
pub fn spawn(spec: &Spec) -> io::Result<Process> {
    let mut command = Command::new(&spec.program);
    let (mut terminal, mut streams) = (None, [Stdio::null(), Stdio::piped(), Stdio::piped()]);
    match &spec.stdin {
        Stdin::Null => {}
        Stdin::Pipe => streams[0] = Stdio::piped(),
        Stdin::Terminal(tty) => {
            let (ours, theirs) = terminal::open(tty)?;
            (terminal, streams) = (Some((ours, *tty)), theirs);
        }
    }
    let [stdin, stdout, stderr] = streams;
    let in_session = terminal.is_some();
    command
        .args(&spec.args)
        .env_clear()
        .envs(spec.env.iter().map(|(name, value)| (name, value)))
        .current_dir(&spec.directory)
        .stdin(stdin)
        .stdout(stdout)
        .stderr(stderr)
        .kill_on_drop(true);
    if !in_session {
        command.process_group(0);
    }
    let parent = getpid();
    let limits = limits()?;
    let sandbox = spec.sandbox.clone();
    let before_exec = move || {
        set_pdeathsig(Signal::SIGKILL)?;
        // The agent may have died before the line above took effect.
        if getppid() != parent {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if in_session {
            lead_session()?;
        }
        for (resource, limit) in limits {
            setrlimit(resource, limit, limit)?;
        }
        close_on_exec();
        set_no_new_privs()?;
        sandbox.as_ref().map_or(Ok(()), put_on)
    };
    // SAFETY: between fork and exec the closure makes system calls; it neither allocates nor takes locks, and what it
    // uses was made before. Its errors hold a number or a kind.
    unsafe { command.pre_exec(before_exec) };
    let child = command.spawn()?;
    let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw).ok_or(io::ErrorKind::NotFound)?;
    Ok(Process { child, group, terminal, reaped: false })
}

/// Makes this process the leader of a session, and of a group, whose controlling terminal is its standard input.
fn lead_session() -> io::Result<()> {
    setsid()?;
    // SAFETY: standard input is a terminal that is no other session's, and the call takes a number and no memory.
    Errno::result(unsafe { libc::ioctl(libc::STDIN_FILENO, libc::TIOCSCTTY, 0 as libc::c_int) })?;
    Ok(())
}

/// The limits, none above what the agent itself may have.
fn limits() -> io::Result<[(Resource, rlim_t); LIMITS.len()]> {
    let mut limits = LIMITS;
    for (resource, limit) in &mut limits {
        let (_, most) = getrlimit(*resource)?;
        *limit = (*limit).min(most);
    }
    Ok(limits)
}

/// Keeps every descriptor but the first three from the program. What the agent opens closes on exec anyway; this is for
/// what the agent was started with. Kernels before 5.11 do not know the call.
fn close_on_exec() {
    let flags = libc::c_long::from(libc::CLOSE_RANGE_CLOEXEC);
    // SAFETY: it only marks descriptors, none of which the child uses after exec.
    unsafe { libc::syscall(libc::SYS_close_range, 3 as libc::c_long, libc::c_long::from(u32::MAX), flags) };
}

/// Puts on the walls, for this process and whatever it executes. Capabilities first: the filter comes last.
fn put_on(sandbox: &Confinement) -> io::Result<()> {
    // SAFETY: the calls change attributes of this process. They fail in an agent that has no capabilities, which is as well.
    unsafe {
        libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        libc::prctl(libc::PR_SET_SECUREBITS, NO_ROOT);
    }
    if let Some(ruleset) = sandbox.ruleset() {
        // SAFETY: the descriptor is open, and the call restricts this process only.
        Errno::result(unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset, 0) })?;
    }
    match sandbox.filter().map(|filter| seccompiler::apply_filter(filter)) {
        None | Some(Ok(())) => Ok(()),
        Some(Err(seccompiler::Error::Seccomp(error) | seccompiler::Error::Prctl(error))) => Err(error),
        Some(Err(_)) => Err(io::ErrorKind::InvalidInput.into()),
    }
}

/// A running process and its group. Dropping it kills the group.
pub struct Process {
    child: Child,
    group: Pid,
    /// Until it is taken, and which of the outputs are on it.
    terminal: Option<(Terminal, Tty)>,
    reaped: bool,
}

impl Process {
    /// The window of its terminal, if it has one; until the streams are taken.
    pub fn window(&self) -> Option<Window> {
        self.terminal.as_ref().map(|(terminal, _)| terminal.window.clone())
    }

    /// Its standard input, output and error; at the first call only. What is written to a terminal is its output, or its
    /// error if that alone is written there.
    pub fn take_streams(&mut self) -> (Option<Source>, Option<Sink>, Option<Sink>) {
        let stdin = self.child.stdin.take().map(|pipe| Box::new(pipe) as Source);
        let stdout = self.child.stdout.take().map(|pipe| Box::new(pipe) as Sink);
        let stderr = self.child.stderr.take().map(|pipe| Box::new(pipe) as Sink);
        let Some((Terminal { keyboard, screen, .. }, tty)) = self.terminal.take() else {
            return (stdin, stdout, stderr);
        };
        let keyboard: Option<Source> = Some(Box::new(keyboard));
        match (tty.stdout, tty.stderr) {
            (true, _) => (keyboard, Some(Box::new(screen)), stderr),
            (false, true) => (keyboard, stdout, Some(Box::new(screen))),
            (false, false) => (keyboard, stdout, stderr),
        }
    }

    /// Waits for the leader, and ends what is left of its group.
    pub async fn wait(&mut self) -> io::Result<std::process::ExitStatus> {
        let status = self.child.wait().await?;
        // What it started and left behind ends with it. The number was given back a moment ago, and the kernel hands
        // numbers out in turn: it is not another's yet.
        self.signal(Signal::SIGKILL);
        self.reaped = true;
        Ok(status)
    }

    /// Ends the group: SIGTERM, so that kubectl can clean up, then SIGKILL.
    pub async fn end(&mut self) {
        self.signal(Signal::SIGTERM);
        let _ = tokio::time::timeout(TERM_GRACE, self.wait()).await;
    }

    /// The group's number belongs to this process until the leader is reaped; some time after that it may be another's.
    fn signal(&self, signal: Signal) {
        if !self.reaped {
            let _ = killpg(self.group, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}
