//! The body of an answer, for as long as its caller may have it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http::Response;
use http::header::CONTENT_LENGTH;
use http_body::{Body as _, Frame, SizeHint};

use crate::central::audit::Trail;
use crate::central::http::removable::Removable;
use crate::central::running::Place;
use crate::kubernetes::headers;
use crate::model::audit::AuditOutcome;
use crate::tunnel::forward::AnswerBody;

/// An answer that streams.
pub struct Running {
    inner: AnswerBody,
    place: Place,
    trail: Trail,
    /// What is still to come of a body whose length is known: the server does not ask for its end.
    left: Option<u64>,
}

impl Running {
    /// Keeps the place of a request until its answer has ended, and records how it ended then.
    pub fn answer(answer: Response<AnswerBody>, place: Place, trail: Trail) -> Response<Body> {
        let left = answer.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        answer.map(|inner| {
            let releasing = place.releasing();
            let mut running = Self { inner, place, trail, left };
            running.note_end();
            let (body, remove) = Removable::new(running);
            releasing.by(remove);
            Body::new(body)
        })
    }

    fn note_end(&mut self) {
        if self.left == Some(0) || self.inner.is_end_stream() {
            self.trail.ended(AuditOutcome::Complete, None);
        }
    }
}

impl http_body::Body for Running {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        // The server asks for more when what it has is on its way.
        self.place.taking().taken();
        let frame = Pin::new(&mut self.inner).poll_frame(cx);
        match frame {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(mut frame))) => {
                self.place.taking().gave();
                if let Some(data) = frame.data_ref() {
                    self.trail.traffic().went(data.len());
                    self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
                    self.note_end();
                }
                if let Some(trailers) = frame.trailers_mut() {
                    headers::trailers(trailers);
                    self.trail.ended(AuditOutcome::Complete, None);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(None) => {
                self.trail.ended(AuditOutcome::Complete, None);
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(error))) => {
                if self.place.why().is_none() {
                    self.trail.ended(AuditOutcome::Lost, None);
                }
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

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(why) = self.place.why() {
            self.trail.ended(AuditOutcome::Cut, Some(why));
        }
    }
}
