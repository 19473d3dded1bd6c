//! Reading the audit log: by filters, and link by link.

use std::collections::HashMap;

use diesel::prelude::*;
use jiff::{SignedDuration, Timestamp};

use super::row::Row;
use crate::model::audit::{AuditDecision, AuditFilter, AuditOutcome, AuditPage, AuditRecord, Link, Phase};
use crate::store::schema::audit_logs::{self, dsl};
use crate::store::value::Time;
use crate::store::{Conn, Result};

/// How many outcomes are looked through at once.
const STEP: usize = 500;

/// How many times that is done for one page; then the page stays short.
const STEPS: usize = 20;

/// How far the time in an id and that of its record may be apart.
const SLACK: SignedDuration = SignedDuration::from_secs(1);

/// The latest records to which the filter applies.
pub fn page(conn: &mut Conn, filter: &AuditFilter) -> Result<AuditPage> {
    let (before, limit) = (filter.before.as_deref(), filter.page_length());
    match filter.outcome {
        None => by_begin(conn, filter, before, limit),
        Some(outcome) => by_outcome(conn, filter, outcome, before, limit),
    }
}

fn by_begin(conn: &mut Conn, filter: &AuditFilter, before: Option<&str>, limit: usize) -> Result<AuditPage> {
    let mut records = begins(conn, filter, before, None, limit)?;
    let ids: Vec<&str> = records.iter().map(|record| record.id.as_str()).collect();
    let mut ends = ends(conn, &ids)?;
    for record in &mut records {
        if let Some(end) = ends.remove(&record.id) {
            record.ended_by(end);
        }
    }
    let next = (records.len() == limit).then(|| records.last().map(|record| record.id.clone())).flatten();
    Ok(AuditPage { records, next })
}

/// Goes through the outcomes, and keeps those whose request the filter wants.
fn by_outcome(
    conn: &mut Conn,
    filter: &AuditFilter,
    outcome: AuditOutcome,
    before: Option<&str>,
    limit: usize,
) -> Result<AuditPage> {
    let mut records: Vec<AuditRecord> = Vec::new();
    let mut before = before.map(str::to_owned);
    for _ in 0..STEPS {
        let ids = with_outcome(conn, outcome, before.as_deref())?;
        let Some(last) = ids.last() else { return Ok(AuditPage { records, next: None }) };
        let (last, more) = (last.clone(), ids.len() == STEP);
        let asked: Vec<&str> = ids.iter().map(String::as_str).collect();
        let mut ends = ends(conn, &asked)?;
        for mut record in begins(conn, filter, None, Some(&asked), STEP)? {
            if let Some(end) = ends.remove(&record.id) {
                record.ended_by(end);
            }
            if record.outcome == Some(outcome) {
                records.push(record);
            }
            if records.len() == limit {
                let next = records.last().map(|record| record.id.clone());
                return Ok(AuditPage { records, next });
            }
        }
        before = Some(last);
        if !more {
            return Ok(AuditPage { records, next: None });
        }
    }
    Ok(AuditPage { records, next: before })
}

/// The first rows of requests, with these ids if some are given.
fn begins(
    conn: &mut Conn,
    filter: &AuditFilter,
    before: Option<&str>,
    ids: Option<&[&str]>,
    limit: usize,
) -> Result<Vec<AuditRecord>> {
    let mut query = audit_logs::table.filter(dsl::phase.eq(Phase::Begin.as_str())).into_boxed();
    if let Some(user) = &filter.user {
        query = query.filter(dsl::user_email.eq(user));
    }
    if let Some(cluster) = &filter.cluster {
        query = query.filter(dsl::cluster.eq(cluster));
    }
    if let Some(kind) = filter.kind {
        query = query.filter(dsl::kind.eq(kind.as_str()));
    }
    if let Some(verb) = &filter.verb {
        query = query.filter(dsl::verb.eq(verb));
    }
    if let Some(namespace) = &filter.namespace {
        query = query.filter(dsl::namespace.eq(namespace));
    }
    if let Some(parent) = &filter.parent {
        query = query.filter(dsl::parent.eq(parent));
    }
    query = match filter.decision {
        // Written out, so that the index of denials is used.
        Some(AuditDecision::Denied) => query.filter(diesel::dsl::sql::<diesel::sql_types::Bool>("decision = 'denied'")),
        Some(decision) => query.filter(dsl::decision.eq(decision.as_str())),
        None => query,
    };
    if let Some(since) = filter.since {
        query = query.filter(dsl::id.ge(first_id(since - SLACK))).filter(dsl::at.ge(Time::from(since)));
    }
    if let Some(until) = filter.until {
        query = query.filter(dsl::id.lt(first_id(until + SLACK))).filter(dsl::at.lt(Time::from(until)));
    }
    if let Some(before) = before {
        query = query.filter(dsl::id.lt(before));
    }
    if let Some(ids) = ids {
        query = query.filter(dsl::id.eq_any(ids));
    }
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows: Vec<Row> = query.order(dsl::id.desc()).limit(limit).load(conn)?;
    rows.into_iter().map(|row| row.link().map(|link| link.record)).collect()
}

/// The first id of a time: the first 48 bits of an id are its time in milliseconds (RFC 9562, UUIDv7).
fn first_id(time: Timestamp) -> String {
    let millis = time.as_millisecond().max(0);
    format!("{:08x}-{:04x}", millis >> 16, millis & 0xffff)
}

/// How these requests ended, those that have.
fn ends(conn: &mut Conn, ids: &[&str]) -> Result<HashMap<String, AuditRecord>> {
    let rows: Vec<Row> =
        audit_logs::table.filter(dsl::id.eq_any(ids)).filter(dsl::phase.ne(Phase::Begin.as_str())).load(conn)?;
    let mut ends: HashMap<String, AuditRecord> = HashMap::new();
    for row in rows {
        let Link { phase, record, .. } = row.link()?;
        if phase == Phase::End || !ends.contains_key(&record.id) {
            ends.insert(record.id.clone(), record);
        }
    }
    Ok(ends)
}

/// The ids of requests that ended so, the latest first.
fn with_outcome(conn: &mut Conn, outcome: AuditOutcome, before: Option<&str>) -> Result<Vec<String>> {
    let mut query = audit_logs::table.filter(dsl::outcome.eq(outcome.as_str())).into_boxed();
    if outcome != AuditOutcome::Complete {
        // Said again, so that the index is used that leaves out the many.
        query = query.filter(diesel::dsl::sql::<diesel::sql_types::Bool>("outcome <> 'complete'"));
    }
    if let Some(before) = before {
        query = query.filter(dsl::id.lt(before));
    }
    let limit = i64::try_from(STEP).unwrap_or(i64::MAX);
    Ok(query.order(dsl::id.desc()).limit(limit).select(dsl::id).load(conn)?)
}

/// The rows of a writer behind a place, in their order.
pub fn links(conn: &mut Conn, writer: &str, after: i64, limit: i64) -> Result<Vec<Link>> {
    let of_writer = audit_logs::table.filter(dsl::writer.eq(writer)).filter(dsl::seq.gt(after));
    let rows: Vec<Row> = of_writer.order(dsl::seq).limit(limit).load(conn)?;
    rows.into_iter().map(Row::link).collect()
}
