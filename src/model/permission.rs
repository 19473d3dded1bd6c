//! What a role permits and denies, as its author writes it.

use serde::{Deserialize, Serialize};

/// One entry of a role's `permissions` or `deny`. It covers a request when each of its four lists does.
///
/// Patterns are literal, or contain `*` for any number of characters. No list may be empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Permission {
    /// Names of clusters, such as `dev-*`.
    pub clusters: Vec<String>,
    /// Names of namespaces. Only a `*` alone covers requests without a namespace: those for cluster-scoped resources
    /// and for all namespaces at once.
    pub namespaces: Vec<String>,
    /// `pods`, `deployments.apps`, `pods/status`, `*/scale`, `*`, or paths such as `/metrics`.
    pub resources: Vec<String>,
    /// Verbs of Kubernetes, `logs`, `exec`, `attach`, `port-forward`, `debug`, `proxy`, `token`, `evict`, or `*`.
    pub verbs: Vec<String>,
}

/// What the roles of a caller say about one cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterRules {
    /// The roles that say anything.
    pub roles: Vec<RoleRules>,
}

/// What one role says about one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRules {
    /// The role.
    pub role: super::RoleName,
    /// What it permits.
    pub permissions: Vec<Rule>,
    /// What it denies, whatever another role permits.
    pub deny: Vec<Rule>,
}

/// A [`Permission`] that is known to be about the cluster in question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// As in [`Permission::namespaces`].
    pub namespaces: Vec<String>,
    /// As in [`Permission::resources`].
    pub resources: Vec<String>,
    /// As in [`Permission::verbs`].
    pub verbs: Vec<String>,
}
