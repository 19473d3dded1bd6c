//! A row of the audit log, and the link of the chain that it stands for.

use std::borrow::Cow;
use std::str::FromStr;

use diesel::prelude::*;

use crate::model::audit::{AuditRecord, Link};
use crate::store::schema::audit_logs;
use crate::store::value::Time;
use crate::store::{Error, Result};

/// All columns, in the order of the table. They are all named when it is written, so that there is one statement for
/// all rows.
#[derive(Insertable, Queryable)]
#[diesel(table_name = audit_logs, treat_none_as_default_value = false)]
pub(super) struct Row<'a> {
    pub(super) id: Cow<'a, str>,
    pub(super) phase: Cow<'a, str>,
    pub(super) writer: Cow<'a, str>,
    pub(super) seq: i64,
    pub(super) hash: Cow<'a, str>,
    pub(super) at: Time,
    pub(super) parent: Option<Cow<'a, str>>,
    pub(super) kind: Option<Cow<'a, str>>,
    pub(super) user_email: Option<Cow<'a, str>>,
    pub(super) user_id: Option<Cow<'a, str>>,
    pub(super) credential: Option<Cow<'a, str>>,
    pub(super) source_ip: Option<Cow<'a, str>>,
    pub(super) user_agent: Option<Cow<'a, str>>,
    pub(super) cluster: Option<Cow<'a, str>>,
    pub(super) command: Option<Cow<'a, str>>,
    pub(super) verb: Option<Cow<'a, str>>,
    pub(super) api_group: Option<Cow<'a, str>>,
    pub(super) resource: Option<Cow<'a, str>>,
    pub(super) subresource: Option<Cow<'a, str>>,
    pub(super) namespace: Option<Cow<'a, str>>,
    pub(super) name: Option<Cow<'a, str>>,
    pub(super) target: Option<Cow<'a, str>>,
    pub(super) decision: Option<Cow<'a, str>>,
    pub(super) rule: Option<Cow<'a, str>>,
    pub(super) status: Option<i32>,
    pub(super) exit_code: Option<i32>,
    pub(super) duration_micros: Option<i64>,
    pub(super) bytes_in: Option<i64>,
    pub(super) bytes_out: Option<i64>,
    pub(super) outcome: Option<Cow<'a, str>>,
    pub(super) detail: Option<Cow<'a, str>>,
}

impl<'a> Row<'a> {
    /// The row of a link.
    pub(super) fn of(link: &'a Link) -> Self {
        let Link { writer, seq, phase, hash, record } = link;
        Self {
            id: Cow::Borrowed(&record.id),
            phase: Cow::Borrowed(phase.as_str()),
            writer: Cow::Borrowed(writer),
            seq: *seq,
            hash: Cow::Borrowed(hash),
            at: record.time.into(),
            parent: text(&record.parent),
            kind: record.kind.map(|word| Cow::Borrowed(word.as_str())),
            user_email: text(&record.user),
            user_id: text(&record.user_id),
            credential: text(&record.credential),
            source_ip: text(&record.source_ip),
            user_agent: text(&record.user_agent),
            cluster: text(&record.cluster),
            command: text(&record.command),
            verb: text(&record.verb),
            api_group: text(&record.group),
            resource: text(&record.resource),
            subresource: text(&record.subresource),
            namespace: text(&record.namespace),
            name: text(&record.name),
            target: text(&record.target),
            decision: record.decision.map(|word| Cow::Borrowed(word.as_str())),
            rule: text(&record.rule),
            status: record.status,
            exit_code: record.exit_code,
            duration_micros: record.duration_micros,
            bytes_in: record.bytes_in,
            bytes_out: record.bytes_out,
            outcome: record.outcome.map(|word| Cow::Borrowed(word.as_str())),
            detail: text(&record.detail),
        }
    }

    /// The link of a row.
    pub(super) fn link(self) -> Result<Link> {
        Ok(Link {
            writer: self.writer.into_owned(),
            seq: self.seq,
            phase: word(&self.phase)?,
            hash: self.hash.into_owned(),
            record: AuditRecord {
                id: self.id.into_owned(),
                time: self.at.into(),
                parent: owned(self.parent),
                kind: self.kind.as_deref().map(word).transpose()?,
                user: owned(self.user_email),
                user_id: owned(self.user_id),
                credential: owned(self.credential),
                source_ip: owned(self.source_ip),
                user_agent: owned(self.user_agent),
                cluster: owned(self.cluster),
                command: owned(self.command),
                verb: owned(self.verb),
                group: owned(self.api_group),
                resource: owned(self.resource),
                subresource: owned(self.subresource),
                namespace: owned(self.namespace),
                name: owned(self.name),
                target: owned(self.target),
                decision: self.decision.as_deref().map(word).transpose()?,
                rule: owned(self.rule),
                status: self.status,
                exit_code: self.exit_code,
                duration_micros: self.duration_micros,
                bytes_in: self.bytes_in,
                bytes_out: self.bytes_out,
                outcome: self.outcome.as_deref().map(word).transpose()?,
                detail: owned(self.detail),
            },
        })
    }
}

fn text(text: &Option<String>) -> Option<Cow<'_, str>> {
    text.as_deref().map(Cow::Borrowed)
}

fn owned(text: Option<Cow<'_, str>>) -> Option<String> {
    text.map(Cow::into_owned)
}

fn word<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(text: &str) -> Result<T> {
    text.parse().map_err(|error: T::Err| Error::Other(Box::new(error)))
}
