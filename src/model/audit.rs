//! The audit log: what was asked for, by whom, what was decided, and how it ended.

mod chain;

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::RequestId;
use super::operation::MAX_CLUSTERS;
use super::printable::printable;

pub use chain::{Broken, Checker, Link, Phase, Writer};

/// The most bytes of a command line that are kept.
const MAX_COMMAND: usize = 4096;

/// The most bytes of a path that are kept.
const MAX_TARGET: usize = 2048;

/// The most bytes of a cluster's name with the comma behind it.
const MAX_CLUSTER: usize = 64;

/// The most bytes of any other text that are kept; names of Kubernetes have at most 253.
const MAX_TEXT: usize = 512;

/// Everything that is known of one request. What does not apply is absent, and so is the outcome of one that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditRecord {
    /// The request's id: the `X-Request-Id` of its answer and, for requests to the API server, the `auditID` of the
    /// cluster's own audit log. Ordered by time.
    pub id: String,
    /// When it came.
    pub time: Timestamp,
    /// What it belongs to: an API call of a remote kubectl to its command, a command on many clusters to its operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// What kind of request it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<AuditKind>,
    /// Who asked: an email address; for a login, the one that was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The user's id, which outlives a change of the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// What was shown: `session:<id>` or `token:<id>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// The address that it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
    /// The client, in its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The command line, without its secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The verb of Kubernetes, or the HTTP method in lower case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verb: Option<String>,
    /// The API group; absent for the core group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The resource, in the plural.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The subresource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subresource: Option<String>,
    /// The namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The name of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The path, without its query; for an operation its clusters, with commas between them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<AuditDecision>,
    /// The role that permitted it, or the reason why it was denied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The status of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<i32>,
    /// The exit code of a remote kubectl; 128 and the number of a signal that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// How long it took, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_micros: Option<i64>,
    /// The bytes of bodies, input and upgraded streams that came from the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_in: Option<i64>,
    /// The same, to the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_out: Option<i64>,
    /// How it ended; absent while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<AuditOutcome>,
    /// More about the outcome, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// A word of a fixed list, as it stands in JSON, in a query and in the database.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $word:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$word_doc])* $word,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$word),*];

            /// The word.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$word => $text),* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                let found = Self::ALL.iter().find(|word| word.as_str() == text).copied();
                found.ok_or_else(|| UnknownWord(Self::ALL.iter().map(|word| word.as_str()).collect()))
            }
        }
    };
}
use words;

/// A text is none of the words that are known in its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it must be one of {}", .0.join(", "))]
pub struct UnknownWord(Vec<&'static str>);

words! {
    /// What kind of request it is.
    AuditKind {
        /// A command of the remote kubectl.
        Exec = "exec",
        /// A request to the API server that such a command made.
        ApiCall = "api_call",
        /// A command for many clusters, which is an `exec` in each.
        Operation = "operation",
        /// A request through the gateway.
        Gateway = "gateway",
        /// An attempt to log in.
        Login = "login",
        /// A change to one's own account: a password, a token, a logout.
        Account = "account",
        /// A change that needs the role admin.
        Admin = "admin",
    }
}

words! {
    /// What was decided about a request.
    AuditDecision {
        /// It might go on.
        Allowed = "allowed",
        /// It might not.
        Denied = "denied",
    }
}

words! {
    /// How a request ended.
    AuditOutcome {
        /// It was answered, or the command ran to its end; `status` and `exit_code` tell with what.
        Complete = "complete",
        /// mk8s did not let it go on.
        Refused = "refused",
        /// It could not be done: the cluster is offline, the agent or its API server did not answer.
        Failed = "failed",
        /// mk8s ended it: the right to it was lost, or its client took nothing more.
        Cut = "cut",
        /// The client went away.
        Gone = "gone",
        /// The way to the agent or to the API server broke; what the request asks for may have been done.
        Lost = "lost",
        /// Central ended before the request did; what it asks for may have been done.
        Unfinished = "unfinished",
    }
}

impl AuditRecord {
    /// A record that says nothing yet of a request that has just come.
    pub fn new(id: &RequestId) -> Self {
        Self::empty(id.as_str())
    }

    fn empty(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            time: now(),
            parent: None,
            kind: None,
            user: None,
            user_id: None,
            credential: None,
            source_ip: None,
            user_agent: None,
            cluster: None,
            command: None,
            verb: None,
            group: None,
            resource: None,
            subresource: None,
            namespace: None,
            name: None,
            target: None,
            decision: None,
            rule: None,
            status: None,
            exit_code: None,
            duration_micros: None,
            bytes_in: None,
            bytes_out: None,
            outcome: None,
            detail: None,
        }
    }

    /// A record of the end of the request that this one is of, at the time when it ended.
    pub fn of_end(begin: &Self, ending: Ending) -> Self {
        let took = SignedDuration::from_micros(ending.duration_micros.unwrap_or_default());
        let time = begin.time.checked_add(took).unwrap_or(begin.time);
        let mut record = Self { time, ..Self::empty(&begin.id) };
        record.end(ending);
        record
    }

    /// Says how it ended.
    pub fn end(&mut self, ending: Ending) {
        let Ending { status, exit_code, duration_micros, bytes_in, bytes_out, outcome, detail } = ending;
        self.status = status;
        self.exit_code = exit_code;
        self.duration_micros = duration_micros;
        self.bytes_in = bytes_in;
        self.bytes_out = bytes_out;
        self.outcome = outcome;
        self.detail = detail;
    }

    /// How it ended, as far as it says so.
    pub fn ending(&self) -> Ending {
        Ending {
            status: self.status,
            exit_code: self.exit_code,
            duration_micros: self.duration_micros,
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            outcome: self.outcome,
            detail: self.detail.clone(),
        }
    }

    /// The same with all texts in their bounds, and without control characters: what a client sends may hold anything.
    pub fn bounded(mut self) -> Self {
        bound(&mut self.command, MAX_COMMAND);
        let target = if self.kind == Some(AuditKind::Operation) { MAX_CLUSTERS * MAX_CLUSTER } else { MAX_TARGET };
        bound(&mut self.target, target);
        for text in [
            &mut self.parent,
            &mut self.user,
            &mut self.user_id,
            &mut self.credential,
            &mut self.source_ip,
            &mut self.user_agent,
            &mut self.cluster,
            &mut self.verb,
            &mut self.group,
            &mut self.resource,
            &mut self.subresource,
            &mut self.namespace,
            &mut self.name,
            &mut self.rule,
            &mut self.detail,
        ] {
            bound(text, MAX_TEXT);
        }
        self
    }
}

/// How a request ended. The fields are those of [`AuditRecord`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the record has them")]
pub struct Ending {
    pub status: Option<i32>,
    pub exit_code: Option<i32>,
    pub duration_micros: Option<i64>,
    pub bytes_in: Option<i64>,
    pub bytes_out: Option<i64>,
    pub outcome: Option<AuditOutcome>,
    pub detail: Option<String>,
}

impl Ending {
    /// The same with its text in bounds, see [`AuditRecord::bounded`].
    pub fn bounded(mut self) -> Self {
        bound(&mut self.detail, MAX_TEXT);
        self
    }
}

/// Now, in whole microseconds: the database keeps no finer times.
pub fn now() -> Timestamp {
    Timestamp::from_microsecond(Timestamp::now().as_microsecond()).unwrap_or_default()
}

fn bound(text: &mut Option<String>, most: usize) {
    let Some(value) = text else { return };
    if value.len() > most {
        let end = (0..=most - 3).rev().find(|&end| value.is_char_boundary(end)).unwrap_or_default();
        value.truncate(end);
        value.push('…');
    }
    if value.contains(char::is_control) {
        *value = printable(value);
    }
    if value.is_empty() {
        *text = None;
    }
}

/// Which records are asked for: those to which all of this applies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditFilter {
    /// Of this user.
    pub user: Option<String>,
    /// About this cluster.
    pub cluster: Option<String>,
    /// Of this kind.
    pub kind: Option<AuditKind>,
    /// With this verb.
    pub verb: Option<String>,
    /// In this namespace.
    pub namespace: Option<String>,
    /// With this decision.
    pub decision: Option<AuditDecision>,
    /// That ended so.
    pub outcome: Option<AuditOutcome>,
    /// Made by this command.
    pub parent: Option<String>,
    /// From then on, to the millisecond.
    pub since: Option<Timestamp>,
    /// Before then, to the millisecond.
    pub until: Option<Timestamp>,
    /// Before the record with this id: `next` of a page.
    pub before: Option<String>,
    /// How many records a page has, 1 to 1000; absent: 100.
    pub limit: Option<u16>,
}

impl AuditFilter {
    /// The names of its fields, as they stand in a query.
    pub const PARAMETERS: [&'static str; 12] = [
        "user",
        "cluster",
        "kind",
        "verb",
        "namespace",
        "decision",
        "outcome",
        "parent",
        "since",
        "until",
        "before",
        "limit",
    ];

    /// The longest page.
    pub const MAX_LIMIT: u16 = 1000;

    /// How many records a page has.
    pub fn page_length(&self) -> usize {
        self.limit.unwrap_or(100).clamp(1, Self::MAX_LIMIT).into()
    }
}

/// The runs of central that have written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WriterList {
    /// In the order in which they began.
    pub writers: Vec<Writer>,
}

/// A page of records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditPage {
    /// The records, the latest first.
    pub records: Vec<AuditRecord>,
    /// What to give as `before` for the next page; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

#[cfg(test)]
mod tests;
