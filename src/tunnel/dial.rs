//! The agent's end of a tunnel: dials central, asks for the upgrade, then serves HTTP/2 on that connection.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tower::Service as _;

use super::exec::{ExecuteCommand, Executor, serve_commands};
use super::relay::{Relay, answer, is_for_api_server};
use super::settings::*;
use super::{DRAIN_PATH, HELLO_PATH, NAMESPACE, TUNNEL_PATH, UPGRADE_PROTOCOL};
use crate::model::{ErrorCode, Failure, Problem};
use crate::tls::{Alpn, ConnectError, Connector, reason};

/// Why a tunnel was not opened.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Central answered, with a refusal.
    #[error("central refused the tunnel: {0}")]
    Refused(Failure),
    /// The connection broke.
    #[error("the connection to central broke: {}", reason::of_broken(.0))]
    Broken(#[from] hyper::Error),
    /// Silence.
    #[error("central did not answer within {} s", OPEN_TIMEOUT.as_secs())]
    Timeout,
}

/// A connection on which central has agreed to the reversal.
pub struct Dialled(Upgraded);

/// Dials central and asks for the upgrade.
///
/// # Errors
/// When central cannot be reached or refuses.
pub async fn dial(connector: &Connector, central: &Uri, token: &SecretString) -> Result<Dialled, DialError> {
    let io = connector.connect(central, Alpn::Http1).await?;
    tokio::time::timeout(OPEN_TIMEOUT, upgrade(TokioIo::new(io), central, token))
        .await
        .unwrap_or(Err(DialError::Timeout))
}

async fn upgrade<IO>(io: IO, central: &Uri, token: &SecretString) -> Result<Dialled, DialError>
where
    IO: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
    tokio::spawn(connection.with_upgrades());

    let bad = |what: &str| DialError::Refused(Failure::new(ErrorCode::InvalidRequest, what));
    let mut authorization = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
        .map_err(|_| bad("the token cannot be sent in a header"))?;
    authorization.set_sensitive(true);
    let host = central.authority().map(http::uri::Authority::as_str).unwrap_or_default();
    let request = Request::builder()
        .uri(TUNNEL_PATH)
        .header(header::HOST, host)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, UPGRADE_PROTOCOL)
        .header(header::AUTHORIZATION, authorization)
        .body(http_body_util::Empty::<bytes::Bytes>::new())
        .map_err(|_| bad("the URL of central cannot be sent in a header"))?;
    let response = sender.send_request(request).await?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(DialError::Refused(refusal(response).await));
    }
    Ok(Dialled(hyper::upgrade::on(response).await?))
}

/// What central said, from its problem document, or from the status alone when something else answered.
async fn refusal(response: Response<Incoming>) -> Failure {
    let status = response.status();
    let body = Limited::new(response.into_body(), 64 << 10).collect().await.map(|b| b.to_bytes()).unwrap_or_default();
    match serde_json::from_slice::<Problem>(&body) {
        Ok(problem) => Failure::new(problem.code, problem.detail),
        Err(_) => Failure::new(
            ErrorCode::Unavailable,
            format!(
                "HTTP {status} instead of an upgrade: is this central, and does everything in front of it pass the Upgrade header on?"
            ),
        ),
    }
}

/// How many of central's streams run, over all tunnels of an agent. Cheap to clone.
#[derive(Clone)]
pub struct Load(Arc<watch::Sender<usize>>);

impl Default for Load {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl Load {
    /// Waits until at least so many streams run.
    pub async fn at_least(&self, streams: usize) {
        // The sender is here, so there is no error.
        let _ = self.0.subscribe().wait_for(|&load| load >= streams).await;
    }

    /// Waits until fewer streams ran for that long without a break.
    pub async fn below(&self, streams: usize, time: Duration) {
        let mut load = self.0.subscribe();
        loop {
            let _ = load.wait_for(|&load| load < streams).await;
            if tokio::time::timeout(time, load.wait_for(|&load| load >= streams)).await.is_err() {
                return;
            }
        }
    }

    /// How many streams run.
    pub fn current(&self) -> usize {
        *self.0.borrow()
    }

    fn one_more(&self) -> Running {
        self.0.send_modify(|load| *load += 1);
        Running(self.0.clone())
    }
}

/// A stream that runs, for as long as this lives.
pub struct Running(Arc<watch::Sender<usize>>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.send_modify(|load| *load -= 1);
    }
}

/// What the end of a tunnel can be told while it serves.
#[derive(Clone)]
pub struct TunnelSignals {
    /// Cancelled by the owner: no new streams, running ones go on to their end.
    pub stop: CancellationToken,
    /// Cancelled by central: it will leave, so another tunnel is wanted now.
    pub drained: CancellationToken,
    /// Counts the streams.
    pub load: Load,
}

/// Serves central's requests on the connection until it ends.
///
/// # Errors
/// When the connection breaks, or central says nothing at first.
pub async fn serve<E: Executor, R: Relay>(
    dialled: Dialled,
    executor: E,
    relay: R,
    signals: TunnelSignals,
) -> Result<(), DialError> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME)
        .max_send_buf_size(SEND_BUFFER)
        .max_header_list_size(HEADER_LIST)
        .max_concurrent_streams(MAX_STREAMS)
        .enable_connect_protocol()
        // The only client is central, which has authenticated itself: a burst of cancelled requests is no attack.
        .max_pending_accept_reset_streams(usize::MAX)
        .max_local_error_reset_streams(usize::MAX)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIMEOUT);

    let greeted = Arc::new(AtomicBool::new(false));
    let commands = serve_commands(executor);
    let service = {
        let (greeted, signals) = (greeted.clone(), signals.clone());
        service_fn(move |request| {
            greeted.store(true, Ordering::Relaxed);
            dispatch(request, commands.clone(), relay.clone(), signals.clone())
        })
    };
    let mut connection = std::pin::pin!(builder.serve_connection(dialled.0, service));
    // Pings start only after the peer's first bytes, so silence before them needs a deadline of its own.
    let silent = async {
        tokio::time::sleep(OPEN_TIMEOUT).await;
        if greeted.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        ended = &mut connection => return Ok(ended?),
        () = silent => return Err(DialError::Timeout),
        () = signals.stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    Ok(connection.await?)
}

async fn dispatch<E: Executor, R: Relay>(
    request: Request<Incoming>,
    mut commands: ExecuteCommand<E>,
    relay: R,
    signals: TunnelSignals,
) -> Result<Response<Body>, Infallible> {
    // First of all: what a path means there is not for this protocol to say.
    if is_for_api_server(&request) {
        return Ok(answer(relay, request, signals.load.one_more()).await);
    }
    let mut response = Response::new(Body::empty());
    let status = match (request.method(), request.uri().path()) {
        (&Method::POST, path) if path.starts_with("/mk8s.agent.v1.CommandService/") => {
            let running = signals.load.one_more();
            return Ok(commands.call(request).await?.map(|body| {
                Body::new(body.map_frame(move |frame| {
                    let _until_the_body_is_dropped = &running;
                    frame
                }))
            }));
        }
        (_, HELLO_PATH) => {
            // A namespace that does not go into a header is in no request either.
            if let Some(Ok(namespace)) = relay.closed_namespace().map(HeaderValue::from_str) {
                response.headers_mut().insert(NAMESPACE, namespace);
            }
            StatusCode::NO_CONTENT
        }
        (_, DRAIN_PATH) => {
            signals.drained.cancel();
            StatusCode::NO_CONTENT
        }
        _ => StatusCode::NOT_FOUND,
    };
    *response.status_mut() = status;
    Ok(response)
}
