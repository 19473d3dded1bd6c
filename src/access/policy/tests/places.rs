//! Clusters, namespaces, the closed one, and paths.

use super::*;
use crate::access::built_in_roles;

#[test]
fn clusters() {
    let mut roles = built_in_roles();
    let permission = |clusters: &[&str]| Permission {
        clusters: clusters.iter().map(|text| (*text).to_owned()).collect(),
        namespaces: vec!["*".into()],
        resources: vec!["pods".into()],
        verbs: vec!["get".into()],
    };
    roles[0].permissions = vec![permission(&["dev-*", "staging"]), permission(&["prod"])];
    roles[0].deny = vec![permission(&["dev-2"])];
    let rules = |cluster: &str| rules_for(&roles[..1], &cluster.parse().expect("a name")).roles;
    assert_eq!(rules("dev-1")[0].permissions.len(), 1);
    assert!(rules("dev-1")[0].deny.is_empty());
    assert_eq!(rules("dev-2")[0].deny.len(), 1);
    assert_eq!(rules("staging").len(), 1);
    assert!(rules("dev").is_empty());
    assert!(rules("my-dev-1").is_empty());
    assert!(rules("staging-2").is_empty());
}

#[test]
fn namespaces() {
    let policy = policy(&["get,list,delete on pods,nodes,namespaces,/metrics in app-*,team"], &[]);
    table(
        &policy,
        &[
            ("get pods -n app-1/x", true),
            ("get pods -n team/x", true),
            ("get pods -n team-2/x", false),
            ("get pods -n kube-system/x", false),
            ("list pods", false),
            ("list pods -n /x", false),
            ("get nodes -n /x", false),
            ("list nodes", false),
            ("get namespaces -n app-1/app-1", true),
            ("get namespaces -n kube-system/kube-system", false),
            ("list namespaces", false),
            ("get /metrics", false),
        ],
    );
    for pattern in ["a*,*b", "**", "***", "*-*,?"] {
        let policy = super::policy(&[&format!("* on * in {pattern}")], &[]);
        table(&policy, &[("list pods", false), ("get nodes -n /x", false), ("get /metrics", false)]);
    }
    let everywhere = super::policy(&["list on pods in app,*"], &[]);
    table(&everywhere, &[("list pods", true), ("list pods -n kube-system", true)]);
}

#[test]
fn the_closed_namespace_wants_its_name() {
    let closed = |permissions: &[&str], deny: &[&str]| {
        Policy::compile(ClusterRules { roles: vec![role("r", permissions, deny)] }, Some("mk8s"))
    };
    let wide = closed(&["* on * in *", "* on * in mk8*,*8s,m*k8s"], &[]);
    table(
        &wide,
        &[
            ("get pods -n mk8s/x", false),
            ("create pods -n mk8s", false),
            ("get secrets -n mk8s/x", false),
            ("create serviceaccounts/token -n mk8s/x", false),
            ("get pods -n mk8s-2/x", true),
            ("list secrets", false),
            ("watch secrets", false),
            ("list secrets -n /x", false),
            ("deletecollection secrets", false),
            ("list secrets.example.com", true),
            ("list pods", true),
            ("get secrets -n app/x", true),
            ("get namespaces -n mk8s/mk8s", true),
            ("watch namespaces -n mk8s/mk8s", true),
            ("get namespaces/status -n mk8s/mk8s", true),
            ("delete namespaces -n mk8s/mk8s", false),
            ("patch namespaces -n mk8s/mk8s", false),
            ("update namespaces/finalize -n mk8s/mk8s", false),
            ("proxy namespaces -n mk8s/mk8s", false),
            ("get namespaces.example.com -n mk8s/mk8s", false),
        ],
    );
    let named = closed(&["* on * in *,mk8s"], &[]);
    table(&named, &[("get pods -n mk8s/x", true), ("list secrets", true), ("delete namespaces -n mk8s/mk8s", true)]);
    let only = closed(&["list on secrets,pods in mk8s"], &[]);
    table(&only, &[("list secrets", false), ("list pods -n mk8s", true), ("get pods -n mk8s/x", false)]);
    let two = closed(&["list on secrets in *", "list on secrets in mk8s"], &[]);
    table(&two, &[("list secrets", true), ("watch secrets", false)]);
    let denied = closed(&["* on * in mk8s,*"], &["get on pods in m*"]);
    table(&denied, &[("get pods -n mk8s/x", false), ("list pods -n mk8s", true)]);
}

#[test]
fn paths() {
    let policy = policy(&["get,post on /metrics,/logs/* in *"], &[]);
    table(
        &policy,
        &[
            ("get /metrics", true),
            ("post /metrics", true),
            ("put /metrics", false),
            ("head /metrics", false),
            ("get /metrics/", false),
            ("get /metricsx", false),
            ("get /logs/a/b", true),
            ("get /logs", false),
            ("get /debug/pprof", false),
            ("get pods -n a", false),
        ],
    );
    let reader = super::policy(&["get,list,watch on * in *"], &[]);
    table(&reader, &[("get /metrics", false), ("get /", false), ("get /version", true)]);
    let all = super::policy(&["* on * in *"], &[]);
    table(&all, &[("get /metrics", true), ("trace /metrics", false)]);
}

#[test]
fn discovery_and_self_reviews_are_open_to_whoever_may_do_anything() {
    let little = policy(&["get on pods in a"], &[]);
    table(
        &little,
        &[
            ("get /api", true),
            ("get /api/v1", true),
            ("head /apis/apps/v1", true),
            ("get /openapi/v3/apis/apps/v1", true),
            ("get /version", true),
            ("get /livez", true),
            ("post /api/v1", false),
            ("get /apix", false),
            ("get /metrics", false),
            ("get /.well-known/openid-configuration", false),
            ("create selfsubjectaccessreviews", true),
            ("create selfsubjectrulesreviews", true),
            ("create selfsubjectreviews", true),
            ("create subjectaccessreviews", false),
            ("create localsubjectaccessreviews -n a", false),
            ("create tokenreviews", false),
            ("get selfsubjectreviews", false),
            ("create selfsubjectreviews.example.com", false),
            ("create selfsubjectaccessreviews/x", false),
        ],
    );
    let denied = policy(&["* on * in *"], &["get on /openapi/* in *", "create on selfsubjectrulesreviews,* in *"]);
    table(
        &denied,
        &[
            ("get /openapi/v2", false),
            ("head /openapi/v2", false),
            ("get /api", true),
            ("create selfsubjectrulesreviews", false),
            ("create selfsubjectaccessreviews", true),
            ("create subjectaccessreviews", false),
        ],
    );
}

/// Others may write no namespace as an empty text.
#[test]
fn an_empty_namespace_is_none() {
    let list = |namespace: &str| Attributes::Resource {
        verb: "list".into(),
        group: String::new(),
        resource: "pods".into(),
        subresource: String::new(),
        namespace: Some(namespace.into()),
        name: Some(String::new()),
    };
    let denied = |policy: &Policy, namespace: &str| matches!(policy.decide(&list(namespace)), Decision::Denied { .. });
    let limited = policy(&["* on * in **,a*"], &[]);
    assert!(denied(&limited, "") && !denied(&limited, "a"));
    assert!(denied(&policy(&["* on * in *"], &["* on pods in kube-*"]), ""));
}
