//! The audit log, as central writes it: what is asked for is on disk before it goes to a cluster, how it ended follows.
//!
//! One task writes all rows of this run of central, many in one transaction. What it cannot write it keeps and tries
//! again; a request that must be recorded first is refused meanwhile. Nothing is ever left out: each request has its
//! places in the queue before it begins, so that there always is one for its end.

mod export;
mod keeper;
mod trail;
mod waiting;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot::error::RecvError;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::error;
use uuid::Uuid;

use super::metrics::{Metrics, Tally};
use crate::config::audit::Reads;
use crate::model::audit::{AuditRecord, Ending};
use crate::model::{ErrorCode, Failure};
use crate::store::{self, Store};

pub use export::Export;
pub use keeper::keep;
pub use trail::{Traffic, Trail, log};
use waiting::Waiting;
use writer::Writing;

/// How many rows may wait, those included that running requests will need for their ends.
const QUEUE: usize = 65_536;

/// How long a request may wait for a place in the queue.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long what waits may take to be written when central stops.
const LAST_ROWS: Duration = Duration::from_secs(10);

/// Whether a request waits until it is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// It goes on when its row is on disk, and not at all without.
    Strict,
    /// It goes on at once; its row is written within a second.
    Batch,
}

/// What is to be written of a request.
enum Event {
    /// It begins; or it is over already, and the record says how it ended.
    Began(Arc<AuditRecord>),
    /// The one that began with this record has ended.
    Ended(Arc<AuditRecord>, Ending),
    /// The one with this id, of a run of central that is gone, cannot end any more.
    Unfinished(String),
}

/// Who waits until something is written.
type Written = oneshot::Sender<store::Result<()>>;

/// What waits to be written, and who waits for it.
type Item = (Event, Option<Written>);

/// The audit log. Cheap to clone.
#[derive(Clone)]
pub struct Audit {
    queue: mpsc::Sender<Item>,
    /// Tells the task that somebody waits for what is in the queue. Whatever else is there comes along when it writes:
    /// to wake it for each row would cost more than the row.
    urgent: Arc<Notify>,
    reads: Durability,
    writer: String,
    metrics: Arc<Metrics>,
}

/// The task that writes; what waits is written before it ends.
pub struct AuditTask {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl Audit {
    /// Begins to write into this database.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn start(
        store: &Store,
        reads: Reads,
        export: Export,
        metrics: Arc<Metrics>,
    ) -> store::Result<(Self, AuditTask)> {
        let id = Uuid::now_v7().to_string();
        let writer = id.clone();
        store.write(move |c| store::audit::start(c, &writer, jiff::Timestamp::now())).await?;
        let (queue, items) = mpsc::channel(QUEUE);
        let (urgent, stop) = (Arc::new(Notify::new()), CancellationToken::new());
        let writing = Writing::new(store.clone(), id.clone(), export, metrics.clone());
        let task = tokio::spawn(writing.run(Waiting::new(items, urgent.clone(), stop.clone())));
        let reads = match reads {
            Reads::Strict => Durability::Strict,
            Reads::Batch => Durability::Batch,
        };
        Ok((Self { queue, urgent, reads, writer: id, metrics }, AuditTask { task, stop }))
    }

    /// Which rows are its own.
    pub fn writer(&self) -> &str {
        &self.writer
    }

    /// How plain reads are recorded.
    pub fn reads(&self) -> Durability {
        self.reads
    }

    /// Records that a request begins; only then may it go on.
    ///
    /// # Errors
    /// When it cannot be recorded: nothing may be done then.
    pub async fn begin(&self, record: AuditRecord, durability: Durability) -> Result<Trail, Failure> {
        let record = Arc::new(record.bounded());
        let places = tokio::time::timeout(PATIENCE, async {
            Ok::<_, mpsc::error::SendError<()>>((
                self.queue.reserve().await?,
                self.queue.clone().reserve_owned().await?,
            ))
        });
        let Ok(Ok((begin, end))) = places.await else {
            return Err(self.unrecorded("more records wait than can be written"));
        };
        let trail = Trail::new(record.clone(), end, self.metrics.clone());
        let (written, answer) = durability.wait();
        self.metrics.audit.queued();
        begin.send((Event::Began(record), written));
        match answer {
            None => Ok(trail),
            Some(answer) => match self.written(answer).await {
                Ok(Ok(())) => Ok(trail),
                Ok(Err(error)) => {
                    trail.never_began();
                    error!(%error, "a request was refused because it could not be recorded");
                    Err(self.unrecorded("the database does not take it"))
                }
                Err(_) => Err(self.unrecorded("central is stopping")),
            },
        }
    }

    /// Records a request that is over already, such as one that was refused.
    ///
    /// # Errors
    /// When it cannot be recorded: with [`Durability::Strict`] if it is not on disk, else if there is no room for it.
    pub async fn note(&self, record: AuditRecord, durability: Durability) -> Result<(), Failure> {
        let record = record.bounded();
        let (tally, mut ending) = (Tally::of(&self.metrics, &record), record.ending());
        trail::log(&record, &ending);
        let noted = self.write_down(record, durability).await;
        if let Err(failure) = &noted {
            // That is what its client hears then.
            ending.status = Some(failure.code.http_status().into());
        }
        tally.end(&ending);
        noted
    }

    async fn write_down(&self, record: AuditRecord, durability: Durability) -> Result<(), Failure> {
        let (written, answer) = durability.wait();
        match tokio::time::timeout(PATIENCE, self.queue.reserve()).await {
            Ok(Ok(place)) => {
                self.metrics.audit.queued();
                place.send((Event::Began(Arc::new(record)), written));
            }
            _ => return Err(self.unrecorded("more records wait than can be written")),
        }
        let Some(answer) = answer else { return Ok(()) };
        match self.written(answer).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                error!(%error, "a refusal could not be recorded yet");
                Err(self.unrecorded("the database does not take it"))
            }
            Err(_) => Err(self.unrecorded("central is stopping")),
        }
    }

    /// Records what was done already, and waits for room as long as it takes: whoever did it shall do no more meanwhile.
    pub async fn note_done(&self, record: AuditRecord) {
        let record = record.bounded();
        let ending = record.ending();
        trail::log(&record, &ending);
        Tally::of(&self.metrics, &record).end(&ending);
        self.put(Event::Began(Arc::new(record)), None).await;
    }

    /// Waits for room as long as it takes; whether there was any: else central is stopping.
    async fn put(&self, event: Event, written: Option<Written>) -> bool {
        let Ok(place) = self.queue.reserve().await else { return false };
        self.metrics.audit.queued();
        place.send((event, written));
        true
    }

    /// Lets the task write now, and waits for what is in the queue.
    async fn written(&self, answer: oneshot::Receiver<store::Result<()>>) -> Result<store::Result<()>, RecvError> {
        self.urgent.notify_one();
        answer.await
    }

    /// The answer to a request that could not be recorded.
    fn unrecorded(&self, why: &str) -> Failure {
        self.metrics.audit.unrecorded();
        let detail =
            format!("the request could not be recorded in the audit log ({why}), and so was not made: try again");
        Failure::new(ErrorCode::Unavailable, detail)
    }
}

impl Durability {
    /// The two ends of the wait for a row, if there is one.
    fn wait(self) -> (Option<Written>, Option<oneshot::Receiver<store::Result<()>>>) {
        match self {
            Self::Strict => {
                let (written, answer) = oneshot::channel();
                (Some(written), Some(answer))
            }
            Self::Batch => (None, None),
        }
    }
}

impl AuditTask {
    /// Takes no more requests, and waits until all is written that was recorded.
    pub async fn finish(self) {
        self.stop.cancel();
        if tokio::time::timeout(LAST_ROWS, self.task).await.is_err() {
            error!("the last records of the audit log were not written: the database does not take them");
        }
    }
}
