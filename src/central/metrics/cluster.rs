//! What is counted for one cluster.

use std::array::from_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::metrics::{Calls, Histogram, commands};
use crate::model::audit::{AuditKind, AuditOutcome};

/// The requests that run now, by what they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// A command of the remote kubectl.
    Command,
    /// A watch.
    Watch,
    /// A stream into a container, or a proxy.
    Connect,
    /// Any other request to the API server.
    Request,
}

impl Stream {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Command, Self::Watch, Self::Connect, Self::Request];

    /// The label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Watch => "watch",
            Self::Connect => "connect",
            Self::Request => "request",
        }
    }
}

/// What is counted for one cluster, or for requests that are for none.
pub struct ClusterMetrics {
    /// Requests to its API server.
    pub calls: Calls,
    /// How long commands ran.
    pub command_durations: Histogram,
    commands: [AtomicU64; AuditOutcome::ALL.len()],
    denied: [AtomicU64; AuditKind::ALL.len()],
    open: [AtomicI64; Stream::ALL.len()],
    /// Bytes from clients, and to them.
    pub bytes: [AtomicU64; 2],
    /// Tunnels that were opened.
    pub tunnels_opened: AtomicU64,
}

impl Default for ClusterMetrics {
    fn default() -> Self {
        Self {
            calls: Calls::default(),
            command_durations: commands(),
            commands: Default::default(),
            denied: Default::default(),
            open: from_fn(|_| AtomicI64::new(0)),
            bytes: Default::default(),
            tunnels_opened: AtomicU64::new(0),
        }
    }
}

impl ClusterMetrics {
    /// A command ended.
    pub fn command(&self, outcome: AuditOutcome) {
        self.commands[outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How many commands ended, by how.
    pub fn commands(&self) -> impl Iterator<Item = (AuditOutcome, u64)> {
        AuditOutcome::ALL.iter().zip(&self.commands).map(|(outcome, count)| (*outcome, count.load(Ordering::Relaxed)))
    }

    /// A request was denied.
    pub fn deny(&self, kind: AuditKind) {
        self.denied[kind as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How many were denied, by what they were: those to clusters, and others where there was any.
    pub fn denied(&self) -> impl Iterator<Item = (AuditKind, u64)> {
        let counts = AuditKind::ALL.iter().zip(&self.denied);
        let counts = counts.map(|(kind, count)| (*kind, count.load(Ordering::Relaxed)));
        let to_clusters = [AuditKind::Exec, AuditKind::ApiCall, AuditKind::Gateway];
        counts.filter(move |(kind, count)| *count > 0 || to_clusters.contains(kind))
    }

    /// How many requests run, by what they are.
    pub fn open(&self) -> impl Iterator<Item = (Stream, i64)> {
        Stream::ALL.into_iter().zip(&self.open).map(|(stream, count)| (stream, count.load(Ordering::Relaxed)))
    }
}

/// A request that runs, for as long as this lives.
pub struct Open {
    cluster: Arc<ClusterMetrics>,
    stream: Stream,
}

impl Open {
    /// Begins to count it.
    pub fn new(cluster: Arc<ClusterMetrics>, stream: Stream) -> Self {
        cluster.open[stream as usize].fetch_add(1, Ordering::Relaxed);
        Self { cluster, stream }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.cluster.open[self.stream as usize].fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_has_its_own_count() {
        let metrics = ClusterMetrics::default();
        for outcome in AuditOutcome::ALL {
            metrics.command(*outcome);
        }
        for kind in AuditKind::ALL {
            metrics.deny(*kind);
        }
        assert!(metrics.commands().all(|(_, count)| count == 1) && metrics.denied().all(|(_, count)| count == 1));
        assert_eq!(metrics.denied().count(), AuditKind::ALL.len());
    }

    #[test]
    fn what_runs_is_counted_while_it_does() {
        let metrics = Arc::new(ClusterMetrics::default());
        let running = |stream| metrics.open().find(|(found, _)| *found == stream).map(|(_, count)| count);
        let open = Open::new(metrics.clone(), Stream::Watch);
        assert_eq!((running(Stream::Watch), running(Stream::Command)), (Some(1), Some(0)));
        drop(open);
        assert_eq!(running(Stream::Watch), Some(0));
    }
}
