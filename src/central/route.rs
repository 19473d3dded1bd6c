//! The one way from central to a cluster. What goes there must have been authorised.

use jiff::Timestamp;

use super::state::Central;
use crate::access::Authorized;
use crate::model::age::age;
use crate::model::{ClusterId, ClusterName, ErrorCode, Failure};
use crate::tunnel::exec::{ExecCall, ExecStart, OpenError};

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

/// What a user reads when no agent is connected.
fn offline(central: &Central, id: ClusterId, name: &ClusterName) -> Failure {
    let seen = central.directory.heard(id).last_seen.map_or_else(
        || "its agent has not connected since central started".to_owned(),
        |then| format!("last seen {} ago", age(then, Timestamp::now())),
    );
    Failure::new(ErrorCode::Unavailable, format!("cluster {:?} is offline, {seen}", name.as_str()))
}
