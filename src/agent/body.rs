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

use crate::kubernetes::headers;

/// A body that breaks off when it is cut.
pub struct Filtered {
    inner: Either<Incoming, Full<Bytes>>,
    /// The trailers of a request do not cross: they could claim what its headers may not.
    with_trailers: bool,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    /// What has to live as long as the body.
    _held: Option<Box<dyn Any + Send + Sync>>,
}

impl Filtered {
    /// The body of a request, without trailers; cut when `cut` is cancelled.
    pub fn request(inner: Incoming, cut: CancellationToken) -> Self {
        Self::new(Either::Left(inner), false, cut)
    }

    /// The same of a body that is there already.
    pub fn whole(bytes: Bytes, cut: CancellationToken) -> Self {
        Self::new(Either::Right(Full::new(bytes)), false, cut)
    }

    /// The body of an answer, with those trailers that may cross.
    pub fn answer(inner: Incoming, cut: CancellationToken) -> Self {
        Self::new(Either::Left(inner), true, cut)
    }

    fn new(inner: Either<Incoming, Full<Bytes>>, with_trailers: bool, cut: CancellationToken) -> Self {
        Self { inner, with_trailers, cut: Box::pin(cut.cancelled_owned()), _held: None }
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
            Some(Ok(frame)) if frame.is_trailers() && !self.with_trailers => None,
            Some(Ok(mut frame)) => {
                frame.trailers_mut().into_iter().for_each(headers::trailers);
                Some(Ok(frame))
            }
            Some(Err(error)) => Some(Err(io::Error::other(error))),
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
