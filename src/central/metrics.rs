//! What central counts, and what it tells a monitoring system.
//!
//! Requests are counted where their outcome is known: those that are recorded at the end of their record, and all HTTP
//! requests when their answer leaves. What can be read is read when it is asked for, not kept up to date.

mod audit;
mod cluster;
mod http;
mod page;
mod tally;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::directory::Entry;
use crate::metrics::{Code, Histogram, database};
use crate::model::ClusterId;

pub use audit::AuditMetrics;
pub use cluster::ClusterMetrics;
pub use http::Http;
pub use tally::Tally;

/// The clusters that exist, by name, with what is counted for each.
type Clusters = HashMap<Arc<str>, (ClusterId, Arc<ClusterMetrics>)>;

/// What central counts.
pub struct Metrics {
    /// Only names that an admin has given are labels, never what a request says.
    clusters: RwLock<Clusters>,
    /// For requests that are for no cluster that exists.
    nowhere: Arc<ClusterMetrics>,
    /// Requests to central's own listeners.
    pub http: Http,
    /// Attempts to log in.
    pub logins: Logins,
    /// The audit log.
    pub audit: AuditMetrics,
    /// How long the database takes for the simplest of questions, which central asks every second.
    pub round_trip: Histogram,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            clusters: RwLock::default(),
            nowhere: Arc::default(),
            http: Http::default(),
            logins: Logins::default(),
            audit: AuditMetrics::default(),
            round_trip: database(),
        }
    }
}

impl Metrics {
    /// Keeps to the clusters that exist: what was counted for others is forgotten.
    pub(super) fn keep(&self, entries: &[Entry]) {
        let is_same = |all: &Clusters| {
            all.len() == entries.len()
                && entries.iter().all(|entry| all.get(entry.name.as_str()).is_some_and(|(id, _)| *id == entry.id))
        };
        if is_same(&self.clusters.read().unwrap_or_else(PoisonError::into_inner)) {
            return;
        }
        let mut all = self.clusters.write().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *all);
        for entry in entries {
            let known = before.remove(entry.name.as_str()).filter(|(id, _)| *id == entry.id);
            let counted = known.map(|(_, counted)| counted).unwrap_or_default();
            all.insert(entry.name.as_str().into(), (entry.id, counted));
        }
    }

    /// What is counted for a cluster; for one that does not exist, what is counted for all of these together.
    pub fn cluster(&self, name: Option<&str>) -> Arc<ClusterMetrics> {
        let all = self.clusters.read().unwrap_or_else(PoisonError::into_inner);
        name.and_then(|name| all.get(name)).map_or(&self.nowhere, |(_, counted)| counted).clone()
    }

    /// All clusters.
    fn clusters(&self) -> Vec<(Arc<str>, ClusterId, Arc<ClusterMetrics>)> {
        let all = self.clusters.read().unwrap_or_else(PoisonError::into_inner);
        let all = all.iter().map(|(name, (id, counted))| (name.clone(), *id, counted.clone()));
        let mut all: Vec<_> = all.collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        all
    }
}

/// Attempts to log in, by their answers.
#[derive(Default)]
pub struct Logins([AtomicU64; 4]);

impl Logins {
    /// The labels.
    const RESULTS: [&str; 4] = ["success", "refused", "throttled", "failed"];

    /// Counts one.
    pub fn count(&self, code: Code) {
        let index = match code.as_str() {
            "200" => 0,
            "401" => 1,
            "429" => 2,
            _ => 3,
        };
        self.0[index].fetch_add(1, Ordering::Relaxed);
    }

    fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Self::RESULTS.into_iter().zip(&self.0).map(|(result, count)| (result, count.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::audit::AuditOutcome;

    fn entry(name: &str, id: ClusterId) -> Entry {
        Entry { id, name: name.parse().unwrap(), labels: Arc::default() }
    }

    #[test]
    fn a_cluster_that_is_no_more_is_forgotten() {
        let metrics = Metrics::default();
        let ids: Vec<ClusterId> = (0..3).map(|_| ClusterId::generate()).collect();
        let commands = |name: &str| metrics.cluster(Some(name)).commands().map(|(_, count)| count).sum::<u64>();
        metrics.keep(&[entry("dev", ids[0]), entry("prod", ids[1])]);
        metrics.cluster(Some("dev")).command(AuditOutcome::Complete);
        metrics.cluster(Some("made-up")).command(AuditOutcome::Refused);
        assert_eq!((commands("dev"), commands("prod"), commands("made-up"), commands("other")), (1, 0, 1, 1));
        metrics.keep(&[entry("dev", ids[0])]);
        let names: Vec<_> = metrics.clusters().into_iter().map(|(name, ..)| name).collect();
        assert_eq!((names, commands("dev")), (vec!["dev".into()], 1));
        metrics.keep(&[entry("dev", ids[2])]);
        assert_eq!(commands("dev"), 0, "another cluster of the same name");
    }
}
