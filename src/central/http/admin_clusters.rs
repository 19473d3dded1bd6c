//! `/admin/clusters` and the tokens of their agents.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use http::StatusCode;

use super::auth::{Secret, secret};
use super::clusters::{self, InPath};
use super::json::Strict;
use crate::access::Caller;
use crate::central::clusters::no_such_cluster;
use crate::central::state::Central;
use crate::central::tokens::no_such_token;
use crate::model::token::{
    AdminCluster, AdminClusterList, AgentTokenList, ClusterChange, CreatedAgentToken, NewAgentToken, NewCluster,
};
use crate::model::{ClusterName, Failure};

fn cluster(name: InPath) -> Result<ClusterName, Failure> {
    let name = clusters::named(name)?;
    name.parse().map_err(|_| no_such_cluster(&name.chars().take(64).collect::<String>()))
}

/// All clusters.
pub async fn list(State(central): State<Arc<Central>>) -> Result<Json<AdminClusterList>, Failure> {
    Ok(Json(AdminClusterList { clusters: central.admin_clusters().await? }))
}

/// One cluster.
pub async fn show(State(central): State<Arc<Central>>, name: InPath) -> Result<Json<AdminCluster>, Failure> {
    central.admin_cluster(cluster(name)?).await.map(Json)
}

/// Another cluster.
pub async fn create(
    State(central): State<Arc<Central>>,
    Extension(admin): Extension<Caller>,
    Strict(new): Strict<NewCluster>,
) -> Result<(StatusCode, Json<AdminCluster>), Failure> {
    Ok((StatusCode::CREATED, Json(central.create_cluster(&admin, new).await?)))
}

/// Other labels.
pub async fn change(
    State(central): State<Arc<Central>>,
    Extension(admin): Extension<Caller>,
    name: InPath,
    Strict(change): Strict<ClusterChange>,
) -> Result<Json<AdminCluster>, Failure> {
    central.change_cluster(&admin, cluster(name)?, change).await.map(Json)
}

/// One cluster less.
pub async fn delete(
    State(central): State<Arc<Central>>,
    Extension(admin): Extension<Caller>,
    name: InPath,
) -> Result<StatusCode, Failure> {
    central.delete_cluster(&admin, cluster(name)?).await.map(|()| StatusCode::NO_CONTENT)
}

/// The valid tokens of a cluster's agents.
pub async fn tokens(State(central): State<Arc<Central>>, name: InPath) -> Result<Json<AgentTokenList>, Failure> {
    Ok(Json(AgentTokenList { tokens: central.agent_tokens(cluster(name)?).await? }))
}

/// Another token.
pub async fn create_token(
    State(central): State<Arc<Central>>,
    Extension(admin): Extension<Caller>,
    name: InPath,
    Strict(new): Strict<NewAgentToken>,
) -> Result<(StatusCode, Secret<CreatedAgentToken>), Failure> {
    Ok((StatusCode::CREATED, secret(central.create_agent_token(&admin, cluster(name)?, new).await?)))
}

/// One token less.
pub async fn revoke_token(
    State(central): State<Arc<Central>>,
    Extension(admin): Extension<Caller>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<StatusCode, Failure> {
    let Ok(Path((name, id))) = path else { return Err(no_such_token()) };
    let id = id.parse().map_err(|_| no_such_token())?;
    central.revoke_agent_token(&admin, cluster(Ok(Path(name)))?, id).await.map(|()| StatusCode::NO_CONTENT)
}
