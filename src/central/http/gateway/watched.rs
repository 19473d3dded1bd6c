//! The connection of a client that has changed the protocol, watched: how much passes, and whether the client takes it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::central::audit::Traffic;
use crate::central::running::Place;

/// Tells the place of a request when the client takes nothing more, and when it goes on.
pub struct Watched<'a, T> {
    inner: T,
    place: &'a Place,
    traffic: &'a Traffic,
}

impl<'a, T> Watched<'a, T> {
    /// Watches what a client gives and takes.
    pub fn new(inner: T, place: &'a Place, traffic: &'a Traffic) -> Self {
        Self { inner, place, traffic }
    }

    fn saw<R>(&self, written: Poll<R>) -> Poll<R> {
        match written {
            Poll::Pending => self.place.taking().gave(),
            Poll::Ready(_) => self.place.taking().taken(),
        }
        written
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<'_, T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(cx, buffer);
        self.traffic.came(buffer.filled().len() - before);
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<'_, T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = written {
            self.traffic.went(count);
        }
        self.saw(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(cx);
        self.saw(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
