//! A connection to a server, whose errors say why the server refused its client.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use rustls::ProtocolVersion;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use super::reason;

/// What both sides agreed upon in the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// The version, such as `TLS 1.3`.
    pub version: &'static str,
    /// Whether they speak HTTP/2.
    pub http2: bool,
}

/// A connection, encrypted or (to a loopback address) not.
pub struct Stream(Either<TcpStream, TlsStream<TcpStream>>);

impl Stream {
    pub(super) fn plain(tcp: TcpStream) -> Self {
        Self(Either::Left(tcp))
    }

    pub(super) fn encrypted(tls: TlsStream<TcpStream>) -> Self {
        Self(Either::Right(tls))
    }

    /// The certificates that the server has shown, its own first.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        match &self.0 {
            Either::Left(_) => &[],
            Either::Right(tls) => tls.get_ref().1.peer_certificates().unwrap_or_default(),
        }
    }

    /// What was agreed upon; `None` without encryption.
    pub fn negotiated(&self) -> Option<Negotiated> {
        let Either::Right(tls) = &self.0 else { return None };
        let tls = tls.get_ref().1;
        let version = match tls.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
            _ => "TLS 1.3",
        };
        Some(Negotiated { version, http2: tls.alpn_protocol() == Some(b"h2") })
    }

    fn inner(self: Pin<&mut Self>) -> Pin<&mut Either<TcpStream, TlsStream<TcpStream>>> {
        Pin::new(&mut self.get_mut().0)
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // With TLS 1.3 a server looks at the certificate of its client only after the client's end of the handshake.
        self.inner().poll_read(cx, buf).map_err(reason::of_refusal)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.inner().poll_write(cx, data)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.inner().poll_write_vectored(cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_shutdown(cx)
    }
}
