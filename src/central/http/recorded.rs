//! What the audit log says of a request from the start: who asks, from where, with what.

use http::{Extensions, HeaderMap, header};

use super::auth::Peer;
use crate::access::{Caller, Credential};
use crate::kubernetes::request_info::RequestInfo;
use crate::model::audit::{AuditDecision, AuditKind, AuditOutcome, AuditRecord};
use crate::model::{ErrorCode, Failure, RequestId};

/// A record of a request that has just come.
pub fn request(extensions: &Extensions, headers: &HeaderMap, kind: AuditKind) -> AuditRecord {
    let id = extensions.get::<RequestId>().cloned().unwrap_or_else(RequestId::generate);
    let user_agent =
        headers.get(header::USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    AuditRecord {
        kind: Some(kind),
        source_ip: extensions.get::<Peer>().map(|Peer(ip)| ip.to_string()),
        user_agent,
        ..AuditRecord::new(&id)
    }
}

/// Says who makes it.
pub fn made_by(record: &mut AuditRecord, caller: &Caller) {
    record.user = Some(caller.name().to_owned());
    record.user_id = Some(caller.user_id().to_string());
    record.credential = Some(match caller.credential() {
        Credential::Session { id } => format!("session:{id}"),
        Credential::ApiToken { id } => format!("token:{id}"),
    });
}

/// Says what it is about.
pub fn about(record: &mut AuditRecord, info: &RequestInfo) {
    let RequestInfo::Resource(info) = info else { return };
    record.group = Some(info.group.clone());
    record.resource = Some(info.resource.clone());
    record.subresource = Some(info.subresource.clone());
    record.namespace = Some(info.namespace.clone());
    record.name = Some(info.name.clone());
}

/// Why it was not done. What is wrong with a request is told with its content, which may be a password in the wrong place.
pub fn reason(failure: &Failure) -> &str {
    match failure.code {
        ErrorCode::InvalidRequest => "the request is not valid",
        _ => &failure.detail,
    }
}

/// Says that mk8s did not let it go on, and why.
pub fn refused(record: &mut AuditRecord, failure: &Failure) {
    record.status = Some(failure.code.http_status().into());
    record.outcome = Some(AuditOutcome::Refused);
    if failure.code == ErrorCode::Forbidden {
        record.decision = Some(AuditDecision::Denied);
    }
    record.detail = Some(reason(failure).to_owned());
}
