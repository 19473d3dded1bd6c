//! Reading the audit log: by filters, and link by link.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use jiff::Timestamp;

use super::row::Row;
use crate::model::audit::{AuditDecision, AuditFilter, AuditKind, AuditOutcome, AuditPage, AuditRecord, Link, Phase};
use crate::store::schema::audit_logs::{self, dsl};
use crate::store::{Conn, Result};

/// How many outcomes are looked through at once.
const STEP: usize = 500;

/// How many times that is done for one page; then the page stays short.
const STEPS: usize = 20;

/// The latest records to which the filter applies.
pub fn page(conn: &mut Conn, filter: &AuditFilter) -> Result<AuditPage> {
    let (before, limit) = (filter.before.as_deref(), filter.page_length());
    match filter.outcome {
        None => by_begin(conn, filter, before, limit),
        Some(outcome) => by_outcome(conn, filter, outcome, before, limit),
    }
}

fn by_begin(conn: &mut Conn, filter: &AuditFilter, before: Option<&str>, limit: usize) -> Result<AuditPage> {
    let ids = begun(conn, filter, before, None, limit)?;
    let next = (ids.len() == limit).then(|| ids.last().cloned()).flatten();
    Ok(AuditPage { records: joined(conn, &ids)?, next })
}

/// What is recorded of one request.
pub fn record(conn: &mut Conn, id: &str) -> Result<Option<AuditRecord>> {
    Ok(joined(conn, &[id.to_owned()])?.pop())
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
        let wanted = begun(conn, filter, None, Some(&ids), STEP)?;
        for record in joined(conn, &wanted)? {
            // An end that came late counts more than that there was none.
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

/// The ids of requests to which the filter applies, the latest first; only of these if some are given.
///
/// All that a filter usually asks for stands in the indexes, so that the rows themselves are not read. What is said in
/// the words of a partial index lets that index be used, which leaves out what most rows are.
fn begun(
    conn: &mut Conn,
    filter: &AuditFilter,
    before: Option<&str>,
    of: Option<&[String]>,
    limit: usize,
) -> Result<Vec<String>> {
    let mut query = audit_logs::table.filter(dsl::phase.eq(Phase::Begin.as_str())).into_boxed();
    if let Some(user) = &filter.user {
        query = query.filter(dsl::user_email.eq(user));
    }
    if let Some(cluster) = &filter.cluster {
        query = query.filter(dsl::cluster.eq(cluster));
    }
    if let Some(kind) = filter.kind {
        query = query.filter(dsl::kind.eq(kind.as_str()));
        if !matches!(kind, AuditKind::Gateway | AuditKind::ApiCall) {
            query = query.filter(sql::<Bool>("kind NOT IN ('gateway', 'api_call')"));
        }
    }
    if let Some(verb) = &filter.verb {
        query = query.filter(dsl::verb.eq(verb));
        if !["get", "list", "watch"].contains(&verb.as_str()) {
            query = query.filter(sql::<Bool>("verb NOT IN ('get', 'list', 'watch')"));
        }
    }
    if let Some(namespace) = &filter.namespace {
        query = query.filter(dsl::namespace.eq(namespace));
    }
    if let Some(parent) = &filter.parent {
        query = query.filter(dsl::parent.eq(parent));
    }
    query = match filter.decision {
        Some(AuditDecision::Denied) => query.filter(sql::<Bool>("decision = 'denied'")),
        Some(decision) => query.filter(dsl::decision.eq(decision.as_str())),
        None => query,
    };
    if let Some(since) = filter.since {
        query = query.filter(dsl::id.ge(first_id(since)));
    }
    if let Some(until) = filter.until {
        query = query.filter(dsl::id.lt(first_id(until)));
    }
    if let Some(before) = before {
        query = query.filter(dsl::id.lt(before));
    }
    if let Some(of) = of {
        query = query.filter(dsl::id.eq_any(of));
    }
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    Ok(query.order(dsl::id.desc()).limit(limit).select(dsl::id).load(conn)?)
}

/// The first id of a time: the first 48 bits of an id are its time in milliseconds (RFC 9562, UUIDv7).
fn first_id(time: Timestamp) -> String {
    let millis = time.as_millisecond().max(0);
    format!("{:08x}-{:04x}", millis >> 16, millis & 0xffff)
}

/// The records of these requests, the latest first, with their ends.
fn joined(conn: &mut Conn, ids: &[String]) -> Result<Vec<AuditRecord>> {
    let mut records: Vec<AuditRecord> = Vec::with_capacity(ids.len());
    let rows: Vec<Row> =
        audit_logs::table.filter(dsl::id.eq_any(ids)).order((dsl::id.desc(), dsl::phase)).load(conn)?;
    for row in rows {
        let Link { phase, record, .. } = row.link()?;
        match records.last_mut().filter(|begun| begun.id == record.id) {
            // In the order of their words: begin, end, unfinished.
            Some(begun) if phase == Phase::End || begun.outcome.is_none() => begun.end(record.ending()),
            Some(_) => {}
            None => records.push(record),
        }
    }
    Ok(records)
}

/// The ids of requests that ended so, the latest first.
fn with_outcome(conn: &mut Conn, outcome: AuditOutcome, before: Option<&str>) -> Result<Vec<String>> {
    let mut query = audit_logs::table.filter(dsl::outcome.eq(outcome.as_str())).into_boxed();
    if outcome != AuditOutcome::Complete {
        query = query.filter(sql::<Bool>("outcome <> 'complete'"));
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
