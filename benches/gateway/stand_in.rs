//! A stand-in for the API server: it has its answers ready.

use std::convert::Infallible;
use std::sync::LazyLock;

use http::header::{CONNECTION, CONTENT_TYPE, HeaderValue, UPGRADE};
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use mk8s::tls::{Authority, server::server_config};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Where a connection changes its protocol, and how many bytes come then.
pub const STREAM: (&str, usize) = ("/api/v1/namespaces/default/pods/web/attach", 1 << 30);

/// In what pieces they come: what `kubectl cp` gets of a pod is not larger.
const PIECE: usize = 32 << 10;

/// A list of pods.
pub struct List {
    /// Where it is.
    pub path: &'static str,
    /// How long it is, in bytes.
    pub bytes: usize,
    /// How often it is asked for in a round.
    pub requests: usize,
}

/// All lists.
pub const LISTS: [List; 2] = [
    List { path: "/api/v1/namespaces/small/pods", bytes: 1 << 10, requests: 960 },
    List { path: "/api/v1/namespaces/large/pods", bytes: 1 << 20, requests: 64 },
];

/// Their texts.
static TEXTS: LazyLock<[Bytes; 2]> = LazyLock::new(|| {
    LISTS.map(|list| {
        let (start, end) =
            (r#"{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":""#, "\"},\"items\":[]}");
        let filling = "0".repeat(list.bytes - start.len() - end.len());
        format!("{start}{filling}{end}").into()
    })
});

/// Starts it with a certificate of this authority; its port. It ends with this process.
pub async fn start(authority: &Authority) -> anyhow::Result<u16> {
    let acceptor = TlsAcceptor::from(server_config(authority.issue(&["127.0.0.1".into()])?)?);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let _ = stream.set_nodelay(true);
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let answer = service_fn(async |request: http::Request<Incoming>| {
                    Ok::<_, Infallible>(if request.uri().path() == STREAM.0 {
                        switch(request)
                    } else {
                        answer(&request)
                    })
                });
                let server = auto::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection_with_upgrades(TokioIo::new(stream), answer).await;
            });
        }
    });
    Ok(port)
}

/// Changes the protocol, and sends.
fn switch(request: http::Request<Incoming>) -> Response<Full<Bytes>> {
    tokio::spawn(async move {
        let mut stream = TokioIo::new(hyper::upgrade::on(request).await?);
        let piece = vec![0; PIECE];
        for _ in 0..STREAM.1 / PIECE {
            stream.write_all(&piece).await?;
        }
        stream.shutdown().await?;
        anyhow::Ok(())
    });
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
    response
}

fn answer(request: &http::Request<Incoming>) -> Response<Full<Bytes>> {
    let mut response = match LISTS.iter().position(|list| list.path == request.uri().path()) {
        Some(list) => Response::new(Full::new(TEXTS[list].clone())),
        None => {
            let mut response = Response::new(Full::from("{}"));
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
