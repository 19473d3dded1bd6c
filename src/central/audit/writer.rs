//! The task that writes the rows.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::time::sleep;
use tracing::{error, warn};

use super::waiting::{Next, Waiting, refuse};
use super::{Event, Export, Item, Written};
use crate::central::metrics::Metrics;
use crate::model::RequestId;
use crate::model::audit::{AuditOutcome, AuditRecord, Ending, Link, Phase};
use crate::store::{self, Store, audit};

/// How long to wait after a failure.
const PAUSE: Duration = Duration::from_millis(200);

/// Where the chain of a writer ends, and what comes next.
pub(super) struct Writing {
    store: Store,
    writer: String,
    seq: i64,
    hash: String,
    /// The rows that are being written. When that fails they are written again as they are: they may be there already,
    /// or get there later.
    links: Arc<Vec<Link>>,
    export: Export,
    metrics: Arc<Metrics>,
}

impl Writing {
    /// A writer that has written nothing yet.
    pub(super) fn new(store: Store, writer: String, export: Export, metrics: Arc<Metrics>) -> Self {
        Self { store, writer, seq: 0, hash: String::new(), links: Arc::default(), export, metrics }
    }

    /// Writes until it shall stop, all running requests have ended and nothing waits any more.
    pub(super) async fn run(mut self, mut waiting: Waiting) {
        loop {
            match waiting.next().await {
                Next::Batch(items) => {
                    let events = items.len();
                    self.metrics.audit.writing(items.first().and_then(|(event, _)| happened(event)));
                    self.write(items, &mut waiting).await;
                    self.metrics.audit.settled(events);
                }
                Next::Nothing => self.beat().await,
                Next::End => return,
            }
        }
    }

    /// Says that it lives, though it writes nothing.
    async fn beat(&self) {
        let writer = self.writer.clone();
        if let Err(error) = self.store.write(move |c| audit::beat(c, &writer, Timestamp::now())).await {
            self.metrics.audit.failed();
            warn!(%error, "the audit log cannot be written just now");
        }
    }

    /// Writes a batch, as often as it takes. After a failure all who wait hear so, those included who come meanwhile:
    /// their requests are refused. Their rows stay, and the rows of their ends will say that nothing was done.
    async fn write(&mut self, items: Vec<Item>, waiting: &mut Waiting) {
        let (rows, mut waiters) = rows(items);
        self.chain(rows);
        while let Err(error) = self.append().await {
            warn!(%error, rows = self.links.len(), "the audit log cannot be written just now");
            waiters.drain(..).for_each(|written| refuse(written, &error));
            waiting.refuse(&error);
            if self.is_written().await {
                break;
            }
            if is_final(&error) {
                // One of them is at fault, and must not hold up the others.
                return self.one_by_one().await;
            }
            sleep(PAUSE).await;
        }
        for written in waiters {
            // Whoever asked may have gone.
            let _ = written.send(Ok(()));
        }
        self.advance().await;
    }

    /// Makes links of rows.
    fn chain(&mut self, rows: Vec<(Phase, AuditRecord)>) {
        let mut links: Vec<Link> = Vec::with_capacity(rows.len());
        for (phase, record) in rows {
            let before = links.last().map_or((self.seq, self.hash.as_str()), |link| (link.seq, link.hash.as_str()));
            links.push(Link::next(&self.writer, before, phase, record));
        }
        self.links = Arc::new(links);
    }

    async fn append(&self) -> store::Result<()> {
        let (links, since) = (self.links.clone(), Instant::now());
        let appended = self.store.write(move |c| audit::append(c, &links, Timestamp::now())).await;
        match &appended {
            Ok(()) => self.metrics.audit.wrote(since.elapsed()),
            Err(_) => self.metrics.audit.failed(),
        }
        appended
    }

    /// The rows are written: the next ones come behind them.
    async fn advance(&mut self) {
        self.metrics.audit.rows(self.links.len());
        if !self.export.add(&self.links).await {
            self.metrics.audit.export_failed();
        }
        if let Some(last) = self.links.last() {
            (self.seq, self.hash) = (last.seq, last.hash.clone());
        }
        self.links = Arc::default();
    }

    /// Whether the rows are there, whatever the answer to their transaction was.
    async fn is_written(&self) -> bool {
        let writer = self.writer.clone();
        let Ok(head) = self.store.read(move |c| audit::writer(c, &writer)).await else { return false };
        self.links.last().is_some_and(|last| (last.seq, &last.hash) == (head.seq, &head.hash))
    }

    async fn one_by_one(&mut self) {
        for Link { phase, record, .. } in Arc::unwrap_or_clone(std::mem::take(&mut self.links)) {
            self.chain(vec![(phase, record)]);
            while let Err(error) = self.append().await {
                if self.is_written().await {
                    break;
                }
                if is_final(&error) {
                    let record = serde_json::to_string(&*self.links).unwrap_or_default();
                    error!(%error, record, "a record that the database refuses is missing from the audit log");
                    self.metrics.audit.lost();
                    self.links = Arc::default();
                    break;
                }
                sleep(PAUSE).await;
            }
            self.advance().await;
        }
    }
}

/// When something happened, as far as it is known.
fn happened(event: &Event) -> Option<Timestamp> {
    match event {
        Event::Began(record) => Some(record.time),
        Event::Ended(record, ending) => {
            let took = SignedDuration::from_micros(ending.duration_micros.unwrap_or_default());
            record.time.checked_add(took).ok()
        }
        Event::Unfinished(_) => None,
    }
}

/// Whether trying again does not help.
fn is_final(error: &store::Error) -> bool {
    matches!(error, store::Error::Other(_) | store::Error::Conflict(_))
}

/// The rows of what waits, and who waits for them. Where a request begins and ends here, one row tells of both.
fn rows(items: Vec<Item>) -> (Vec<(Phase, AuditRecord)>, Vec<Written>) {
    let mut rows: Vec<(Event, Option<Ending>)> = Vec::with_capacity(items.len());
    let mut waiters = Vec::new();
    // Both events of a request hold the same record, not only an equal one.
    let mut begun: HashMap<*const AuditRecord, usize> = HashMap::with_capacity(items.len());
    for (event, written) in items {
        waiters.extend(written);
        match event {
            Event::Began(record) => {
                begun.insert(Arc::as_ptr(&record), rows.len());
                rows.push((Event::Began(record), None));
            }
            Event::Ended(record, ending) => match begun.get(&Arc::as_ptr(&record)).and_then(|&at| rows.get_mut(at)) {
                Some((_, end)) => *end = Some(ending),
                None => rows.push((Event::Ended(record, ending), None)),
            },
            Event::Unfinished(_) => rows.push((event, None)),
        }
    }
    (rows.into_iter().map(|(event, end)| row(event, end)).collect(), waiters)
}

fn row(event: Event, end: Option<Ending>) -> (Phase, AuditRecord) {
    match event {
        Event::Began(record) => {
            // It is shared only while the request runs.
            let mut record = Arc::unwrap_or_clone(record);
            if let Some(end) = end {
                record.end(end);
            }
            (Phase::Begin, record)
        }
        Event::Ended(record, ending) => (Phase::End, AuditRecord::of_end(&record, ending)),
        Event::Unfinished(id) => {
            let outcome = Some(AuditOutcome::Unfinished);
            (Phase::Unfinished, AuditRecord { outcome, ..AuditRecord::new(&RequestId::from(id)) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(status: i32) -> Ending {
        Ending { status: Some(status), duration_micros: Some(1_500), ..Ending::default() }
    }

    #[test]
    fn a_request_that_begins_and_ends_here_has_one_row() {
        let record = || Arc::new(AuditRecord::new(&RequestId::generate()));
        let (short, long, old) = (record(), record(), record());
        // Of the same content, but of another request.
        let twin = Arc::new(AuditRecord::clone(&short));
        let events = [
            Event::Began(short.clone()),
            Event::Began(long.clone()),
            Event::Ended(old.clone(), ended(500)),
            Event::Ended(twin, ended(404)),
            Event::Ended(short.clone(), ended(200)),
        ];
        let (rows, waiters) = rows(events.map(|event| (event, None)).into());
        let seen: Vec<_> = rows.iter().map(|(phase, row)| (*phase, row.id.as_str(), row.status)).collect();
        let expected = [
            (Phase::Begin, short.id.as_str(), Some(200)),
            (Phase::Begin, &long.id, None),
            (Phase::End, &old.id, Some(500)),
            (Phase::End, &short.id, Some(404)),
        ];
        assert_eq!(seen, expected);
        assert!(waiters.is_empty());
        assert_eq!(rows[0].1.time, short.time, "one row tells when it came");
        let took = rows[2].1.time.duration_since(old.time);
        assert_eq!(took.as_micros(), 1_500, "a row of its own tells when it ended");
    }
}
