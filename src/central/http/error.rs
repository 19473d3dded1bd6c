//! The one mapping of failures to HTTP, and the request id that every answer carries.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use tracing::{Instrument as _, info_span, warn};

use super::counted::Counted;
use super::{body, gateway};
use crate::central::state::Central;
use crate::model::version::{MIN_CLIENT, MIN_CLIENT_VERSION};
use crate::model::{ErrorCode, Failure, Problem, RequestId};

/// The header that names a request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

impl IntoResponse for Failure {
    /// Leaves the failure for `identify`, which knows the request.
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Gives the request an id, for its log lines and its answer, counts it, and writes failures as problem documents, or for
/// clients of Kubernetes as these expect them.
pub async fn identify(State(central): State<Arc<Central>>, mut request: Request, next: Next) -> Response {
    let id = RequestId::generate();
    request.extensions_mut().insert(id.clone());
    let span = info_span!("request", id = %id);
    let gateway = gateway::Seen::of(&request);
    let counted = Counted::new(central, &request, gateway.is_some());
    let mut response = next.run(request).instrument(span).await;
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        response = if gateway.is_some() { gateway::Seen::failed(&failure) } else { problem(&failure, &id) };
    }
    match gateway {
        Some(gateway) => gateway.finish(&mut response),
        None => {
            let oldest = HeaderValue::from_static(MIN_CLIENT_VERSION);
            response.headers_mut().insert(HeaderName::from_static(MIN_CLIENT), oldest);
        }
    }
    counted.answered(response.status());
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

fn problem(failure: &Failure, id: &RequestId) -> Response {
    if failure.code == ErrorCode::Internal {
        warn!(request_id = %id, detail = failure.detail, "internal error");
    }
    let status = StatusCode::from_u16(failure.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Json(Problem::new(failure, id.as_str()))).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if failure.code == ErrorCode::TooManyRequests {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    if failure.code == ErrorCode::Unauthenticated {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// For a path that is not in the table.
pub async fn no_such_path(body: Body) -> Failure {
    body::discard(body).await;
    Failure::new(ErrorCode::NotFound, "central serves nothing at this path")
}

/// For a path that is, with another method.
pub async fn no_such_method(body: Body) -> Failure {
    body::discard(body).await;
    Failure::new(ErrorCode::InvalidRequest, "central does not serve this method at this path")
}
