//! The client half of an HTTP/2 connection, as the service that generated gRPC clients want.
//!
//! It stands directly on the `h2` crate: an idle connection costs little memory, and a request ends for the peer as soon
//! as its answer is dropped, even while its body waits for permission to send.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use h2::client::{Connection, SendRequest};
use h2::{Ping, PingPong, Reason, RecvStream, SendStream};
use http::{Request, Response};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tonic::body::Body;
use tower::Service;

use super::settings::*;

/// Sends requests; cheap to clone. The connection drains when all clones are gone.
#[derive(Clone)]
pub(super) struct Sender(SendRequest<Bytes>);

/// A request that got no answer.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub(super) struct SendError {
    /// Whether it certainly never reached the other side, so that it can be sent elsewhere.
    pub(super) unsent: bool,
    /// What happened.
    pub(super) source: h2::Error,
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// It broke, or the peer did not speak HTTP/2.
    #[error(transparent)]
    Http2(#[from] h2::Error),
    /// The peer stopped answering.
    #[error("no answer to a ping within {} s", PING_TIMEOUT.as_secs())]
    Silent,
}

/// Opens an HTTP/2 connection as its client; with the future that drives it and ends when the connection does.
pub(super) async fn open<IO>(
    io: IO,
) -> Result<(Sender, impl Future<Output = Result<(), ConnectionError>> + Send), h2::Error>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = h2::client::Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME)
        .max_send_buffer_size(SEND_BUFFER)
        .max_header_list_size(HEADER_LIST)
        .max_concurrent_reset_streams(usize::try_from(MAX_STREAMS).unwrap_or(usize::MAX))
        .enable_push(false)
        .handshake(io)
        .await?;
    Ok((Sender(sender), drive(connection)))
}

async fn drive<IO>(mut connection: Connection<IO, Bytes>) -> Result<(), ConnectionError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let pings = connection.ping_pong();
    // By reference: moved into the future, the connection would take its room twice.
    tokio::select! {
        ended = &mut connection => Ok(ended?),
        () = until_silent(pings) => Err(ConnectionError::Silent),
    }
}

/// Asks the peer now and then whether it is there; returns when it is not.
async fn until_silent(pings: Option<PingPong>) {
    let Some(mut pings) = pings else { return std::future::pending().await };
    loop {
        sleep(PING_EVERY).await;
        match timeout(PING_TIMEOUT, pings.ping(Ping::opaque())).await {
            Ok(Ok(_)) => {}
            // The connection has ended, and says how.
            Ok(Err(_)) => std::future::pending().await,
            Err(_) => return,
        }
    }
}

impl Sender {
    /// Whether the peer takes no new requests, because it leaves (GOAWAY) or has gone.
    pub(super) fn is_closing(&self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        matches!(self.0.clone().poll_ready(&mut context), Poll::Ready(Err(_)))
    }

    fn send(&mut self, request: Request<Body>) -> Result<(h2::client::ResponseFuture, Pump), SendError> {
        let (mut head, body) = request.into_parts();
        let cancel: Option<CancellationToken> = head.extensions.remove();
        let ended = body.is_end_stream();
        let (answer, stream) = self
            .0
            .send_request(Request::from_parts(head, ()), ended)
            .map_err(|source| SendError { unsent: true, source })?;
        let body = (!ended).then_some(body);
        let pump = (body.is_some() || cancel.is_some())
            .then(|| AbortOnDropHandle::new(tokio::spawn(pump(body, stream, cancel.unwrap_or_default()))));
        Ok((answer, pump))
    }
}

impl Service<Request<Body>> for Sender {
    type Response = Response<Received>;
    type Error = SendError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, SendError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.0.poll_ready(cx).map_err(|source| SendError { unsent: true, source })
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let sent = self.send(request);
        Box::pin(async move {
            let (answer, pump) = sent?;
            let answer = answer.await.map_err(|source| SendError { unsent: never_seen(&source), source })?;
            Ok(answer.map(|stream| Received { stream, data_ended: false, _pump: pump }))
        })
    }
}

impl Sender {
    /// Sends a request that asks for another protocol (RFC 8441): its answer, and the way for what follows.
    pub(super) async fn connect(
        &mut self,
        request: Request<()>,
    ) -> Result<(Response<RecvStream>, SendStream<Bytes>), SendError> {
        poll_fn(|cx| self.0.poll_ready(cx)).await.map_err(|source| SendError { unsent: true, source })?;
        let sent = self.0.send_request(request, false);
        let (answer, stream) = sent.map_err(|source| SendError { unsent: true, source })?;
        let answer = answer.await.map_err(|source| SendError { unsent: never_seen(&source), source })?;
        Ok((answer, stream))
    }
}

/// Whether the peer has said that it did not look at the request: it was leaving, or refused the stream (RFC 9113 8.7).
fn never_seen(error: &h2::Error) -> bool {
    let left = error.is_go_away() && error.is_remote() && error.reason() == Some(Reason::NO_ERROR);
    left || error.reason() == Some(Reason::REFUSED_STREAM)
}

/// The task that sends a body, and resets the stream of a request that is cancelled; ends with the answer.
type Pump = Option<AbortOnDropHandle<()>>;

/// Sends a body, until it is aborted with the answer. When the request is cancelled or its body stops early, the peer
/// sees a cancelled stream, not a complete one.
async fn pump(body: Option<Body>, mut stream: SendStream<Bytes>, cancel: CancellationToken) {
    let complete = match body {
        None => true,
        Some(body) => tokio::select! {
            complete = feed(body, &mut stream) => complete,
            () = cancel.cancelled() => false,
        },
    };
    if complete {
        cancel.cancelled().await;
    }
    stream.send_reset(Reason::CANCEL);
}

/// Sends a body as fast as the peer takes it; whether all was sent.
async fn feed(body: Body, stream: &mut SendStream<Bytes>) -> bool {
    let mut body = pin!(body);
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        let Ok(mut data) = frame.into_data() else { continue };
        if !send(&mut data, stream).await {
            return false;
        }
    }
    stream.send_data(Bytes::new(), true).is_ok()
}

/// Sends a piece as fast as the peer takes it; whether all was sent.
pub(super) async fn send(data: &mut Bytes, stream: &mut SendStream<Bytes>) -> bool {
    while !data.is_empty() {
        stream.reserve_capacity(data.len());
        let Some(Ok(capacity)) = poll_fn(|cx| stream.poll_capacity(cx)).await else { return false };
        if stream.send_data(data.split_to(capacity.min(data.len())), false).is_err() {
            return false;
        }
    }
    true
}

/// The body of an answer. Dropping it cancels the request.
pub(super) struct Received {
    stream: RecvStream,
    data_ended: bool,
    _pump: Pump,
}

impl Received {
    /// The body of an answer whose request has ended.
    pub(super) fn of(stream: RecvStream) -> Self {
        Self { stream, data_ended: false, _pump: None }
    }
}

impl http_body::Body for Received {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        if !self.data_ended {
            if let Some(data) = ready!(self.stream.poll_data(cx)) {
                let data = data?;
                // What is taken may be sent again: a reader that stalls takes nothing.
                self.stream.flow_control().release_capacity(data.len())?;
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            self.data_ended = true;
        }
        let trailers = ready!(self.stream.poll_trailers(cx))?;
        Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
