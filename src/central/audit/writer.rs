//! The task that writes the rows.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::{Export, Item, QUEUE};
use crate::model::audit::{Link, Phase};
use crate::store::{self, Store, audit};

/// How many rows go into one transaction.
const BATCH: usize = 512;

/// How long rows for which nobody waits may wait for others.
const LINGER: Duration = Duration::from_millis(250);

/// How long to wait after a failure.
const PAUSE: Duration = Duration::from_millis(200);

/// How long requests that still run when central stops may take to end.
const LAST_ENDS: Duration = Duration::from_secs(1);

/// How often a writer that writes nothing says that it lives.
pub(super) const BEAT: Duration = Duration::from_secs(5);

/// Where the chain of a writer ends, and what comes next.
pub(super) struct Writing {
    store: Store,
    writer: String,
    seq: i64,
    hash: String,
    /// The rows that are being written. When that fails they are written again as they are: they may be there already,
    /// or get there later.
    links: Vec<Link>,
    export: Export,
}

impl Writing {
    /// A writer that has written nothing yet.
    pub(super) fn new(store: Store, writer: String, export: Export) -> Self {
        Self { store, writer, seq: 0, hash: String::new(), links: Vec::new(), export }
    }

    /// Writes until it shall stop, all running requests have ended and nothing waits any more.
    pub(super) async fn run(mut self, mut items: mpsc::Receiver<Item>, stop: CancellationToken) {
        let mut waiting: Vec<Item> = Vec::new();
        loop {
            let open = self.collect(&mut items, &mut waiting, &stop).await;
            if waiting.is_empty() {
                match open {
                    true => continue,
                    false => return,
                }
            }
            let batch: Vec<Item> = waiting.drain(..waiting.len().min(BATCH)).collect();
            self.write(batch, &mut items, &mut waiting).await;
        }
    }

    /// Takes what is to be written next; false when nothing more will come.
    async fn collect(
        &self,
        items: &mut mpsc::Receiver<Item>,
        waiting: &mut Vec<Item>,
        stop: &CancellationToken,
    ) -> bool {
        if waiting.is_empty() && items.is_empty() {
            if items.is_closed() {
                return match timeout(LAST_ENDS, items.recv()).await {
                    Ok(Some(item)) => {
                        waiting.push(item);
                        true
                    }
                    // What still runs is marked as unfinished by the next run of central.
                    Ok(None) | Err(_) => false,
                };
            }
            tokio::select! {
                item = items.recv() => match item {
                    Some(item) => waiting.push(item),
                    None => return false,
                },
                () = sleep(BEAT) => {
                    self.beat().await;
                    return true;
                }
                () = stop.cancelled() => {
                    items.close();
                    return true;
                }
            }
        }
        let until = Instant::now() + LINGER;
        while waiting.len() < BATCH {
            let urgent = waiting.iter().any(|item| item.written.is_some());
            let more = BATCH - waiting.len();
            let got = match urgent {
                true if items.is_empty() => return true,
                true => items.recv_many(waiting, more).await,
                false => match timeout_at(until, items.recv_many(waiting, more)).await {
                    Ok(got) => got,
                    Err(_) => return true,
                },
            };
            if got == 0 {
                return false;
            }
        }
        true
    }

    async fn beat(&self) {
        let writer = self.writer.clone();
        if let Err(error) = self.store.write(move |c| audit::beat(c, &writer, Timestamp::now())).await {
            warn!(%error, "the audit log cannot be written just now");
        }
    }

    /// Writes a batch, as often as it takes. After a failure all who wait hear so, those included who come meanwhile:
    /// their requests are refused. Their rows stay, and the rows of their ends will say that nothing was done.
    async fn write(&mut self, mut batch: Vec<Item>, items: &mut mpsc::Receiver<Item>, waiting: &mut Vec<Item>) {
        merge(&mut batch);
        self.chain(&batch);
        loop {
            match self.append().await {
                Ok(()) => break,
                Err(error) => {
                    warn!(%error, rows = self.links.len(), "the audit log cannot be written just now");
                    while waiting.len() < QUEUE
                        && let Ok(item) = items.try_recv()
                    {
                        waiting.push(item);
                    }
                    batch.iter_mut().chain(waiting.iter_mut()).for_each(|item| item.refuse(&error));
                    if self.is_written().await {
                        break;
                    }
                    if matches!(error, store::Error::Other(_) | store::Error::Conflict(_)) {
                        // Not a matter of time: one of them is at fault, and must not hold up the others.
                        return self.one_by_one(batch).await;
                    }
                    sleep(PAUSE).await;
                }
            }
        }
        for item in batch {
            if let Some(written) = item.written {
                // Whoever asked may have gone.
                let _ = written.send(Ok(()));
            }
        }
        self.advance().await;
    }

    /// Makes the rows of a batch.
    fn chain(&mut self, batch: &[Item]) {
        self.links.clear();
        for item in batch {
            let last = self.links.last();
            let before = last.map_or((self.seq, self.hash.as_str()), |link| (link.seq, link.hash.as_str()));
            let link = Link::next(&self.writer, before, item.phase, item.record.clone());
            self.links.push(link);
        }
    }

    async fn append(&self) -> store::Result<()> {
        let links = self.links.clone();
        self.store.write(move |c| audit::append(c, &links, Timestamp::now())).await
    }

    /// The rows are written: the next ones come behind them.
    async fn advance(&mut self) {
        self.export.add(&self.links).await;
        if let Some(last) = self.links.pop() {
            (self.seq, self.hash) = (last.seq, last.hash);
        }
        self.links.clear();
    }

    /// Whether the rows are there, whatever the answer to their transaction was.
    async fn is_written(&self) -> bool {
        let writer = self.writer.clone();
        let Ok(head) = self.store.read(move |c| audit::writer(c, &writer)).await else { return false };
        self.links.last().is_some_and(|last| (last.seq, &last.hash) == (head.seq, &head.hash))
    }

    async fn one_by_one(&mut self, batch: Vec<Item>) {
        for item in batch {
            self.chain(&[item]);
            loop {
                match self.append().await {
                    Ok(()) => break self.advance().await,
                    Err(error) => {
                        if self.is_written().await {
                            break self.advance().await;
                        }
                        if matches!(error, store::Error::Other(_) | store::Error::Conflict(_)) {
                            let record = serde_json::to_string(&self.links).unwrap_or_default();
                            error!(%error, record, "a record that the database refuses is missing from the audit log");
                            break;
                        }
                        sleep(PAUSE).await;
                    }
                }
            }
        }
    }
}

impl Item {
    /// Tells whoever waits for it that it could not be written in time.
    fn refuse(&mut self, error: &store::Error) {
        if let Some(written) = self.written.take() {
            let _ = written.send(Err(store::Error::Unavailable(error.to_string())));
        }
    }
}

/// Joins ends with the begins that wait before them.
fn merge(waiting: &mut Vec<Item>) {
    let mut begins: HashMap<String, usize> = HashMap::new();
    let mut kept: Vec<Item> = Vec::with_capacity(waiting.len());
    for item in waiting.drain(..) {
        match item.phase {
            Phase::Begin => {
                begins.insert(item.record.id.clone(), kept.len());
                kept.push(item);
            }
            Phase::End if begins.contains_key(&item.record.id) => {
                if let Some(begin) = begins.get(&item.record.id).and_then(|&at| kept.get_mut(at)) {
                    begin.record.ended_by(item.record);
                }
            }
            Phase::End | Phase::Unfinished => kept.push(item),
        }
    }
    *waiting = kept;
}
