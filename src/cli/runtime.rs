//! The asynchronous runtimes: a small one for a client, one with threads for a server, and one with a single thread for an agent.

use std::future::Future;
use std::ops::ControlFlow;

use anyhow::Context as _;
use tokio::runtime::{Builder, Runtime};

use super::exit::Exit;

/// Runs a client's command. What still blocks at its end, such as a read of standard input, is left behind.
///
/// Ctrl-C is for the first thread alone: while a password is typed that one lets it wait until the terminal is as it was,
/// and a thread that looks up a name must not end the program before.
pub fn client<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let mut builder = Builder::new_current_thread();
    #[cfg(unix)]
    builder.on_thread_start(|| {
        use nix::sys::signal::{SigSet, Signal};
        // It fails for no set of signals that there is.
        let _ = SigSet::from(Signal::SIGINT).thread_block();
    });
    run(builder.enable_all().build(), work)
}

/// Runs something that lasts until it is interrupted, or told to end.
pub async fn until_signal(work: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
    Ok(match or_signal(work).await? {
        ControlFlow::Continue(exit) | ControlFlow::Break(exit) => exit,
    })
}

/// The same for something that leads to more than an exit code: that is what a signal leads to.
pub async fn or_signal<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<ControlFlow<Exit, T>> {
    tokio::select! {
        // Signals first: one that comes while the work begins is not missed.
        biased;
        exit = interrupted() => exit.map(ControlFlow::Break),
        done = work => done.map(ControlFlow::Continue),
    }
}

/// Waits until the program is interrupted, or told to end; how it ends then.
#[cfg(unix)]
pub async fn interrupted() -> anyhow::Result<Exit> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => Ok(Exit::INTERRUPTED),
        _ = terminate.recv() => Ok(Exit::TERMINATED),
    }
}

/// Waits until the program is interrupted.
#[cfg(not(unix))]
pub async fn interrupted() -> anyhow::Result<Exit> {
    tokio::signal::ctrl_c().await?;
    Ok(Exit::INTERRUPTED)
}

/// Leaves Ctrl-C, and the end of the terminal, to a child in the foreground for as long as this is kept. Handlers, unlike
/// ignored signals, are not inherited.
#[cfg(unix)]
pub fn signals_for_a_child() -> [std::io::Result<tokio::signal::unix::Signal>; 3] {
    use tokio::signal::unix::{SignalKind, signal};
    [SignalKind::interrupt(), SignalKind::quit(), SignalKind::hangup()].map(signal)
}

/// The same where Ctrl-C is all that there is.
#[cfg(not(unix))]
pub fn signals_for_a_child() -> std::io::Result<tokio::signal::windows::CtrlC> {
    tokio::signal::windows::ctrl_c()
}

/// Runs an agent: a server on one thread besides that of this call. What it does is to wait, and to hand on bytes, of
/// which one thread moves hundreds of mebibytes a second; a second one would mostly wake up to find nothing to do.
#[cfg(target_os = "linux")]
pub fn agent<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    serve(Builder::new_multi_thread().worker_threads(1), work)
}

/// Runs a central, on as many threads as there are processors.
#[cfg(target_os = "linux")]
pub fn central<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    serve(&mut Builder::new_multi_thread(), work)
}

/// Runs a server, with as many descriptors as it may have: each request of a client may be a connection of its own, and
/// service managers begin with 1,024 for programs that know no more.
#[cfg(target_os = "linux")]
fn serve<T>(builder: &mut Builder, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let descriptors = getrlimit(Resource::RLIMIT_NOFILE);
    if let Err(error) = descriptors.and_then(|(_, most)| setrlimit(Resource::RLIMIT_NOFILE, most, most)) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
    run(builder.enable_all().build(), work)
}

fn run<T>(runtime: std::io::Result<Runtime>, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = runtime.context("cannot start the asynchronous runtime")?;
    let result = runtime.block_on(work);
    runtime.shutdown_background();
    result
}
