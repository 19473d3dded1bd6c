//! Whether a client of the gateway that has stopped reading slows the other clients of the same cluster.

use std::convert::Infallible;
use std::fs;
use std::time::{Duration, Instant};

use futures_util::stream;
use http::{Request, Response, Version};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Empty, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use mk8s::tls::{Alpn, Authority, Connector, Trust, server::server_config};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{OTHERS, ROUNDS, report};
use crate::support::{Central, drain};

/// What each of the others asks for in a part of a round, and how long it waits between.
const GETS: usize = 40;
const PAUSE: Duration = Duration::from_millis(40);

/// How long the stalled client gets until all that can be on its way is.
const FILLING: Duration = Duration::from_millis(500);

const PREFIX: &str = "/clusters/c0/k8s/api/v1/namespaces/x";

pub async fn run() -> anyhow::Result<()> {
    let dir = tempfile::Builder::new().prefix("mk8s-bench-stalled-").tempdir()?;
    let authority = Authority::open_or_create(dir.path())?;
    let port = start(&authority).await?;
    let central = Central::start(1).await?;
    let kubeconfig = dir.path().join("agent.kubeconfig");
    let (file, server) = (authority.cert_file(), format!("https://127.0.0.1:{port}"));
    let text = format!(
        "clusters: [{{name: a, cluster: {{server: '{server}', certificate-authority: '{}'}}}}]\n\
         users: [{{name: a, user: {{token: x}}}}]\ncontexts: [{{name: a, context: {{cluster: a, user: a}}}}]\n\
         current-context: a\n",
        file.display()
    );
    fs::write(&kubeconfig, text)?;
    // One tunnel: what waits for the stalled client is on the connection of all others.
    let _agent = central.start_agent_with(1, &kubeconfig, &central.kubectl()).await?;
    let mut others = Vec::new();
    for _ in 0..OTHERS {
        others.push(connect(&central).await?);
    }
    get_all(&central, &mut others, &mut Vec::new()).await?;
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let (mut without, mut with) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            get_all(&central, &mut others, &mut without).await?;
            // The answer is held and never read: all that it can send waits.
            let stalled = endless(&central, version).await?;
            tokio::time::sleep(FILLING).await;
            get_all(&central, &mut others, &mut with).await?;
            drop(stalled);
        }
        println!("stalled: {OTHERS} clients of the gateway on one tunnel, GET, with and without one that holds a log");
        println!("  that never ends, over {version:?}");
        report(&mut without, &mut with);
    }
    Ok(())
}

/// A client that begins to read the log without an end, and then reads no more.
async fn endless(central: &Central, version: Version) -> anyhow::Result<Response<Incoming>> {
    let path = format!("{PREFIX}/pods/endless/log?follow=true");
    let answer = if version == Version::HTTP_2 {
        let io = TokioIo::new(connector(central)?.connect(&central.url.parse()?, Alpn::Http2).await?);
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
        tokio::spawn(connection);
        sender.send_request(get(central, format!("{}{path}", central.url))?).await?
    } else {
        connect(central).await?.send_request(get(central, path)?).await?
    };
    anyhow::ensure!(answer.status() == 200, "HTTP {}", answer.status());
    Ok(answer)
}

fn connector(central: &Central) -> anyhow::Result<Connector> {
    Ok(Connector::new(&Trust::CaFile(central.ca_file()))?)
}

async fn connect(central: &Central) -> anyhow::Result<http1::SendRequest<Empty<Bytes>>> {
    let io = TokioIo::new(connector(central)?.connect(&central.url.parse()?, Alpn::Http1).await?);
    let (sender, connection) = http1::handshake(io).await?;
    tokio::spawn(connection);
    Ok(sender)
}

fn get(central: &Central, target: String) -> anyhow::Result<Request<Empty<Bytes>>> {
    let request = Request::get(target).header("host", "localhost");
    Ok(request.header("authorization", format!("Bearer {}", central.token)).body(Empty::new())?)
}

/// Each client asks at a steady rate, all at once; how long each answer took.
async fn get_all(
    central: &Central,
    clients: &mut [http1::SendRequest<Empty<Bytes>>],
    samples: &mut Vec<Duration>,
) -> anyhow::Result<()> {
    let all = clients.iter_mut().map(async |sender| {
        let mut samples = Vec::new();
        for _ in 0..GETS {
            let start = Instant::now();
            sender.ready().await?;
            let answer = sender.send_request(get(central, format!("{PREFIX}/pods"))?).await?;
            anyhow::ensure!(answer.status() == 200, "HTTP {}", answer.status());
            drain(answer).await?;
            samples.push(start.elapsed());
            tokio::time::sleep(PAUSE).await;
        }
        Ok(samples)
    });
    for taken in futures_util::future::join_all(all).await {
        samples.extend(taken?);
    }
    Ok(())
}

/// Starts what stands in for the API server: it has a short list, and a log without an end; its port.
async fn start(authority: &Authority) -> anyhow::Result<u16> {
    let acceptor = TlsAcceptor::from(server_config(authority.issue(&["127.0.0.1".into()])?)?);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let _ = stream.set_nodelay(true);
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let answer =
                    service_fn(async |request: Request<Incoming>| Ok::<_, Infallible>(answer(request.uri().path())));
                let server = auto::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    });
    Ok(port)
}

fn answer(path: &str) -> Response<BoxBody<Bytes, Infallible>> {
    if path.ends_with("/log") {
        let pieces = stream::repeat_with(|| Ok(Frame::data(Bytes::from_static(&[b'x'; 64 << 10]))));
        return Response::new(StreamBody::new(pieces).boxed());
    }
    let mut response = Response::new(Full::from(r#"{"kind":"PodList","apiVersion":"v1","items":[]}"#).boxed());
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}
