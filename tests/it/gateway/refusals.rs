//! What the gateway refuses, in the words in which clients of Kubernetes understand it.

use std::process::Command;

use serde_json::{Value, json};

use super::Scene;
use crate::support::gateway::kubectl_with;
use crate::support::{Central, Stack, run};

/// What an answer of the gateway is.
struct Answer {
    code: u16,
    headers: String,
    body: Value,
}

/// Asks below the prefix of the cluster `dev`; the target goes out as it is.
fn ask(central: &Central, flags: &[&str], target: &str) -> Answer {
    ask_with(central.curl(), central, flags, target)
}

fn ask_with(mut curl: Command, central: &Central, flags: &[&str], target: &str) -> Answer {
    curl.args(["--path-as-is", "--include"]).args(flags).arg(format!("{}{target}", central.gateway("dev")));
    let output = run(&mut curl, b"").expect(0).out();
    let (headers, body) = output.rsplit_once("\r\n\r\n").expect("headers");
    let code = headers.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    Answer { code, headers: headers.to_ascii_lowercase(), body: serde_json::from_str(body).unwrap_or_default() }
}

impl Answer {
    /// Fails unless it is a `Status` with this code and reason; its message.
    #[track_caller]
    fn status(&self, code: u16, reason: &str) -> &str {
        let of = |key: &str| self.body[key].as_str().unwrap_or_default();
        assert_eq!(self.code, code, "{}{}", self.headers, self.body);
        assert_eq!((of("kind"), of("apiVersion"), of("status")), ("Status", "v1", "Failure"), "{}", self.body);
        assert_eq!((of("reason"), self.body["code"].as_u64()), (reason, Some(code.into())), "{}", self.body);
        for header in ["content-type: application/json", "x-content-type-options: nosniff", "x-request-id: "] {
            assert!(self.headers.contains(header), "{header}: {}", self.headers);
        }
        of("message")
    }
}

#[test]
fn targets_that_can_be_read_in_two_ways_are_refused() {
    let stack = Stack::start();
    for version in ["--http1.1", "--http2"] {
        for target in [
            "",
            "?x",
            "//api/v1/pods",
            "/api//v1/pods",
            "/api/v1/namespaces/x/../y/pods",
            "/api/v1/./pods",
            "/api/v1/namespaces/x%2Fy/pods",
            "/api/v1/namespaces/%2e%2e/pods",
            "/api/v1/pods%5c",
            "/api/v1/pods%zz",
            "/api/v1/pods%00",
            "/api/v1/pods?a;b",
            "/api/v1/pods?x=%",
            "/api/v1/pods/%252e",
        ] {
            ask(&stack.central, &[version], target).status(400, "BadRequest");
        }
        let long = format!("/api/v1/pods?x={}", "x".repeat(33_000));
        ask(&stack.central, &[version], &long).status(400, "BadRequest");
        ask(&stack.central, &[version, "--request", "BREW"], "/api/v1/pods").status(405, "MethodNotAllowed");
        assert_eq!(ask(&stack.central, &[version], "/api/v1/namespaces?limit=1").code, 200);
    }
    let url = format!("{}/api/v1/pods", stack.central.gateway("dev"));
    ask(&stack.central, &["--http1.1", "--request-target", &url], "/").status(400, "BadRequest");
}

#[test]
fn identities_of_the_client_are_refused_or_go_nowhere() {
    let stack = Stack::start();
    let central = &stack.central;
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}).to_string();
    let whoami = |header: &str| {
        let json = "Content-Type: application/json";
        let flags = ["--header", header, "--header", json, "--data", &review];
        ask(central, &flags, "/apis/authentication.k8s.io/v1/selfsubjectreviews")
    };
    for name in ["Impersonate-User", "impersonate-group", "Impersonate-Uid", "Impersonate-Extra-x", "Impersonate_User"]
    {
        let message = whoami(&format!("{name}: system:masters")).status(403, "Forbidden").to_owned();
        assert!(message.contains("nobody acts as another user"), "{message}");
    }
    for header in [
        "X-Remote-User: root",
        "X-Remote-Group: system:masters",
        "Mk8s-User: root@example.com",
        "Mk8s-Group: mk8s:x",
        "Connection: Impersonate-User",
        "Connection: impersonate-group, mk8s-user",
        "Cookie: a=b",
        "X-Mk8s-User: root",
        "Proxy-Authorization: Basic eDp5",
    ] {
        let user = whoami(header).body["status"]["userInfo"].clone();
        assert_eq!(user["username"], "admin@localhost", "{header}: {user}");
        assert_eq!(user["groups"], json!(["mk8s:admin", "system:authenticated"]), "{header}: {user}");
    }
    let foreign = ask(central, &["--header", "Origin: https://evil.example"], "/version");
    foreign.status(403, "Forbidden");
}

#[test]
fn credentials_that_are_not_valid_are_refused_as_an_api_server_does() {
    let central = Central::start();
    let unknown = format!("Authorization: Bearer mk8s_pat_{}", "x".repeat(43));
    for flags in [&[][..], &["--header", &unknown], &["--header", "Authorization: Basic eDp5"]] {
        let answer = ask_with(central.anonymous_curl(), &central, flags, "/api/v1/pods");
        assert_eq!(answer.status(401, "Unauthorized"), "Unauthorized");
        assert!(answer.headers.contains("warning: 299 - \"mk8s: "), "{}", answer.headers);
    }
    let protocol = format!("Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.{}", Central::token());
    ask_with(central.anonymous_curl(), &central, &["--header", &protocol], "/version").status(401, "Unauthorized");
    let output = run(central.through_as("mk8s_pat_x", None).args(["get", "pods"]), b"").expect(1);
    assert!(output.err().contains("You must be logged in to the server"), "{}", output.err());
}

#[test]
fn clusters_that_are_offline_or_unknown_are_named() {
    let central = Central::start();
    let get = |cluster: &str| {
        let kubeconfig = central.kubeconfig(cluster, Central::token());
        run(kubectl_with(&kubeconfig, None).args(["get", "pods"]), b"").expect(1).err()
    };
    let offline = get("ghost");
    assert!(offline.contains("Warning: mk8s: cluster \"ghost\" is offline"), "{offline}");
    let answer = ask(&central, &[], "/api/v1/pods");
    assert!(answer.status(503, "ServiceUnavailable").contains("is offline"));
    assert!(!answer.headers.contains("retry-after"), "kubectl would try for minutes: {}", answer.headers);
    let unknown = get("nosuch");
    assert!(unknown.contains("Warning: mk8s: there is no cluster \"nosuch\""), "{unknown}");
}

#[test]
fn what_is_not_allowed_is_said_as_kubectl_shows_it() {
    let scene = Scene::start();
    let (central, ns) = (&scene.stack.central, scene.namespace.0.as_str());
    central.make_role(&json!({ "name": "short", "permissions": [
        { "clusters": ["dev"], "namespaces": [ns], "resources": ["pods"], "verbs": ["get", "list"] },
    ] }));
    let ann = central.user("ann@example.com", &["short"]);
    let kubectl = |namespace: &str, args: &[&str]| run(central.through_as(&ann, Some(namespace)).args(args), b"");
    kubectl(ns, &["get", "pods"]).expect(0);
    let refused = kubectl("default", &["get", "pods"]).expect(1).err();
    let expected = "Error from server (Forbidden): pods is forbidden: User \"ann@example.com\" cannot list resource \
                    \"pods\" in API group \"\" in the namespace \"default\": mk8s: ";
    assert!(refused.starts_with(expected), "{refused}");
    for args in [&["exec", "web", "--", "id"][..], &["logs", "web"], &["delete", "pod", "web"], &["get", "secrets"]] {
        let refused = kubectl(ns, args).expect(1).err();
        assert!(
            refused.contains(" is forbidden: User \"ann@example.com\" cannot ") && refused.contains(": mk8s: "),
            "{args:?}: {refused}"
        );
    }
    // To read is not to run, over a WebSocket either.
    let upgrade = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: eA=="];
    let flags: Vec<&str> = upgrade.iter().flat_map(|header| ["--header", header]).chain(["--http1.1"]).collect();
    let mut curl = central.anonymous_curl();
    curl.args(["--header", &format!("Authorization: Bearer {ann}")]);
    let answer = ask_with(curl, central, &flags, &format!("/api/v1/namespaces/{ns}/pods/web/exec?command=id&stdout=1"));
    assert!(answer.status(403, "Forbidden").contains("pods/exec"), "{}", answer.body);
    assert!(answer.headers.contains("connection: close"), "{}", answer.headers);
    // The agent's own namespace is open to those alone whose role names it.
    central.make_role(&json!({ "name": "everything", "permissions": [
        { "clusters": ["dev"], "namespaces": ["*"], "resources": ["configmaps"], "verbs": ["*"] },
    ] }));
    let bob = central.user("bob@example.com", &["everything"]);
    let closed = run(central.through_as(&bob, Some("mk8s-system")).args(["get", "configmaps"]), b"").expect(1).err();
    assert!(closed.contains("(Forbidden)") && closed.contains("mk8s-system"), "{closed}");
    run(central.through_as(&bob, Some(ns)).args(["get", "configmaps"]), b"").expect(0);
}
