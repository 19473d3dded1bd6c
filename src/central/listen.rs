//! The listener: accepts connections, encrypts them, serves HTTP/1.1 and HTTP/2 on them.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use nix::sys::socket::{setsockopt, sockopt};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tracing::{debug, warn};

use super::http::{MAX_HEADERS, Peer};

/// How long a client may take for the TLS handshake, and again for the headers of a request.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The most connections at once; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 16_384;

/// After how much silence a client is asked whether it is still there, and how often: a watch may be silent for long,
/// and what a client that is gone has left open would stay open.
const KEEPALIVE: u32 = 30;

/// The same for HTTP/2, which counts 32 bytes more for each header.
const MAX_HEADER_LIST: u32 = 128 << 10;

/// Closes a connection from within one of its requests.
#[derive(Clone, Default)]
pub struct Hangup(CancellationToken);

impl Hangup {
    /// Closes it, whatever is still on its way.
    pub fn hang_up(&self) {
        self.0.cancel();
    }
}

/// Accepts and serves connections until `stop`; the connections that are still open then.
pub async fn accept_until(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    router: Router,
    stop: CancellationToken,
) -> GracefulShutdown {
    let graceful = GracefulShutdown::new();
    let acceptor = tls.map(TlsAcceptor::from);
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let accepting = async {
            let slot = slots.clone().acquire_owned().await.map_err(io::Error::other)?;
            Ok::<_, io::Error>((listener.accept().await?, slot))
        };
        let ((tcp, peer), slot) = tokio::select! {
            () = stop.cancelled() => return graceful,
            accepted = accepting => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Such as too many open files: a pause lets some of them close.
                    warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            }
        };
        let (acceptor, router, watcher, stop) = (acceptor.clone(), router.clone(), graceful.watcher(), stop.clone());
        tokio::spawn(async move {
            let _slot = slot;
            let encrypted = tokio::select! {
                encrypted = encrypt(tcp, acceptor) => encrypted,
                // Nothing was asked on it yet, so there is nothing to wait for.
                () = stop.cancelled() => return,
            };
            let io = match encrypted {
                Ok(io) => TokioIo::new(io),
                Err(error) => return debug!(%peer, %error, "no TLS connection"),
            };
            let builder = http_builder();
            let hangup = Hangup::default();
            let given = hangup.clone();
            let service = router.map_request(move |mut request: ::http::Request<hyper::body::Incoming>| {
                request.extensions_mut().insert(Peer(peer.ip()));
                request.extensions_mut().insert(given.clone());
                request
            });
            let connection = builder.serve_connection_with_upgrades(io, TowerToHyperService::new(service));
            tokio::select! {
                ended = watcher.watch(connection.into_owned()) => {
                    if let Err(error) = ended {
                        debug!(%peer, %error, "connection ended");
                    }
                }
                () = hangup.0.cancelled() => debug!(%peer, "a connection whose client takes nothing was closed"),
            }
        });
    }
}

type Encrypted = Either<TcpStream, tokio_rustls::server::TlsStream<TcpStream>>;

async fn encrypt(tcp: TcpStream, acceptor: Option<TlsAcceptor>) -> io::Result<Encrypted> {
    tcp.set_nodelay(true)?;
    setsockopt(&tcp, sockopt::KeepAlive, &true)?;
    setsockopt(&tcp, sockopt::TcpKeepIdle, &KEEPALIVE)?;
    setsockopt(&tcp, sockopt::TcpKeepInterval, &KEEPALIVE)?;
    match acceptor {
        None => Ok(Either::Left(tcp)),
        Some(acceptor) => {
            let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(tcp));
            Ok(Either::Right(handshake.await.map_err(|_| io::ErrorKind::TimedOut)??))
        }
    }
}

fn http_builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HANDSHAKE_TIMEOUT).max_buf_size(2 * MAX_HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(256)
        .initial_stream_window_size(512 << 10)
        .initial_connection_window_size(16 << 20)
        .max_header_list_size(MAX_HEADER_LIST)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10));
    builder
}
