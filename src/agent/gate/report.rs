//! Tells central of each request, whatever becomes of it, and counts it.

use std::sync::Arc;
use std::time::Instant;

use http::StatusCode;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::session::Session;
use crate::agent::metrics::{AgentMetrics, Call};
use crate::kubernetes::question::Question;
use crate::metrics::Via;
use crate::model::ApiCall;

/// The status of a request that ended without an answer.
const UNANSWERED: u16 = 0;

/// A request that has not been told of. It is when this is dropped, at the latest.
pub struct Report {
    session: Arc<Session>,
    since: Instant,
    call: Option<ApiCall>,
    metrics: Arc<AgentMetrics>,
    counted: Option<Call>,
    _unreported: TaskTrackerToken,
}

impl Report {
    /// A request that has just come.
    pub fn new(
        session: Arc<Session>,
        metrics: Arc<AgentMetrics>,
        question: Option<&Question>,
        (verb, target): (String, String),
    ) -> Self {
        let call = ApiCall { verb, target, status: UNANSWERED, micros: 0, denied: None };
        let via = if session.has_a_caller() { Via::Command } else { Via::Discovery };
        let mut counted = Call::new(metrics.clone(), via);
        question.into_iter().for_each(|question| counted.asks(question));
        let (since, _unreported) = (Instant::now(), session.unreported.token());
        Self { session, since, call: Some(call), metrics, counted: Some(counted), _unreported }
    }

    /// Tells of the answer; waits while the reports of this command are not taken.
    pub async fn send(mut self, status: StatusCode, denied: Option<String>) {
        if let Some(counted) = self.counted.take() {
            counted.answered(status);
        }
        if denied.is_some() {
            self.metrics.deny();
        }
        let Some(call) = &mut self.call else { return };
        (call.status, call.denied, call.micros) = (status.as_u16(), denied, micros(self.since));
        // Kept until it is sent: the client may go away meanwhile, and this with it.
        let copy = call.clone();
        self.session.report(copy).await;
        self.call = None;
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        let Some(mut call) = self.call.take() else { return };
        if call.status == UNANSWERED {
            call.micros = micros(self.since);
        }
        let session = self.session.clone();
        self.session.unreported.spawn(async move { session.report(call).await });
    }
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}
