//! The listener for a monitoring system: `/metrics`, `/health` and `/ready`, and nothing else.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::Measured;
use super::exposition::{Form, text};
use crate::access::Shares;

/// The encryption of the next connection.
pub type TlsSource = Box<dyn Fn() -> Arc<ServerConfig> + Send + Sync>;

/// The most connections at once: a few probes and a few monitoring systems.
const MAX_CONNECTIONS: usize = 64;

/// The most connections at once of one address: any pod may ask here, and none shall keep the probes out.
const MAX_OF_SOURCE: usize = 8;

/// How long a client may take for the TLS handshake, and again for its first request and for the headers of each.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How much of the body of a request is read, which needs none, and for how long.
const MAX_BODY: usize = 64 << 10;
const BODY_TIMEOUT: Duration = Duration::from_secs(1);

/// How long one connection may last: there are few, and whoever wants more opens another one.
const LIFE: Duration = Duration::from_secs(300);

/// How long to wait when no connection can be accepted: there are no file descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts and serves connections, for ever: it goes on while its server stops, and says so.
pub async fn serve(listener: TcpListener, tls: Option<TlsSource>, measured: Arc<dyn Measured>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let sources = Shares::new(MAX_OF_SOURCE);
    loop {
        let accepted = async {
            let place = places.clone().acquire_owned().await.map_err(io::Error::other)?;
            io::Result::Ok((listener.accept().await?, place))
        };
        match accepted.await {
            Ok(((tcp, peer), place)) => {
                let Some(share) = sources.take(peer.ip().to_canonical()) else {
                    debug!(%peer, "a connection for metrics was closed: its address has {MAX_OF_SOURCE} already");
                    continue;
                };
                let (config, measured) = (tls.as_ref().map(|current| current()), measured.clone());
                tokio::spawn(async move {
                    let _held = (place, share);
                    if let Ok(Err(error)) = tokio::time::timeout(LIFE, connection(tcp, config, measured)).await {
                        debug!(error, "a connection for metrics ended");
                    }
                });
            }
            Err(error) => {
                warn!(%error, "a connection for metrics was not accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn connection(tcp: TcpStream, tls: Option<Arc<ServerConfig>>, measured: Arc<dyn Measured>) -> Result<(), String> {
    let failed = |error: &dyn std::error::Error| error.to_string();
    tcp.set_nodelay(true).map_err(|e| failed(&e))?;
    match tls {
        None => http(tcp, measured).await,
        Some(config) => {
            let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, TlsAcceptor::from(config).accept(tcp));
            http(handshake.await.map_err(|e| failed(&e))?.map_err(|e| failed(&e))?, measured).await
        }
    }
}

async fn http<I>(io: I, measured: Arc<dyn Measured>) -> Result<(), String>
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HANDSHAKE_TIMEOUT);
    let asked = CancellationToken::new();
    let service = service_fn({
        let asked = asked.clone();
        move |request| {
            asked.cancel();
            answer(measured.clone(), request)
        }
    });
    let mut serving = pin!(builder.serve_connection(TokioIo::new(io), service));
    let served = tokio::select! {
        served = serving.as_mut() => served,
        asked = tokio::time::timeout(HANDSHAKE_TIMEOUT, asked.cancelled()) => {
            asked.map_err(|_| "nothing was asked")?;
            serving.await
        }
    };
    served.map_err(|e| e.to_string())
}

type Answer = Response<Full<Bytes>>;

async fn answer(measured: Arc<dyn Measured>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let (head, body) = request.into_parts();
    // Nothing is wanted of it, but a client that still sends may not read the answer.
    let _ = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY).collect()).await;
    let mut answer = whole_answer(measured, &head).await;
    if head.method == Method::HEAD {
        // The length is that of the body which is left out; with HTTP/2 nobody else leaves it out.
        let length = answer.body().size_hint().exact().unwrap_or_default();
        answer.headers_mut().insert(CONTENT_LENGTH, length.into());
        *answer.body_mut() = Full::default();
    }
    Ok(answer)
}

async fn whole_answer(measured: Arc<dyn Measured>, request: &Parts) -> Answer {
    let path = request.uri.path();
    if !["/metrics", "/health", "/ready"].contains(&path) {
        return plain(StatusCode::NOT_FOUND, "this listener serves /metrics, /health and /ready");
    }
    if ![Method::GET, Method::HEAD].contains(&request.method) {
        let mut refusal = plain(StatusCode::METHOD_NOT_ALLOWED, "use GET");
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refusal;
    }
    match (path, measured.not_ready()) {
        ("/health", _) => plain(StatusCode::OK, "ok"),
        ("/ready", None) => plain(StatusCode::OK, "ready"),
        ("/ready", Some(why)) => plain(StatusCode::SERVICE_UNAVAILABLE, &format!("not ready: {why}")),
        _ => metrics(measured, &request.headers).await,
    }
}

async fn metrics(measured: Arc<dyn Measured>, headers: &HeaderMap) -> Answer {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let form = Form::accepted(&accepted.collect::<Vec<_>>().join(","));
    match tokio::task::spawn_blocking(move || text(measured, form)).await {
        Ok(Ok(text)) => respond(StatusCode::OK, form.media_type(), text.into()),
        _ => plain(StatusCode::INTERNAL_SERVER_ERROR, "the metrics could not be written"),
    }
}

fn plain(status: StatusCode, text: &str) -> Answer {
    respond(status, "text/plain; charset=utf-8", format!("{text}\n").into())
}

fn respond(status: StatusCode, media_type: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
