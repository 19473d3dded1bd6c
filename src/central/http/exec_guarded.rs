//! The output of a running command, for as long as its caller may have it.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info};

use crate::central::callers::Identified;
use crate::central::state::Central;
use crate::model::{ApiCall, ClusterName, ClusterRules, ExecEnd, ExecOutput, RequestId};
use crate::tunnel::exec::{ExecEvent, ExecRights, ExecStream};

/// The output of a command that is ended when its caller may not run it any more, also while nobody reads. The agent
/// hears of rights that change on the way.
pub struct Guarded {
    output: ExecStream,
    calls: Calls,
    why: Arc<OnceLock<&'static str>>,
    _watch: AbortOnDropHandle<()>,
}

/// What the log lines of a command's requests to the API server say of the command.
pub struct Calls {
    /// The request.
    pub id: RequestId,
    /// The cluster.
    pub cluster: ClusterName,
    /// Who asked.
    pub caller: String,
}

impl Guarded {
    /// Watches over a command that was `told` these rules when it was started.
    pub fn new(
        central: &Arc<Central>,
        identified: Identified,
        told: ClusterRules,
        calls: Calls,
        (output, rights, cancel): (ExecStream, ExecRights, CancellationToken),
    ) -> Self {
        let (central, cluster, why) = (central.clone(), calls.cluster.clone(), Arc::new(OnceLock::new()));
        let watch = tokio::spawn({
            let why = why.clone();
            async move {
                let _ = why.set(central.until_revoked(&identified, &cluster, told, &rights).await);
                cancel.cancel();
            }
        });
        Self { output, calls, why, _watch: AbortOnDropHandle::new(watch) }
    }

    /// The next piece; `None` after the end.
    pub async fn next(&mut self) -> Option<ExecOutput> {
        let output = loop {
            match self.output.next().await? {
                ExecEvent::Output(output) => break output,
                ExecEvent::ApiCall(call) => self.calls.write(&call),
            }
        };
        match (output, self.why.get()) {
            (ExecOutput::End(ExecEnd::Error(_)), Some(why)) => {
                Some(ExecOutput::End(ExecEnd::Error(format!("the command was ended: {why}"))))
            }
            (output, _) => Some(output),
        }
    }
}

impl Calls {
    /// One line for a request. Its query may hold anything, and is left out.
    fn write(&self, call: &ApiCall) {
        let Self { id, cluster, caller } = self;
        let ApiCall { verb, target, status, micros, denied } = call;
        let path = path(target);
        match denied {
            Some(denied) => {
                info!(request_id = %id, %cluster, caller, verb, path, status, micros, denied, "API call denied");
            }
            None => debug!(request_id = %id, %cluster, caller, verb, path, status, micros, "API call"),
        }
    }
}

fn path(target: &str) -> &str {
    target.split(['?', '#']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn a_query_is_not_logged() {
        assert_eq!(path("/api/v1/pods?watch=true&fieldSelector=x"), "/api/v1/pods");
        assert_eq!(path("/version"), "/version");
    }
}
