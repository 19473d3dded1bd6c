//! What denials cover.

use super::*;

#[test]
fn a_denial_wins_and_in_doubt_denies() {
    let policy = policy(
        &["* on * in *"],
        &[
            "* on secrets in *",
            "get on pods in kube-*",
            "delete on pods in *",
            "exec on pods in prod",
            "get on /logs/* in *",
        ],
    );
    table(
        &policy,
        &[
            ("get secrets -n a/x", false),
            ("list secrets", false),
            ("list secrets -n /x", false),
            ("watch secrets -n a", false),
            ("patch secrets/status -n a/x", false),
            ("get secrets.extensions -n a/x", false),
            ("get secrets.example.com -n a/x", true),
            ("get pods -n kube-system/x", false),
            ("get pods/status -n kube-system/x", false),
            ("get pods.metrics.k8s.io -n kube-system/x", false),
            ("get pods/log -n kube-system/x", true),
            ("list pods -n kube-system", true),
            ("get pods -n app/x", true),
            ("get pods", false),
            ("delete pods -n app/x", false),
            ("create pods/eviction -n app/x", true),
            ("create pods/exec -n prod/x", false),
            ("get pods/exec -n prod/x", false),
            ("create pods/exec -n app/x", true),
            ("create pods/exec", false),
            ("get /logs/a", false),
            ("head /logs/a", false),
            ("post /logs/a", true),
            ("get /metrics", true),
        ],
    );
    let wide = super::policy(&["* on * in *"], &["create on * in *", "get on events in *"]);
    table(
        &wide,
        &[
            ("create pods -n a", false),
            ("create pods/exec -n a/x", false),
            ("create serviceaccounts/token -n a/x", false),
            ("patch pods -n a/x", true),
            ("get events.events.k8s.io -n a/x", false),
        ],
    );
}

#[test]
fn a_denial_in_some_namespaces_denies_what_reaches_all_of_them() {
    let policy = policy(&["* on * in *"], &["* on *,widgets.example.com in kube-*"]);
    table(
        &policy,
        &[
            ("list pods -n app", true),
            ("list pods -n kube-system", false),
            ("list pods", false),
            ("watch pods", false),
            ("deletecollection pods", false),
            // A field selector names an object, and the list is still one of all namespaces.
            ("list pods -n /x", false),
            ("watch secrets -n /x", false),
            ("get pods -n /x", false),
            ("list widgets.example.com -n /x", false),
            ("list widgets.example.com", false),
            ("create widgets.example.com", false),
            ("get widgets.example.com -n /x", true),
            ("list nodes", true),
            ("get nodes -n /x", true),
            ("list clusterroles", true),
            ("list namespaces", false),
            ("get namespaces -n kube-system/kube-system", false),
            ("get namespaces -n app/app", true),
            ("get /version", true),
            ("get /metrics", true),
            ("create selfsubjectaccessreviews", true),
        ],
    );
    let nodes = super::policy(&["* on * in *"], &["delete on nodes in *"]);
    table(&nodes, &[("delete nodes -n /x", false), ("get nodes -n /x", true), ("delete pods -n a/x", true)]);
}

#[test]
fn a_word_that_is_not_known_permits_nothing_and_denies_everything() {
    assert!(!allows(&policy(&["teleport on pods in *", "list on nodes in *"], &[]), "get pods -n a/x"));
    let denied = policy(&["* on * in *"], &["teleport on pods in *"]);
    table(&denied, &[("get pods -n a/x", false), ("create pods/exec -n a/x", false), ("get nodes -n /x", true)]);
}

#[test]
fn roles_that_deny_bind_those_that_permit() {
    let roles = vec![role("one", &["* on * in *"], &[]), role("two", &[], &["delete on pods in *"])];
    let policy = Policy::compile(ClusterRules { roles }, None);
    table(&policy, &[("get pods -n a/x", true), ("delete pods -n a/x", false)]);
    assert!(why(&policy, "delete pods -n a/x").starts_with("the role two denies"));
}
