//! The sending half of an HTTP/2 connection, as the service that generated gRPC clients want.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use tonic::body::Body;
use tower::Service;

/// Sends requests; cheap to clone. The connection drains when all clones are gone.
#[derive(Clone)]
pub(super) struct Sender(pub(super) SendRequest<Body>);

/// A request that got no answer.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub(super) struct SendError {
    /// Whether it certainly never left, so that it can be sent elsewhere.
    pub(super) unsent: bool,
    /// What happened.
    pub(super) source: hyper::Error,
}

impl Service<Request<Body>> for Sender {
    type Response = Response<Incoming>;
    type Error = SendError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, SendError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.0.poll_ready(cx).map_err(|source| SendError { unsent: true, source })
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let sending = self.0.try_send_request(request);
        Box::pin(async move {
            sending
                .await
                .map_err(|mut error| SendError { unsent: error.take_message().is_some(), source: error.into_error() })
        })
    }
}
