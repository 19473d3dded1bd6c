//! The one way from central to a cluster. What goes there must have been authorised and recorded.

use http::Response;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::audit::Trail;
use super::state::Central;
use crate::access::Authorized;
use crate::kubernetes::headers::Upgrade;
use crate::model::age::age;
use crate::model::audit::AuditOutcome::{self, Failed, Lost};
use crate::model::{ClusterId, ClusterName, ErrorCode, Failure};
use crate::tunnel::accept::Tunnel;
use crate::tunnel::exec::{ExecCall, ExecStart, OpenError};
use crate::tunnel::forward::{AnswerBody, ForwardError, Head, RequestBody, Upgraded};

/// How many tunnels are tried when each turns out to be closing.
const ATTEMPTS: usize = 4;

/// A request that got no answer.
pub struct Unanswered {
    /// Whether the cluster may have seen it.
    pub outcome: AuditOutcome,
    /// What the user reads.
    pub failure: Failure,
}

/// Starts a command on the cluster, by its least loaded tunnel.
///
/// Only a command that certainly never reached the agent is sent again.
pub async fn open(
    central: &Central,
    cluster: &Authorized<ClusterId>,
    name: &ClusterName,
    start: &ExecStart,
    _recorded: &Trail,
) -> Result<ExecCall, Unanswered> {
    let id = *cluster.subject();
    for _ in 0..ATTEMPTS {
        let Some(tunnel) = central.registry.least_loaded(id) else { break };
        match tunnel.execute(start).await {
            Ok(call) => return Ok(call),
            Err(OpenError::Unsent) => {}
            Err(OpenError::Failed(why)) => {
                return Err(Unanswered { outcome: Lost, failure: Failure::new(ErrorCode::Unavailable, why) });
            }
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
    _recorded: &Trail,
) -> Result<Response<AnswerBody>, Unanswered> {
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
    _recorded: &Trail,
) -> Result<Upgraded, Unanswered> {
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

/// What a user reads when the way broke on which the request went.
pub fn lost() -> Unanswered {
    let detail = "the connection to the agent was lost; what the request asks for may have been done";
    Unanswered { outcome: Lost, failure: Failure::new(ErrorCode::Unavailable, detail) }
}

/// What a user reads when no agent is connected.
fn offline(central: &Central, id: ClusterId, name: &ClusterName) -> Unanswered {
    let seen = central.directory.heard(id).last_seen.map_or_else(
        || "its agent has not connected since central started".to_owned(),
        |then| format!("last seen {} ago", age(then, Timestamp::now())),
    );
    let failure = Failure::new(ErrorCode::Unavailable, format!("cluster {:?} is offline, {seen}", name.as_str()));
    Unanswered { outcome: Failed, failure }
}
