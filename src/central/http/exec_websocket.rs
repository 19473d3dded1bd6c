//! `GET /clusters/{name}/exec` as a WebSocket: a command whose input comes in pieces.
//!
//! The first message is the request as JSON. Then come binary messages whose first byte is a channel, with the numbers
//! of Kubernetes' remote command protocol v5.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::clusters::{self, InPath};
use super::exec::{self, Asked, Running};
use super::exec_files;
use super::exec_guarded::Guarded;
use crate::central::audit::Traffic;
use crate::central::callers::Identified;
use crate::central::state::Central;
use crate::model::audit::AuditRecord;
use crate::model::exec::{CHUNK_BYTES, EXEC_PROTOCOL, Stdin, channel};
use crate::model::{Announced, ErrorCode, ExecEnd, ExecOutput, ExecRequest, Failure, Problem, RequestId};
use crate::tunnel::exec::ExecInput;

/// How long the first message may take.
const FIRST_MESSAGE: Duration = Duration::from_secs(10);

/// The largest message.
const MAX_MESSAGE: usize = 8 << 20;

/// How long a client may take to close the connection after the result.
const LINGER: Duration = Duration::from_secs(2);

/// How often a client is asked whether it is there, while nothing else would show it.
const PING_EVERY: Duration = Duration::from_secs(20);

/// How often the writer looks whether the reader is held up by a command that does not read.
const WATCH_EVERY: Duration = Duration::from_millis(250);

/// Upgrades, then runs the command of the first message.
pub async fn run(
    State(central): State<Arc<Central>>,
    Extension(id): Extension<RequestId>,
    Extension(identified): Extension<Identified>,
    name: InPath,
    Asked(record): Asked,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Failure> {
    let name = clusters::named(name)?;
    clusters::find(&central, &name, identified.caller.clone()).await?;
    let upgrade = upgrade.map_err(|_| {
        let detail = format!("GET here is for WebSockets ({EXEC_PROTOCOL}); send a command with POST");
        Failure::new(ErrorCode::InvalidRequest, detail)
    })?;
    let commands = central.commands.clone();
    let serve = async move |socket: WebSocket| {
        let _ = commands.track_future(session(&central, &name, &identified, (id, record), socket)).await;
    };
    Ok(upgrade.protocols([EXEC_PROTOCOL]).max_message_size(MAX_MESSAGE).write_buffer_size(0).on_upgrade(serve))
}

async fn session(
    central: &Arc<Central>,
    cluster: &str,
    identified: &Identified,
    (id, record): (RequestId, AuditRecord),
    mut socket: WebSocket,
) -> Result<(), axum::Error> {
    let started = match first_message(&mut socket).await {
        Ok(Some(request)) => {
            let stdin = matches!(request.stdin, Some(Stdin::Follows(true)));
            exec::start(central, cluster, identified, request, record, stdin).await
        }
        Ok(None) => return Ok(()),
        Err(failure) => Err(failure),
    };
    match started {
        Ok(running) => relay(running, &id, socket).await,
        Err(failure) => {
            refuse(&mut socket, &failure, &id).await?;
            linger(socket).await;
            Ok(())
        }
    }
}

/// The result of a command that is not run, or not any more.
async fn refuse(
    to: &mut (impl Sink<Message, Error = axum::Error> + Unpin),
    failure: &Failure,
    id: &RequestId,
) -> Result<(), axum::Error> {
    let problem = serde_json::to_vec(&Problem::new(failure, id.as_str())).unwrap_or_default();
    to.send(message(channel::RESULT, &problem)).await?;
    to.send(Message::Close(None)).await
}

/// The request; `None` when the client has gone.
async fn first_message(socket: &mut WebSocket) -> Result<Option<ExecRequest>, Failure> {
    let invalid = |detail: &str| Failure::new(ErrorCode::InvalidRequest, detail);
    let request = match timeout(FIRST_MESSAGE, socket.recv()).await {
        Err(_) => return Err(Failure::new(ErrorCode::Timeout, "the command did not come within 10 s")),
        Ok(None | Some(Ok(Message::Close(_)))) => return Ok(None),
        Ok(Some(Ok(Message::Text(text)))) => exec::parse(text.as_bytes())?,
        Ok(Some(Ok(_) | Err(_))) => {
            return Err(invalid("the first message must be the command, as JSON text of at most 8 MiB"));
        }
    };
    if matches!(request.stdin, Some(Stdin::Text(_))) {
        return Err(invalid("\"stdin\" must be true or false here: the input follows in messages"));
    }
    exec_files::check_sizes(&request)?;
    Ok(Some(request))
}

/// Carries both directions until the command or the client is gone; dropping the call ends the command.
async fn relay(running: Running, id: &RequestId, socket: WebSocket) -> Result<(), axum::Error> {
    let (mut sink, mut stream) = socket.split();
    let Running { input, files, mut output, stalled } = running;
    let traffic = output.traffic().clone();
    let held_up = AtomicBool::new(false);
    tokio::select! {
        result = write(&mut output, &mut sink, &held_up) => result?,
        read = read((&input, files), &mut stream, &traffic, &held_up) => match read {
            Ok(()) => return Ok(()),
            Err(failure) => {
                output.refused(&failure);
                refuse(&mut sink, &failure, id).await?;
            }
        },
        // The client takes nothing more.
        Ok(()) = stalled => return Ok(()),
    }
    drop((input, output));
    linger(stream).await;
    Ok(())
}

/// Reads what the client had sent before it saw the result: to close a connection with unread data is to reset it, and
/// the client could lose the result. It closes the connection itself when it has it.
async fn linger(mut stream: impl Stream<Item = Result<Message, axum::Error>> + Unpin) {
    let _ = timeout(LINGER, async { while let Some(Ok(_)) = stream.next().await {} }).await;
}

/// From the client to the command: its files, then its input. Returns when the client is gone.
///
/// # Errors
/// When the client sends what is not expected.
async fn read(
    (input, mut files): (&ExecInput, Announced),
    stream: &mut SplitStream<WebSocket>,
    traffic: &Traffic,
    held_up: &AtomicBool,
) -> Result<(), Failure> {
    let early = || Failure::new(ErrorCode::InvalidRequest, "input came before all bytes of the files had come");
    while let Some(Ok(received)) = stream.next().await {
        let Message::Binary(mut data) = received else {
            if matches!(received, Message::Close(_)) {
                return Ok(());
            }
            continue;
        };
        held_up.store(true, Ordering::Relaxed);
        match data.split_to(data.len().min(1)).first() {
            Some(&channel::FILES) => {
                files.came(data.len())?;
                traffic.came(data.len());
                exec_files::send(input, data).await;
            }
            Some(&(channel::STDIN | channel::CLOSE)) if !files.is_complete() => return Err(early()),
            Some(&channel::STDIN) => {
                traffic.came(data.len());
                while !data.is_empty() && input.send(data.split_to(data.len().min(CHUNK_BYTES))).await {}
            }
            Some(&channel::RESIZE) => {
                // What is no size changes nothing.
                if let Ok(size) = serde_json::from_slice(&data) {
                    input.resize(size).await;
                }
            }
            Some(&channel::CLOSE) if *data == [channel::STDIN] => {
                input.finish().await;
            }
            _ => return Ok(()),
        }
        held_up.store(false, Ordering::Relaxed);
    }
    Ok(())
}

/// From the command to the client; returns when the command has ended or the client takes nothing more.
async fn write(
    output: &mut Guarded,
    sink: &mut SplitSink<WebSocket, Message>,
    held_up: &AtomicBool,
) -> Result<(), axum::Error> {
    let mut watch = interval(WATCH_EVERY);
    watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut pinged = Instant::now();
    loop {
        let piece = tokio::select! {
            piece = output.next() => piece,
            _ = watch.tick() => {
                // While the reader is held up it cannot see that the client has gone; a write can.
                if held_up.load(Ordering::Relaxed) || pinged.elapsed() > PING_EVERY {
                    pinged = Instant::now();
                    sink.send(Message::Ping(Bytes::new())).await?;
                }
                continue;
            }
        };
        match piece {
            Some(ExecOutput::Stdout(data)) => sink.send(message(channel::STDOUT, &data)).await?,
            Some(ExecOutput::Stderr(data)) => sink.send(message(channel::STDERR, &data)).await?,
            Some(ExecOutput::End(end)) => {
                return finish(sink, &end).await;
            }
            None => return Ok(()),
        }
    }
}

async fn finish(sink: &mut SplitSink<WebSocket, Message>, end: &ExecEnd) -> Result<(), axum::Error> {
    sink.send(message(channel::RESULT, &serde_json::to_vec(end).unwrap_or_default())).await?;
    sink.send(Message::Close(None)).await
}

fn message(channel: u8, data: &[u8]) -> Message {
    let mut bytes = BytesMut::with_capacity(data.len() + 1);
    bytes.put_u8(channel);
    bytes.put_slice(data);
    Message::Binary(bytes.freeze())
}
