//! The listener: accepts connections, encrypts them, serves HTTP/1.1 and HTTP/2 on them.

mod requests;

use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use ::http::{Extensions, Version};
use axum::Router;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use nix::sys::socket::{setsockopt, sockopt};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;
use tracing::{debug, info, warn};

use super::client_certificate::ClientCertificate;
use super::forwarded;
use super::http::{MAX_HEADERS, Peer};
use crate::access::Shares;
use crate::config::Cidr;
use crate::tls::{ServerTls, reason};
use requests::{Requests, quiet};

/// How long a client may take for the TLS handshake, and again for the headers of a request.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The most connections at once; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 16_384;

/// The most connections at once of one address, or one network of IPv6. Those that became tunnels or carry another
/// protocol do not count.
const MAX_OF_SOURCE: usize = 1_024;

/// How long a connection may be idle, with HTTP/2; with HTTP/1.1 it is the time for the headers of a request.
const IDLE: Duration = Duration::from_secs(300);

/// After how much silence a client is asked whether it is still there, and how often: a watch may be silent for long,
/// and what a client that is gone has left open would stay open.
const KEEPALIVE: u32 = 30;

/// The same for HTTP/2, which counts 32 bytes more for each header.
const MAX_HEADER_LIST: u32 = 128 << 10;

/// How long a client that was refused may take to read why.
const LINGER: Duration = Duration::from_secs(1);

/// The answer to a request without TLS.
const NO_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n\
    this port speaks TLS alone: use https://\n";

/// Closes a connection from within one of its requests.
#[derive(Clone, Default)]
pub struct Hangup(CancellationToken);

impl Hangup {
    /// That of a request which has its connection to itself; with HTTP/2 there are others on it.
    pub fn of(extensions: &Extensions, version: Version) -> Option<Self> {
        extensions.get::<Self>().filter(|_| version < Version::HTTP_2).cloned()
    }

    /// Closes it, whatever is still on its way.
    pub fn hang_up(&self) {
        self.0.cancel();
    }

    /// Waits until it is to be closed.
    pub async fn hung_up(&self) {
        self.0.cancelled().await;
    }
}

/// What stands at a listener's door.
#[derive(Clone)]
pub struct Door {
    /// Encryption; `None` without.
    pub tls: Option<ServerTls>,
    /// Who is believed when it says whom a request comes from.
    pub trusted_proxies: Arc<[Cidr]>,
}

/// The connections that are still open when a listener has stopped.
pub struct Open {
    tasks: TaskTracker,
    leave: CancellationToken,
}

impl Open {
    /// Lets what runs on them end, and waits until they are closed.
    pub async fn shutdown(self) {
        self.leave.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Door {
    /// Accepts and serves connections until `stop`; the connections that are still open then.
    pub async fn accept_until(self, listener: TcpListener, router: Router, stop: CancellationToken) -> Open {
        let open = Open { tasks: TaskTracker::new(), leave: CancellationToken::new() };
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let sources = Shares::new(MAX_OF_SOURCE);
        loop {
            let accepting = async {
                let slot = slots.clone().acquire_owned().await.map_err(io::Error::other)?;
                Ok::<_, io::Error>((listener.accept().await?, slot))
            };
            let ((tcp, peer), slot) = tokio::select! {
                () = stop.cancelled() => return open,
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
            let share = match self.source(peer.ip()).map(|source| sources.take(source)) {
                Some(None) => {
                    debug!(%peer, "a connection was closed: its address has {MAX_OF_SOURCE} already");
                    continue;
                }
                Some(share) => share,
                None => None,
            };
            let (door, router, leave, stop) = (self.clone(), router.clone(), open.leave.clone(), stop.clone());
            open.tasks.spawn(async move {
                let _held = (slot, share);
                let encrypted = tokio::select! {
                    encrypted = encrypt(tcp, door.tls) => encrypted,
                    // Nothing was asked on it yet, so there is nothing to wait for.
                    () = stop.cancelled() => return,
                };
                match encrypted {
                    Ok(io) => serve(io, peer.ip(), door.trusted_proxies, router, leave).await,
                    Err(error) => match reason::of_client(&error) {
                        Some(reason) => info!(%peer, reason, "a client was refused in the handshake"),
                        None => debug!(%peer, %error, "no TLS connection"),
                    },
                }
            });
        }
    }

    /// Whose connection it counts as; `None` for those that many share, and for this machine.
    fn source(&self, peer: IpAddr) -> Option<IpAddr> {
        let peer = peer.to_canonical();
        if peer.is_loopback() || self.trusted_proxies.iter().any(|network| network.contains(peer)) {
            return None;
        }
        Some(match peer {
            IpAddr::V4(_) => peer,
            // Whoever has one address of it has all of them.
            IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
        })
    }
}

async fn serve(io: Encrypted, peer: IpAddr, proxies: Arc<[Cidr]>, router: Router, leave: CancellationToken) {
    let certificate = match &io {
        Either::Left(_) => ClientCertificate::default(),
        Either::Right(tls) => ClientCertificate::shown(tls.get_ref().1.peer_certificates()),
    };
    let builder = http_builder();
    let hangup = Hangup::default();
    let given = hangup.clone();
    let (requests, running) = Requests::none();
    let service = service_fn(move |mut request: ::http::Request<hyper::body::Incoming>| {
        let running = requests.begin();
        let sender = forwarded::sender(peer, request.headers(), &proxies);
        let extensions = request.extensions_mut();
        extensions.insert(Peer(sender));
        extensions.insert(certificate.clone());
        extensions.insert(given.clone());
        let answering = router.clone().oneshot(request);
        async move { answering.await.map(|answer| answer.map(|body| running.answers(body))) }
    });
    let mut connection = pin!(builder.serve_connection_with_upgrades(TokioIo::new(io), service));
    let mut quiet = pin!(quiet(running, HANDSHAKE_TIMEOUT, IDLE));
    let mut is_leaving = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    debug!(%peer, %error, "connection ended");
                }
                return;
            }
            () = hangup.hung_up() => {
                debug!(%peer, "a connection whose client takes nothing was closed");
                return;
            }
            asked = quiet.as_mut(), if !is_leaving => {
                if !asked {
                    debug!(%peer, "a connection on which nothing was asked was closed");
                    return;
                }
            }
            () = leave.cancelled(), if !is_leaving => {}
        }
        is_leaving = true;
        connection.as_mut().graceful_shutdown();
    }
}

type Encrypted = Either<TcpStream, TlsStream<TcpStream>>;

async fn encrypt(mut tcp: TcpStream, tls: Option<ServerTls>) -> io::Result<Encrypted> {
    tcp.set_nodelay(true)?;
    setsockopt(&tcp, sockopt::KeepAlive, &true)?;
    setsockopt(&tcp, sockopt::TcpKeepIdle, &KEEPALIVE)?;
    setsockopt(&tcp, sockopt::TcpKeepInterval, &KEEPALIVE)?;
    let Some(tls) = tls else { return Ok(Either::Left(tcp)) };
    let handshake = async {
        let mut first = [0];
        // A handshake begins with 22, the line of an HTTP request with the letter of a method.
        if matches!(tcp.peek(&mut first).await, Ok(1)) && first[0].is_ascii_uppercase() {
            // A client that is gone has no use for it.
            let _ = tcp.write_all(NO_TLS).await;
            return Err((io::Error::other("a request without TLS"), tcp));
        }
        TlsAcceptor::from(tls.config()).accept(tcp).into_fallible().await.map(Either::Right)
    };
    match tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await {
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
        Ok(Ok(encrypted)) => Ok(encrypted),
        Ok(Err((error, tcp))) => {
            linger(tcp).await;
            Err(error)
        }
    }
}

/// Closes a connection so that its client can read what it was told: data that nobody has read would reset it.
async fn linger(mut tcp: TcpStream) {
    let _ = tcp.shutdown().await;
    let rest = async { tokio::io::copy(&mut (&mut tcp).take(64 << 10), &mut tokio::io::sink()).await };
    let _ = tokio::time::timeout(LINGER, rest).await;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_an_address_or_a_network_and_none_that_many_share() {
        let door = Door { tls: None, trusted_proxies: ["10.0.0.0/8".parse().unwrap()].into() };
        let source = |ip: &str| door.source(ip.parse().unwrap()).map(|source| source.to_string());
        assert_eq!(source("192.0.2.7").as_deref(), Some("192.0.2.7"));
        assert_eq!(source("::ffff:192.0.2.7").as_deref(), Some("192.0.2.7"));
        assert_eq!(source("2001:db8:1:2:3:4:5:6").as_deref(), Some("2001:db8:1:2::"));
        for shared in ["127.0.0.1", "::1", "10.1.2.3", "::ffff:10.1.2.3"] {
            assert_eq!(source(shared), None, "{shared}");
        }
    }
}
