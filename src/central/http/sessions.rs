//! `/auth/sessions`: the caller's sessions.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use http::StatusCode;

use crate::access::Caller;
use crate::central::live_sessions::no_such_session;
use crate::central::state::Central;
use crate::model::session::SessionList;
use crate::model::{Failure, SessionId};

/// Those that have not ended.
pub async fn list(
    State(central): State<Arc<Central>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<SessionList>, Failure> {
    Ok(Json(SessionList { sessions: central.sessions(&caller).await? }))
}

/// One less.
pub async fn revoke(
    State(central): State<Arc<Central>>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Failure> {
    let id: SessionId = id.ok().and_then(|Path(id)| id.parse().ok()).ok_or_else(no_such_session)?;
    central.end_session(&caller, id).await.map(|()| StatusCode::NO_CONTENT)
}
