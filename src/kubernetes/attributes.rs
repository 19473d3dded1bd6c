//! What a policy has to allow before a request may go on.

use super::query::Query;
use super::request_info::{RequestInfo, ResourceInfo};
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
        /// The namespace; `None` for cluster-scoped resources and for all namespaces at once. A namespace itself is in
        /// the namespace of its name.
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

/// All that must be allowed for a request; never empty. Mostly that is what it says it does, but
///
/// * a write that may create an object needs `create` too, see `creates`;
/// * a watch with `sendInitialEvents` returns what a list returns, and needs `list` too;
/// * exec, attach and port-forward are `create` on the subresource of the pod: new clients open them with GET, old
///   ones with POST, and to read is not to run;
/// * the prefix `/proxy/` of old API servers is the verb `proxy` on the subresource `proxy`, so that only permissions
///   cover it that speak of proxies or of everything: none for the bare resource does.
///
/// A verb that is unknown is empty here too, and no policy allows it.
pub fn needed(info: &RequestInfo, target: &Target, content_type: Option<&str>) -> Vec<Attributes> {
    let info = match info {
        RequestInfo::Path { verb, path } => return vec![Attributes::Path { verb: verb.clone(), path: path.clone() }],
        RequestInfo::Resource(info) => info,
    };
    let asks = |verb: &str, subresource: &str| Attributes::Resource {
        verb: verb.to_owned(),
        group: info.group.clone(),
        resource: info.resource.clone(),
        subresource: subresource.to_owned(),
        namespace: Some(info.namespace.clone()).filter(|namespace| !namespace.is_empty()),
        name: Some(info.name.clone()).filter(|name| !name.is_empty()),
    };
    let verb = info.verb.as_str();
    if verb == "get" && connects(info) {
        return vec![asks("create", &info.subresource)];
    }
    if verb == "proxy" {
        return vec![asks(verb, "proxy")];
    }
    let mut all = vec![asks(verb, &info.subresource)];
    if creates(info, content_type) {
        all.push(asks("create", ""));
    }
    if verb == "watch" && Query::parse(target.query()).flag("sendInitialEvents") {
        all.push(asks("list", &info.subresource));
    }
    all
}

/// Whether the API server could create the object that an update or patch names.
///
/// An update can where the resource allows it, which only the server knows, so every update counts. A patch can if it
/// is a server-side apply. The other three kinds of patches cannot; what is none of these kinds counts as if it could.
///
/// Writes to subresources cannot create: their storage in the API server works on an object that exists. The status of
/// services is the one exception, whose storage inherits that services may be created by an update.
fn creates(info: &ResourceInfo, content_type: Option<&str>) -> bool {
    let storage_creates = match info.subresource.as_str() {
        "" => true,
        "status" => info.group.is_empty() && info.resource == "services",
        _ => false,
    };
    let request_creates = match info.verb.as_str() {
        "update" => true,
        "patch" => !is_plain_patch(content_type.unwrap_or_default()),
        _ => false,
    };
    storage_creates && request_creates
}

/// Whether a patch of this content type changes an object and never creates one.
fn is_plain_patch(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    ["application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json"]
        .iter()
        .any(|plain| media_type.eq_ignore_ascii_case(plain))
}

/// Whether it opens a connection into a pod.
fn connects(info: &ResourceInfo) -> bool {
    info.group.is_empty()
        && info.resource == "pods"
        && matches!(info.subresource.as_str(), "exec" | "attach" | "portforward")
}

/// Whether a path that names no resource tells only what a cluster offers and whether it is well: what clients read
/// before anything else, and what whoever may do anything in the cluster may read. `verb` is the method in lower case.
pub fn is_discovery(verb: &str, path: &str) -> bool {
    let exact =
        matches!(path, "/api" | "/apis" | "/openapi" | "/version" | "/version/" | "/healthz" | "/livez" | "/readyz");
    let below = ["/api/", "/apis/", "/openapi/"].iter().any(|prefix| path.starts_with(prefix));
    matches!(verb, "get" | "head") && (exact || below)
}

#[cfg(test)]
mod tests;
