//! Custom resources, whose paths the API server makes of what a request says: with the real one.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::support::{Central, Namespace, PATIENCE, Stack, kubernetes, run, wait_for};

/// Two kinds of one API group, which ends with the test: `gadgets` in namespaces and `gauges` in none.
struct Group(String);

impl Group {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let group = Self(format!("g{number}-{}.example.com", std::process::id()));
        let define = |plural: &str, kind: &str, scope: &str| {
            json!({
                "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "metadata": { "name": format!("{plural}.{}", group.0) },
                "spec": {
                    "group": group.0, "scope": scope, "names": { "plural": plural, "kind": kind },
                    "versions": [{
                        "name": "v1", "served": true, "storage": true,
                        "schema": { "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } },
                    }],
                },
            })
        };
        let definitions = [
            define("gadgets", "Gadget", "Namespaced"),
            define("widgets", "Widget", "Namespaced"),
            define("gauges", "Gauge", "Cluster"),
        ];
        for definition in definitions {
            kubernetes().kubectl(&["apply", "-f", "-"], &definition.to_string());
        }
        for plural in ["gadgets", "widgets", "gauges"] {
            wait_for("the resource", PATIENCE, || {
                let list = format!("/apis/{}/v1/{plural}", group.0);
                (run(kubernetes().direct(None).args(["get", "--raw", &list]), b"").code == 0).then_some(())
            });
        }
        group
    }

    /// Makes an object that says the canary.
    fn put(&self, kind: &str, namespace: Option<&Namespace>, canary: &str) {
        let object = json!({ "apiVersion": format!("{}/v1", self.0), "kind": kind, "metadata": { "name": "o" }, "spec": canary });
        let namespace = namespace.map(|namespace| namespace.0.as_str());
        run(kubernetes().direct(namespace).args(["apply", "-f", "-"]), object.to_string().as_bytes()).expect(0);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for plural in ["gadgets", "widgets", "gauges"] {
            let name = format!("{plural}.{}", self.0);
            run(kubernetes().direct(None).args(["delete", "crd", &name, "--wait=false"]), b"");
        }
    }
}

/// Asks as this user; the status and the answer.
fn ask(central: &Central, token: &str, method: &str, target: &str, body: &str) -> (u16, String) {
    let mut curl = central.anonymous_curl();
    curl.args(["--path-as-is", "--max-time", "5", "--request", method, "--write-out", "\n%{http_code}"]);
    curl.args(["--header", &format!("Authorization: Bearer {token}")]);
    if !body.is_empty() {
        curl.args(["--header", "Content-Type: application/merge-patch+json", "--data", body]);
    }
    // A watch goes on until curl ends it.
    let output = run(curl.arg(format!("{}{target}", central.gateway("dev"))), b"").out();
    let (answer, status) = output.rsplit_once('\n').expect("a status");
    (status.parse().expect("a status"), answer.to_owned())
}

fn canary() -> String {
    format!("canary{:032x}", rand::random::<u128>())
}

/// A user for whom the cluster itself is open, with this one permission.
fn user(central: &Central, namespace: &str, resource: &str) -> String {
    let permission = json!({ "clusters": ["*"], "namespaces": [namespace], "resources": [resource], "verbs": ["*"] });
    central.make_role(&json!({ "name": "short", "permissions": [permission] }));
    central.user("ann@example.com", &["short"])
}

/// CVE-2019-11247: who may use a resource in one namespace does not reach one that is in no namespace by naming his own.
#[test]
fn a_resource_without_namespaces_is_not_reached_through_one() {
    let (stack, namespace, group, canary) = (Stack::start(), Namespace::create(), Group::new(), canary());
    let (central, ns) = (&stack.central, &namespace.0);
    group.put("Gauge", None, &canary);
    let ann = user(central, ns, &format!("gauges.{}", group.0));
    let (wide, narrow) =
        (format!("/apis/{}/v1/gauges", group.0), format!("/apis/{}/v1/namespaces/{ns}/gauges", group.0));
    for (method, body) in [("GET", ""), ("PATCH", r#"{"spec":"changed"}"#), ("DELETE", "")] {
        let (status, answer) = ask(central, &ann, method, &format!("{wide}/o"), body);
        assert!(status == 403 && answer.contains("mk8s: "), "{method}: {status} {answer}");
        let (status, answer) = ask(central, &ann, method, &format!("{narrow}/o"), body);
        // The policy has let it pass: it is the API server that serves nothing there.
        assert!((400..500).contains(&status) && !answer.contains("mk8s: "), "{method}: {status} {answer}");
        assert!(!answer.contains(&canary), "{method}: {answer}");
    }
    for rest in ["", "?watch=1&timeoutSeconds=1", "?fieldSelector=metadata.name%3Do", "/", "/o/status", "/o/scale"] {
        let (status, answer) = ask(central, &ann, "GET", &format!("{narrow}{rest}"), "");
        assert!(status >= 400 && !answer.contains(&canary), "{rest}: {status} {answer}");
    }
    let (status, answer) = ask(central, &ann, "DELETE", &narrow, "");
    assert!(status >= 400, "{answer}");
    // The admin finds it as it was: there was something to be reached.
    let (status, answer) = ask(central, Central::token(), "GET", &format!("{wide}/o"), "");
    assert!(status == 200 && answer.contains(&canary), "{status} {answer}");
}

/// CVE-2022-3162: who may list one kind does not read another of the same group by a name that leads there.
#[test]
fn another_kind_of_the_group_is_not_reached_by_a_name() {
    let (stack, namespace, group, canary) = (Stack::start(), Namespace::create(), Group::new(), canary());
    let (central, ns) = (&stack.central, &namespace.0);
    group.put("Widget", Some(&namespace), &canary);
    let ann = user(central, "*", &format!("gadgets.{}", group.0));
    let list = format!("/apis/{}/v1/gadgets", group.0);
    assert_eq!(ask(central, &ann, "GET", &list, "").0, 200);
    for name in [
        format!("../widgets/{ns}/o"),
        format!("..%2Fwidgets%2F{ns}%2Fo"),
        format!("%2e%2e%2fwidgets%2f{ns}%2fo"),
        format!("../widgets/{ns}"),
        "../widgets".to_owned(),
        "..".to_owned(),
        format!("../../{}/widgets/{ns}/o", group.0),
    ] {
        for target in [
            format!("{list}?fieldSelector=metadata.name%3D{name}"),
            format!("{list}?fieldSelector=metadata.name%3D{name}&watch=1&timeoutSeconds=1"),
            format!("{list}?fieldSelector=metadata.name%3D%3D{name}&limit=500&resourceVersion=0"),
            format!("/apis/{}/v1/namespaces/{ns}/gadgets?fieldSelector=metadata.name%3D{name}", group.0),
        ] {
            let (_, answer) = ask(central, &ann, "GET", &target, "");
            assert!(!answer.contains("mk8s: "), "{target} has not reached the API server: {answer}");
            assert!(!answer.contains(&canary), "{target}: {answer}");
        }
        for target in [format!("/apis/{}/v1/namespaces/{name}/gadgets/o", group.0), format!("{list}/{name}")] {
            let (_, answer) = ask(central, &ann, "GET", &target, "");
            assert!(!answer.contains(&canary), "{target}: {answer}");
        }
    }
    let widgets = format!("/apis/{}/v1/namespaces/{ns}/widgets/o", group.0);
    let (status, answer) = ask(central, &ann, "GET", &widgets, "");
    let status_of = serde_json::from_str::<Value>(&answer).unwrap_or_default();
    assert!(status == 403 && status_of["message"].as_str().is_some_and(|said| said.contains("mk8s: ")), "{answer}");
    assert!(ask(central, Central::token(), "GET", &widgets, "").1.contains(&canary));
}
