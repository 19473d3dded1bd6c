//! The audit log: rows are added behind those of the same writer, read by filters, and removed from the front by age.

mod insert;
mod keep;
mod row;
mod search;

use diesel::prelude::*;
use jiff::Timestamp;

use super::schema::{audit_logs, audit_writers};
use super::value::Time;
use super::{Conn, Result};
use crate::model::audit::{Link, Writer};
use insert::Insert;
use row::Row;

pub use keep::{Unfinished, mark_settled, prune, silent_since, unfinished};
pub use search::{links, page, record};

/// How many rows one statement of PostgreSQL takes, which has at most 65,535 parameters.
const ROWS: usize = 1_024;

/// Makes known that a run of central begins to write.
pub fn start(conn: &mut Conn, id: &str, now: Timestamp) -> Result<()> {
    let now = Time::from(now);
    let row = (
        audit_writers::id.eq(id),
        audit_writers::started_at.eq(now),
        audit_writers::alive_at.eq(now),
        audit_writers::seq.eq(0),
        audit_writers::hash.eq(""),
        audit_writers::pruned_seq.eq(0),
        audit_writers::pruned_hash.eq(""),
        audit_writers::settled.eq(false),
    );
    diesel::insert_into(audit_writers::table).values(row).execute(conn)?;
    Ok(())
}

/// Adds rows, which follow one another and the last one of their writer.
pub fn append(conn: &mut Conn, links: &[Link], now: Timestamp) -> Result<()> {
    let Some(last) = links.last() else { return Ok(()) };
    match conn {
        // One statement that is prepared once, in a transaction: a long one would be parsed again for each length.
        Conn::Sqlite(c) => {
            for link in links {
                Insert(Row::of(link)).execute(c)?;
            }
        }
        Conn::Postgres(c) => {
            for links in links.chunks(ROWS) {
                let rows: Vec<Row> = links.iter().map(Row::of).collect();
                diesel::insert_into(audit_logs::table).values(rows).execute(c)?;
            }
        }
    }
    let head = (
        audit_writers::seq.eq(last.seq),
        audit_writers::hash.eq(&last.hash),
        audit_writers::alive_at.eq(Time::from(now)),
        // Another central may have taken it for gone while the database was away.
        audit_writers::settled.eq(false),
    );
    diesel::update(audit_writers::table.find(&last.writer)).set(head).execute(conn)?;
    Ok(())
}

/// Says that a writer lives, though it writes nothing: what it has open may have to be closed one day.
pub fn beat(conn: &mut Conn, id: &str, now: Timestamp) -> Result<()> {
    let alive = (audit_writers::alive_at.eq(Time::from(now)), audit_writers::settled.eq(false));
    diesel::update(audit_writers::table.find(id)).set(alive).execute(conn)?;
    Ok(())
}

/// A writer, with how far its rows go.
pub fn writer(conn: &mut Conn, id: &str) -> Result<Writer> {
    let row: WriterRow = audit_writers::table.find(id).select(WRITER).first(conn)?;
    Ok(row.into())
}

/// All writers, in the order in which they began.
pub fn writers(conn: &mut Conn) -> Result<Vec<Writer>> {
    let rows: Vec<WriterRow> =
        audit_writers::table.select(WRITER).order((audit_writers::started_at, audit_writers::id)).load(conn)?;
    Ok(rows.into_iter().map(Into::into).collect())
}

type Columns = (
    audit_writers::id,
    audit_writers::started_at,
    audit_writers::seq,
    audit_writers::hash,
    audit_writers::pruned_seq,
    audit_writers::pruned_hash,
);
const WRITER: Columns = (
    audit_writers::id,
    audit_writers::started_at,
    audit_writers::seq,
    audit_writers::hash,
    audit_writers::pruned_seq,
    audit_writers::pruned_hash,
);

#[derive(Queryable)]
struct WriterRow {
    id: String,
    started_at: Time,
    seq: i64,
    hash: String,
    pruned_seq: i64,
    pruned_hash: String,
}

impl From<WriterRow> for Writer {
    fn from(row: WriterRow) -> Self {
        let WriterRow { id, started_at, seq, hash, pruned_seq, pruned_hash } = row;
        Self { id, started_at: started_at.into(), seq, hash, pruned_seq, pruned_hash }
    }
}
