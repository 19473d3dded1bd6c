//! A row of the audit log, and the link of the chain that it stands for.

use std::str::FromStr;

use diesel::prelude::*;

use crate::model::audit::{AuditRecord, Link};
use crate::store::schema::audit_logs;
use crate::store::value::Time;
use crate::store::{Error, Result};

/// All columns, in the order of the table.
#[derive(Insertable, Queryable)]
#[diesel(table_name = audit_logs)]
pub(super) struct Row {
    pub(super) id: String,
    phase: String,
    writer: String,
    seq: i64,
    hash: String,
    at: Time,
    parent: Option<String>,
    kind: Option<String>,
    user_email: Option<String>,
    user_id: Option<String>,
    credential: Option<String>,
    source_ip: Option<String>,
    user_agent: Option<String>,
    cluster: Option<String>,
    command: Option<String>,
    verb: Option<String>,
    api_group: Option<String>,
    resource: Option<String>,
    subresource: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    target: Option<String>,
    decision: Option<String>,
    rule: Option<String>,
    status: Option<i32>,
    exit_code: Option<i32>,
    duration_micros: Option<i64>,
    bytes_in: Option<i64>,
    bytes_out: Option<i64>,
    outcome: Option<String>,
    detail: Option<String>,
}

impl Row {
    pub(super) fn of(link: &Link) -> Self {
        let Link { writer, seq, phase, hash, record } = link.clone();
        Self {
            id: record.id,
            phase: phase.as_str().to_owned(),
            writer,
            seq,
            hash,
            at: record.time.into(),
            parent: record.parent,
            kind: record.kind.map(|word| word.as_str().to_owned()),
            user_email: record.user,
            user_id: record.user_id,
            credential: record.credential,
            source_ip: record.source_ip,
            user_agent: record.user_agent,
            cluster: record.cluster,
            command: record.command,
            verb: record.verb,
            api_group: record.group,
            resource: record.resource,
            subresource: record.subresource,
            namespace: record.namespace,
            name: record.name,
            target: record.target,
            decision: record.decision.map(|word| word.as_str().to_owned()),
            rule: record.rule,
            status: record.status,
            exit_code: record.exit_code,
            duration_micros: record.duration_micros,
            bytes_in: record.bytes_in,
            bytes_out: record.bytes_out,
            outcome: record.outcome.map(|word| word.as_str().to_owned()),
            detail: record.detail,
        }
    }

    pub(super) fn link(self) -> Result<Link> {
        Ok(Link {
            writer: self.writer,
            seq: self.seq,
            phase: word(&self.phase)?,
            hash: self.hash,
            record: AuditRecord {
                id: self.id,
                time: self.at.into(),
                parent: self.parent,
                kind: self.kind.as_deref().map(word).transpose()?,
                user: self.user_email,
                user_id: self.user_id,
                credential: self.credential,
                source_ip: self.source_ip,
                user_agent: self.user_agent,
                cluster: self.cluster,
                command: self.command,
                verb: self.verb,
                group: self.api_group,
                resource: self.resource,
                subresource: self.subresource,
                namespace: self.namespace,
                name: self.name,
                target: self.target,
                decision: self.decision.as_deref().map(word).transpose()?,
                rule: self.rule,
                status: self.status,
                exit_code: self.exit_code,
                duration_micros: self.duration_micros,
                bytes_in: self.bytes_in,
                bytes_out: self.bytes_out,
                outcome: self.outcome.as_deref().map(word).transpose()?,
                detail: self.detail,
            },
        })
    }
}

fn word<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(text: &str) -> Result<T> {
    text.parse().map_err(|error: T::Err| Error::Other(Box::new(error)))
}
