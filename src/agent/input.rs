//! What comes for a running command: its standard input, and changes of its caller's rights.
//!
//! Both travel on one stream, so it is always read, also while the command reads nothing: rights must not wait behind
//! input. What waits here is bounded by the credits of the sender, which are given back when the command has taken it.

use bytes::Bytes;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;

use super::gate::Open;
use super::process::Source;
use super::terminal::Window;
use crate::tunnel::exec::{ExecSource, Input, Taken};

/// Carries everything to its place. Returns only when the input stopped without an end: an incomplete manifest must not
/// be applied as if it were complete, so the command is ended while its input is still open.
pub async fn carry(source: ExecSource, pipe: Option<Source>, wanted: bool, window: Option<Window>, session: &Open) {
    let taken = source.acknowledger();
    // Dropped input ends the feeding, and with it the input of the command: so it is kept until the end was seen.
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::select! {
        () = listen(source, wanted.then_some(sender), window, session) => {}
        () = feed(pipe, receiver, taken) => {}
    }
}

/// Reads all that comes. Returns when the input stopped without an end.
async fn listen(
    mut source: ExecSource,
    mut data: Option<mpsc::UnboundedSender<Bytes>>,
    window: Option<Window>,
    session: &Open,
) {
    loop {
        match source.next().await {
            Input::Rights(rules) => session.replace(rules),
            Input::Data(bytes) => {
                if let Some(data) = &data {
                    // It fails when nobody is left to take it, and that ends the command anyway.
                    let _ = data.send(bytes);
                }
            }
            Input::Resize(size) => {
                if let Some(window) = &window {
                    window.resize(size);
                }
            }
            Input::Eof => data = None,
            // Files come before the command starts, and as many as were announced.
            Input::Files(_) => return,
            Input::Gone if data.is_some() => return,
            // Whoever has sent the whole input need not stay.
            Input::Gone => return std::future::pending().await,
        }
    }
}

/// Feeds the input to the command, and closes it at the end. Never returns.
async fn feed(mut stdin: Option<Source>, mut data: mpsc::UnboundedReceiver<Bytes>, taken: Taken) {
    while let Some(bytes) = data.recv().await {
        if let Some(pipe) = &mut stdin
            && pipe.write_all(&bytes).await.is_err()
        {
            // The command reads no more; the rest of the input is dropped.
            stdin = None;
        }
        taken.taken(&bytes).await;
    }
    drop(stdin);
    std::future::pending().await
}
