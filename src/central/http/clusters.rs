//! `GET /clusters` and `GET /clusters/{name}`.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use jiff::{SignedDuration, Timestamp};

use crate::access::{Authorized, Caller, authorize};
use crate::central::clusters::{no_such_cluster, similar_cluster};
use crate::central::directory::Entry;
use crate::central::state::Central;
use crate::model::nearest::nearest;
use crate::model::{Cluster, ClusterId, ClusterList, ClusterStatus, ErrorCode, Failure};

/// A cluster whose agents were not heard of for this long is offline, whatever its connections say.
const SILENCE: SignedDuration = SignedDuration::from_secs(60);

/// With how many names of clusters one that is not known is compared.
const COMPARED: usize = 1_000;

/// All clusters that the caller may use.
pub async fn list(
    State(central): State<Arc<Central>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<ClusterList>, Failure> {
    let visible = visible(&central, &caller).await?;
    Ok(Json(ClusterList { clusters: visible.iter().map(|entry| cluster(&central, entry)).collect() }))
}

/// The clusters that a caller may use.
async fn visible(central: &Central, caller: &Caller) -> Result<Vec<Entry>, Failure> {
    let all = central.clusters().await?;
    let book = central.role_book().await?;
    let visible = all.iter().filter(|entry| authorize(&book, caller.clone(), &entry.name, None, entry.id).is_ok());
    Ok(visible.cloned().collect())
}

/// One cluster.
pub async fn show(
    State(central): State<Arc<Central>>,
    Extension(caller): Extension<Caller>,
    name: InPath,
) -> Result<Json<Cluster>, Failure> {
    let (entry, _) = find(&central, &named(name)?, caller).await?;
    Ok(Json(cluster(&central, &entry)))
}

/// What a path has in the place of a cluster's name.
pub type InPath = Result<Path<String>, PathRejection>;

/// The text in the place of a cluster's name, which may name none.
pub fn named(name: InPath) -> Result<String, Failure> {
    name.map(|Path(name)| name).map_err(|_| Failure::new(ErrorCode::NotFound, "the path does not name a cluster"))
}

/// The cluster that a path names, if the caller may use it. Others do not learn that it exists: they are told of one with
/// a name like it that they may use.
pub async fn find(central: &Central, name: &str, caller: Caller) -> Result<(Entry, Authorized<ClusterId>), Failure> {
    match open(central, name, caller.clone()).await {
        Err(failure) if failure.code == ErrorCode::NotFound => {
            let visible = visible(central, &caller).await?;
            Err(match nearest(name, visible.iter().take(COMPARED).map(|entry| entry.name.as_str())) {
                Some(near) => similar_cluster(name, near),
                None => failure,
            })
        }
        found => found,
    }
}

async fn open(central: &Central, name: &str, caller: Caller) -> Result<(Entry, Authorized<ClusterId>), Failure> {
    let entry = central.cluster(name).await?;
    let book = central.role_book().await?;
    let closed = central.registry.closed_namespace(entry.id);
    let authorized = authorize(&book, caller, &entry.name, closed.as_deref(), entry.id)
        .map_err(|_| no_such_cluster(entry.name.as_str()))?;
    Ok((entry, authorized))
}

/// Whether a cluster can be reached.
pub fn status(central: &Central, entry: &Entry) -> ClusterStatus {
    reachable(central, entry, central.directory.heard(entry.id).last_seen)
}

fn reachable(central: &Central, entry: &Entry, last_seen: Option<Timestamp>) -> ClusterStatus {
    let recent = last_seen.is_some_and(|then| Timestamp::now().duration_since(then) < SILENCE);
    if recent && central.registry.count(entry.id) > 0 { ClusterStatus::Online } else { ClusterStatus::Offline }
}

fn cluster(central: &Central, entry: &Entry) -> Cluster {
    let heard = central.directory.heard(entry.id);
    let tunnels = central.registry.count(entry.id);
    let status = reachable(central, entry, heard.last_seen);
    Cluster {
        name: entry.name.clone(),
        labels: entry.labels.as_ref().clone(),
        status,
        last_seen: heard.last_seen,
        agent_version: heard.agent_version,
        tunnels,
        facts: heard.facts,
    }
}
