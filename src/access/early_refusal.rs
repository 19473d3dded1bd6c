//! The refusal of a command before it runs: only what is certain is refused; each request is decided by its own later.

use super::policy::{Decision, Policy};
use super::role_book::Rights;
use crate::kubernetes::kubectl::Need;
use crate::model::{ClusterRules, Rule};

/// The namespace that kubectl uses where nothing names one.
const DEFAULT_NAMESPACE: &str = "default";

/// A text that no literal pattern is likely to match, put in the place of each `*`.
const ANYTHING: &str = "zq0jx7";

/// What is missing for a command that cannot succeed; `None` when it may. `needs` is what the command asks for if it uses
/// this namespace where it names none.
///
/// `namespace` is that of the request. Without one the agent's own settings choose, and central does not know them: the
/// command is refused only if it would fail in every namespace that a pattern of the rules stands for.
pub fn certain_refusal(rights: &Rights, namespace: Option<&str>, needs: impl Fn(&str) -> Vec<Need>) -> Option<String> {
    let refused = |namespace: &str| needs(namespace).iter().find_map(|need| missing(rights.policy(), need));
    let why = refused(namespace.unwrap_or(DEFAULT_NAMESPACE))?;
    let elsewhere = || candidates(rights.rules()).iter().any(|namespace| refused(namespace).is_none());
    match namespace.is_none() && elsewhere() {
        true => None,
        false => Some(why),
    }
}

/// What is missing, if none of the alternatives is allowed.
fn missing(policy: &Policy, need: &Need) -> Option<String> {
    let mut first = None;
    for attributes in &need.any {
        match policy.decide(attributes) {
            Decision::Allowed { .. } => return None,
            Decision::Denied { why } => first = first.or(Some(why)),
        }
    }
    first
}

/// A namespace or two for each pattern that the rules permit something in.
fn candidates(rules: &ClusterRules) -> Vec<String> {
    let permitted = rules.roles.iter().flat_map(|role| &role.permissions);
    let patterns = permitted.flat_map(|Rule { namespaces, .. }| namespaces);
    let mut all: Vec<String> =
        patterns.flat_map(|pattern| ["", ANYTHING].map(|text| pattern.replace('*', text))).collect();
    all.retain(|name| !name.is_empty());
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::RoleBook;
    use crate::kubernetes::attributes::Attributes;
    use crate::model::{Permission, Role};

    fn entry(namespaces: &[&str], resources: &[&str], verbs: &[&str]) -> Permission {
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Permission {
            clusters: vec!["*".into()],
            namespaces: list(namespaces),
            resources: list(resources),
            verbs: list(verbs),
        }
    }

    fn get(resource: &str, namespace: Option<&str>) -> Attributes {
        Attributes::Resource {
            verb: "get".into(),
            group: String::new(),
            resource: resource.into(),
            subresource: String::new(),
            namespace: namespace.map(str::to_owned),
            name: None,
        }
    }

    /// What is said to `kubectl get <one of these resources>`, with `-n` or without.
    fn refused(
        permissions: Permission,
        deny: Vec<Permission>,
        resources: &[&str],
        given: Option<&str>,
    ) -> Option<String> {
        let (name, permissions) = ("team".parse().unwrap(), vec![permissions]);
        let role = Role { name, description: String::new(), permissions, deny, built_in: false };
        let rights = RoleBook::new(vec![role.clone()]).rights(&[role.name], &"dev".parse().unwrap(), None);
        certain_refusal(&rights, given, |namespace| {
            vec![Need { any: resources.iter().map(|resource| get(resource, Some(namespace))).collect() }]
        })
    }

    #[test]
    fn a_command_is_refused_when_none_of_the_alternatives_is_allowed() {
        let pods = || entry(&["*"], &["pods"], &["get"]);
        assert_eq!(refused(pods(), vec![], &["pods"], Some("app")), None);
        assert_eq!(refused(pods(), vec![], &["secrets", "pods"], Some("app")), None);
        let why = refused(pods(), vec![], &["secrets", "services"], Some("app")).unwrap();
        assert!(why.contains("secrets") && why.contains("app"), "the first that is missing: {why}");
        assert_eq!(refused(pods(), vec![], &[], Some("app")), None, "nothing certain");
    }

    #[test]
    fn without_a_namespace_only_what_is_allowed_nowhere_is_refused() {
        for namespaces in ["default", "team", "app-*", "*-app", "*"] {
            let pods = || entry(&[namespaces], &["pods"], &["get"]);
            assert_eq!(refused(pods(), vec![], &["pods"], None), None, "{namespaces}");
            assert!(refused(pods(), vec![], &["secrets"], None).is_some(), "{namespaces}");
        }
        let pods = || entry(&["app-*"], &["pods"], &["get"]);
        assert!(refused(pods(), vec![], &["pods"], Some("default")).is_some());
        assert!(refused(pods(), vec![pods()], &["pods"], None).is_some(), "denied wherever it is permitted");
        let one = entry(&["default"], &["pods"], &["get"]);
        assert_eq!(refused(entry(&["*"], &["pods"], &["get"]), vec![one], &["pods"], None), None);
    }
}
