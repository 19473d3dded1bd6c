//! The cluster knows who asks: its audit log names the caller and their roles, and the agent by itself is nobody.

use std::fs;
use std::os::unix::process::CommandExt as _;

use serde_json::{Value, json};

use crate::support::attempt::{WAYS, Way, words};
use crate::support::rbac::AGENT_NAMESPACE;
use crate::support::{Attempt, Central, Namespace, PATIENCE, Stack, kubernetes, run, wait_for};

/// The agent, as the cluster knows it.
const AGENT: &str = "system:serviceaccount:mk8s-system:mk8s-agent";

/// The requests in the audit log of which this text is a part.
fn audited(text: &str) -> Vec<Value> {
    let log = kubernetes().audit_log();
    let directory = fs::read_dir(log.parent().expect("a directory")).expect("read_dir").flatten();
    // A full log is renamed to one with the time in its name.
    let is_log = |name: &str| name.starts_with("audit") && name.ends_with(".log");
    let files = directory.filter(|entry| entry.file_name().to_str().is_some_and(is_log));
    files
        .flat_map(|file| {
            let content = fs::read_to_string(file.path()).unwrap_or_default();
            let lines = content.lines().filter(|line| line.contains(text));
            // The last line may not be complete yet.
            lines.filter_map(|line| serde_json::from_str(line).ok()).collect::<Vec<Value>>()
        })
        .collect()
}

/// The requests of a kubectl of an agent among them.
fn of_kubectl(events: &[Value]) -> Vec<&Value> {
    let by_kubectl = |event: &Value| event["userAgent"].as_str().is_some_and(|agent| agent.starts_with("kubectl/"));
    events.iter().filter(|event| event["user"]["username"] == AGENT && by_kubectl(event)).collect()
}

fn attempt(stack: &Stack, way: Way, token: &str, line: &str) -> Attempt {
    stack.central.attempt(way, token, &words(line), "")
}

#[test]
fn the_cluster_sees_the_caller_and_their_roles() {
    let (stack, namespace) = (Stack::start(), Namespace::create());
    let ns = &namespace.0;
    namespace.pod("web", "echo line; exec sleep 100000");
    let ann = stack.central.user("ann@example.com", &["developer"]);
    let bob = stack.central.user("bob@example.com", &["developer", "viewer"]);
    let ci = json!({ "name": "ci", "roles": ["viewer"] });
    let ci = stack.central.post("/tokens", &bob, &ci).expect(201).text("token");
    let cases = [
        ("admin@localhost", Central::token(), &["mk8s:admin"][..]),
        ("ann@example.com", &ann, &["mk8s:developer"]),
        ("bob@example.com", &bob, &["mk8s:developer", "mk8s:viewer"]),
        ("bob@example.com", &ci, &["mk8s:viewer"]),
    ];
    for (number, (email, token, groups)) in cases.iter().enumerate() {
        for way in WAYS {
            // What is asked for does not exist, but has a name that nobody else uses.
            let unique = format!("{ns}-{number}-{way:?}").to_lowercase();
            for line in [
                format!("get configmap {unique} -n {ns}"),
                format!("get pods -n {ns} -l unique={unique}"),
                format!("get service {unique} -n {ns} -o yaml"),
                format!("describe service {unique} -n {ns}"),
            ] {
                let attempt = attempt(&stack, way, token, &line);
                assert!(!attempt.refused, "{email}: {line}: {}", attempt.brief());
            }
            let events = wait_for("requests in the audit log", PATIENCE, || {
                let events = audited(&unique);
                (of_kubectl(&events).len() >= 4).then_some(events)
            });
            for event in of_kubectl(&events) {
                assert_eq!(event["impersonatedUser"]["username"], *email, "{event:#}");
                let seen = event["impersonatedUser"]["groups"].as_array().expect("groups");
                let mut seen: Vec<&str> = seen.iter().filter_map(Value::as_str).collect();
                seen.retain(|group| *group != "system:authenticated");
                seen.sort_unstable();
                assert_eq!(seen, *groups, "{event:#}");
            }
            let direct: Vec<&Value> = events.iter().filter(|e| e["user"]["username"] != AGENT).collect();
            assert!(direct.is_empty(), "asked without the agent's identity: {direct:#?}");
        }
    }
}

/// An exec in a pod is an upgraded connection, and a watch goes on: they carry the caller too.
#[test]
fn upgrades_and_watches_carry_the_caller() {
    let (stack, namespace) = (Stack::start(), Namespace::create());
    let ns = &namespace.0;
    namespace.pod("web", "echo line; exec sleep 100000");
    let ann = stack.central.user("ann@example.com", &["developer"]);
    attempt(&stack, Way::Client, &ann, &format!("exec web -n {ns} -- true")).expect_success();
    let waited = attempt(&stack, Way::Post, &ann, &format!("wait --for=delete pod/web -n {ns} --timeout=1s"));
    assert!(!waited.succeeded && !waited.refused, "{}", waited.brief());
    for part in [format!("/namespaces/{ns}/pods/web/exec?"), format!("/namespaces/{ns}/pods?")] {
        wait_for("a request in the audit log", PATIENCE, || {
            let events = audited(&part);
            let found = of_kubectl(&events);
            for event in &found {
                assert_eq!(event["impersonatedUser"]["username"], "ann@example.com", "{event:#}");
            }
            (!found.is_empty()).then_some(())
        });
    }
}

/// Whatever has been asked in this run so far, by any test: a kubectl of an agent never acts as the agent itself, but to
/// learn what resources there are.
#[test]
fn no_request_of_a_kubectl_is_without_a_caller() {
    let stack = Stack::start();
    stack.run(&["kubectl", "get", "all", "-A"]).expect(0);
    let events = audited(AGENT);
    assert!(!of_kubectl(&events).is_empty());
    let lost: Vec<&Value> =
        of_kubectl(&events).into_iter().filter(|event| event["impersonatedUser"]["username"].is_null()).collect();
    let discovery = |event: &Value| {
        event["requestURI"].as_str().is_some_and(|uri| matches!(uri.split('?').next(), Some("/api" | "/apis")))
    };
    assert!(lost.iter().all(|event| discovery(event)), "{lost:#?}");
}

/// If the headers with the caller were lost on the way, the cluster would refuse: the agent may do nothing by itself.
#[test]
fn the_agent_by_itself_is_nobody() {
    let namespace = Namespace::create();
    // Under another name, by which the audit log tells it from what agents run.
    let agent = |args: &[&str]| {
        let mut command = kubernetes().direct_with(kubernetes().agent_kubeconfig(), None);
        run(command.arg0("bystander").args(args), b"")
    };
    let ns = namespace.0.as_str();
    for args in [
        &["get", "secrets", "-n", ns][..],
        &["get", "secrets", "-A"],
        &["get", "pods", "-n", ns],
        &["get", "pods", "-A"],
        &["get", "configmaps", "-n", AGENT_NAMESPACE],
        &["get", "secrets", "-n", AGENT_NAMESPACE],
        &["get", "namespaces"],
        &["create", "configmap", "x", "-n", ns],
        &["create", "token", "mk8s-agent", "-n", AGENT_NAMESPACE],
        &["delete", "node", "node1"],
        &["create", "clusterrolebinding", "x", "--clusterrole=cluster-admin", "--user=x"],
        &["get", "secrets", "-n", ns, "--as=x", "--as-group=system:masters"],
        &["get", "secrets", "-n", ns, "--as=system:serviceaccount:kube-system:generic-garbage-collector"],
    ] {
        let output = agent(args);
        assert!(output.code == 1 && output.err().contains("orbidden"), "{args:?}: {}{}", output.out(), output.err());
    }
    agent(&["get", "nodes"]).expect(0);
    agent(&["version"]).expect(0);
    let admin = agent(&["get", "pods", "-n", ns, "--as=admin@localhost", "--as-group=mk8s:admin"]).expect(0);
    assert_eq!(admin.out(), "");
    let seen = wait_for("that request in the audit log", PATIENCE, || {
        audited(&format!("/namespaces/{ns}/pods?")).into_iter().find(|event| !event["impersonatedUser"].is_null())
    });
    assert_eq!(
        (&seen["user"]["username"], &seen["impersonatedUser"]["username"]),
        (&json!(AGENT), &json!("admin@localhost"))
    );
}

/// In its namespace lie its token and its own rights: they are for who is given them by name.
#[test]
fn the_agents_namespace_is_closed_unless_it_is_named() {
    let stack = Stack::start();
    let everything = json!({ "name": "everything", "permissions": [
        { "clusters": ["*"], "namespaces": ["*", AGENT_NAMESPACE], "resources": ["*"], "verbs": ["*"] }
    ]});
    stack.central.make_role(&everything);
    let holder = stack.central.user("ann@example.com", &["everything"]);
    let lines = [
        format!("get secrets -n {AGENT_NAMESPACE}"),
        format!("get serviceaccount mk8s-agent -n {AGENT_NAMESPACE} -o yaml"),
        format!("get --raw /api/v1/namespaces/{AGENT_NAMESPACE}/secrets"),
        format!("create token mk8s-agent -n {AGENT_NAMESPACE}"),
        format!("create configmap x --dry-run=server -n {AGENT_NAMESPACE}"),
    ];
    for line in &lines {
        for way in WAYS {
            let refused = attempt(&stack, way, Central::token(), line);
            let named = refused.text().contains(AGENT_NAMESPACE) && refused.text().contains("agent");
            assert!(!refused.succeeded && named, "{line} ({way:?}): {}", refused.brief());
            attempt(&stack, way, &holder, line).expect_success();
        }
    }
}
