//! What a SelfSubjectAccessReview is about, as the requests that it asks about would be.

use super::super::attributes::{Attributes, needed};
use super::super::built_in_resources::{SUBRESOURCES, built_in};
use super::super::request_info::{RequestInfo, ResourceInfo};
use super::super::target::Target;
use super::Asked;
use super::body::{AccessSpec, NonResourceAttributes, ResourceAttributes};

/// The verbs that requests for resources have.
const VERBS: [&str; 8] = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];

/// The methods of requests for paths.
const METHODS: [&str; 7] = ["get", "head", "post", "put", "patch", "delete", "options"];

/// Verbs that no request has: the cluster alone looks at them, on the way of other requests. `impersonate` is none of
/// them, as nobody acts as another user through mk8s.
const OF_THE_CLUSTER: [&str; 6] = ["approve", "attest", "bind", "escalate", "sign", "use"];

/// What is asked. The verb `*` is all verbs. The subresource `*` is all subresources, and with the verb `*` so is the
/// resource `*` without one. A patch is taken for one that creates nothing.
pub fn asked(spec: AccessSpec) -> Asked {
    let AccessSpec { resource_attributes: resource, non_resource_attributes: path } = spec;
    if let (Some(attributes), None) = (&resource, &path)
        && OF_THE_CLUSTER.contains(&attributes.verb.as_str())
    {
        return Asked::Cluster;
    }
    // The API server accepts one of them only, and decides on all that is there.
    let resource = resource.map(|attributes| of_resource(&attributes)).unwrap_or_default();
    let path = path.map(|attributes| of_path(&attributes)).unwrap_or_default();
    Asked::Access([resource, path].concat())
}

fn of_path(attributes: &NonResourceAttributes) -> Vec<Attributes> {
    let NonResourceAttributes { path, verb } = attributes;
    let attributes = |verb: &str| Attributes::Path { verb: verb.to_owned(), path: path.clone() };
    match verb.as_str() {
        "*" => METHODS.into_iter().map(attributes).collect(),
        verb => vec![attributes(verb)],
    }
}

fn of_resource(attributes: &ResourceAttributes) -> Vec<Attributes> {
    let ResourceAttributes { namespace, verb, group, resource, subresource, name } = attributes;
    let verbs: &[&str] = if verb == "*" { &VERBS } else { &[verb] };
    let own = [subresource.as_str()];
    let below = own.into_iter().chain(SUBRESOURCES);
    let subresources: Vec<&str> = match (verb.as_str(), resource.as_str(), subresource.as_str()) {
        (_, _, "*") => below.collect(),
        ("*", "*", "") => below.chain(["*"]).collect(),
        _ => own.to_vec(),
    };
    let namespace = match built_in(resource).filter(|known| known.group == group && !known.namespaced) {
        None => namespace,
        // A namespace is in itself, as in the requests for it; clients name another one all the same.
        Some(_) if resource == "namespaces" => name,
        Some(_) => "",
    };
    // For these it does not matter what else is in the target.
    let Ok(target) = Target::parse("/") else { return Vec::new() };
    let one = |verb: &str, subresource: &str| {
        let info = ResourceInfo {
            verb: verb.to_owned(),
            group: group.clone(),
            namespace: namespace.to_owned(),
            resource: resource.clone(),
            subresource: subresource.to_owned(),
            name: name.clone(),
            ..ResourceInfo::default()
        };
        needed(&RequestInfo::Resource(info), &target, Some("application/merge-patch+json"))
    };
    verbs.iter().flat_map(|verb| subresources.iter().flat_map(move |sub| one(verb, sub))).collect()
}
