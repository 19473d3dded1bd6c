//! `kubectl auth can-i` and `auth whoami` through mk8s: what they say is what then happens.

use serde_json::json;

use crate::support::attempt::{Way, words_in};
use crate::support::{Attempt, Central, Namespace, Stack};

/// What `can-i` is asked, a command line that does it, and its standard input.
const PAIRS: &[(&str, &str, &str)] = &[
    ("get pods", "get pod web", ""),
    ("list pods", "get pods", ""),
    ("list pods -A", "get pods -A", ""),
    ("get secrets", "get secret nosuch", ""),
    ("list secrets", "get secrets", ""),
    ("list secrets -A", "get secrets -A", ""),
    ("create configmaps", "create configmap x --dry-run=server", ""),
    ("delete configmaps", "delete configmap nosuch", ""),
    ("deletecollection configmaps", "delete --raw /api/v1/namespaces/{ns}/configmaps?labelSelector=no%3Dsuch", ""),
    ("patch pods", "patch pod web --type=merge --dry-run=server -p '{\"metadata\":{\"labels\":{\"a\":\"b\"}}}'", ""),
    (
        "update configmaps",
        "replace --raw /api/v1/namespaces/{ns}/configmaps/nosuch?dryRun=All -f -",
        "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"nosuch\"}}",
    ),
    ("get pods --subresource=log", "logs web", ""),
    ("create pods --subresource=exec", "exec web -- true", ""),
    (
        "get deployments.apps --subresource=scale",
        "get --raw /apis/apps/v1/namespaces/{ns}/deployments/nosuch/scale",
        "",
    ),
    ("create serviceaccounts --subresource=token", "create token default", ""),
    ("list nodes", "get nodes", ""),
    ("list namespaces", "get namespaces", ""),
    ("list clusterroles", "get clusterroles", ""),
    ("get /metrics", "get --raw /metrics", ""),
    ("get /version", "get --raw /version", ""),
];

/// Whether it did not happen because it was forbidden, by mk8s or by the cluster.
fn forbidden(attempt: &Attempt) -> bool {
    let text = attempt.text();
    attempt.refused || text.contains("Forbidden") || text.contains("forbidden")
}

struct Scene {
    stack: Stack,
    namespace: Namespace,
}

impl Scene {
    fn new() -> Self {
        let (stack, namespace) = (Stack::start(), Namespace::create());
        namespace.pod("web", "echo line; exec sleep 100000");
        Self { stack, namespace }
    }

    fn run(&self, token: &str, line: &str, stdin: &str) -> Attempt {
        let ns = self.namespace.0.as_str();
        self.stack.central.attempt(Way::Client, token, &words_in(&line.replace("{ns}", ns), ns), stdin)
    }

    /// What `can-i` says, and the whole of it.
    fn says(&self, token: &str, question: &str) -> (bool, String) {
        let attempt = self.run(token, &format!("auth can-i {question}"), "");
        let yes = attempt.stdout.starts_with("yes");
        assert!(
            yes == attempt.succeeded && (yes || attempt.stdout.starts_with("no")),
            "{question}: {}",
            attempt.brief()
        );
        (yes, attempt.stdout)
    }
}

#[test]
fn can_i_says_what_then_happens() {
    let scene = Scene::new();
    let (central, ns) = (&scene.stack.central, &scene.namespace.0);
    // The cluster itself would allow everything to this one.
    central.make_role(&json!({ "name": "app-1-only", "permissions": [
        { "clusters": ["*"], "namespaces": [ns], "resources": ["pods", "configmaps"], "verbs": ["get", "list", "logs"] },
        { "clusters": ["*"], "namespaces": [ns], "resources": ["pods"], "verbs": ["exec", "patch"] },
        { "clusters": ["*"], "namespaces": [ns], "resources": ["configmaps"], "verbs": ["update", "delete"] },
    ]}));
    let mut problems = Vec::new();
    for (role, yes, mut no) in [("admin", 19, 0), ("viewer", 8, 1), ("developer", 16, 1), ("app-1-only", 7, 1)] {
        let user = central.user(&format!("{role}@example.com"), &[role]);
        let token = if role == "admin" { Central::token() } else { &user };
        let mut said_yes = 0;
        for (question, line, stdin) in PAIRS {
            let (said, text) = scene.says(token, question);
            let happened = scene.run(token, line, stdin);
            said_yes += usize::from(said);
            if said == forbidden(&happened) {
                problems.push(format!("{role}: {question}: {text:?}, but {line}: {}", happened.brief()));
            }
            if !said && text.contains("mk8s: ") {
                no = 0;
            }
        }
        if said_yes != yes || no > 0 {
            problems.push(format!("{role}: {said_yes} times yes instead of {yes}, or no reason of mk8s"));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The policy alone is half of the answer.
#[test]
fn what_the_cluster_refuses_is_no_whatever_the_policy_says() {
    let scene = Scene::new();
    let central = &scene.stack.central;
    let viewer = central.user("viewer@example.com", &["viewer"]);
    let everything = json!({ "name": "viewer", "permissions": [
        { "clusters": ["*"], "namespaces": ["*"], "resources": ["*"], "verbs": ["*"] },
    ]});
    central.api("PUT", "/admin/roles/viewer", Central::token(), Some(&everything)).expect(200);
    for (question, expected) in [("get pods", true), ("get secrets", false), ("* *", false), ("delete pods", false)] {
        let (yes, text) = scene.says(&viewer, question);
        assert!(yes == expected && !text.contains("mk8s: "), "{question}: {text}");
    }
}

#[test]
fn a_star_is_yes_for_who_may_do_everything() {
    let scene = Scene::new();
    let viewer = scene.stack.central.user("viewer@example.com", &["viewer"]);
    assert!(scene.says(Central::token(), "* *").0);
    for question in ["* *", "* pods", "get *", "create *"] {
        let (yes, text) = scene.says(&viewer, question);
        assert!(!yes && text.contains("mk8s: "), "{question}: {text}");
    }
}

#[test]
fn the_list_is_that_of_the_policy_and_whoami_names_the_caller() {
    let scene = Scene::new();
    let central = &scene.stack.central;
    central.make_role(&json!({ "name": "app-1-only", "permissions": [
        { "clusters": ["*"], "namespaces": [scene.namespace.0], "resources": ["pods"], "verbs": ["get", "exec"] },
    ]}));
    let user = central.user("ann@example.com", &["app-1-only"]);
    let list = scene.run(&user, "auth can-i --list", "").expect_success();
    let has = |resource: &str, verbs: &str| {
        list.stdout
            .lines()
            .any(|line| line.split_whitespace().next() == Some(resource) && line.trim_end().ends_with(verbs))
    };
    assert!(has("pods", "[get]") && has("pods/exec", "[create]"), "{}", list.brief());
    assert!(!list.stdout.contains("*.*"), "the cluster would list everything: {}", list.brief());
    assert!(list.stderr.contains("mk8s: ") && list.stderr.contains("incomplete"), "{}", list.brief());
    let elsewhere = scene.run(&user, "auth can-i --list -n default", "").expect_success();
    assert!(!elsewhere.stdout.contains("pods"), "{}", elsewhere.brief());

    let whoami = scene.run(&user, "auth whoami -o json", "").expect_success();
    let answer: serde_json::Value = serde_json::from_str(&whoami.stdout).expect("JSON");
    assert_eq!(answer["status"]["userInfo"]["username"], "ann@example.com");
    let groups = answer["status"]["userInfo"]["groups"].as_array().expect("groups");
    assert!(groups.contains(&json!("mk8s:app-1-only")), "{groups:?}");
}
