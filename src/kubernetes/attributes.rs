//! What a policy has to allow before a request may go on.

use super::request_info::RequestInfo;
use super::target::Target;

/// One thing that must be allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attributes {
    /// A verb on a resource.
    Resource {
        /// The verb of Kubernetes, such as `list`.
        verb: String,
        /// The API group; empty for the core group.
        group: String,
        /// The resource, in the plural.
        resource: String,
        /// The subresource, or empty.
        subresource: String,
        /// The namespace; `None` for cluster-scoped resources and for all namespaces at once.
        namespace: Option<String>,
        /// The name of the object; `None` for many or none.
        name: Option<String>,
    },
    /// A path that names no resource.
    Path {
        /// The method in lower case.
        verb: String,
        /// The decoded path.
        path: String,
    },
}

/// All that must be allowed for a request: a write that may create needs `create` too, a watch that begins with the
/// whole list needs `list` too, and a connection into a pod needs `create` whatever its method.
pub fn needed(_info: &RequestInfo, _target: &Target, _content_type: Option<&str>) -> Vec<Attributes> {
    Vec::new()
}

/// Whether a request for a path only tells what the cluster has: its versions, resources and schemas, and its health.
/// Whoever may do anything in a cluster may ask that.
pub fn is_discovery(verb: &str, path: &str) -> bool {
    let below = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let known = below("/api") || below("/apis") || below("/openapi");
    let health = matches!(path, "/version" | "/version/" | "/healthz" | "/livez" | "/readyz");
    matches!(verb, "get" | "head") && (known || health)
}
