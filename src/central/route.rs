//! The one way from central to a cluster. What goes there must have been authorised.

use http::Response;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::state::Central;
use crate::access::Authorized;
use crate::kubernetes::headers::Upgrade;
use crate::model::age::age;
use crate::model::{ClusterId, ClusterName, ErrorCode, Failure};
use crate::tunnel::accept::Tunnel;
use crate::tunnel::exec::{ExecCall, ExecStart, OpenError};
use crate::tunnel::forward::{AnswerBody, ForwardError, Head, RequestBody, Upgraded};

/// How many tunnels are tried when each turns out to be closing.
const ATTEMPTS: usize = 4;

/// Starts a command on the cluster, by its least loaded tunnel.
///
/// Only a command that certainly never reached the agent is sent again.
pub async fn open(
    central: &Central,
    cluster: &Authorized<ClusterId>,
    name: &ClusterName,
    start: &ExecStart,
) -> Result<ExecCall, Failure> {
    let id = *cluster.subject();
    for _ in 0..ATTEMPTS {
        let Some(tunnel) = central.registry.least_loaded(id) else { break };
        match tunnel.execute(start).await {
            Ok(call) => return Ok(call),
            Err(OpenError::Unsent) => {}
            Err(OpenError::Failed(why)) => return Err(Failure::new(ErrorCode::Unavailable, why)),
        }
    }
    Err(offline(central, id, name))
}

/// Sends a request to the API server of the cluster, by its least loaded tunnel.
///
/// Only a request that certainly never reached the agent is sent again.
pub async fn forward(
    central: &Central,
    cluster: &Authorized<ClusterId>,
    name: &ClusterName,
    head: &Head,
    mut body: RequestBody,
    cancel: &CancellationToken,
) -> Result<Response<AnswerBody>, Failure> {
    for _ in 0..ATTEMPTS {
        let Some(tunnel) = tunnel_for_requests(central, cluster) else { break };
        match tunnel.forward(head, body, cancel.clone()).await {
            Ok(answer) => return Ok(answer),
            Err(ForwardError::Unsent(untouched)) => body = untouched,
            Err(ForwardError::Lost) => return Err(lost()),
        }
    }
    Err(offline(central, *cluster.subject(), name))
}

/// The same for a request that asks for another protocol.
pub async fn upgrade(
    central: &Central,
    cluster: &Authorized<ClusterId>,
    name: &ClusterName,
    head: &Head,
    to: Upgrade,
) -> Result<Upgraded, Failure> {
    for _ in 0..ATTEMPTS {
        let Some(tunnel) = tunnel_for_requests(central, cluster) else { break };
        match tunnel.upgrade(head, to).await {
            Ok(answer) => return Ok(answer),
            Err(ForwardError::Unsent(_)) => {}
            Err(ForwardError::Lost) => return Err(lost()),
        }
    }
    Err(offline(central, *cluster.subject(), name))
}

/// Requests were decided for agents of one namespace, which is theirs alone to close.
fn tunnel_for_requests(central: &Central, cluster: &Authorized<ClusterId>) -> Option<Tunnel> {
    central.registry.least_loaded_closing(*cluster.subject(), cluster.rights().closed_namespace())
}

fn lost() -> Failure {
    let detail = "the connection to the agent was lost; what the request asks for may have been done";
    Failure::new(ErrorCode::Unavailable, detail)
}

/// What a user reads when no agent is connected.
fn offline(central: &Central, id: ClusterId, name: &ClusterName) -> Failure {
    let seen = central.directory.heard(id).last_seen.map_or_else(
        || "its agent has not connected since central started".to_owned(),
        |then| format!("last seen {} ago", age(then, Timestamp::now())),
    );
    Failure::new(ErrorCode::Unavailable, format!("cluster {:?} is offline, {seen}", name.as_str()))
}
