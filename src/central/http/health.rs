//! `GET /health`: central is there, and which build it is.

use axum::Json;
use serde::Serialize;

use crate::model::version::{COMMIT, PROTOCOL_VERSION, VERSION};

/// The answer.
#[derive(Serialize)]
pub struct Health {
    status: &'static str,
    version: &'static str,
    commit: &'static str,
    protocol_version: u32,
}

/// Answers while central serves.
pub async fn show() -> Json<Health> {
    Json(Health { status: "ok", version: VERSION, commit: COMMIT, protocol_version: PROTOCOL_VERSION })
}
