//! One request that is recorded in the audit log, as it is counted: once, when it is over.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Metrics;
use super::cluster::{ClusterMetrics, Open, Stream};
use crate::metrics::{Code, Verb, Via};
use crate::model::audit::{AuditDecision, AuditKind, AuditOutcome, AuditRecord, Ending};

/// A request whose end is to be counted.
pub struct Tally {
    metrics: Arc<Metrics>,
    cluster: Arc<ClusterMetrics>,
    kind: Option<AuditKind>,
    verb: Verb,
    denied: bool,
    /// How long the head of the answer took.
    head: Option<Duration>,
    _open: Option<Open>,
}

impl Tally {
    /// A request that begins, and counts as one that runs if it is for a cluster.
    pub fn begin(metrics: &Arc<Metrics>, record: &AuditRecord) -> Self {
        let tally = Self::of(metrics, record);
        let stream = match (record.kind, tally.verb) {
            (Some(AuditKind::Exec), _) => Stream::Command,
            (Some(AuditKind::Gateway), Verb::Watch) => Stream::Watch,
            (Some(AuditKind::Gateway), Verb::Connect) => Stream::Connect,
            (Some(AuditKind::Gateway), _) => Stream::Request,
            _ => return tally,
        };
        Self { _open: Some(Open::new(tally.cluster.clone(), stream)), ..tally }
    }

    /// A request that is over already.
    pub fn of(metrics: &Arc<Metrics>, record: &AuditRecord) -> Self {
        let micros = record.duration_micros.and_then(|micros| u64::try_from(micros).ok());
        Self {
            metrics: metrics.clone(),
            cluster: metrics.cluster(record.cluster.as_deref()),
            kind: record.kind,
            verb: Verb::of(record.verb.as_deref().unwrap_or_default(), record.subresource.as_deref()),
            denied: record.decision == Some(AuditDecision::Denied),
            head: micros.map(Duration::from_micros),
            _open: None,
        }
    }

    /// The head of its answer is there.
    pub fn answered(&mut self, after: Duration) {
        self.head.get_or_insert(after);
    }

    /// It is over.
    pub fn end(self, ending: &Ending) {
        let code = ending.status.and_then(|status| u16::try_from(status).ok()).map_or(Code::NONE, Code::of);
        match self.kind {
            Some(AuditKind::Gateway) => self.cluster.calls.count(Via::Gateway, self.verb, code, self.head),
            Some(AuditKind::ApiCall) => self.cluster.calls.count(Via::Command, self.verb, code, self.head),
            Some(AuditKind::Exec) => {
                self.cluster.command(ending.outcome.unwrap_or(AuditOutcome::Gone));
                let took = ending.duration_micros.and_then(|micros| u64::try_from(micros).ok());
                if let Some(took) = took {
                    self.cluster.command_durations.observe(Duration::from_micros(took).as_secs_f64());
                }
            }
            // A wrong password is no right that is missing.
            Some(AuditKind::Login) => return self.metrics.logins.count(code),
            _ => {}
        }
        if let Some(kind) = self.kind.filter(|_| self.denied) {
            self.cluster.deny(kind);
        }
        for (bytes, moved) in self.cluster.bytes.iter().zip([ending.bytes_in, ending.bytes_out]) {
            bytes.fetch_add(moved.and_then(|moved| u64::try_from(moved).ok()).unwrap_or_default(), Ordering::Relaxed);
        }
    }
}
