//! The bodies that pass the gate: they stream, without being copied or kept.

use std::any::Any;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// A body that breaks off when it is cut, and whose trailers do not cross: they are headers that nobody has checked.
pub struct Filtered {
    inner: Either<Incoming, Full<Bytes>>,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    /// What has to live as long as the body.
    _held: Option<Box<dyn Any + Send + Sync>>,
}

impl Filtered {
    /// A body that is cut when `cut` is cancelled.
    pub fn new(inner: Incoming, cut: CancellationToken) -> Self {
        Self { inner: Either::Left(inner), cut: Box::pin(cut.cancelled_owned()), _held: None }
    }

    /// The same of a body that is there already.
    pub fn whole(bytes: Bytes, cut: CancellationToken) -> Self {
        Self { inner: Either::Right(Full::new(bytes)), cut: Box::pin(cut.cancelled_owned()), _held: None }
    }

    /// Keeps something as long as the body.
    pub fn holding(self, held: impl Any + Send + Sync) -> Self {
        Self { _held: Some(Box::new(held)), ..self }
    }
}

impl Body for Filtered {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.cut.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
        }
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        Poll::Ready(match frame {
            Some(Ok(frame)) if frame.is_trailers() => None,
            Some(frame) => Some(frame.map_err(io::Error::other)),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
