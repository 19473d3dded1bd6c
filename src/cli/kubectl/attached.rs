//! A command at the user's terminal: every key goes to the remote side, and the terminal is as it was afterwards.

use std::io::Write;
use std::time::Duration;

use nix::libc;
use tokio::io::{AsyncReadExt as _, stdin};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::escape::{Escape, HOLD, Typed};
use super::print;
use super::screen::Screen;
use super::terminal::{Raw, Terminal};
use crate::cli::exit::Exit;
use crate::cli::files::LocalFiles;
use crate::cli::session::Session;
use crate::client::ExecWriter;
use crate::model::{ClusterName, ExecOutput, ExecRequest, TtySize};

/// How many pieces of what is typed may wait for the connection. More is not read, not even the way out.
const QUEUE: usize = 256;

/// The most bytes of one piece; a terminal gives no more at once.
const PIECE: usize = 4096;

/// 128 + SIGHUP: the terminal has gone.
const HANGUP: Exit = Exit(129);

/// The terminal as the session has it.
struct Console {
    terminal: Terminal,
    raw: Option<Raw>,
    screen: Screen,
}

/// Runs a command at this terminal; its exit code.
pub async fn run(
    session: &Session,
    cluster: &ClusterName,
    mut request: ExecRequest,
    files: &LocalFiles,
    terminal: Terminal,
) -> anyhow::Result<Exit> {
    let mut signals = Signals::new()?;
    let mut console = Console { terminal, raw: None, screen: Screen::default() };
    // Before the size is read: whatever changes it from here on is heard of.
    let events = Events::new()?;
    request.tty = Some(console.terminal.describe());
    let end = tokio::select! {
        end = converse(session, cluster, (&request, files), &mut console, events) => end,
        exit = signals.next() => Ok(End::Broken(exit)),
    };
    console.raw = None;
    if let Ok(End::Whole(exit)) = end {
        return Ok(exit);
    }
    console.clean_up();
    match end? {
        End::Whole(exit) | End::Broken(exit) => Ok(exit),
        End::Left => {
            // Nobody is left to read it when this fails.
            let _ = std::io::stderr().write_all(b"the session was left; the remote kubectl is ended\n");
            Ok(Exit::INTERRUPTED)
        }
    }
}

/// How a session ends.
enum End {
    /// The command has ended.
    Whole(Exit),
    /// It broke off.
    Broken(Exit),
    /// The user has left it.
    Left,
}

impl Console {
    /// Undoes what the remote side has left of a session that broke off.
    fn clean_up(&self) {
        let tty = self.terminal.describe();
        let mut screen: Box<dyn Write> = match (tty.stdout, tty.stderr) {
            (true, _) => Box::new(std::io::stdout()),
            (false, true) => Box::new(std::io::stderr()),
            (false, false) => return,
        };
        // Nobody is left to see it when this fails.
        let _ = screen.write_all(&self.screen.undo()).and_then(|()| screen.flush());
    }
}

async fn converse(
    session: &Session,
    cluster: &ClusterName,
    (request, files): (&ExecRequest, &LocalFiles),
    console: &mut Console,
    events: Events,
) -> anyhow::Result<End> {
    let (mut writer, reader) = session.client().await?.exec(cluster, request).await?;
    // When they cannot be sent, the reader sees how the connection ended, and says so.
    files.send(&mut writer).await?;
    let told = request.tty.map(|tty| tty.size());
    let Console { terminal, raw, screen } = console;
    let raw = raw.insert(terminal.raw()?);
    let (keys, typed) = mpsc::channel(QUEUE);
    let tty = terminal.describe();
    let see = |output: &ExecOutput| match output {
        ExecOutput::Stdout(data) if tty.stdout => screen.see(data),
        ExecOutput::Stderr(data) if tty.stderr => screen.see(data),
        _ => {}
    };
    tokio::select! {
        exit = print(reader, see) => exit.map(End::Whole),
        end = listen(keys) => Ok(end),
        never = send(writer, typed, events, (terminal, raw, told)) => never,
    }
}

/// Reads what is typed, also while the connection takes nothing. Returns when the user leaves, or the terminal is gone.
async fn listen(keys: mpsc::Sender<Vec<u8>>) -> End {
    let (mut stdin, mut escape, mut buffer) = (stdin(), Escape::new(), [0; PIECE]);
    loop {
        let patience = if escape.holds() { HOLD } else { Duration::MAX };
        let typed = match timeout(patience, stdin.read(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => return End::Broken(HANGUP),
            Ok(Ok(n)) => escape.take(&buffer[..n]),
            Err(_) => Typed::Send(escape.release().into_iter().collect()),
        };
        match typed {
            Typed::Send(bytes) if bytes.is_empty() => {}
            // It fails when nobody sends any more, and then the session ends for that reason.
            Typed::Send(bytes) => drop(keys.send(bytes).await),
            Typed::Leave => return End::Left,
        }
    }
}

/// Sends what is typed, and the size of the window when it has changed. Never returns with success.
async fn send(
    mut writer: ExecWriter,
    mut typed: mpsc::Receiver<Vec<u8>>,
    mut events: Events,
    (terminal, raw, mut told): (&Terminal, &Raw, Option<TtySize>),
) -> anyhow::Result<End> {
    loop {
        // When something cannot be sent, the reader sees how the connection ended, and says so.
        tokio::select! {
            Some(bytes) = typed.recv() => drop(writer.send(&bytes).await),
            event = events.next() => {
                if event == Event::Continued {
                    raw.switch_on()?;
                }
                let size = terminal.size();
                if told.replace(size) != Some(size) {
                    let _ = writer.resize(size).await;
                }
            }
        }
    }
}

/// What ends the session from outside: the raw mode must not be left behind.
struct Signals([(Signal, Exit); 4]);

impl Signals {
    fn new() -> std::io::Result<Self> {
        let of = |kind: SignalKind| -> std::io::Result<(Signal, Exit)> {
            Ok((signal(kind)?, Exit(u8::try_from(128 + kind.as_raw_value()).unwrap_or(u8::MAX))))
        };
        Ok(Self([
            of(SignalKind::interrupt())?,
            of(SignalKind::terminate())?,
            of(SignalKind::hangup())?,
            of(SignalKind::quit())?,
        ]))
    }

    /// The exit code for the next one.
    async fn next(&mut self) -> Exit {
        let [first, second, third, fourth] = &mut self.0;
        tokio::select! {
            _ = first.0.recv() => first.1,
            _ = second.0.recv() => second.1,
            _ = third.0.recv() => third.1,
            _ = fourth.0.recv() => fourth.1,
        }
    }
}

/// What happens to the terminal.
struct Events {
    resized: Signal,
    continued: Signal,
}

#[derive(PartialEq, Eq)]
enum Event {
    /// The window may have another size.
    Resized,
    /// The program was stopped, and goes on.
    Continued,
}

impl Events {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            resized: signal(SignalKind::window_change())?,
            continued: signal(SignalKind::from_raw(libc::SIGCONT))?,
        })
    }

    async fn next(&mut self) -> Event {
        tokio::select! {
            _ = self.resized.recv() => Event::Resized,
            _ = self.continued.recv() => Event::Continued,
        }
    }
}
