//! The body of an answer, for as long as its caller may have it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::log::Log;
use crate::central::running::Place;
use crate::kubernetes::headers;
use crate::tunnel::forward::AnswerBody;

/// An answer that streams.
pub struct Running {
    inner: AnswerBody,
    place: Place,
    log: Log,
}

impl Running {
    /// Keeps the place of a request until its answer has ended, and writes its log line then.
    pub fn new(inner: AnswerBody, place: Place, log: Log) -> Self {
        Self { inner, place, log }
    }
}

impl Body for Running {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        // The server asks for more when what it has is on its way.
        self.place.taken();
        let frame = Pin::new(&mut self.inner).poll_frame(cx);
        match frame {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(mut frame))) => {
                self.place.gave();
                if let Some(trailers) = frame.trailers_mut() {
                    headers::trailers(trailers);
                    self.log.complete();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(None) => {
                self.log.complete();
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(error))) => {
                let why = self.place.why().unwrap_or("the connection to the agent or to the API server was lost");
                self.log.broken(why);
                Poll::Ready(Some(Err(io::Error::other(error))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
