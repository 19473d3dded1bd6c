//! What waits to be written, and when it is time to write it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::{Event, Item, QUEUE};
use crate::model::audit::AuditRecord;
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
    /// Since when the first of them is here.
    since: Instant,
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
        Self { queue, urgent, stop, taken: Vec::new(), since: Instant::now() }
    }

    /// Waits for what is to be done next: until somebody waits, there is enough for a transaction, or it lay for long.
    pub(super) async fn next(&mut self) -> Next {
        if self.taken.is_empty() {
            if self.queue.is_empty() {
                match self.first().await {
                    Next::Batch(first) => self.taken = first,
                    other => return other,
                }
            }
            self.since = Instant::now();
        }
        let until = self.since + LINGER;
        loop {
            self.take(BATCH);
            if self.taken.len() >= BATCH || self.queue.is_closed() || Instant::now() >= until {
                let rest = self.taken.split_off(self.taken.len().min(BATCH));
                return Next::Batch(std::mem::replace(&mut self.taken, rest));
            }
            let awaited = self.awaited();
            if !awaited.is_empty() {
                return Next::Batch(awaited);
            }
            tokio::select! {
                () = self.urgent.notified() => {}
                () = sleep_until(until) => {}
            }
        }
    }

    /// Takes those out for which somebody waits, with what else there is of their requests. The others would make the
    /// transaction longer for those who wait, and lose nothing by lying a while.
    fn awaited(&mut self) -> Vec<Item> {
        let waits = |(event, written): &Item| written.as_ref().and(request(event));
        let awaited: HashSet<*const AuditRecord> = self.taken.iter().filter_map(waits).collect();
        let is_awaited =
            |(event, written): &Item| written.is_some() || request(event).is_some_and(|it| awaited.contains(&it));
        let (awaited, rest) = std::mem::take(&mut self.taken).into_iter().partition(is_awaited);
        self.taken = rest;
        awaited
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

/// The request of which an event tells, as events of one hold the same record.
fn request(event: &Event) -> Option<*const AuditRecord> {
    match event {
        Event::Began(record) | Event::Ended(record, _) => Some(Arc::as_ptr(record)),
        Event::Unfinished(_) => None,
    }
}

/// Tells whoever waits for a row that it could not be written in time.
pub(super) fn refuse(written: super::Written, error: &store::Error) {
    // Whoever asked may have gone.
    let _ = written.send(Err(store::Error::Unavailable(error.to_string())));
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;
    use crate::model::RequestId;
    use crate::model::audit::Ending;

    /// The events of a request, and whether somebody waits for the first of them.
    fn began(is_awaited: bool) -> (Arc<AuditRecord>, Item) {
        let record = Arc::new(AuditRecord::new(&RequestId::generate()));
        // Nobody listens in these tests; that somebody might is all that counts.
        let written = is_awaited.then(|| oneshot::channel().0);
        (record.clone(), (Event::Began(record), written))
    }

    fn ended(record: &Arc<AuditRecord>) -> Item {
        (Event::Ended(record.clone(), Ending::default()), None)
    }

    fn ids(next: &Next) -> Vec<String> {
        let Next::Batch(items) = next else { panic!("no batch") };
        let id = |(event, _): &Item| match event {
            Event::Began(record) => format!("began {}", record.id),
            Event::Ended(record, _) => format!("ended {}", record.id),
            Event::Unfinished(id) => id.to_string(),
        };
        items.iter().map(id).collect()
    }

    fn waiting() -> (mpsc::Sender<Item>, Waiting) {
        let (sender, queue) = mpsc::channel(QUEUE);
        (sender, Waiting::new(queue, Arc::default(), CancellationToken::new()))
    }

    #[tokio::test]
    async fn who_waits_does_not_wait_for_others_and_these_are_not_forgotten() {
        let (sender, mut waiting) = waiting();
        let (read, begin) = began(false);
        let (write, strict) = began(true);
        for item in [begin, strict, ended(&read), ended(&write)] {
            sender.send(item).await.unwrap();
        }
        let first = waiting.next().await;
        assert_eq!(ids(&first), [format!("began {}", write.id), format!("ended {}", write.id)]);

        // However many come who wait, the others get their turn.
        loop {
            sleep(LINGER / 4).await;
            let (next, strict) = began(true);
            sender.send(strict).await.unwrap();
            let batch = ids(&waiting.next().await);
            let own = format!("began {}", next.id);
            if batch.len() > 1 {
                assert_eq!(batch, [format!("began {}", read.id), format!("ended {}", read.id), own]);
                break;
            }
            assert_eq!(batch, [own]);
        }
    }

    #[tokio::test]
    async fn what_nobody_waits_for_lies_until_there_is_enough_or_it_is_time() {
        let (sender, mut waiting) = waiting();
        sender.send(began(false).1).await.unwrap();
        assert_eq!(ids(&waiting.next().await).len(), 1);
        for _ in 0..=BATCH {
            sender.send(began(false).1).await.unwrap();
        }
        assert_eq!(ids(&waiting.next().await).len(), BATCH);
        drop(sender);
        assert_eq!(ids(&waiting.next().await).len(), 1);
        assert!(matches!(waiting.next().await, Next::End));
    }
}
