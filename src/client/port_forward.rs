//! One connection to a port of a pod.
//!
//! Each is a request of its own: it is decided and recorded with its port, shows the credential of the moment, and a
//! reader that stalls holds up nobody else. In it are two streams of SPDY, as Kubernetes has it: one for the bytes,
//! whose directions end one by one, and one on which the other side says what went wrong.

mod spdy;

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, interval_at, timeout};

use super::error::ClientError;
use super::gateway::{Duplex, Gateway};
use super::path::segment;
use crate::model::ErrorCode;
use spdy::{Frame, Framed};

/// The protocol in the frames.
const PROTOCOL: &str = "portforward.k8s.io";

/// The same, when the frames are in a WebSocket.
const IN_WEB_SOCKET: &str = "SPDY/3.1+portforward.k8s.io";

/// The two streams; those of a client have odd numbers.
const ERRORS: u32 = 1;
const DATA: u32 = 3;

/// How much is read of a local connection at once.
const CHUNK: usize = 32 << 10;

/// How often something is sent while nothing else is, so that nothing in between takes the connection for dead.
const PING: Duration = Duration::from_secs(20);

/// How long the stream of errors may outlast that of the bytes.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The most of a message that is kept.
const MAX_MESSAGE: usize = 4 << 10;

/// A pod, by its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// Which form of the protocol is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// WebSockets, or SPDY/3.1 where the cluster does not know these: before Kubernetes 1.31.
    Any,
    /// SPDY/3.1 alone.
    Spdy,
}

/// Why a connection to a port failed.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// It was refused, or there was no way to it.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The pod's side could not serve it.
    #[error("{0}")]
    Pod(String),
    /// The connection to the pod broke.
    #[error("the connection to the pod was lost")]
    Lost,
}

/// A port of a pod, connected.
pub struct PortStream(Duplex);

impl Gateway {
    /// Connects to a port of a pod.
    ///
    /// # Errors
    /// When it is refused. That nobody listens on the port is known only later.
    pub async fn port_forward(&self, pod: &PodName, port: u16, carrier: Carrier) -> Result<PortStream, ForwardError> {
        let (namespace, name) = (segment(&pod.namespace), segment(&pod.name));
        let target = format!("/api/v1/namespaces/{namespace}/pods/{name}/portforward?ports={port}");
        let duplex = match carrier {
            Carrier::Spdy => self.spdy(&target, PROTOCOL).await,
            Carrier::Any => match self.bytes_in_web_socket(&target, IN_WEB_SOCKET).await {
                Err(error) if may_be_old(&error) => self.spdy(&target, PROTOCOL).await,
                answer => answer,
            },
        };
        let mut stream = PortStream(duplex?);
        stream.open(port).await.map_err(|_| ForwardError::Lost)?;
        Ok(stream)
    }
}

/// Whether the refusal of a WebSocket can be that of a cluster which does not know them for this.
fn may_be_old(error: &ClientError) -> bool {
    match error {
        ClientError::Protocol(_) => true,
        ClientError::Problem(problem) => matches!(problem.code, ErrorCode::InvalidRequest | ErrorCode::Internal),
        _ => false,
    }
}

impl PortStream {
    async fn open(&mut self, port: u16) -> io::Result<()> {
        let port = port.to_string();
        let headers = |kind: &'static str| [("streamtype", kind), ("port", &port), ("requestid", "0")];
        let mut frames = spdy::compression().to_vec();
        // Nothing is said on the stream of errors by this side.
        frames = spdy::open(ERRORS, &headers("error"), true, frames);
        self.0.writer.write_all(&frames).await?;
        self.0.writer.write_all(&spdy::open(DATA, &headers("data"), false, Vec::new())).await?;
        self.0.writer.flush().await
    }

    /// Carries the bytes of a local connection until both directions have ended, or the pod's has.
    ///
    /// # Errors
    /// What the pod's side says, or that it was lost.
    pub async fn join(self, local: TcpStream) -> Result<(), ForwardError> {
        let (from_local, to_local) = local.into_split();
        let (pongs, answers) = mpsc::channel(4);
        tokio::select! {
            end = down(self.0.reader, to_local, pongs) => end,
            () = up(self.0.writer, from_local, answers) => Ok(()),
        }
    }
}

/// What the local side sends. Returns when the local side is gone; a way that breaks is seen, and told, by [`down`].
async fn up(mut to: impl AsyncWrite + Unpin, mut from: impl AsyncRead + Unpin, mut answers: mpsc::Receiver<u32>) {
    let mut buffer = vec![0; CHUNK];
    let (mut open, mut number) = (true, 1);
    let mut pings = interval_at(Instant::now() + PING, PING);
    loop {
        let frame = tokio::select! {
            length = from.read(&mut buffer), if open => match length {
                Ok(length) => {
                    open = length > 0;
                    spdy::data(DATA, &buffer[..length], length == 0)
                }
                Err(_) => return,
            },
            Some(number) = answers.recv() => spdy::ping(number),
            _ = pings.tick() => {
                number += 2;
                spdy::ping(number)
            }
        };
        if to.write_all(&frame).await.is_err() || to.flush().await.is_err() {
            return std::future::pending().await;
        }
    }
}

/// What the pod sends.
async fn down(
    from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    pongs: mpsc::Sender<u32>,
) -> Result<(), ForwardError> {
    let mut frames = Framed::new(from);
    let mut message = Vec::new();
    let (mut data_ended, mut errors_ended) = (false, false);
    while !(data_ended && errors_ended) {
        let patience = if data_ended { LAST_WORDS } else { Duration::MAX };
        let Ok(Ok(Some(frame))) = timeout(patience, frames.next()).await else { break };
        match frame {
            Frame::Data { stream: DATA, data, last } => {
                if to.write_all(&data).await.is_err() {
                    // The local side has gone: nothing more can be told it.
                    return Ok(());
                }
                if last {
                    let _ = to.shutdown().await;
                    data_ended = true;
                }
            }
            Frame::Data { stream: ERRORS, data, last } => {
                let room = MAX_MESSAGE.saturating_sub(message.len());
                message.extend_from_slice(&data[..data.len().min(room)]);
                errors_ended |= last;
            }
            Frame::Reset { stream: DATA } => break,
            Frame::Reset { stream: ERRORS } => errors_ended = true,
            // Pings with odd numbers are answers to ours.
            Frame::Ping(number) if number % 2 == 0 => drop(pongs.try_send(number)),
            _ => {}
        }
    }
    match String::from_utf8_lossy(&message).trim() {
        "" if data_ended => Ok(()),
        "" => Err(ForwardError::Lost),
        said => Err(ForwardError::Pod(said.to_owned())),
    }
}
