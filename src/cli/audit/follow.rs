//! `mk8s audit --follow`: what comes, as it comes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::{columns, latest, one};
use crate::cli::exit::Exit;
use crate::cli::kept::Kept;
use crate::cli::output::{self, ListArgs};
use crate::client::{Client, ClientError};
use crate::model::audit::{AuditFilter, AuditRecord};

/// How often it is looked whether there is more.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How far back it is looked each time: plain reads are written in batches, and other centrals may be slower.
const LOOK_BACK: SignedDuration = SignedDuration::from_secs(10);

/// How many records are remembered as shown.
const SHOWN: usize = 10_000;

/// How many requests that run for longer are remembered, so that their end is shown too.
const RUNNING: usize = 1_000;

/// How many of these are asked for each time.
const ASKED: usize = 8;

/// What was seen so far.
#[derive(Default)]
struct Seen {
    shown: VecDeque<(String, bool)>,
    /// Requests that had no end when they were seen, and are too old to come again by themselves.
    running: VecDeque<AuditRecord>,
}

/// Shows what comes, until it is interrupted. A record is shown when it has ended; one that runs long, at the start too.
pub async fn run(kept: &Kept, mut filter: AuditFilter, mut args: ListArgs) -> anyhow::Result<Exit> {
    // What still runs has no outcome, and may have this one in the end.
    let outcome = filter.outcome.take();
    let mut seen = Seen::default();
    // Records have central's times, with which the clock here need not agree.
    let (begun, begin) = (Instant::now(), kept.client().await?.greeting().await?.date.unwrap_or_else(Timestamp::now));
    let mut since = filter.since.unwrap_or(begin);
    let columns = columns();
    loop {
        let looked = begin.saturating_add(begun.elapsed()).unwrap_or(begin);
        let client = kept.client().await?;
        let ended = seen.ended(&client).await?;
        let mut records = latest(&client, AuditFilter { since: Some(since), ..filter.clone() }, u32::MAX).await?;
        records.extend(ended);
        records.sort_by(|a, b| a.id.cmp(&b.id));
        records.retain(|record| seen.is_new(record) && (outcome.is_none() || record.outcome == outcome));
        let text = match args.form.is_for_people() {
            true => args.rows(&records, &columns),
            false => records.iter().map(|record| one(record, args.form.output)).collect::<anyhow::Result<_>>()?,
        };
        args.no_headers = true;
        let exit = output::print(&text)?;
        if exit != Exit::OK {
            return Ok(exit);
        }
        since = since.max(looked - LOOK_BACK);
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

impl Seen {
    /// Whether a record was not seen before, or has ended since.
    fn is_new(&mut self, record: &AuditRecord) -> bool {
        let key = (record.id.clone(), record.outcome.is_some());
        if self.shown.contains(&key) {
            return false;
        }
        self.shown.push_back(key);
        self.shown.drain(..self.shown.len().saturating_sub(SHOWN));
        if record.outcome.is_none() {
            self.running.push_back(record.clone());
            self.running.drain(..self.running.len().saturating_sub(RUNNING));
        }
        true
    }

    /// Those of the requests that ran which have ended; each time others are asked for.
    async fn ended(&mut self, client: &Client) -> Result<Vec<AuditRecord>, ClientError> {
        let mut ended = Vec::new();
        for _ in 0..ASKED.min(self.running.len()) {
            let Some(running) = self.running.pop_front() else { break };
            match of_id(client, &running).await? {
                Some(record) if record.outcome.is_some() => ended.push(record),
                Some(_) => self.running.push_back(running),
                // It was old enough to be removed.
                None => {}
            }
        }
        Ok(ended)
    }
}

/// What is recorded of a request now: it is found by its time, with which its id begins.
async fn of_id(client: &Client, record: &AuditRecord) -> Result<Option<AuditRecord>, ClientError> {
    let moment = SignedDuration::from_millis(1);
    let begun = began(&record.id).unwrap_or(record.time);
    let (since, until) = (Some(begun), Some(begun + moment));
    let filter = AuditFilter { since, until, limit: Some(AuditFilter::MAX_LIMIT), ..AuditFilter::default() };
    Ok(client.audit(&filter).await?.records.into_iter().find(|found| found.id == record.id))
}

/// The time in an id (RFC 9562, UUIDv7), to the millisecond.
fn began(id: &str) -> Option<Timestamp> {
    let (seconds, nanos) = uuid::Uuid::parse_str(id).ok()?.get_timestamp()?.to_unix();
    Timestamp::new(i64::try_from(seconds).ok()?, i32::try_from(nanos).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_begins_with_its_time() {
        assert_eq!(began("01a222d0-21e5-77cc-95bd-3f6a6a6142ad"), Timestamp::from_millisecond(0x01a2_22d0_21e5).ok());
        assert_eq!(began("mk8s"), None);
    }
}
