//! What the test cluster itself allows, to the agent and to those for whom it acts.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::cluster::Kubernetes;

/// The namespace in which an agent would run.
pub const AGENT_NAMESPACE: &str = "mk8s-system";

/// Its ServiceAccount.
const AGENT_ACCOUNT: &str = "mk8s-agent";

/// What an administrator of a cluster applies.
const MANIFEST: &str = include_str!("../../../deploy/manifests/agent-rbac.yaml");

/// The roles of tests whose holders may do everything as far as the cluster is concerned: for them the policy of mk8s is
/// the only wall.
const UNBOUND: &[&str] = &["everything", "viewer-alone", "app-1-only", "app-1-glob", "de-star", "prod-star", "short"];

/// Kubeconfigs that are derived from the administrator's.
pub struct Kubeconfigs {
    /// For agents: the ServiceAccount with the rights of the manifest.
    pub agent: PathBuf,
    /// For kubectl without mk8s: as the cluster sees the admin of mk8s.
    pub as_admin: PathBuf,
}

/// Applies all of it, and writes the kubeconfigs into a directory.
pub fn prepare(cluster: &Kubernetes, directory: &Path) -> Kubeconfigs {
    let manifests = format!("{MANIFEST}---\n{}", unbound());
    cluster.kubectl(&["apply", "-f", "-"], &manifests);
    let args = ["--namespace", AGENT_NAMESPACE, "create", "token", AGENT_ACCOUNT, "--duration=24h"];
    let token = cluster.kubectl(&args, "").trim().to_owned();
    let agent = derived(cluster, directory.join("agent.kubeconfig"), |user| *user = json!({ "token": token }));
    let as_admin = derived(cluster, directory.join("as-admin.kubeconfig"), |user| {
        user["as"] = json!("admin@localhost");
        user["as-groups"] = json!(["mk8s:admin"]);
    });
    Kubeconfigs { agent, as_admin }
}

/// The bindings of [`UNBOUND`], and the agent's right to act for such.
fn unbound() -> Value {
    let groups: Vec<String> = UNBOUND.iter().map(|role| format!("mk8s:{role}")).collect();
    let group = |name: &String| json!({ "apiGroup": RBAC, "kind": "Group", "name": name });
    let account = json!({ "kind": "ServiceAccount", "name": AGENT_ACCOUNT, "namespace": AGENT_NAMESPACE });
    let binding = |name: &str, role: &str, subjects: Vec<Value>| {
        json!({
            "apiVersion": format!("{RBAC}/v1"), "kind": "ClusterRoleBinding", "metadata": { "name": name },
            "roleRef": { "apiGroup": RBAC, "kind": "ClusterRole", "name": role }, "subjects": subjects
        })
    };
    json!({ "apiVersion": "v1", "kind": "List", "items": [
        binding("mk8s-test-roles", "cluster-admin", groups.iter().map(group).collect()),
        {
            "apiVersion": format!("{RBAC}/v1"), "kind": "ClusterRole", "metadata": { "name": "mk8s-test-agent" },
            "rules": [{ "apiGroups": [""], "resources": ["groups"], "verbs": ["impersonate"], "resourceNames": groups }]
        },
        binding("mk8s-test-agent", "mk8s-test-agent", vec![account]),
    ] })
}

const RBAC: &str = "rbac.authorization.k8s.io";

/// The administrator's kubeconfig with another user.
fn derived(cluster: &Kubernetes, path: PathBuf, change: impl FnOnce(&mut Value)) -> PathBuf {
    let text = cluster.kubectl(&["config", "view", "--raw", "--minify", "--output=json"], "");
    let mut config: Value = serde_json::from_str(&text).expect("JSON");
    change(&mut config["users"][0]["user"]);
    fs::write(&path, config.to_string()).expect("write");
    path
}
