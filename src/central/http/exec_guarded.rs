//! The output of a running command, for as long as its caller may have it.

use std::sync::{Arc, OnceLock};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::recorded;
use crate::access::Share;
use crate::central::audit::{Audit, Traffic, Trail};
use crate::central::callers::Identified;
use crate::central::state::Central;
use crate::central::taking::Taking;
use crate::kubernetes::request_info::RequestInfo;
use crate::kubernetes::target::Target;
use crate::model::audit::{AuditDecision, AuditKind, AuditOutcome, AuditRecord};
use crate::model::{ApiCall, ClusterId, ClusterName, ClusterRules, ExecEnd, ExecOutput, Failure, RequestId, UserId};
use crate::tunnel::exec::{ExecEvent, ExecRights, ExecStream};

/// The output of a command that is ended when its caller may not run it any more, also while nobody reads, or takes nothing of
/// it for long. The agent hears of rights that change on the way.
pub struct Guarded {
    output: ExecStream,
    trail: Trail,
    audit: Audit,
    why: Arc<OnceLock<&'static str>>,
    taking: Arc<Taking>,
    _share: Share<(UserId, ClusterId)>,
    _watch: AbortOnDropHandle<()>,
}

impl Guarded {
    /// Watches over a command that was `told` these rules when it was started. The receiver hears when its client takes
    /// nothing more of the output, so that nobody asks for it.
    pub fn new(
        central: &Arc<Central>,
        identified: Identified,
        cluster: &ClusterName,
        told: ClusterRules,
        trail: Trail,
        share: Share<(UserId, ClusterId)>,
        (output, rights, cancel): (ExecStream, ExecRights, CancellationToken),
    ) -> (Self, oneshot::Receiver<()>) {
        let audit = central.audit.clone();
        let (central, cluster, why) = (central.clone(), cluster.clone(), Arc::new(OnceLock::new()));
        let taking = Arc::new(Taking::new());
        let (tell, stalled) = oneshot::channel();
        let watch = tokio::spawn({
            let (why, taking) = (why.clone(), taking.clone());
            async move {
                let reason = tokio::select! {
                    reason = central.until_revoked(&identified, &cluster, told, &rights) => reason,
                    () = taking.stalled() => "the client took nothing of the output for 5 minutes",
                };
                let _ = why.set(reason);
                cancel.cancel();
                // A client that reads hears why.
                taking.stalled().await;
                let _ = tell.send(());
            }
        });
        let _watch = AbortOnDropHandle::new(watch);
        (Self { output, trail, audit, why, taking, _share: share, _watch }, stalled)
    }

    /// Where the bytes of the command are counted.
    pub fn traffic(&self) -> &Arc<Traffic> {
        self.trail.traffic()
    }

    /// The next piece; `None` after the end.
    pub async fn next(&mut self) -> Option<ExecOutput> {
        self.taking.taken();
        let output = loop {
            match self.output.next().await? {
                ExecEvent::Output(output) => break output,
                ExecEvent::ApiCall(call) => self.note(&call).await,
            }
        };
        self.taking.gave();
        Some(match output {
            ExecOutput::End(end) => ExecOutput::End(self.ended(end)),
            ExecOutput::Stdout(data) => {
                self.traffic().went(data.len());
                ExecOutput::Stdout(data)
            }
            ExecOutput::Stderr(data) => {
                self.traffic().went(data.len());
                ExecOutput::Stderr(data)
            }
        })
    }

    /// Records that the command is ended because of what its client sends.
    pub fn refused(&mut self, failure: &Failure) {
        self.trail.ended(AuditOutcome::Cut, Some(&failure.detail));
    }

    /// Records how the command ended.
    fn ended(&mut self, end: ExecEnd) -> ExecEnd {
        if let Some(code) = end.exit_code() {
            self.trail.exited(code);
            self.trail.ended(AuditOutcome::Complete, None);
        }
        match (end, self.why.get()) {
            (ExecEnd::Error(_), Some(why)) => {
                self.trail.ended(AuditOutcome::Cut, Some(why));
                ExecEnd::Error(format!("the command was ended: {why}"))
            }
            (ExecEnd::Error(error), None) => {
                self.trail.ended(AuditOutcome::Lost, Some(&error));
                ExecEnd::Error(error)
            }
            (end, _) => end,
        }
    }

    /// Records a request of the command; while that has no room, the command waits.
    async fn note(&self, call: &ApiCall) {
        let ApiCall { verb, target, status, micros, denied } = call;
        let command = self.trail.record();
        let mut record = AuditRecord {
            kind: Some(AuditKind::ApiCall),
            parent: Some(command.id.clone()),
            user: command.user.clone(),
            user_id: command.user_id.clone(),
            credential: command.credential.clone(),
            cluster: command.cluster.clone(),
            verb: Some(verb.clone()),
            target: Some(path(target).to_owned()),
            status: Some((*status).into()),
            duration_micros: i64::try_from(*micros).ok(),
            outcome: Some(if *status == 0 { AuditOutcome::Lost } else { AuditOutcome::Complete }),
            decision: Some(AuditDecision::Allowed),
            ..AuditRecord::new(&RequestId::generate())
        };
        if let Some(denied) = denied {
            record.decision = Some(AuditDecision::Denied);
            record.outcome = Some(AuditOutcome::Refused);
            record.rule = Some(denied.clone());
        }
        if let Ok(target) = Target::parse(target)
            && let Ok(info) = RequestInfo::of("GET", &target)
        {
            recorded::about(&mut record, &info);
        }
        self.audit.note_done(record).await;
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if let Some(why) = self.why.get() {
            self.trail.ended(AuditOutcome::Cut, Some(why));
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
    fn a_query_is_not_kept() {
        assert_eq!(path("/api/v1/pods?watch=true&fieldSelector=x"), "/api/v1/pods");
        assert_eq!(path("/version"), "/version");
    }
}
