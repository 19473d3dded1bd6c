//! What the policy says to questions about the caller's own rights.

use serde_json::{Value, json};

use super::*;
use crate::kubernetes::reviews::{Asked, Finding, Review};

/// What a SelfSubjectAccessReview asks, in the words `verb resource [subresource]` for a namespace.
fn review(text: &str, namespace: &str) -> Asked {
    let mut words = text.split(' ');
    let mut word = || words.next().unwrap_or_default();
    let (verb, resource, subresource) = (word(), word(), word());
    let (resource, group) = resource.split_once('.').unwrap_or((resource, ""));
    let attributes = match resource.starts_with('/') {
        true => json!({ "nonResourceAttributes": { "verb": verb, "path": resource } }),
        false => json!({ "resourceAttributes": {
            "verb": verb, "resource": resource, "group": group, "subresource": subresource, "namespace": namespace,
        } }),
    };
    let body = json!({ "spec": attributes }).to_string();
    Review::Access.read(&http::HeaderMap::new(), body.as_bytes()).expect("a review")
}

fn says_yes(policy: &Policy, text: &str, namespace: &str) -> bool {
    match policy.review(&review(text, namespace), None) {
        Finding::Agreed => true,
        Finding::Denied { why } => {
            assert!(!why.is_empty());
            false
        }
        other => panic!("{other:?}"),
    }
}

/// Permissions, denials, and questions with what is said to them.
type Case = (&'static [&'static str], &'static [&'static str], &'static [(&'static str, bool)]);

#[test]
fn a_star_is_answered_with_yes_only_if_nothing_of_it_is_refused() {
    const ADMIN: &[&str] = &["* on * in *"];
    let cases: &[Case] = &[
        (ADMIN, &[], &[("* *", true), ("* *.*", true), ("get *", true), ("get pods *", true), ("* /metrics", true)]),
        (ADMIN, &[], &[("get /*", true), ("bind clusterroles", true), ("impersonate users", false)]),
        (
            &["get,list,watch on * in *"],
            &[],
            &[("get *", true), ("* *", false), ("* pods", false), ("get pods *", false)],
        ),
        (&["get,list,watch on * in *"], &[], &[("list *.*", true), ("list *.apps", true), ("get /metrics", false)]),
        (
            &["get,list,watch,create,update,patch,delete,deletecollection on * in *"],
            &[],
            &[("* pods", true), ("* *", false)],
        ),
        (
            &["get on pods in *"],
            &[],
            &[("get *", false), ("get pods", true), ("get pods log", false), ("get pods *", false)],
        ),
        (
            &["get on *.apps in *"],
            &[],
            &[("get *.apps", true), ("get *", false), ("get *.*", false), ("get *.batch", false)],
        ),
        (&["get on pods/* in *"], &[], &[("get pods status", true), ("get pods *", false)]),
        (&["get on /metrics* in *"], &[], &[("get /metrics*", true), ("get /metrics/x", true), ("get /*", false)]),
        // What is denied is not everything.
        (ADMIN, &["* on secrets in *"], &[("* *", false), ("get *", false), ("get *.*", false), ("get pods", true)]),
        (ADMIN, &["get on certs.example.com in *"], &[("get *.*", false), ("get *.example.com", false)]),
        (ADMIN, &["exec on pods in *"], &[("* *", false), ("create *", false), ("get pods *", false)]),
        (ADMIN, &["delete on pods in *"], &[("get *", true), ("delete *", false), ("* *", false), ("* pods", false)]),
        (ADMIN, &["* on pods in other"], &[("* *", true)]),
        (ADMIN, &["get on /metrics in *"], &[("get /*", false), ("get *", true), ("get /version", true)]),
        (&[], &[], &[("get pods", false), ("* *", false), ("get /api", false)]),
    ];
    for (permissions, denials, questions) in cases {
        let policy = policy(permissions, denials);
        for (text, expected) in *questions {
            assert_eq!(says_yes(&policy, text, "app"), *expected, "{permissions:?} {denials:?}: {text}");
        }
    }
    // A denial in one namespace counts for a question about all.
    assert!(!says_yes(&policy(ADMIN, &["* on pods in other"]), "* *", ""));
}

#[test]
fn the_closed_namespace_is_not_everything() {
    let roles = vec![role("admin", &["* on * in *"], &[])];
    let closed = Policy::compile(ClusterRules { roles }, Some("mk8s"));
    for (text, namespace, expected) in [
        ("* *", "app", true),
        ("* *", "mk8s", false),
        ("list *", "mk8s", false),
        ("list secrets", "mk8s", false),
        // Secrets of all namespaces are also those of the closed one.
        ("list *", "", false),
        ("list secrets", "", false),
        ("list pods", "", true),
    ] {
        assert_eq!(says_yes(&closed, text, namespace), expected, "{text} in {namespace:?}");
    }
}

/// The rules for a namespace, as `verbs group/resources`, without what is open to everyone.
fn listed(policy: &Policy, namespace: &str) -> Vec<String> {
    let Finding::Rules(rules) = policy.review(&Asked::Rules { namespace: namespace.into() }, None) else { panic!() };
    let resources = rules.resources.iter().map(|rule| {
        let resources: Value = json!(rule);
        assert_eq!(resources["apiGroups"].as_array().map(Vec::len), Some(1));
        format!("{} {}:{}", rule.verbs.join(","), rule.api_groups.join(","), rule.resources.join(","))
    });
    let resources: Vec<String> = resources.collect();
    let paths = rules.paths.iter().map(|rule| format!("{} {}", rule.verbs.join(","), rule.paths.join(",")));
    let paths: Vec<String> = paths.collect();
    if !resources.is_empty() {
        assert_eq!(resources[0], "create authorization.k8s.io:selfsubjectaccessreviews,selfsubjectrulesreviews");
        assert_eq!(resources[1], "create authentication.k8s.io:selfsubjectreviews");
        assert!(paths[0].starts_with("get,head /api,/api/*,"));
    }
    resources.into_iter().skip(2).chain(paths.into_iter().skip(1)).collect()
}

#[test]
fn permissions_are_listed_in_the_form_of_kubernetes() {
    for (permissions, wanted) in [
        (
            &["get,list on pods,services,deployments in app-*"][..],
            &["get,list :pods,services", "get,list apps:deployments"][..],
        ),
        (&["get,logs,exec on pods in *"], &["get :pods,pods/log", "create :pods/exec"]),
        (&["logs on * in *"], &["get :pods/log"]),
        (&["exec on pods/exec in *"], &["create :pods/exec"]),
        (&["proxy on services in *"], &["* :services/proxy"]),
        (&["patch on */scale in *"], &["patch *:*/scale"]),
        (&["get on certs.example.com,*.example.com in *"], &["get example.com:certs,*"]),
        (&["get on /metrics in *"], &["get /metrics"]),
        (&["get on pods in other"], &[]),
        (&["* on * in *"], &["* *:*", "* *"]),
        (&["* on * in app-1"], &["* *:*"]),
    ] {
        assert_eq!(listed(&policy(permissions, &[]), "app-1"), wanted, "{permissions:?}");
    }
    let names = listed(&policy(&["get on config* in *"], &[]), "app-1");
    assert_eq!(names, ["get :configmaps"]);
    let all = listed(&policy(&["* on pods in *"], &[]), "app-1");
    assert!(["* :pods", "* :pods/proxy"].iter().all(|rule| all.contains(&(*rule).to_owned())), "{all:?}");
    assert!(listed(&policy(&[], &["* on * in *"]), "app-1").is_empty());
}

#[test]
fn the_closed_namespace_lists_what_names_it() {
    let roles = vec![role("r", &["get on pods in *", "list on pods in mk8s"], &[])];
    let closed = Policy::compile(ClusterRules { roles }, Some("mk8s"));
    assert_eq!(listed(&closed, "mk8s"), ["list :pods"]);
    assert_eq!(listed(&closed, "app"), ["get :pods"]);
}

#[test]
fn who_acts_as_the_agent_is_named() {
    let policy = policy(&["get on pods in *"], &[]);
    assert_eq!(policy.review(&Asked::Identity, None), Finding::Agreed);
    let groups = ["mk8s:viewer".to_owned()];
    let named = Finding::Identity { user: "ann@example.com".into(), groups: groups.to_vec() };
    assert_eq!(policy.review(&Asked::Identity, Some(("ann@example.com", &groups))), named);
}
