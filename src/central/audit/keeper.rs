//! Looks after the audit log: closes what a run of central that is gone has left open, and removes what is old.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::oneshot;
use tracing::{info, warn};

use super::{Audit, Event};
use crate::store::audit;
use crate::store::{self, Store};

/// How often it looks.
const EVERY: Duration = Duration::from_secs(15);

/// How long a run of central may be silent before it counts as gone; it says every few seconds that it lives.
const SILENCE: SignedDuration = SignedDuration::from_secs(30);

/// How many rows are looked through, or removed, in one transaction.
const STEP: i64 = 2_000;

/// How long between two transactions that remove rows, so that others get their turn.
const BREATH: Duration = Duration::from_millis(50);

/// Looks after the log, for ever. `days` is how long rows are kept; 0 is for ever.
pub async fn keep(audit: Audit, store: Store, days: u32) {
    // A file has one central: whoever else has written into it is gone.
    let mut patience = if store.is_postgres() { SILENCE } else { SignedDuration::ZERO };
    loop {
        if let Err(error) = settle(&audit, &store, patience).await {
            warn!(%error, "requests that another run of central has left open are not closed yet");
        } else {
            patience = SILENCE;
        }
        if days > 0
            && let Err(error) = prune(&store, SignedDuration::from_hours(24 * i64::from(days))).await
        {
            warn!(%error, "old records were not removed");
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn settle(audit: &Audit, store: &Store, silence: SignedDuration) -> store::Result<()> {
    let then = Timestamp::now() - silence;
    let silent = store.read(move |c| audit::silent_since(c, then)).await?;
    for writer in silent.into_iter().filter(|writer| writer != audit.writer()) {
        let mut after = 0;
        let mut closed = 0;
        loop {
            let id = writer.clone();
            let audit::Unfinished { ids, up_to } = store.read(move |c| audit::unfinished(c, &id, after, STEP)).await?;
            closed += ids.len();
            close(audit, ids).await?;
            match up_to {
                Some(seq) => after = seq,
                None => break,
            }
        }
        if closed > 0 {
            info!(requests = closed, "requests that another run of central has left open are marked as unfinished");
        }
        store.write(move |c| audit::mark_settled(c, &writer)).await?;
    }
    Ok(())
}

/// Writes that these requests have no end, and waits until it is written.
async fn close(audit: &Audit, ids: Vec<String>) -> store::Result<()> {
    let stopping = || store::Error::Unavailable("central is stopping".into());
    let mut last = None;
    let count = ids.len();
    for (index, id) in ids.into_iter().enumerate() {
        let written = (index + 1 == count).then(|| {
            let (written, answer) = oneshot::channel();
            last = Some(answer);
            written
        });
        if !audit.put(Event::Unfinished(id), written).await {
            return Err(stopping());
        }
    }
    match last {
        None => Ok(()),
        Some(answer) => audit.written(answer).await.map_err(|_| stopping())?,
    }
}

async fn prune(store: &Store, age: SignedDuration) -> store::Result<()> {
    loop {
        let then = Timestamp::now() - age;
        if store.write(move |c| audit::prune(c, then, STEP)).await? == 0 {
            return Ok(());
        }
        tokio::time::sleep(BREATH).await;
    }
}
