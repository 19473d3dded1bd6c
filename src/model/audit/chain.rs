//! What makes a change to the audit log visible: each row contains the hash of the row that the same writer wrote before.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{Context, SHA256};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{AuditRecord, UnknownWord, words};

words! {
    /// Which part of a request a row tells of.
    Phase {
        /// What was asked for; with the outcome, if both became known together.
        Begin = "begin",
        /// How it ended.
        End = "end",
        /// That its writer ended before it did. If both are there, the end counts.
        Unfinished = "unfinished",
    }
}

/// One row of the audit log, as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Which run of central wrote it.
    pub writer: String,
    /// Its place among the rows of its writer; the first has 1.
    pub seq: i64,
    /// Which part of the request it tells of.
    pub phase: Phase,
    /// The hash of all this and of the row before: SHA-256, hexadecimal.
    pub hash: String,
    /// What it tells.
    pub record: AuditRecord,
}

/// A run of central, and how far its rows go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Writer {
    /// Identifies it.
    pub id: String,
    /// When it began.
    pub started_at: Timestamp,
    /// The place of its last row; 0 before the first.
    pub seq: i64,
    /// The hash of that row.
    pub hash: String,
    /// The place of the last row that was removed because of its age; 0 if none was.
    pub pruned_seq: i64,
    /// The hash of that row.
    pub pruned_hash: String,
}

/// What the hash of a row is made of, besides the hash before: a JSON array.
#[derive(Serialize)]
struct Content<'a>(&'a str, i64, Phase, &'a AuditRecord);

impl Link {
    /// The next row of a writer, behind the one with this place and this hash.
    pub fn next(writer: &str, (seq, hash): (i64, &str), phase: Phase, record: AuditRecord) -> Self {
        let mut link = Self { writer: writer.to_owned(), seq: seq + 1, phase, hash: String::new(), record };
        link.hash = link.digest(hash);
        link
    }

    /// The hash that it must have behind a row with this hash.
    pub fn digest(&self, before: &str) -> String {
        let content = Content(&self.writer, self.seq, self.phase, &self.record);
        let mut context = Context::new(&SHA256);
        context.update(before.as_bytes());
        // Plain texts and numbers: there is nothing in it that could fail.
        context.update(&serde_json::to_vec(&content).unwrap_or_default());
        hex(context.finish().as_ref())
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

/// A row that is not what its writer wrote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Rows are missing, or stand in another place.
    #[error("after row {after} of writer {writer} comes row {found}")]
    Gap {
        /// Of which run of central.
        writer: String,
        /// The last row that was in its place.
        after: i64,
        /// The one that follows.
        found: i64,
    },
    /// A row has another content than it had.
    #[error("row {seq} of writer {writer} was changed; it tells of the request {id}")]
    Changed {
        /// Of which run of central.
        writer: String,
        /// Its place.
        seq: i64,
        /// The request.
        id: String,
    },
    /// The last rows are missing.
    #[error("the rows of writer {writer} end with {last}, and must end with {expected}")]
    End {
        /// Of which run of central.
        writer: String,
        /// The last that is there.
        last: i64,
        /// The last that was written.
        expected: i64,
    },
}

/// Checks the rows of one writer, in their order.
#[derive(Clone, Debug)]
pub struct Checker {
    writer: Writer,
    seq: i64,
    hash: String,
}

impl Checker {
    /// Begins behind the rows that were removed because of their age.
    pub fn new(writer: Writer) -> Self {
        Self { seq: writer.pruned_seq, hash: writer.pruned_hash.clone(), writer }
    }

    /// The place of the last row that was checked.
    pub fn seq(&self) -> i64 {
        self.seq
    }

    /// Checks the next row.
    ///
    /// # Errors
    /// When it is not the one that was written there.
    pub fn check(&mut self, link: &Link) -> Result<(), Broken> {
        let writer = || self.writer.id.clone();
        if link.seq != self.seq + 1 || link.writer != self.writer.id {
            return Err(Broken::Gap { writer: writer(), after: self.seq, found: link.seq });
        }
        if link.hash != link.digest(&self.hash) {
            return Err(Broken::Changed { writer: writer(), seq: link.seq, id: link.record.id.clone() });
        }
        (self.seq, self.hash) = (link.seq, link.hash.clone());
        Ok(())
    }

    /// Checks that no row is missing at the end. Rows that came after the state of the writer was read do no harm.
    ///
    /// # Errors
    /// When the last row is not the one that was written last.
    pub fn finish(self) -> Result<(), Broken> {
        let Self { writer, seq, hash } = self;
        if seq < writer.seq || (seq == writer.seq && hash != writer.hash) {
            return Err(Broken::End { writer: writer.id, last: seq, expected: writer.seq });
        }
        Ok(())
    }
}
