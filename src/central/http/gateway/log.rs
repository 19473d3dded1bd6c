//! One log line for each request to a cluster, written when it has ended. Queries may hold anything and are left out.

use std::time::Instant;

use http::{Method, StatusCode};
use tracing::{debug, info};

use super::{Bodiless, is_read, split};
use crate::kubernetes::question::Question;
use crate::kubernetes::status::Status;
use crate::model::{ClusterName, RequestId};

/// How long a path may be in a log line.
const MAX_PATH: usize = 512;

/// A line that is not written yet.
pub struct Log {
    since: Instant,
    line: Option<Box<Line>>,
}

struct Line {
    id: Option<RequestId>,
    caller: String,
    cluster: Option<ClusterName>,
    verb: String,
    path: String,
    status: u16,
    outcome: &'static str,
    refused: bool,
}

impl Log {
    /// The line of a request that has just come.
    pub fn new(request: &Bodiless) -> Self {
        let (_, target) = split(request.uri()).unwrap_or_default();
        let path = target.split(['?', '#']).next().unwrap_or_default();
        let line = Line {
            id: request.extensions().get::<RequestId>().cloned(),
            caller: String::new(),
            cluster: None,
            verb: request.method().as_str().to_ascii_lowercase(),
            path: path.chars().take(MAX_PATH).collect(),
            status: 0,
            outcome: "the client has gone",
            refused: false,
        };
        Self { since: Instant::now(), line: Some(Box::new(line)) }
    }

    /// The caller is known.
    pub fn caller(&mut self, name: &str) {
        self.change(|line| name.clone_into(&mut line.caller));
    }

    /// The cluster is known.
    pub fn cluster(&mut self, name: &ClusterName) {
        self.change(|line| line.cluster = Some(name.clone()));
    }

    /// What is asked for is known.
    pub fn question(&mut self, question: &Question, method: &Method) {
        self.change(|line| line.verb = question.verb(method));
    }

    /// mk8s has refused it.
    pub fn refused(&mut self, status: &Status) {
        self.change(|line| {
            (line.status, line.refused, line.outcome) = (status.code().as_u16(), true, "refused by mk8s");
        });
    }

    /// The API server has answered.
    pub fn answered(&mut self, status: StatusCode) {
        self.change(|line| line.status = status.as_u16());
    }

    /// All of the answer has passed.
    pub fn complete(&mut self) {
        self.change(|line| line.outcome = "complete");
    }

    /// The answer has broken off.
    pub fn broken(&mut self, why: &'static str) {
        self.change(|line| line.outcome = why);
    }

    /// Leaves the line to whoever sees the end of the request.
    pub fn take(&mut self) -> Self {
        Self { since: self.since, line: self.line.take() }
    }

    fn change(&mut self, change: impl FnOnce(&mut Line)) {
        if let Some(line) = &mut self.line {
            change(line);
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let Some(line) = self.line.take() else { return };
        let Line { id, caller, cluster, verb, path, status, outcome, refused } = *line;
        let (id, cluster) = (id.as_ref().map(RequestId::as_str), cluster.as_ref().map(ClusterName::as_str));
        let millis = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        if refused || !is_read(&verb) {
            info!(request_id = id, cluster, caller, verb, path, status, millis, outcome, "gateway");
        } else {
            debug!(request_id = id, cluster, caller, verb, path, status, millis, outcome, "gateway");
        }
    }
}
