//! Tables and properties of the policy.

mod built_in;
mod checks;
mod decisions;
mod denials;
mod places;
mod properties;
mod reviews;
mod words;

use super::*;

/// `get pods -n app`, `create pods/exec`, `list secrets -n app/name`, `get /metrics`: one thing that is asked.
fn ask(text: &str) -> Attributes {
    let mut words = text.split(' ');
    let (verb, what) = (words.next().expect("a verb"), words.next().expect("a resource"));
    if what.starts_with('/') {
        return Attributes::Path { verb: verb.into(), path: what.into() };
    }
    let (resource, subresource) = what.split_once('/').unwrap_or((what, ""));
    let (resource, group) = match resource.split_once('.') {
        Some((resource, group)) => (resource, group),
        None => (resource, crate::kubernetes::built_in_resources::built_in(resource).map_or("", |known| known.group)),
    };
    let mut place = None;
    if words.next() == Some("-n") {
        place = words.next();
    }
    let (namespace, name) = match place.map(|place| place.split_once('/').map_or((place, None), |(a, b)| (a, Some(b))))
    {
        Some(("", name)) => (None, name),
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, None),
    };
    Attributes::Resource {
        verb: verb.into(),
        group: group.into(),
        resource: resource.into(),
        subresource: subresource.into(),
        namespace: namespace.map(Into::into),
        name: name.map(Into::into),
    }
}

/// `get,list on pods,services in app-*`.
fn rule(text: &str) -> Rule {
    let (verbs, rest) = text.split_once(" on ").expect("resources");
    let (resources, namespaces) = rest.split_once(" in ").expect("namespaces");
    let list = |text: &str| text.split(',').map(str::to_owned).collect();
    Rule { namespaces: list(namespaces), resources: list(resources), verbs: list(verbs) }
}

/// A role `r` with these permissions and denials.
fn role(name: &str, permissions: &[&str], deny: &[&str]) -> RoleRules {
    let rules = |texts: &[&str]| texts.iter().map(|text| rule(text)).collect();
    RoleRules { role: name.parse().expect("a role name"), permissions: rules(permissions), deny: rules(deny) }
}

fn policy(permissions: &[&str], deny: &[&str]) -> Policy {
    Policy::compile(ClusterRules { roles: vec![role("r", permissions, deny)] }, None)
}

fn allows(policy: &Policy, asked: &str) -> bool {
    matches!(policy.decide(&ask(asked)), Decision::Allowed { .. })
}

fn why(policy: &Policy, asked: &str) -> String {
    match policy.decide(&ask(asked)) {
        Decision::Allowed { .. } => panic!("{asked} is allowed"),
        Decision::Denied { why } => why,
    }
}

/// Each line: what is asked, and whether it is allowed.
fn table(policy: &Policy, lines: &[(&str, bool)]) {
    for (asked, expected) in lines {
        assert_eq!(allows(policy, asked), *expected, "{asked}");
    }
}
