//! The connections of the gate: HTTP/2 when the client asks for it, else HTTP/1.1, as API servers do.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::Inner;
use super::session::Session;

/// How many connections there may be: one for each command and one for each stream into a container, with room.
const MAX_CONNECTIONS: usize = 2_048;

/// How long a connection may take until its first request with a token that is valid; kubectl dials when it asks.
const STRANGER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the headers of a request may take.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// The most bytes that the headers of a request may have; a target alone has at most 64 KiB.
const MAX_HEADERS: u32 = 128 << 10;

/// How many requests a connection may have at once: as many as a command.
const MAX_STREAMS: u32 = 256;

/// How much of an upload may be on its way.
const WINDOW: u32 = 1 << 20;

/// How long to wait when no connection can be accepted: there are no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// One connection, which belongs to the first session that uses it.
#[derive(Default)]
pub struct Peer {
    session: OnceLock<Arc<Session>>,
    known: CancellationToken,
}

impl Peer {
    /// Whether this session may use the connection.
    pub fn belongs_to(&self, session: &Arc<Session>) -> bool {
        let first = self.session.get_or_init(|| session.clone());
        self.known.cancel();
        Arc::ptr_eq(first, session)
    }

    /// Returns when the connection must be closed: its session is over, or it has shown none.
    async fn is_over(&self) {
        let known = tokio::time::timeout(STRANGER_TIMEOUT, self.known.cancelled()).await;
        if let (Ok(()), Some(session)) = (known, self.session.get()) {
            session.ended.cancelled().await;
        }
    }
}

/// Accepts connections until the gate is stopped.
pub async fn accept(gate: Arc<Inner>, listener: TcpListener) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let next = async {
            let place = places.clone().acquire_owned().await.map_err(io::Error::other)?;
            io::Result::Ok((listener.accept().await?.0, place))
        };
        let accepted = tokio::select! {
            () = gate.stop.cancelled() => return,
            accepted = next => accepted,
        };
        match accepted {
            Ok((stream, place)) => drop(tokio::spawn(serve(gate.clone(), stream, place))),
            Err(error) => {
                warn!(%error, "the gate cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(gate: Arc<Inner>, stream: TcpStream, _place: OwnedSemaphorePermit) {
    let peer = Arc::new(Peer::default());
    let stop = gate.stop.clone();
    tokio::select! {
        () = stop.cancelled() => {}
        () = peer.is_over() => {}
        served = speak(gate, stream, peer.clone()) => if let Err(error) = served {
            debug!(error, "a connection to the gate ended");
        }
    }
}

async fn speak(gate: Arc<Inner>, stream: TcpStream, peer: Arc<Peer>) -> Result<(), String> {
    let failed = |e: &dyn std::error::Error| e.to_string();
    stream.set_nodelay(true).map_err(|e| failed(&e))?;
    let stream = TlsAcceptor::from(gate.tls.clone()).accept(stream).await.map_err(|e| failed(&e))?;
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let service = service_fn(move |request| gate.clone().answer(peer.clone(), request));
    if is_http2 {
        let mut http = http2::Builder::new(TokioExecutor::new());
        http.timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(MAX_HEADERS)
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW);
        return http.serve_connection(TokioIo::new(stream), service).await.map_err(|e| failed(&e));
    }
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_buf_size(MAX_HEADERS as usize);
    http.serve_connection(TokioIo::new(stream), service).with_upgrades().await.map_err(|e| failed(&e))
}
