//! `POST /operations`: whether a command may run in many clusters; none begins unless it may in all.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::{Extension, Json};

use super::admission::{self, Refused};
use super::exec::Asked;
use super::json::without_value;
use super::{body, clusters, recorded};
use crate::access::Caller;
use crate::central::audit::Durability;
use crate::central::operations::{Chosen, SEPARATOR};
use crate::central::state::Central;
use crate::model::audit::{AuditDecision, AuditKind, AuditOutcome, AuditRecord};
use crate::model::{ErrorCode, ExecRequest, Failure, Operation, OperationCluster, OperationRequest, RequestId};

/// How many clusters a refusal names.
const NAMED: usize = 5;

/// Records the operation, and says in which clusters the command may be run now.
pub async fn begin(
    State(central): State<Arc<Central>>,
    Extension(caller): Extension<Caller>,
    Extension(id): Extension<RequestId>,
    Asked(record): Asked,
    body: Body,
) -> Result<Json<Operation>, Failure> {
    let (body, _room) = body::read(body, body::COMMAND).await?;
    let request = parse(&body)?;
    let mut record = AuditRecord { kind: Some(AuditKind::Operation), ..record };
    record.namespace.clone_from(&request.namespace);
    let admitted = admit(&central, &request, &caller, &mut record).await;
    match &admitted {
        Ok(_) => {
            record.decision = Some(AuditDecision::Allowed);
            record.status = Some(200);
            record.outcome = Some(AuditOutcome::Complete);
        }
        Err(Refused { failure, logged }) => {
            recorded::refused(&mut record, failure);
            record.detail = Some(logged.clone());
        }
    }
    central.audit.note(record, Durability::Strict).await?;
    let clusters = admitted.map_err(|refused| refused.failure)?.into_iter();
    let clusters = clusters.map(|(entry, _)| {
        let status = clusters::status(&central, &entry);
        OperationCluster { name: entry.name, status }
    });
    Ok(Json(Operation { id, clusters: clusters.collect() }))
}

/// The clusters, if the command may run in all of them.
async fn admit(
    central: &Central,
    request: &OperationRequest,
    caller: &Caller,
    record: &mut AuditRecord,
) -> Result<Vec<Chosen>, Refused> {
    let OperationRequest { command, namespace, .. } = request;
    let exec = ExecRequest { command: command.clone(), namespace: namespace.clone(), ..ExecRequest::default() };
    exec.validate()?;
    let command = admission::read(&exec.command, record)?;
    let chosen = central.choose(request, caller).await?;
    record.target = Some(chosen.iter().map(|(entry, _)| entry.name.as_str()).collect::<Vec<_>>().join(SEPARATOR));
    let mut refused = chosen.iter().filter_map(|(entry, cluster)| {
        let refusal = admission::permit(&command, cluster, namespace.as_deref()).err()?;
        Some((entry.name.as_str(), refusal.failure.detail))
    });
    let Some((first, why)) = refused.next() else { return Ok(chosen) };
    let mut names = vec![first];
    names.extend(refused.map(|(name, _)| name));
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let detail = format!("refused in {}{more}, so that nothing was started anywhere: {why}", names.join(", "));
    Err(Failure::new(ErrorCode::Forbidden, detail).into())
}

fn parse(body: &[u8]) -> Result<OperationRequest, Failure> {
    serde_json::from_slice(body).map_err(|error| {
        let hint = r#"send JSON such as {"command":["get","nodes"],"clusters":["prod-*"]}"#;
        Failure::new(ErrorCode::InvalidRequest, format!("the request is not valid: {}; {hint}", without_value(&error)))
    })
}
