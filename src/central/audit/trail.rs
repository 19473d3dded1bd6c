//! The record of a request that runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tokio::sync::mpsc::OwnedPermit;
use tracing::{debug, info};

use super::{Event, Item};
use crate::central::metrics::{Metrics, Tally};
use crate::model::audit::{AuditDecision, AuditKind, AuditOutcome, AuditRecord, Ending};

/// The proof that a request is recorded: what goes to a cluster needs one. Writes how the request ended when dropped.
pub struct Trail {
    record: Arc<AuditRecord>,
    ending: Ending,
    since: Instant,
    traffic: Arc<Traffic>,
    metrics: Arc<Metrics>,
    tally: Option<Tally>,
    /// The place in the queue for the end; none once it is written.
    end: Option<OwnedPermit<Item>>,
}

/// How many bytes a request has moved.
#[derive(Default)]
pub struct Traffic {
    from_client: AtomicU64,
    to_client: AtomicU64,
}

impl Traffic {
    /// So many bytes came from the client.
    pub fn came(&self, bytes: usize) {
        self.from_client.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// So many bytes went to the client.
    pub fn went(&self, bytes: usize) {
        self.to_client.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl Trail {
    pub(super) fn new(record: Arc<AuditRecord>, end: OwnedPermit<Item>, metrics: Arc<Metrics>) -> Self {
        let (ending, since, traffic) = (Ending::default(), Instant::now(), Arc::default());
        let tally = Some(Tally::begin(&metrics, &record));
        Self { record, ending, since, traffic, metrics, tally, end: Some(end) }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.record.id
    }

    /// What was recorded when it began.
    pub fn record(&self) -> &AuditRecord {
        &self.record
    }

    /// Where its bytes are counted.
    pub fn traffic(&self) -> &Arc<Traffic> {
        &self.traffic
    }

    /// The status of the answer.
    pub fn answered(&mut self, status: http::StatusCode) {
        self.ending.status = Some(status.as_u16().into());
        if let Some(tally) = &mut self.tally {
            tally.answered(self.since.elapsed());
        }
    }

    /// The exit code of a command.
    pub fn exited(&mut self, code: u8) {
        self.ending.exit_code = Some(code.into());
    }

    /// How it ended; the first that is said counts.
    pub fn ended(&mut self, outcome: AuditOutcome, detail: Option<&str>) {
        if self.ending.outcome.is_none() {
            self.ending.outcome = Some(outcome);
            self.ending.detail = detail.map(str::to_owned);
        }
    }

    /// It was refused because it could not be recorded. If it was after all, the log says that nothing was done.
    pub(super) fn never_began(mut self) {
        self.ended(AuditOutcome::Refused, Some("it could not be recorded in time"));
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        let Some(end) = self.end.take() else { return };
        let count = |count: &AtomicU64| i64::try_from(count.load(Ordering::Relaxed)).ok().filter(|count| *count > 0);
        self.ended(AuditOutcome::Gone, None);
        self.ending.duration_micros = i64::try_from(self.since.elapsed().as_micros()).ok();
        self.ending.bytes_in = count(&self.traffic.from_client);
        self.ending.bytes_out = count(&self.traffic.to_client);
        let ending = std::mem::take(&mut self.ending).bounded();
        log(&self.record, &ending);
        if let Some(tally) = self.tally.take() {
            tally.end(&ending);
        }
        self.metrics.audit.queued();
        end.send((Event::Ended(self.record.clone(), ending), None));
    }
}

/// One line for a request that is over. Plain reads are for those who look closely.
pub fn log(record: &AuditRecord, ending: &Ending) {
    let AuditRecord { id, user, cluster, verb, target, parent, rule, .. } = record;
    let Ending { status, exit_code, detail, .. } = ending;
    let kind = record.kind.map_or("request", AuditKind::as_str);
    let outcome = ending.outcome.map_or("", AuditOutcome::as_str);
    let millis = ending.duration_micros.unwrap_or_default() / 1000;
    let denied = record.decision == Some(AuditDecision::Denied);
    let reads = record.verb.as_deref().is_some_and(|verb| ["get", "list", "watch", "head", "options"].contains(&verb));
    let quiet = (reads || record.kind == Some(AuditKind::ApiCall)) && !denied;
    macro_rules! line {
        ($level:ident) => {
            $level!(
                request_id = id,
                parent,
                caller = user,
                cluster,
                verb,
                path = target,
                status,
                exit_code,
                millis,
                outcome,
                denied = rule.as_ref().filter(|_| denied),
                detail,
                "{kind}"
            )
        };
    }
    if quiet { line!(debug) } else { line!(info) }
}
