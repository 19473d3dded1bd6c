//! Operations: which clusters are chosen, and whether a command belongs to one that was allowed.

use jiff::{SignedDuration, Timestamp};

use super::directory::Entry;
use super::state::Central;
use crate::access::{Authorized, Caller, authorize, name_matches};
use crate::kubernetes::label_selector::LabelSelector;
use crate::model::audit::{AuditDecision, AuditKind, AuditRecord};
use crate::model::operation::{MAX_CLUSTERS, MAX_PATTERNS, OperationRequest};
use crate::model::{ClusterId, ErrorCode, Failure, RequestId};
use crate::store;

/// How long the commands of an operation may begin.
const LIFE: SignedDuration = SignedDuration::from_hours(24);

/// What stands between the clusters of an operation in its record.
pub const SEPARATOR: &str = ",";

/// A cluster of an operation, and the proof that its caller may use it.
pub type Chosen = (Entry, Authorized<ClusterId>);

impl Central {
    /// The clusters of an operation, in the order of their names. Those that the caller may not see count for nothing.
    pub async fn choose(&self, request: &OperationRequest, caller: &Caller) -> Result<Vec<Chosen>, Failure> {
        let selector = selector(request)?;
        let all = self.clusters().await?;
        let book = self.role_book().await?;
        let visible: Vec<Chosen> = all
            .iter()
            .filter_map(|entry| {
                let closed = self.registry.closed_namespace(entry.id);
                let proof = authorize(&book, caller.clone(), &entry.name, closed.as_deref(), entry.id).ok()?;
                Some((entry.clone(), proof))
            })
            .collect();
        let named = |pattern: &String, entry: &Entry| name_matches(pattern, entry.name.as_str());
        let mut patterns = request.clusters.iter();
        if let Some(unknown) = patterns.find(|pattern| !visible.iter().any(|(entry, _)| named(pattern, entry))) {
            return Err(none(format!("no cluster matches {:?}", unknown.chars().take(64).collect::<String>())));
        }
        let by_name = |entry: &Entry| request.clusters.is_empty() || request.clusters.iter().any(|p| named(p, entry));
        let by_labels = |entry: &Entry| selector.as_ref().is_none_or(|selector| selector.matches(&entry.labels));
        let chosen: Vec<Chosen> = visible.into_iter().filter(|(entry, _)| by_name(entry) && by_labels(entry)).collect();
        match chosen.len() {
            0 => Err(none("no cluster has the labels of the selector".into())),
            1..=MAX_CLUSTERS => Ok(chosen),
            many => Err(invalid(format!("{many} clusters match, at most {MAX_CLUSTERS} are accepted: choose fewer"))),
        }
    }

    /// Links the record of a command to its operation.
    ///
    /// # Errors
    /// When there is no such operation of this caller with this command and this cluster.
    pub async fn join_operation(&self, operation: &RequestId, record: &mut AuditRecord) -> Result<(), Failure> {
        let id = operation.as_str().to_owned();
        let found = self.store.read(move |c| store::audit::record(c, &id)).await?;
        let asked = record.clone().bounded();
        let own = found.filter(|found| {
            found.kind == Some(AuditKind::Operation)
                && found.decision == Some(AuditDecision::Allowed)
                && found.user_id == asked.user_id
                && Timestamp::now().duration_since(found.time) < LIFE
        });
        let Some(own) = own else {
            let detail = "there is no such operation of yours, or it is older than a day: begin another one";
            return Err(Failure::new(ErrorCode::NotFound, detail));
        };
        let mut clusters = own.target.as_deref().unwrap_or_default().split(SEPARATOR);
        if own.command != asked.command || !clusters.any(|name| Some(name) == asked.cluster.as_deref()) {
            return Err(invalid("the operation is of another command, or of other clusters".into()));
        }
        record.parent = Some(own.id);
        Ok(())
    }
}

fn selector(request: &OperationRequest) -> Result<Option<LabelSelector<'_>>, Failure> {
    if request.clusters.is_empty() && request.selector.is_none() {
        return Err(invalid("say which clusters: \"clusters\" with names or patterns, or \"selector\"".into()));
    }
    if request.clusters.len() > MAX_PATTERNS {
        return Err(invalid(format!("at most {MAX_PATTERNS} names or patterns are accepted")));
    }
    let selector = request.selector.as_deref().map(|text| LabelSelector::parse(text.as_bytes()));
    selector.transpose().map_err(|error| invalid(format!("\"selector\": {error}")))
}

fn none(what: String) -> Failure {
    Failure::new(ErrorCode::NotFound, format!("{what}: `mk8s clusters list --show-labels` shows those there are"))
}

fn invalid(detail: String) -> Failure {
    Failure::new(ErrorCode::InvalidRequest, detail)
}
