//! The requests of one connection that run, and how long there have been none.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::watch;
use tokio::time::timeout;

/// The requests of one connection that run.
pub struct Requests(watch::Sender<usize>);

/// A request that runs until this is dropped.
pub struct Request(watch::Sender<usize>);

/// The body of an answer, until whose end its request runs.
pub struct Answer {
    body: Body,
    _request: Request,
}

impl Requests {
    /// None so far; and how to see it.
    pub fn none() -> (Self, watch::Receiver<usize>) {
        let (running, seen) = watch::channel(0);
        (Self(running), seen)
    }

    /// One more.
    pub fn begin(&self) -> Request {
        self.0.send_modify(|running| *running += 1);
        Request(self.0.clone())
    }
}

impl Request {
    /// Its answer has begun.
    pub fn answers(self, body: Body) -> Answer {
        Answer { body, _request: self }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.0.send_modify(|running| *running -= 1);
    }
}

/// Waits until no request has come for `first`, or none has run for `idle` after those that came; whether any came.
pub async fn quiet(mut running: watch::Receiver<usize>, first: Duration, idle: Duration) -> bool {
    let mut asked = false;
    loop {
        let is_idle = *running.borrow() == 0;
        let change = running.changed();
        let changed = match is_idle {
            true => timeout(if asked { idle } else { first }, change).await,
            false => Ok(change.await),
        };
        match changed {
            Ok(Ok(())) => asked = true,
            // Nobody is left who could ask, or nobody has asked.
            Ok(Err(_)) | Err(_) => return asked,
        }
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);
    const SHORT: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn a_connection_without_a_request_is_quiet_soon() {
        let (_requests, seen) = Requests::none();
        assert!(!quiet(seen, SHORT, LONG).await);
    }

    #[tokio::test]
    async fn a_request_that_runs_is_not_quiet_until_its_answer_has_ended() {
        let (requests, seen) = Requests::none();
        let answer = requests.begin().answers(Body::empty());
        let mut waiting = tokio::spawn(quiet(seen, SHORT, SHORT));
        assert!(timeout(10 * SHORT, &mut waiting).await.is_err(), "its answer has not ended");
        drop(answer);
        assert!(waiting.await.unwrap());
    }

    #[tokio::test]
    async fn a_connection_that_was_asked_may_be_idle_for_longer() {
        let (requests, seen) = Requests::none();
        drop(requests.begin());
        assert!(timeout(10 * SHORT, quiet(seen.clone(), SHORT, LONG)).await.is_err());
        assert!(quiet(seen, LONG, SHORT).await);
    }
}
