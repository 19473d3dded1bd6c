//! What waits to be written, and when it is time to write it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::{Item, QUEUE};
use crate::store;

/// How many rows go into one transaction.
const BATCH: usize = 2048;

/// How long rows for which nobody waits may wait for others.
const LINGER: Duration = Duration::from_millis(250);

/// How long requests that still run when central stops may take to end.
const LAST_ENDS: Duration = Duration::from_secs(1);

/// How long it takes until nothing to write is news too.
const BEAT: Duration = Duration::from_secs(5);

/// The queue, and what was taken from it and is not written yet.
pub(super) struct Waiting {
    queue: mpsc::Receiver<Item>,
    urgent: Arc<Notify>,
    stop: CancellationToken,
    taken: Vec<Item>,
}

/// What is to be done next.
pub(super) enum Next {
    /// These are to be written together.
    Batch(Vec<Item>),
    /// There was nothing to write for a while.
    Nothing,
    /// There will be nothing more.
    End,
}

impl Waiting {
    /// What comes through this queue, until it shall stop.
    pub(super) fn new(queue: mpsc::Receiver<Item>, urgent: Arc<Notify>, stop: CancellationToken) -> Self {
        Self { queue, urgent, stop, taken: Vec::new() }
    }

    /// Waits for what is to be done next: until somebody waits, there is enough for a transaction, or it lay for long.
    pub(super) async fn next(&mut self) -> Next {
        if self.taken.is_empty() && self.queue.is_empty() {
            match self.first().await {
                Next::Batch(first) => self.taken = first,
                other => return other,
            }
        }
        let until = Instant::now() + LINGER;
        loop {
            self.take(BATCH);
            let is_urgent = self.taken.iter().any(|(_, written)| written.is_some());
            if is_urgent || self.taken.len() >= BATCH || self.queue.is_closed() || Instant::now() >= until {
                break;
            }
            tokio::select! {
                () = self.urgent.notified() => {}
                () = sleep_until(until) => {}
            }
        }
        let rest = self.taken.split_off(self.taken.len().min(BATCH));
        Next::Batch(std::mem::replace(&mut self.taken, rest))
    }

    /// Waits until there is something.
    async fn first(&mut self) -> Next {
        let one = |item| Next::Batch(vec![item]);
        if !self.queue.is_closed() {
            tokio::select! {
                item = self.queue.recv() => return item.map_or(Next::End, one),
                () = sleep(BEAT) => return Next::Nothing,
                () = self.stop.cancelled() => self.queue.close(),
            }
        }
        // What still runs then is marked as unfinished by the next run of central.
        timeout(LAST_ENDS, self.queue.recv()).await.ok().flatten().map_or(Next::End, one)
    }

    /// Takes what is in the queue, until so many are here.
    fn take(&mut self, most: usize) {
        while self.taken.len() < most
            && let Ok(item) = self.queue.try_recv()
        {
            self.taken.push(item);
        }
    }

    /// Tells all who wait that nothing can be written just now.
    pub(super) fn refuse(&mut self, error: &store::Error) {
        self.take(QUEUE);
        self.taken.iter_mut().filter_map(|(_, written)| written.take()).for_each(|written| refuse(written, error));
    }
}

/// Tells whoever waits for a row that it could not be written in time.
pub(super) fn refuse(written: super::Written, error: &store::Error) {
    // Whoever asked may have gone.
    let _ = written.send(Err(store::Error::Unavailable(error.to_string())));
}
