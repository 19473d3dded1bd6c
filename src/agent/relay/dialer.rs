//! Makes connections to the API server, in bounded time.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::{BoxError, Service};

/// A connection: TLS, or plain TCP for an `http://` server.
pub type Connection = MaybeHttpsStream<TokioIo<TcpStream>>;

/// Dials; the time that it may take includes the TLS handshake.
#[derive(Clone)]
pub struct Dialer {
    connector: HttpsConnector<HttpConnector>,
    timeout: Duration,
}

impl Dialer {
    /// Bounds what a connector may take.
    pub fn new(connector: HttpsConnector<HttpConnector>, timeout: Duration) -> Self {
        Self { connector, timeout }
    }
}

impl Service<Uri> for Dialer {
    type Response = Connection;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Connection, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (dialling, timeout) = (self.connector.call(uri), self.timeout);
        Box::pin(async move {
            let late = |_| io::Error::new(io::ErrorKind::TimedOut, "no connection in time");
            tokio::time::timeout(timeout, dialling).await.map_err(late)?
        })
    }
}
