//! What becomes of writers that are gone, and of rows that are old.

use std::collections::HashSet;

use diesel::prelude::*;
use jiff::Timestamp;

use crate::model::audit::Phase;
use crate::store::schema::audit_logs::dsl;
use crate::store::schema::{audit_logs, audit_writers};
use crate::store::value::Time;
use crate::store::{Conn, Result};

/// Requests that a writer began and nobody ended.
pub struct Unfinished {
    /// Their ids.
    pub ids: Vec<String>,
    /// The place up to which the rows of the writer were looked through; `None` at the end.
    pub up_to: Option<i64>,
}

/// The writers that are not settled and have not been heard of since then.
pub fn silent_since(conn: &mut Conn, then: Timestamp) -> Result<Vec<String>> {
    let silent = audit_writers::settled.eq(false).and(audit_writers::alive_at.lt(Time::from(then)));
    Ok(audit_writers::table.filter(silent).select(audit_writers::id).load(conn)?)
}

/// Looks through the next rows of a writer for requests that have no end.
pub fn unfinished(conn: &mut Conn, writer: &str, after: i64, limit: i64) -> Result<Unfinished> {
    let of_writer = audit_logs::table.filter(dsl::writer.eq(writer)).filter(dsl::seq.gt(after));
    let rows: Vec<(String, String, i64, bool)> = of_writer
        .order(dsl::seq)
        .limit(limit)
        .select((dsl::id, dsl::phase, dsl::seq, dsl::outcome.is_null()))
        .load(conn)?;
    let up_to = rows.last().map(|row| row.2);
    let begun = rows.into_iter().filter(|(_, phase, _, open)| *open && phase == Phase::Begin.as_str());
    let begun: Vec<String> = begun.map(|row| row.0).collect();
    let ended: Vec<String> = audit_logs::table
        .filter(dsl::id.eq_any(&begun))
        .filter(dsl::phase.ne(Phase::Begin.as_str()))
        .select(dsl::id)
        .load(conn)?;
    let ended: HashSet<String> = ended.into_iter().collect();
    Ok(Unfinished { ids: begun.into_iter().filter(|id| !ended.contains(id)).collect(), up_to })
}

/// Notes that nothing of a writer is open any more.
pub fn mark_settled(conn: &mut Conn, writer: &str) -> Result<()> {
    diesel::update(audit_writers::table.find(writer)).set(audit_writers::settled.eq(true)).execute(conn)?;
    Ok(())
}

/// Removes the oldest rows of each writer, at most `limit` of each, as far as all of them are from before `then`.
/// Returns how many.
pub fn prune(conn: &mut Conn, then: Timestamp, limit: i64) -> Result<usize> {
    let writers: Vec<(String, i64)> =
        audit_writers::table.select((audit_writers::id, audit_writers::pruned_seq)).load(conn)?;
    let mut removed = 0;
    for (writer, pruned) in writers {
        let rows: Vec<(i64, String, Time)> = audit_logs::table
            .filter(dsl::writer.eq(&writer))
            .filter(dsl::seq.gt(pruned))
            .order(dsl::seq)
            .limit(limit)
            .select((dsl::seq, dsl::hash, dsl::at))
            .load(conn)?;
        let is_old = |row: &&(i64, String, Time)| Timestamp::from(row.2) < then;
        let Some((seq, hash, _)) = rows.iter().take_while(is_old).last() else { continue };
        let old = audit_logs::table.filter(dsl::writer.eq(&writer)).filter(dsl::seq.le(*seq));
        removed += diesel::delete(old).execute(conn)?;
        let mark = (audit_writers::pruned_seq.eq(*seq), audit_writers::pruned_hash.eq(hash));
        diesel::update(audit_writers::table.find(&writer)).set(mark).execute(conn)?;
    }
    Ok(removed)
}
