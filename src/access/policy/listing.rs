//! The permissions of a policy as lists of rules in the form of Kubernetes, as `kubectl auth can-i --list` shows them.
//!
//! kubectl's words become the subresources that they stand for, and bare names get the group of the built-in resource.
//! Patterns stay as they are: they are for people to read, programs take only `*` for more than itself.

use super::Policy;
use super::pattern::Pattern;
use super::verbs::{KUBECTL_WORDS, Verbs};
use crate::kubernetes::built_in_resources::{BUILT_IN, built_in};
use crate::kubernetes::reviews::{PathRule, ResourceRule, Rules};
use crate::model::Rule;

/// What everyone may ask who may do anything in the cluster.
const OPEN_PATHS: [&str; 10] =
    ["/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*", "/readyz", "/version"];

impl Policy {
    /// The permissions that are about a namespace, and those for what is in none.
    pub(super) fn rules_in(&self, namespace: &str) -> Rules {
        let mut rules = Rules::default();
        if !self.allows_anything() {
            return rules;
        }
        let reviews = ["selfsubjectaccessreviews", "selfsubjectrulesreviews"];
        add(&mut rules, &["create".into()], "authorization.k8s.io", &reviews);
        add(&mut rules, &["create".into()], "authentication.k8s.io", &["selfsubjectreviews"]);
        let methods = ["get", "head"].map(str::to_owned).to_vec();
        rules.paths.push(PathRule { verbs: methods, paths: OPEN_PATHS.map(str::to_owned).to_vec() });
        let permissions = self.source.roles.iter().flat_map(|role| &role.permissions);
        for rule in permissions.filter(|rule| self.is_about(rule, namespace)) {
            for resource in &rule.resources {
                list(&mut rules, rule, resource);
            }
        }
        rules
    }

    fn is_about(&self, rule: &Rule, namespace: &str) -> bool {
        match self.closed.as_deref() {
            Some(closed) if closed == namespace => rule.namespaces.iter().any(|text| text == closed),
            _ => rule.namespaces.iter().any(|text| Pattern::new(text).matches_text(namespace)),
        }
    }
}

/// Lists what a permission says about one of its resources.
fn list(rules: &mut Rules, rule: &Rule, entry: &str) {
    let all = rule.verbs.iter().any(|word| word == "*");
    let everywhere = rule.namespaces.iter().any(|text| text == "*");
    let verbs = |kind: Verbs| -> Vec<String> {
        let of_kind = |word: &&String| Verbs::of_word(word).is_some_and(|verb| kind.any_of(verb));
        match all {
            true => vec!["*".to_owned()],
            false => rule.verbs.iter().filter(of_kind).cloned().collect(),
        }
    };
    if entry.starts_with('/') || (entry == "*" && all) {
        let methods = verbs(Verbs::METHODS);
        if everywhere && !methods.is_empty() {
            rules.paths.push(PathRule { verbs: methods, paths: vec![entry.to_owned()] });
        }
    }
    if entry.starts_with('/') {
        return;
    }
    let (resource, below) = match entry.split_once('/') {
        Some((resource, subresource)) => (resource, Some(subresource)),
        None => (entry, None),
    };
    for (name, group) in meant(resource) {
        let whole = below.map_or_else(|| name.to_owned(), |below| format!("{name}/{below}"));
        add(rules, &verbs(Verbs::KUBERNETES), group, &[&whole]);
        if entry != "*" || !all {
            list_words(rules, rule, all, name, group, below);
        }
    }
}

/// Lists what kubectl's words permit.
fn list_words(rules: &mut Rules, rule: &Rule, all: bool, name: &str, group: &str, below: Option<&str>) {
    let says = |word: Verbs| all || rule.verbs.iter().any(|text| Verbs::of_word(text) == Some(word));
    let is_below = |subresource: &str| below.is_none_or(|below| Pattern::new(below).matches_text(subresource));
    for known in KUBECTL_WORDS.iter().filter(|known| says(known.word) && is_below(known.subresource)) {
        if Pattern::new(name).matches_text(known.resource) && Pattern::new(group).matches_text("") {
            let whole = format!("{}/{}", known.resource, known.subresource);
            add(rules, &[known.verb.word().to_owned()], "", &[&whole]);
        }
    }
    // `*` alone includes it on what has a proxy.
    let proxied = !all || matches!((group, name), ("", "pods" | "services" | "nodes"));
    if says(Verbs::PROXY) && proxied && is_below("proxy") {
        add(rules, &["*".to_owned()], group, &[&format!("{name}/proxy")]);
    }
}

/// The names and groups that an entry means.
fn meant(resource: &str) -> Vec<(&str, &str)> {
    match resource.split_once('.') {
        Some(written) => vec![written],
        None if resource == "*" => vec![("*", "*")],
        None if resource.contains('*') => {
            let pattern = Pattern::new(resource);
            let matching = BUILT_IN.iter().filter(|known| pattern.matches_text(known.name));
            matching.map(|known| (known.name, known.group)).collect()
        }
        None => built_in(resource).map(|known| (known.name, known.group)).into_iter().collect(),
    }
}

/// Adds a rule; to the last one, if that is for the same verbs and group.
fn add(rules: &mut Rules, verbs: &[String], group: &str, resources: &[&str]) {
    if verbs.is_empty() {
        return;
    }
    let resources = resources.iter().map(|resource| (*resource).to_owned());
    match rules.resources.last_mut() {
        Some(last) if last.verbs == verbs && last.api_groups == [group] => last.resources.extend(resources),
        _ => rules.resources.push(ResourceRule {
            verbs: verbs.to_vec(),
            api_groups: vec![group.to_owned()],
            resources: resources.collect(),
        }),
    }
}
