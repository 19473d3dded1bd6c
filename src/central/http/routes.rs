//! The one table of routes.

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};

use super::{clusters, error, exec, exec_websocket, guard, health, tunnel};
use crate::central::agents::Agents;
use crate::central::state::Central;
use crate::tunnel::TUNNEL_PATH;
use crate::tunnel::control::{SERVICE_PATH, control_service};

/// All that central serves.
pub fn routes(central: Arc<Central>) -> Router {
    let agents = Agents(central.clone());
    Router::new()
        .route("/health", get(health::show))
        .route("/clusters", get(clusters::list))
        .route("/clusters/{name}", get(clusters::show))
        .route("/clusters/{name}/exec", post(exec::run).get(exec_websocket::run))
        .route(TUNNEL_PATH, get(tunnel::open).with_state(agents.clone()))
        .route_service(SERVICE_PATH, control_service(agents))
        .fallback(error::no_such_path)
        .method_not_allowed_fallback(error::no_such_method)
        .layer(from_fn_with_state(central.clone(), guard::same_origin))
        .layer(from_fn(error::identify))
        .with_state(central)
}
