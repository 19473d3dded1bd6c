//! `cordon`, `drain` and `uncordon`, of a node that is made for it: what they do to a node would be done to all tests.

use serde_json::json;

use super::super::setup::Way;
use super::{Case, Kubectl, Program, both};
use crate::support::{cluster, kubernetes, run};

/// In this order; `NODE` is the node.
const COMMANDS: &[Case] = &[
    (0, "cordon NODE", ""),
    (0, "cordon NODE", ""),
    (0, "get node NODE -o jsonpath={.spec.unschedulable}", ""),
    // Nothing would make the pod again.
    (1, "drain NODE", ""),
    (0, "uncordon NODE", ""),
    (0, "uncordon NODE", ""),
    (0, "drain NODE --force --dry-run=client", ""),
    // The one answer with 429 that is meant for a person.
    (1, "create --raw /api/v1/namespaces/NAMESPACE/pods/guest/eviction -f -", EVICTION),
    (0, "delete poddisruptionbudget guests", ""),
    (0, "drain NODE --force --dry-run=server", ""),
    (0, "drain NODE --force", ""),
    (0, "get pods -l app=guest -o name", ""),
    (0, "get node NODE -o jsonpath={.spec.unschedulable}", ""),
    (0, "drain NODE", ""),
    (0, "uncordon NODE", ""),
    (0, "taint node NODE probe=x:NoSchedule", ""),
    (0, "label node NODE probe=x", ""),
    (0, "debug node/NODE --image=shell -- true", ""),
    (1, "cordon NODE-nosuch", ""),
    (1, "drain NODE-nosuch", ""),
    (1, "debug node/NODE-nosuch --image=shell -- true", ""),
];

const EVICTION: &str = r#"{"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "guest"}}"#;

/// Runs them both ways, each with a node of its own; what differs.
pub fn compare(program: Program<'_>, ways: &[Way; 2]) -> Vec<String> {
    let _nodes = cluster::nodes();
    both(ways, |way| {
        let node = Node::with_guest(way);
        let lines: Vec<String> = COMMANDS
            .iter()
            .map(|(_, line, _)| line.replace("NODE", &node.0).replace("NAMESPACE", &way.namespace.0))
            .collect();
        let cases = COMMANDS.iter().zip(&lines).map(|(&(code, _, stdin), line)| (code, line.as_str(), stdin));
        let results = Kubectl { program, way, web_socket: "true" }.run_all(cases);
        COMMANDS.iter().zip(results).map(|((_, line, _), (_, text))| ((*line).to_owned(), text)).collect()
    })
}

/// A node on which nothing runs, and whose pods do what the tests say; deleted at the end.
struct Node(String);

impl Node {
    /// With the pod `guest`, which must not be evicted.
    fn with_guest(way: &Way) -> Self {
        let name = format!("spare-{}", way.namespace.0);
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}});
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "guest", "labels": {"app": "guest"}},
            "spec": {"nodeName": name, "terminationGracePeriodSeconds": 0,
                     "containers": [{"name": "main", "image": "shell"}]}
        });
        let budget = json!({
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "guests"},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "guest"}}}
        });
        kubernetes().kubectl(&["create", "-f", "-"], &node.to_string());
        let this = Self(name);
        way.namespace.kubectl(&["create", "-f", "-"], &pod.to_string());
        // A budget does not keep pods that do not run.
        let status = r#"{"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}"#;
        way.namespace.kubectl(&["patch", "pod", "guest", "--subresource=status", "--patch", status], "");
        way.namespace.kubectl(&["create", "-f", "-"], &budget.to_string());
        let seen = "--for=jsonpath={.status.currentHealthy}=1";
        way.namespace.kubectl(&["wait", seen, "poddisruptionbudget/guests", "--timeout=60s"], "");
        this
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // No kubelet would say that they have ended.
        let pods = ["delete", "pods", "--all-namespaces", "--force", "--grace-period=0"];
        run(kubernetes().direct(None).args(pods).arg(format!("--field-selector=spec.nodeName={}", self.0)), b"");
        run(kubernetes().direct(None).args(["delete", "node", &self.0]), b"");
    }
}
