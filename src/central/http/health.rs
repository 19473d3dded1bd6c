//! `GET /health`: central is there, and which build it is. `GET /ready`: it can serve.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;

use crate::central::state::Central;
use crate::model::Failure;
use crate::model::version::{COMMIT, PROTOCOL_VERSION, VERSION};

/// The answer.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Health {
    /// Always `ok`: central serves.
    status: &'static str,
    /// The version of central.
    version: &'static str,
    /// Its commit.
    commit: &'static str,
    /// The newest protocol that it speaks with agents.
    protocol_version: u32,
    /// `ok`, or `unavailable` when the database did not answer when it was last asked.
    database: &'static str,
    /// When the certificate that central serves ends; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_not_after: Option<Timestamp>,
}

/// Answers while central serves.
pub async fn show(State(central): State<Arc<Central>>) -> Json<Health> {
    let database = if central.changes.database_answers() { "ok" } else { "unavailable" };
    Json(Health {
        status: "ok",
        version: VERSION,
        commit: COMMIT,
        protocol_version: PROTOCOL_VERSION,
        database,
        certificate_not_after: central.certificate_not_after(),
    })
}

/// The answer of a central that can serve.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Ready {
    /// Always `ready`; else the answer is a failure, which says why.
    status: &'static str,
}

/// Answers while requests can be served.
pub async fn ready(State(central): State<Arc<Central>>) -> Result<Json<Ready>, Failure> {
    central.readiness().map(|()| Json(Ready { status: "ready" }))
}
