//! Tells central of each request, whatever becomes of it.

use std::sync::Arc;
use std::time::Instant;

use tokio_util::task::task_tracker::TaskTrackerToken;

use super::session::Session;
use crate::model::ApiCall;

/// The status of a request that ended without an answer.
const UNANSWERED: u16 = 0;

/// A request that has not been told of. It is when this is dropped, at the latest.
pub struct Report {
    session: Arc<Session>,
    since: Instant,
    call: Option<ApiCall>,
    _unreported: TaskTrackerToken,
}

impl Report {
    /// A request that has just come.
    pub fn new(session: Arc<Session>, verb: String, target: String) -> Self {
        let call = ApiCall { verb, target, status: UNANSWERED, micros: 0, denied: None };
        Self { since: Instant::now(), call: Some(call), _unreported: session.unreported.token(), session }
    }

    /// Tells of the answer; waits while the reports of this command are not taken.
    pub async fn send(mut self, status: u16, denied: Option<String>) {
        let Some(call) = &mut self.call else { return };
        (call.status, call.denied, call.micros) = (status, denied, micros(self.since));
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
