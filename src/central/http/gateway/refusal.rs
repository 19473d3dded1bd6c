//! What mk8s itself answers below the prefix of a cluster, and what all answers there have in common.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::header::{CONNECTION, HeaderValue, UPGRADE};
use http::{StatusCode, Version};

use super::split;
use crate::kubernetes::status::Status;
use crate::model::Failure;

/// The answer of a `Status`.
pub fn refuse(status: &Status) -> Response {
    status.response().map(Body::from)
}

/// A request below the prefix of a cluster, remembered until its answer is there.
#[derive(Clone, Copy)]
pub struct Seen {
    /// Whether its connection may carry another protocol afterwards.
    wants_upgrade: bool,
}

impl Seen {
    /// Looks at a request; `None` for one that is for central itself.
    pub fn of(request: &Request) -> Option<Self> {
        split(request.uri())?;
        Some(Self { wants_upgrade: request.version() < Version::HTTP_2 && request.headers().contains_key(UPGRADE) })
    }

    /// The answer to a failure, whoever noticed it.
    pub fn failed(failure: &Failure) -> Response {
        refuse(&Status::of(failure))
    }

    /// What all answers have in common: after another protocol was refused, the connection carries nothing more.
    pub fn finish(self, response: &mut Response) {
        if self.wants_upgrade && response.status() != StatusCode::SWITCHING_PROTOCOLS {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }
}
