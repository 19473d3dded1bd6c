//! Which built-in resource kubectl certainly means by a name.
//!
//! Where names clash, kubectl takes what the API server lists first: the core group, then the other built-in groups,
//! whose priorities are far above those of custom resources.

use crate::kubernetes::built_in_resources::{BUILT_IN, BuiltIn};

/// Those that came late or may be switched off, so that a custom resource can have their name in some clusters.
const NOT_EVERYWHERE: [&str; 15] = [
    "csistoragecapacities",
    "deviceclasses",
    "flowschemas",
    "ipaddresses",
    "mutatingadmissionpolicies",
    "mutatingadmissionpolicybindings",
    "prioritylevelconfigurations",
    "resourceclaims",
    "resourceclaimtemplates",
    "resourceslices",
    "runtimeclasses",
    "servicecidrs",
    "validatingadmissionpolicies",
    "validatingadmissionpolicybindings",
    "volumeattributesclasses",
];

/// The built-in resource that kubectl means by a name: plural, singular, short, or `plural.group`.
///
/// `None` for all that is not certain, such as the name of a kind.
pub fn named(name: &str) -> Option<&'static BuiltIn> {
    let qualified = name.split_once('.');
    let found = BUILT_IN.iter().find(|known| match qualified {
        Some((plural, group)) => known.name == plural && known.group == group,
        None => !name.is_empty() && (known.name == name || known.short == name || is_singular(name, known.name)),
    });
    found.filter(|known| !NOT_EVERYWHERE.contains(&known.name))
}

/// Whether a word is the singular of a plural: `ingress` and `policy` as well as `pod`.
fn is_singular(word: &str, plural: &str) -> bool {
    let Some(ending) = plural.strip_prefix(word.strip_suffix('y').unwrap_or(word)) else { return false };
    match word.as_bytes() {
        [.., b'y'] => ending == "ies",
        [.., b's'] => ending == "es",
        _ => ending == "s" && !plural.ends_with("sses") && plural != "endpoints",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_found_by_the_names_that_are_certain() {
        let found = |name| named(name).map(|resource| (resource.group, resource.name));
        for name in ["pods", "pod", "po"] {
            assert_eq!(found(name), Some(("", "pods")));
        }
        for name in ["deployments", "deployment", "deploy", "deployments.apps"] {
            assert_eq!(found(name), Some(("apps", "deployments")));
        }
        for (singular, plural) in [
            ("ingress", "ingresses"),
            ("networkpolicy", "networkpolicies"),
            ("priorityclass", "priorityclasses"),
            ("lease", "leases"),
            ("endpoints", "endpoints"),
            ("endpointslice", "endpointslices"),
        ] {
            assert_eq!(named(singular).map(|resource| resource.name), Some(plural));
        }
        for name in
            ["", "s", "y", "Pod", "all", "widgets", "pods.metrics.k8s.io", "deploy.apps", "deployments.v1.apps", "-"]
        {
            assert_eq!(found(name), None, "{name}");
        }
        for name in ["endpoint", "podss", "ingresse", "ingresss", "ipaddresses", "ip", "runtimeclass"] {
            assert_eq!(found(name), None, "{name}");
        }
        assert_eq!(named("no").map(|resource| resource.namespaced), Some(false));
    }

    #[test]
    fn no_short_name_stands_for_two_resources() {
        for known in BUILT_IN.iter().filter(|known| !NOT_EVERYWHERE.contains(&known.name)) {
            for name in [known.name, known.short] {
                assert!(name.is_empty() || named(name) == Some(known), "{name}");
            }
        }
    }
}
