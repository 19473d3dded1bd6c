//! An operation: one command on many clusters, of which all are allowed before the first begins.

use serde::{Deserialize, Serialize};

use super::cluster::ClusterStatus;
use super::id::{ClusterName, RequestId};

/// The most clusters of one operation.
pub const MAX_CLUSTERS: usize = 500;

/// The most patterns that choose them.
pub const MAX_PATTERNS: usize = 500;

/// The body of `POST /operations`. At least one of `clusters` and `selector` is needed; with both, a cluster must be
/// chosen by both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OperationRequest {
    /// The arguments of kubectl, without the program's name.
    pub command: Vec<String>,
    /// The namespace for commands that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Names of clusters, or patterns with `*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<String>,
    /// A label selector in the form of Kubernetes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
}

/// The answer: the command may now be run in each of these clusters, with the id of the operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Operation {
    /// Names it in the commands that belong to it, and in the audit log.
    #[schema(value_type = String)]
    pub id: RequestId,
    /// The clusters, in the order of their names.
    pub clusters: Vec<OperationCluster>,
}

/// One cluster of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OperationCluster {
    /// Its name.
    pub name: ClusterName,
    /// Whether it can be reached.
    pub status: ClusterStatus,
}
