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

/// How many rows for which nobody waits go into a transaction for which somebody does, when it is time for them.
const SHARE: usize = 64;

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
    /// What was taken for which somebody waits.
    awaited: Vec<Item>,
    /// The rest, which would make a transaction longer for those who wait, and loses nothing by lying a while.
    others: Vec<Item>,
    /// Since when there is something of either.
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
        Self { queue, urgent, stop, awaited: Vec::new(), others: Vec::new(), since: Instant::now() }
    }

    /// Waits for what is to be done next: until somebody waits, there is enough for a transaction, or it lay for long.
    pub(super) async fn next(&mut self) -> Next {
        if self.count() == 0 {
            if self.queue.is_empty() {
                match self.first().await {
                    Next::Batch(first) => first.into_iter().for_each(|item| self.keep(item)),
                    other => return other,
                }
            }
            self.since = Instant::now();
        }
        let until = self.since + LINGER;
        loop {
            self.take(BATCH);
            let is_due = self.count() >= BATCH || self.queue.is_closed() || Instant::now() >= until;
            let mut batch: Vec<Item> = self.awaited.drain(..self.awaited.len().min(BATCH)).collect();
            let share = match batch.is_empty() {
                _ if !is_due => 0,
                true => BATCH,
                false => SHARE,
            };
            batch.extend(self.others.drain(..self.others.len().min(share)));
            if !batch.is_empty() {
                return Next::Batch(batch);
            }
            tokio::select! {
                () = self.urgent.notified() => {}
                () = sleep_until(until) => {}
            }
        }
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
        while self.count() < most
            && let Ok(item) = self.queue.try_recv()
        {
            self.keep(item);
        }
    }

    fn keep(&mut self, item: Item) {
        if item.1.is_some() { self.awaited.push(item) } else { self.others.push(item) }
    }

    fn count(&self) -> usize {
        self.awaited.len() + self.others.len()
    }

    /// Tells all who wait that nothing can be written just now.
    pub(super) fn refuse(&mut self, error: &store::Error) {
        self.take(QUEUE);
        self.awaited.iter_mut().filter_map(|(_, written)| written.take()).for_each(|written| refuse(written, error));
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

    use super::super::Event;
    use super::*;
    use crate::model::RequestId;
    use crate::model::audit::{AuditRecord, Ending};

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
        assert_eq!(ids(&first), [format!("began {}", write.id)]);

        // However many come who wait, the others get their turn.
        loop {
            sleep(LINGER / 4).await;
            let (next, strict) = began(true);
            sender.send(strict).await.unwrap();
            let batch = ids(&waiting.next().await);
            let own = format!("began {}", next.id);
            if batch.len() > 1 {
                let others =
                    [format!("began {}", read.id), format!("ended {}", read.id), format!("ended {}", write.id)];
                assert_eq!(batch, [&[own][..], &others].concat());
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
