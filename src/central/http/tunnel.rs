//! `GET /agents/tunnel`: the upgrade with which an agent opens a tunnel.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};

use crate::central::agents::Agents;
use crate::central::client_certificate::ClientCertificate;
use crate::central::state::Central;
use crate::model::Failure;
use crate::tunnel::UPGRADE_PROTOCOL;

/// Agrees to the upgrade of an agent that central knows.
pub async fn open(
    State(central): State<Arc<Central>>,
    Extension(certificate): Extension<ClientCertificate>,
    mut request: Request,
) -> Result<Response, Failure> {
    let agents = Agents { central, certificate };
    let admitted = agents.admit(request.headers()).await?;
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(agents.serve_tunnel(admitted, upgrade));
    let headers = [(header::CONNECTION, "Upgrade"), (header::UPGRADE, UPGRADE_PROTOCOL)];
    Ok((StatusCode::SWITCHING_PROTOCOLS, headers).into_response())
}
