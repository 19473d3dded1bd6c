//! What a running command writes: streamed as it comes, to its end.

mod without;

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use without::Without;

use super::process::Process;
use crate::model::exec::CHUNK_BYTES;
use crate::model::{ExecEnd, ExecOutput};
use crate::tunnel::exec::ExecEvent;

/// How long the output of a command that has ended may stay silent without ending: something it started holds it open.
const OUTPUT_GRACE: Duration = Duration::from_secs(2);

/// Streams both outputs, each without what it is not to show, and waits for the end.
pub async fn supervise(
    process: &mut Process,
    (stdout, from_stdout): (Option<impl AsyncRead + Unpin>, Without),
    (stderr, from_stderr): (Option<impl AsyncRead + Unpin>, Without),
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
        pump((stdout, from_stdout), ExecOutput::Stdout, output, &exited),
        pump((stderr, from_stderr), ExecOutput::Stderr, output, &exited)
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
    (from, mut without): (Option<impl AsyncRead + Unpin>, Without),
    piece: fn(Bytes) -> ExecOutput,
    to: &mpsc::Sender<ExecEvent>,
    exited: &CancellationToken,
) {
    let Some(mut from) = from else { return };
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(CHUNK_BYTES);
        let mut limited = (&mut from).take((CHUNK_BYTES - without.held()) as u64);
        let held_open = async {
            exited.cancelled().await;
            tokio::time::sleep(OUTPUT_GRACE).await;
        };
        let read = tokio::select! {
            biased;
            read = limited.read_buf(&mut buffer) => read,
            () = held_open => break,
        };
        if !matches!(read, Ok(1..)) {
            break;
        }
        let data = without.push(buffer.split().freeze());
        if !data.is_empty() && to.send(ExecEvent::Output(piece(data))).await.is_err() {
            return;
        }
    }
    let rest = without.finish();
    if !rest.is_empty() {
        // Nobody is left to see it when this fails.
        let _ = to.send(ExecEvent::Output(piece(rest))).await;
    }
}
