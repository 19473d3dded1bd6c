//! Makes connections to central for the pool.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tower::Service;

use super::Client;
use crate::tls::{Alpn, ConnectError, Connector, Stream};

/// Dials as the rest of the client does.
#[derive(Clone)]
pub struct Dialer(Connector);

/// A connection of the pool.
pub struct Pooled(TokioIo<Stream>);

impl Dialer {
    /// Dials as `client` does.
    pub fn new(client: &Client) -> Self {
        Self(client.connector().0.clone())
    }
}

impl Service<Uri> for Dialer {
    type Response = Pooled;
    type Error = ConnectError;
    type Future = BoxFuture<'static, Result<Pooled, ConnectError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.0.clone();
        Box::pin(async move { Ok(Pooled(TokioIo::new(connector.connect(&uri, Alpn::Http1).await?))) })
    }
}

impl Connection for Pooled {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Pooled {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl Write for Pooled {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
