//! Whether one may do a thing in a cluster: the question and its answer.

use serde::{Deserialize, Serialize};

use super::Email;

/// The body of `POST /clusters/{name}/can-i`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CanI {
    /// A verb of Kubernetes, or one of kubectl's words such as `logs` and `exec`.
    pub verb: String,
    /// As in a permission, without `*`: `pods`, `deployments.apps`, `pods/log`, or a path such as `/metrics`.
    pub resource: String,
    /// The subresource, for those who do not write it behind the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subresource: Option<String>,
    /// The namespace; without one the question is about a cluster-scoped resource, or about all namespaces at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The name of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// About whom an admin asks; without it, about oneself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Email>,
}

/// What the policy of central says. The cluster's own RBAC may refuse a request all the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Verdict {
    /// Whether it may be done.
    pub allowed: bool,
    /// The role that permits it, or what is missing.
    pub reason: String,
}
