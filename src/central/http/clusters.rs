//! `GET /clusters` and `GET /clusters/{name}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use jiff::{SignedDuration, Timestamp};

use crate::central::directory::Entry;
use crate::central::state::Central;
use crate::model::{Cluster, ClusterList, ClusterName, ClusterStatus, ErrorCode, Failure};

/// A cluster whose agents were not heard of for this long is offline, whatever its connections say.
const SILENCE: SignedDuration = SignedDuration::from_secs(60);

/// All clusters.
pub async fn list(State(central): State<Arc<Central>>) -> Json<ClusterList> {
    Json(ClusterList { clusters: central.directory.iter().map(|entry| cluster(&central, entry)).collect() })
}

/// One cluster.
pub async fn show(State(central): State<Arc<Central>>, name: InPath) -> Result<Json<Cluster>, Failure> {
    Ok(Json(cluster(&central, find(&central, &named(name)?)?)))
}

/// What a path has in the place of a cluster's name.
pub type InPath = Result<Path<String>, PathRejection>;

/// The text in the place of a cluster's name, which may name none.
pub fn named(name: InPath) -> Result<String, Failure> {
    name.map(|Path(name)| name).map_err(|_| Failure::new(ErrorCode::NotFound, "the path does not name a cluster"))
}

/// The cluster that a path names.
pub fn find<'a>(central: &'a Central, name: &str) -> Result<&'a Entry, Failure> {
    let name: ClusterName = name.parse().map_err(|e| Failure::new(ErrorCode::NotFound, format!("{e}")))?;
    central.directory.by_name(&name).ok_or_else(|| {
        Failure::new(
            ErrorCode::NotFound,
            format!("there is no cluster {:?}: `mk8s clusters list` shows those there are", name.as_str()),
        )
    })
}

fn cluster(central: &Central, entry: &Entry) -> Cluster {
    let heard = entry.heard();
    let tunnels = central.registry.count(entry.id);
    let recent = heard.last_seen.is_some_and(|then| Timestamp::now().duration_since(then) < SILENCE);
    let status = if tunnels > 0 && recent { ClusterStatus::Online } else { ClusterStatus::Offline };
    Cluster {
        name: entry.name.clone(),
        status,
        last_seen: heard.last_seen,
        agent_version: heard.agent_version,
        tunnels,
        facts: heard.facts,
    }
}
