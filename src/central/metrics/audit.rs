//! How the audit log keeps up: what waits, for how long, and what went wrong.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::metrics::{Histogram, Page, database};

/// How the audit log keeps up.
pub struct AuditMetrics {
    waiting: AtomicI64,
    /// When the oldest of the rows happened that are being written, in microseconds since 1970; 0 for none.
    oldest: AtomicI64,
    rows: AtomicU64,
    failures: AtomicU64,
    lost: AtomicU64,
    unrecorded: AtomicU64,
    export_failures: AtomicU64,
    writes: Histogram,
}

impl Default for AuditMetrics {
    fn default() -> Self {
        Self {
            waiting: AtomicI64::new(0),
            oldest: AtomicI64::new(0),
            rows: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            unrecorded: AtomicU64::new(0),
            export_failures: AtomicU64::new(0),
            writes: database(),
        }
    }
}

impl AuditMetrics {
    /// One more event waits.
    pub fn queued(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    /// So many events are being written, the first of which happened then.
    pub fn writing(&self, oldest: Option<Timestamp>) {
        self.oldest.store(oldest.map_or(0, Timestamp::as_microsecond), Ordering::Relaxed);
    }

    /// So many events do not wait any more.
    pub fn settled(&self, events: usize) {
        self.oldest.store(0, Ordering::Relaxed);
        self.waiting.fetch_sub(i64::try_from(events).unwrap_or_default(), Ordering::Relaxed);
    }

    /// A transaction took that long.
    pub fn wrote(&self, took: Duration) {
        self.writes.observe(took.as_secs_f64());
    }

    /// So many rows are in the database.
    pub fn rows(&self, rows: usize) {
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
    }

    /// An attempt to write failed.
    pub fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// The database refused a row for good.
    pub fn lost(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// A request was refused because it could not be recorded.
    pub fn unrecorded(&self) {
        self.unrecorded.fetch_add(1, Ordering::Relaxed);
    }

    /// Rows are missing in the export file.
    pub fn export_failed(&self) {
        self.export_failures.fetch_add(1, Ordering::Relaxed);
    }

    /// How long the oldest of the rows that are being written has waited.
    fn lag(&self) -> SignedDuration {
        match self.oldest.load(Ordering::Relaxed) {
            0 => SignedDuration::ZERO,
            oldest => SignedDuration::from_micros(Timestamp::now().as_microsecond().saturating_sub(oldest))
                .max(SignedDuration::ZERO),
        }
    }

    /// Writes them.
    pub fn write(&self, page: &mut Page<'_>) -> fmt::Result {
        let count = |value: &AtomicU64| value.load(Ordering::Relaxed);
        let waiting = self.waiting.load(Ordering::Relaxed).max(0);
        page.gauge("mk8s_audit_queue_length", "Events of the audit log that are not written yet.", waiting)?;
        let help = "Age of the oldest event that is being written; 0 when none is.";
        page.gauge("mk8s_audit_lag_seconds", help, self.lag().as_secs_f64())?;
        page.counter("mk8s_audit_rows", "Rows that were written to the audit log.", count(&self.rows))?;
        let help = "How long a transaction of the audit log took, each with one row or many.";
        page.histogram("mk8s_audit_write_duration_seconds", help, &self.writes)?;
        let help = "Attempts to write the audit log that failed; the rows are kept and tried again.";
        page.counter("mk8s_audit_write_failures", help, count(&self.failures))?;
        let help = "Rows that the database refused for good; they are in the log of central instead.";
        page.counter("mk8s_audit_rows_lost", help, count(&self.lost))?;
        let help = "Requests that were refused because they could not be recorded.";
        page.counter("mk8s_audit_unrecorded_requests", help, count(&self.unrecorded))?;
        let help = "Batches of rows that are missing in audit.export_file; the database has them.";
        page.counter("mk8s_audit_export_failures", help, count(&self.export_failures))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lag_is_the_age_of_what_is_being_written() {
        let metrics = AuditMetrics::default();
        assert_eq!(metrics.lag(), SignedDuration::ZERO);
        metrics.queued();
        metrics.writing(Some(Timestamp::now() - SignedDuration::from_secs(90)));
        assert_eq!((metrics.lag().as_secs(), metrics.waiting.load(Ordering::Relaxed)), (90, 1));
        metrics.settled(1);
        assert_eq!((metrics.lag().as_secs(), metrics.waiting.load(Ordering::Relaxed)), (0, 0));
    }
}
