//! Requests to central's own listeners: every one of them, by the row of the route table that it belongs to.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{OnceLock, PoisonError, RwLock};
use std::time::Duration;
use std::{collections::HashMap, fmt, sync::Arc};

use http::Method;

use crate::metrics::{Code, Histogram, Page, answers};

/// What is not in the table.
const OTHER: &str = "other";

/// The labels of a count.
type Key = (&'static str, &'static str, Code);

/// Requests to central's own listeners.
#[derive(Default)]
pub struct Http {
    routes: OnceLock<HashSet<&'static str>>,
    counts: RwLock<HashMap<Key, Arc<AtomicU64>>>,
    latencies: RwLock<HashMap<&'static str, Histogram>>,
}

impl Http {
    /// The rows of the table. Only what is in it becomes a label.
    pub fn know(&self, routes: impl IntoIterator<Item = &'static str>) {
        self.routes.get_or_init(|| routes.into_iter().collect());
    }

    /// Counts one, when the head of its answer is there. `route` is what the router has matched.
    pub fn count(&self, route: Option<&str>, method: &Method, status: u16, took: Duration) {
        let known = route.and_then(|route| self.routes.get()?.get(route).copied());
        let key = (known.unwrap_or(OTHER), word(method), Code::of(status));
        find(&self.counts, &key, Arc::default).fetch_add(1, Ordering::Relaxed);
        find(&self.latencies, &key.0, answers).observe(took.as_secs_f64());
    }

    /// Writes them.
    pub fn write(&self, page: &mut Page<'_>) -> fmt::Result {
        let counts = self.counts.read().unwrap_or_else(PoisonError::into_inner);
        page.counters(
            "mk8s_http_requests",
            "Requests to the listeners of users and agents, by route of the API, method and status of the answer.",
            counts.iter().map(|((route, method, code), count)| {
                ([("route", *route), ("method", *method), ("code", code.as_str())], count.load(Ordering::Relaxed))
            }),
        )?;
        drop(counts);
        let latencies = self.latencies.read().unwrap_or_else(PoisonError::into_inner);
        page.histograms(
            "mk8s_http_request_duration_seconds",
            "How long the heads of answers took, of requests to the listeners of users and agents.",
            latencies.iter().map(|(route, histogram)| ([("route", *route)], histogram)),
        )
    }
}

/// What is counted under a key, which is there after its first use.
fn find<K: Copy + Eq + std::hash::Hash, V: Clone>(all: &RwLock<HashMap<K, V>>, key: &K, new: fn() -> V) -> V {
    if let Some(found) = all.read().unwrap_or_else(PoisonError::into_inner).get(key) {
        return found.clone();
    }
    all.write().unwrap_or_else(PoisonError::into_inner).entry(*key).or_insert_with(new).clone()
}

fn word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::CONNECT => "CONNECT",
        _ => OTHER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stranger_makes_up_is_no_label() {
        let http = Http::default();
        http.know(["/health"]);
        let brew = Method::from_bytes(b"BREW").unwrap();
        for (route, method, status) in
            [(Some("/health"), &Method::GET, 200), (Some("/nonsense"), &brew, 404), (None, &brew, 418)]
        {
            http.count(route, method, status, Duration::ZERO);
        }
        let mut keys: Vec<Key> = http.counts.read().unwrap().keys().copied().collect();
        keys.sort_by_key(|key| (key.0, key.2.as_str()));
        let expected =
            [("/health", "GET", Code::of(200)), ("other", "other", Code::of(404)), ("other", "other", Code::of(418))];
        assert_eq!(keys, expected);
    }
}
