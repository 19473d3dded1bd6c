//! What a role allows is allowed, and nothing else, by whatever route it is asked for.

mod routes;

use serde_json::{Value, json};

use crate::support::attempt::{WAYS, Way, words};
use crate::support::canary::reveals;
use crate::support::{Central, Namespace, Stack, kubernetes, run};
use routes::{OTHER_NAMESPACE, SECRETS, WITHOUT_SECRETS};

/// The value of a secret that must not come out, in two namespaces.
struct Secret(String);

impl Secret {
    fn new() -> Self {
        Self(format!("canary{:032x}", rand::random::<u128>()))
    }

    /// Puts it into a secret `s`, a configmap `c`, and the log and the environment of a pod `web`.
    fn put(&self, namespace: &Namespace) {
        let literal = format!("--from-literal=key={}", self.0);
        namespace.kubectl(&["create", "secret", "generic", "s", &literal], "");
        namespace.kubectl(&["create", "configmap", "c", &literal], "");
        namespace.kubectl(&["create", "service", "clusterip", "svc", "--tcp=80"], "");
        namespace.pod("web", &format!("echo said {}; exec sleep 100000", self.0));
    }
}

/// A role with these permissions, for which the cluster itself is open.
fn role(name: &str, cluster: &str, namespace: &str, resources: &[&str], verbs: &[&str]) -> Value {
    json!({ "name": name, "permissions": [
        { "clusters": [cluster], "namespaces": [namespace], "resources": resources, "verbs": verbs }
    ]})
}

/// Tries all of them, which must not succeed, and fails with all through which something came.
fn closed<'a>(
    central: &Central,
    callers: &[(Way, &str)],
    secret: &Secret,
    lines: impl Iterator<Item = (&'a str, &'a str)>,
    fill: impl Fn(&str) -> String,
) {
    let mut problems = Vec::new();
    for (line, stdin) in lines {
        for (way, token) in callers {
            let args: Vec<String> = words(line).iter().map(|word| fill(word)).collect();
            let attempt = central.attempt(*way, token, &args, &fill(stdin));
            if attempt.succeeded || reveals(&attempt.text(), &secret.0) {
                problems.push(format!("kubectl {line} ({way:?}): {}", attempt.brief()));
            }
        }
    }
    assert!(problems.is_empty(), "{} routes are open\n{}", problems.len(), problems.join("\n"));
}

/// The viewer as it comes; and a role that says the same, but to which the cluster would allow everything.
#[test]
fn viewers_look_at_everything_but_secrets() {
    let (stack, namespace, secret) = (Stack::start(), Namespace::create(), Secret::new());
    let central = &stack.central;
    let (literal, ns) = (format!("--from-literal=key={}", secret.0), namespace.0.as_str());
    namespace.kubectl(&["create", "secret", "generic", "s", &literal], "");
    namespace.kubectl(&["create", "configmap", "c", "--from-literal=key=value"], "");
    namespace.pod("web", "echo line 1; exec sleep 100000");
    let mut alone = central.get("/admin/roles/viewer", Central::token()).expect(200).body;
    alone["name"] = json!("viewer-alone");
    alone.as_object_mut().expect("a role").retain(|key, _| ["name", "permissions", "deny"].contains(&key.as_str()));
    central.make_role(&alone);
    for role in ["viewer", "viewer-alone"] {
        let token = central.user(&format!("{role}@example.com"), &[role]);
        let fill = |text: &str| text.replace("{ns}", ns);
        for (line, said) in [
            ("get pods -n {ns}", "web"),
            ("get pods -A", "web"),
            ("get pod web -n {ns} -o yaml", "kind: Pod"),
            ("get configmap c -n {ns} -o yaml", "key: value"),
            ("describe pod web -n {ns}", "Containers:"),
            ("logs web -n {ns}", "line 1"),
            ("logs -l app=web -n {ns}", "line 1"),
            ("get namespaces", ns),
            ("get events -n {ns}", ""),
            ("api-resources", "secrets"),
            ("version", "Server Version"),
            ("explain pods", "KIND:"),
        ] {
            for way in WAYS {
                let args: Vec<String> = words(line).iter().map(|word| fill(word)).collect();
                let attempt = central.attempt(way, &token, &args, "");
                assert!(attempt.succeeded && attempt.text().contains(said), "{role}: {line}: {}", attempt.brief());
            }
        }
        let callers = [(Way::Client, token.as_str()), (Way::Post, token.as_str())];
        closed(central, &callers, &secret, SECRETS.iter().copied(), fill);
        for line in WITHOUT_SECRETS {
            let args: Vec<String> = words(line).iter().map(|word| fill(word)).collect();
            let attempt = central.attempt(Way::Client, &token, &args, "");
            assert!(!reveals(&attempt.text(), &secret.0), "{role}: {line}: {}", attempt.brief());
        }
    }
    let left = namespace.kubectl(&["get", "secrets,serviceaccounts,pods,configmaps", "-o", "name"], "");
    let left: Vec<&str> = left.lines().collect();
    let expected = ["configmap/c", "configmap/kube-root-ca.crt", "pod/web", "secret/s", "serviceaccount/default"];
    assert!(left.len() == 5 && expected.iter().all(|name| left.contains(name)), "{left:?}");
}

/// What can be changed in a namespace, as far as it is not the cluster that changes it.
fn contents(namespace: &str) -> String {
    let columns = "KIND:.kind,NAME:.metadata.name,UID:.metadata.uid,LABELS:.metadata.labels,\
                   ANNOTATIONS:.metadata.annotations,FINALIZERS:.metadata.finalizers,DATA:.data,SPEC:.spec";
    let kinds = "secrets,configmaps,serviceaccounts,roles,rolebindings,pods,services,deployments,replicasets,jobs,\
                 networkpolicies,resourcequotas,limitranges,leases";
    let kubectl = |args: &[&str]| run(kubernetes().direct(None).args(args), b"").expect(0).out();
    kubectl(&["get", kinds, "-n", namespace, "-o", &format!("custom-columns={columns}")])
        + &kubectl(&["get", "namespace", namespace, "-o", &format!("custom-columns={columns}")])
}

/// The namespace is named in one role, and matches a pattern in the other.
#[test]
fn a_namespace_is_a_wall() {
    let (stack, own, other) = (Stack::start(), Namespace::called("app-1"), Namespace::called("app-2"));
    let (central, secret) = (&stack.central, Secret::new());
    secret.put(&other);
    Secret("open to those whose namespace it is".into()).put(&own);
    let apply = json!({ "name": "app-1-only", "permissions": [
        { "clusters": ["*"], "namespaces": [own.0], "resources": ["*"], "verbs": ["*"] }
    ]});
    let mut admin = central.mk8s();
    run(admin.args(["admin", "roles", "apply", "-f", "-"]), apply.to_string().as_bytes()).expect(0);
    central.make_role(&role("app-1-glob", "*", "app-1-*", &["*"], &["*"]));
    let by_name = central.user("ann@example.com", &["app-1-only"]);
    let by_pattern = central.user("bob@example.com", &["app-1-glob"]);
    let fill = |text: &str| text.replace("{own}", &own.0).replace("{other}", &other.0);

    for (line, stdin) in [
        ("get pods -n {own}", ""),
        ("get all,secrets,configmaps -n {own}", ""),
        ("get --raw /api/v1/namespaces/{own}/secrets/s", ""),
        ("logs web -n {own}", ""),
        ("exec web -n {own} -- true", ""),
        ("exec -i web -n {own} -- cat", "input"),
        ("get namespace {own}", ""),
        ("apply -n {own} -f -", "{apiVersion: v1, kind: ConfigMap, metadata: {name: made}}"),
        ("apply -f -", "{apiVersion: v1, kind: ConfigMap, metadata: {name: made, namespace: {own}}, data: {a: b}}"),
        ("delete configmap made -n {own} --ignore-not-found", ""),
        ("wait --for=condition=Ready pod/web -n {own} --timeout=30s", ""),
        ("describe pod web -n {own}", ""),
        ("api-resources", ""),
    ] {
        for (way, token) in [(Way::Client, &by_name), (Way::Post, &by_pattern)] {
            let args: Vec<String> = words(line).iter().map(|word| fill(word)).collect();
            let attempt = central.attempt(way, token, &args, &fill(stdin));
            assert!(attempt.succeeded, "{line}: {}", attempt.brief());
        }
    }

    assert!(OTHER_NAMESPACE.len() >= 60);
    let before = contents(&other.0);
    assert!(before.contains(&secret.0) && before.contains("Service"), "{before}");
    let callers = [(Way::Client, by_name.as_str()), (Way::Post, by_pattern.as_str())];
    closed(central, &callers, &secret, OTHER_NAMESPACE.iter().copied(), fill);
    assert_eq!(contents(&other.0), before, "something was changed");
    for kind in ["namespaces", "clusterroles", "clusterrolebindings", "persistentvolumes"] {
        let names = run(kubernetes().direct(None).args(["get", kind, "-o", "name"]), b"").expect(0).out();
        assert!(!names.contains("intruder"), "{names}");
    }
}

/// Ticket 4.2: who is not permitted is refused, who is succeeds, and patterns of clusters work.
#[test]
fn clusters_are_matched_by_patterns() {
    let (stack, namespace) = (Stack::start(), Namespace::create());
    let (central, ns) = (&stack.central, namespace.0.as_str());
    namespace.kubectl(&["create", "configmap", "c"], "");
    central.make_role(&role("de-star", "de*", ns, &["configmaps"], &["get", "list"]));
    central.make_role(&role("prod-star", "prod-*", "*", &["*"], &["*"]));
    let permitted = central.user("ann@example.com", &["de-star"]);
    let elsewhere = central.user("bob@example.com", &["prod-star"]);
    let line = |text: &str| words(&format!("{text} -n {ns}"));

    central.post_exec("dev", &permitted, &line("get configmaps"), "").expect_success();
    central.attempt(Way::Client, &permitted, &line("get configmap c"), "").expect_success();
    for (command, missing) in [
        ("delete configmap c", ["delete", "configmaps"]),
        ("get pods", ["list", "pods"]),
        ("get secret s", ["get", "secrets"]),
        ("create configmap x", ["create", "configmaps"]),
        ("logs web", ["get", "pods"]),
    ] {
        let refused = central.post_exec("dev", &permitted, &line(command), "");
        assert_eq!(refused.code, 403, "{command}: {}", refused.brief());
        let named = missing.iter().all(|word| refused.stderr.contains(word)) && refused.stderr.contains(ns);
        assert!(named, "{command}: the missing right is named: {}", refused.brief());
        let refused = central.attempt(Way::Client, &permitted, &line(command), "");
        assert_eq!(refused.code, 3, "{command}: {}", refused.brief());
    }
    namespace.kubectl(&["get", "configmap", "c"], "");

    // What the caller may not see does not exist.
    for (cluster, token) in [("dev", &elsewhere), ("ghost", &permitted), ("nosuch", &permitted)] {
        let refused = central.post_exec(cluster, token, &line("get configmaps"), "");
        assert_eq!(refused.code, 404, "{cluster}: {}", refused.brief());
    }
    let seen = central.get("/clusters", &elsewhere).expect(200).body;
    assert_eq!(seen["clusters"], json!([]), "{seen}");
    let seen = central.get("/clusters", &permitted).expect(200).body;
    assert!(seen["clusters"].as_array().is_some_and(|all| all.len() == 1 && all[0]["name"] == "dev"), "{seen}");
}
