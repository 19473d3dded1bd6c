//! Counts every request to central's own listeners once: with the status of its answer, or as one whose client has gone.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use http::Method;

use super::gateway;
use crate::central::state::Central;

/// What counts for the status when the client has gone before there was one.
const GONE: u16 = 499;

/// A request that is counted when this is dropped.
pub struct Counted {
    central: Arc<Central>,
    route: Option<MatchedPath>,
    is_gateway: bool,
    method: Method,
    since: Instant,
    status: u16,
}

impl Counted {
    /// A request that has just come; `is_gateway` for one below the prefix of a cluster, which is in no table.
    pub fn new(central: Arc<Central>, request: &Request, is_gateway: bool) -> Self {
        let route = request.extensions().get::<MatchedPath>().cloned();
        Self { central, route, is_gateway, method: request.method().clone(), since: Instant::now(), status: GONE }
    }

    /// Its answer leaves.
    pub fn answered(mut self, status: http::StatusCode) {
        self.status = status.as_u16();
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let route = if self.is_gateway { Some(gateway::PATH) } else { self.route.as_ref().map(MatchedPath::as_str) };
        self.central.metrics.http.count(route, &self.method, self.status, self.since.elapsed());
    }
}
